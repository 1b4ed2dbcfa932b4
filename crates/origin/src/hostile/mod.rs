//! The host that misbehaves by rule: a site and its faults behind listeners.
//!
//! It speaks HTTP/1.1 by hand, because a library that keeps the protocol cannot break it. It refuses to have a memory of
//! what it serves: every byte and every fault is a pure function of a seed, a path and an attempt.

mod answer;
mod connection;
mod content;
mod delivery;
pub(crate) mod draw;
mod injected_fault;
mod intervals;
mod mix;
mod request;
mod server;
mod share;
mod site;
mod stats;
mod status;
mod target;
mod wire;

pub(crate) use answer::Answer;
pub(crate) use request::{Method, Request};
pub(crate) use status::Status;
pub(crate) use wire::{Peer, Received, Wire};

pub use content::Content;
pub use injected_fault::InjectedFault;
pub use mix::{CONSECUTIVE_FAULTS_MAX, FaultMix};
pub use server::{HostileServer, Options, RunningHostileServer};
pub use share::{InvalidShare, Share};
pub use site::{Site, Sizes};
pub use stats::Stats;
pub use target::{SIZE_BYTES_MAX, Target};
