//! Downloads everything on a list, whatever the network does.
//!
//! ```no_run
//! use longhaul::{Event, Haul};
//!
//! let report = Haul::builder("files")
//!     .list("urls.txt")
//!     .on_event(|event| {
//!         if let Event::Failed { url, fault, .. } = event {
//!             eprintln!("{url}: {}", fault.message);
//!         }
//!     })
//!     .build()?
//!     .run()?;
//! println!("{} done, {} failed, {} to go", report.counts.done, report.counts.failed, report.counts.pending);
//! # Ok::<(), longhaul::HaulError>(())
//! ```
//!
//! Running the same haul again goes on where it ended: nothing that is done is asked for again, and a list that has
//! grown adds rows. What is promised, and how it is proven, stands in the repository's `ARCHITECTURE.md`.
//!
//! # The way of one URL
//! A line of a list becomes a row of the spool ([`Source`]; `intake`). The dispatcher takes it from there when its host
//! has room in memory ([`backlog`]) and hands it to its host's shard. There it waits in its host's queue
//! ([`frontier`]) until the host's pace gives a permit ([`pace`]). An exchange brings the body to the sink, which writes
//! it, makes it durable under its final name ([`names`]), records it, and tells ([`Event`]). What fails is judged in one
//! place ([`retry`]).
//!
//! The cores `backlog`, `frontier`, `outage`, `pace` and `retry` are state machines without I/O; they are public so that
//! they can be tested, simulated and reused.

mod addresses;
mod builder;
mod class;
mod counters;
mod crew;
mod dispatch;
mod error;
mod event;
mod examiner;
mod exchange;
mod expectation;
mod failure;
mod haul;
mod intake;
mod job;
mod machine;
mod rate;
mod receiving;
mod recollection;
mod report;
mod resume;
mod sentinel;
mod settings;
mod shard;
mod sink;
mod source;
mod status;
mod stop;
mod surroundings;

pub mod backlog;
pub mod frontier;
pub mod names;
pub mod outage;
pub mod pace;
pub mod retry;

pub use builder::{ARGUMENTS, Builder};
pub use class::{Class, UnknownClass};
pub use error::HaulError;
pub use event::Event;
pub use haul::Haul;
pub use intake::LINE_BYTES_MAX;
pub use longhaul_http::{HttpUrl, Limits, MinimumSpeed, Timeouts};
pub use longhaul_journal::HostRecord;
pub use longhaul_journal::{FaultRecord, RowId};
pub use report::{Counts, Report};
pub use settings::{JOBS_DEFAULT, PacePer, Settings};
pub use source::Source;
pub use status::{Row, RowOutcome, Status, reopen};
pub use stop::Stopper;
