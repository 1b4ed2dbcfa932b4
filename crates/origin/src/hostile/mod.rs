//! A server that misbehaves by rule: a site of seeded files, and faults, behind listeners.
//!
//! It writes HTTP/1.1 by hand, because a library that keeps the protocol cannot break it. It keeps no copy of what it
//! serves: every byte and every fault is a pure function of a seed, a path and an attempt.

mod content;
mod delivery;
mod injected_fault;
mod intervals;
mod mix;
mod options;
mod raw_connection;
mod response;
mod serve;
mod server;
mod shared;
mod site;
mod stats;
mod target;

pub(crate) use raw_connection::{AfterResponse, ClientWait, RawConnection, Received};
pub(crate) use response::{SeededRequest, SeededResponse};

pub use content::Content;
pub use injected_fault::InjectedFault;
pub use mix::{CONSECUTIVE_FAULTS_MAX, FaultMix};
pub use options::Options;
pub use server::{HostileServer, RunningHostileServer};
pub use site::{Site, Sizes};
pub use stats::Stats;
pub use target::{SIZE_BYTES_MAX, Target};
