//! Connections: where they lead ([`route`]), their other end ([`peer`]), how they are made ([`connect`]), and the protocol
//! that is spoken on them ([`session`]).

mod connect;
mod exchange;
mod fault_context;
mod http1;
mod peer;
mod route;
mod session;
mod timer;

pub use peer::{Peer, Via};
pub use route::{DirectRouter, Route, Router};

pub(crate) use connect::connect;
pub(crate) use exchange::{ExchangeTerms, Failure, ReceivedHead};
pub(crate) use fault_context::FaultContext;
pub(crate) use session::{Session, SessionFactory};
