//! Servers to test clients with: small services, files, a proxy with toxics, and servers that misbehave by rule.
//!
//! A [`ServiceHost`] serves each [`Service`] on a socket of its own: echo, discard, daytime, time and characters by their
//! RFCs over TCP and UDP, the files of a [`Folder`] over HTTP/1.1 and TLS, the [cases](script) of what goes wrong, and the
//! seeded server below. [`proxy::Proxies`] puts toxics in front of any TCP service. Each connection is counted, ends at its
//! deadlines ([`Limits`]), and is reported when it has ended ([`ConnectionReport`]).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), longhaul_socket::Fault> {
//! use longhaul_origin::{Limits, Service, ServiceHost};
//! use longhaul_socket::{Stream, SystemNetwork};
//!
//! let host = ServiceHost::new(Limits::default(), |report| println!("{}", report.ending));
//! let any = "tcp://127.0.0.1:0".parse().expect("an endpoint");
//! let echo = host.listen(&SystemNetwork::new(), Service::Echo, any, None)?;
//!
//! let mut client = Stream::connect(echo.endpoint()).await?;
//! client.send(b"hello").await?;
//! let mut echoed = [0; 5];
//! client.receive_exact(&mut echoed).await?;
//! assert_eq!(&echoed, b"hello");
//! echo.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # The hostile server
//!
//! It serves seeded files. Its three parts are independent:
//!
//! - a [`Site`] is what is served. Every byte is a pure function of the seed, the path and the generation, so a test verifies
//!   a download without a copy of it;
//! - a [`FaultMix`] is what goes wrong. It, too, is a pure function, of the seed, the path and the number of requests for
//!   that path, so the order and the concurrency of the requests change nothing;
//! - a [`HostileServer`] puts the two behind listeners of any [`Network`](longhaul_socket::Network): TCP on loopback, or the
//!   network in memory in virtual time. It writes HTTP/1.1 by hand, because a library that keeps the protocol cannot break
//!   it.
//!
//! Where it does not inject a fault, it is correct: keep-alive, ranges, conditional requests, chunked coding. Every wait has
//! a deadline and every collection a limit: a rehearsal in which the server hangs would say nothing about the client.
//!
//! ```
//! use longhaul_origin::{FaultMix, InjectedFault, Site, Sizes};
//!
//! let site = Site::new(7).with_sizes(Sizes::fixed(1_000));
//! assert_eq!(site.content("/a").len(), 1_000);
//! assert_eq!(site.content("/a?size=9").len(), 9);
//!
//! let faults = FaultMix::none().on("/a", 1..=2, InjectedFault::Status503);
//! assert_eq!(faults.fault_of(7, "/a", 2), Some(InjectedFault::Status503));
//! assert_eq!(faults.fault_of(7, "/a", 3), None);
//! ```
//!
//! [`Target`] lists what a path and its query can request.
//!
//! # The server with limits
//!
//! A [`LimitingServer`] serves the same files and treats requests as a [`LimitModel`](limit_model::LimitModel) decides: it
//! refuses, resets, bans, delays.
//!
//! # Rooms
//!
//! Imports point upwards in this list only:
//!
//! - `random`: seeded draws; `limit_model`: limits as pure models;
//! - `accept_loop`: the one accept loop, with limits and counts; `http1`: the one reader of requests;
//! - `hostile`, and `limiting` above it: the servers that write raw HTTP;
//! - `service_host`: connections under deadlines, with reports; `http_service`: request and response for those that keep
//!   the rules;
//! - `files`, `proxy`, `script`: what is served;
//! - `service`: the list of all services.

mod accept_loop;
mod files;
mod hostile;
mod http1;
mod http_service;
mod limiting;
mod random;
mod service;
mod service_host;

pub mod limit_model;
pub mod proxy;
pub mod script;

pub use files::Folder;
pub use hostile::{
    CONSECUTIVE_FAULTS_MAX, Content, FaultMix, HostileServer, InjectedFault, Options, RunningHostileServer,
    SIZE_BYTES_MAX, Site, Sizes, Stats, Target,
};
pub use limiting::{ExchangeRecord, LimitingServer, LimitingStats, RunningLimitingServer, VirtualHosts};
pub use random::{InvalidShare, Share};
pub use service::Service;
pub use service_host::{ConnectionReport, Ending, Limits, RunningService, ServiceHost};
