//! Connections: where they lead ([`route`]), their other end ([`peer`]), how they are made ([`connect`]), through a
//! proxy that relays bytes too ([`tunnel`]), and the protocol that is spoken on them ([`session`]).

mod connect;
mod exchange;
mod fault_context;
mod http1;
mod peer;
mod route;
mod session;
mod timer;
mod tunnel;

pub use peer::{Party, Peer, Via};
pub use route::{DirectRouter, Route, Router};
pub use tunnel::{Tunnel, TunnelError, TunnelHandshake, TunnelRefusal, TunnelReply};

pub(crate) use connect::Connecting;
pub(crate) use exchange::{BodyPart, ExchangeTerms, Failure, ReceivedHead};
pub(crate) use fault_context::FaultContext;
#[cfg(test)]
pub(crate) use session::{HTTP1, Opened};
pub(crate) use session::{PROTOCOLS, Protocol, ProtocolSession, Session, SessionFactory};
#[cfg(test)]
pub(crate) use timer::PostponedTimer;
