//! A host of services: listeners whose connections are limited, counted, guarded by deadlines and reported.
//!
//! [`ServiceHost`] runs a [`ConnectionHandler`] on every connection of a socket. The deadlines live in a
//! [`GuardedTransport`] below TLS and HTTP, so a peer that never reads, or sends a byte now and then, costs one connection
//! for a bounded time and nothing else. What is served is not known here: handlers are in `service` and `proxy`.

mod connection;
mod discard;
mod expectation;
mod guarded_transport;
mod host;
mod limits;
mod report;
mod traffic;
mod udp_ports;

pub(crate) use connection::{ConnectionHandler, ServedConnection, until_stopped};
pub(crate) use discard::{chunk, close_after_peer, poll_chunk, poll_discard};
pub(crate) use expectation::{PeerExpectation, later};
pub(crate) use guarded_transport::GuardedTransport;
pub use host::{RunningService, ServiceHost};
pub use limits::Limits;
pub use report::{ConnectionReport, Ending};
pub(crate) use traffic::ResponseInProgress;
pub(crate) use udp_ports::UdpPorts;
