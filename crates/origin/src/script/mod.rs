//! Cases as data: what goes wrong, byte by byte, and what has to come of it.
//!
//! A file of `crates/origin/cases` is one case: what its hosts and its name server do, what the user runs, and what is
//! expected. [`Case`] is that file in types; an unknown key is an error that names it. A [`Stage`] plays the hosts on
//! loopback and keeps a [`TrafficRecord`] of every byte, so that a failure can be read. Running the program and judging it is
//! the caller's affair. [`cases`] are those files, carried along, and a [`CaseFront`] offers them to any client.
//!
//! Nothing here outlives [`STAGE_TIME_MAX`], whatever a client does.

mod case;
mod dns_plan;
mod embedded;
mod front;
mod host_plan;
mod injecting_transport;
mod mutation;
mod name_server;
mod play;
mod record;
mod run_plan;
mod stage;
mod values;

pub use case::{Case, CaseOutcome, InvalidCase, Proof};
pub use dns_plan::{DnsAnswer, DnsPlan, DnsReply, DnsResponseCode, DnsTransport, RecordType};
pub use embedded::cases;
pub use front::CaseFront;
pub use host_plan::{
    Drip, ExpectedTraffic, HostPlan, ListenMode, Opening, OpeningPhase, Repeat, ResponsePlan, Serve, Step,
};
pub use mutation::Mutation;
pub use record::TrafficRecord;
pub use run_plan::{
    Action, Expectations, ExpectedFile, FileContent, InitialFile, ManyFiles, ProcessLimits, Run, TimedAction,
    Trigger,
};
pub use stage::{Identity, STAGE_TIME_MAX, Stage, StageError};
pub use values::{Bytes, Section, Size, Span, Time, content};
