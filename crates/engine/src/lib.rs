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
//! Run the same haul again and it resumes: finished files are not requested again, and new lines of a list become rows. The promises
//! and their proofs are in the repository's `ARCHITECTURE.md`.
//!
//! # The way of one URL
//! An item of a list ([`Source`], [`ListReader`]) gets a name ([`names`]) and becomes a row of the spool. The dispatcher reads it when
//! its host has room in memory ([`backlog`]) and sends it to the host's shard. There it waits in the host's queue ([`frontier`]) until
//! the pace gives a permit ([`pace`]). An exchange sends the body to the sink, which writes it to the [`store`], makes it durable under
//! its final name, records the outcome, and reports it ([`Event`]). One place decides about failures ([`retry`]).
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
pub mod verify;

pub use connectivity::outage;
pub use exchange::{Class, UnknownClass};
pub use haul::{ARGUMENTS, Builder, Haul, HaulError, JOBS_DEFAULT, PacePer, Settings, Stopper};
pub use list::{
    BaseUrl, InvalidBaseUrl, InvalidMediaRange, Item, LINE_BYTES_MAX, ListFormat, ListIdentity, ListReader,
    MediaRange, Source, TextList, digest_fields, list_label,
};
pub use longhaul_http::digest;
pub use longhaul_http::{
    ExchangeHook, Head, HeaderMap, HttpUrl, Limits, MinimumSpeed, Origin, Peer, RESERVED_FIELDS, Request,
    Route, Router, Timeouts, Tunnel, TunnelError, TunnelHandshake, TunnelRefusal, TunnelReply, Via, redacted,
};
pub use longhaul_journal::{
    Expectation, FaultRecord, Fields, HostRecord, Location, RecentOutcomes, RecordedDigest, RowId,
    SuspectPattern, Suspicion,
};
pub use report::{
    Counts, Event, ForgetRows, ForgottenRows, ListRows, Report, Row, RowOutcome, Status, SuspectPolicy,
    forget, lock_line, reopen,
};
pub use schedule::{backlog, frontier, host_routing, retry};
pub use sink::store;
