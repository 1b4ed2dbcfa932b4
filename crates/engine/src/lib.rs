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

mod connectivity;
mod exchange;
mod haul;
mod list;
pub mod names;
pub mod pace;
mod report;
mod schedule;
mod shard;
mod sink;

pub use connectivity::outage;
pub use exchange::{Class, UnknownClass};
pub use haul::{ARGUMENTS, Builder, Haul, HaulError, JOBS_DEFAULT, PacePer, Settings, Stopper};
pub use list::{Item, LINE_BYTES_MAX, ListReader, Source};
pub use longhaul_http::{
    ExchangeHook, Head, HeaderMap, HttpUrl, Limits, MinimumSpeed, Origin, RESERVED_FIELDS, Request, Route,
    Router, Timeouts,
};
pub use longhaul_journal::{Expectation, FaultRecord, Fields, HostRecord, Location, RowId};
pub use report::{Counts, Event, Report, Row, RowOutcome, Status, reopen};
pub use schedule::{backlog, frontier, retry};
pub use sink::store;
