//! Cases as data: a fault, byte by byte, and the expected result.
//!
//! A file of `crates/origin/cases` is one case: what its hosts and its name server do, what the user runs, and what is
//! expected. [`Case`] is the parsed file; an unknown key is an error that names it. A [`Stage`] plays the hosts on loopback
//! and keeps a [`TrafficRecord`] of what was sent and received, so that a failure can be analyzed. The caller runs the program
//! and checks the result. [`cases`] are the embedded files, and a [`CaseFront`] offers them to any client.
//!
//! No stage outlives [`STAGE_TIME_MAX`], whatever its clients do.

mod case;
mod dns_plan;
mod embedded;
mod front;
mod host_plan;
mod injecting_transport;
mod mutation;
mod name_server;
mod placeholders;
mod play;
mod record;
mod request_text;
mod run_plan;
mod stage;
mod time_limit;
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
pub use request_text::head_contains;
pub use run_plan::{
    Action, Expectations, ExpectedFile, FileContent, InitialFile, ManyFiles, ProcessLimits, Run, TimedAction,
    Trigger,
};
pub use stage::{Identity, Stage, StageError};
pub use time_limit::STAGE_TIME_MAX;
pub use values::{Bytes, Section, Size, Span, Time, content};
