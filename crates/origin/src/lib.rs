//! Hosts to try clients on: small services, files, and one that misbehaves by rule.
//!
//! A [`ServiceHost`] serves each [`Service`] on a socket of its own: echo, discard, daytime, time and characters by their
//! RFCs over TCP and UDP, the files of a [`Folder`] over HTTP/1.1 and TLS, any TCP service behind the toxics of a
//! [`proxy`], the [cases](script) of what goes wrong, and the seeded host below. Each connection is counted, ends at its
//! deadlines ([`Limits`]) and is told of when it has ended ([`ConnectionReport`]).
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
//! # The host that misbehaves
//!
//! It serves seeded files. Three parts, each of which can be asked without the others:
//!
//! - a [`Site`] says what is served. Every byte is a pure function of the seed, the path and the generation,
//!   so that a test verifies a download without keeping a copy of anything;
//! - a [`FaultMix`] says what goes wrong. It too is a pure function, of the seed, the path and how many times
//!   that path was asked, so that the order and the concurrency of the requests change nothing;
//! - an [`HostileServer`] joins the two behind listeners of any [`Network`](longhaul_socket::Network): real TCP on
//!   loopback, or the in-memory network in virtual time. It speaks HTTP/1.1 by hand, because a library that
//!   keeps the protocol cannot break it.
//!
//! Where it does not misbehave on purpose it is correct: keep-alive, ranges, conditional requests, chunked
//! coding. Every wait in it has a deadline and every collection a bound, like everywhere else in the project:
//! a rehearsal in which the origin hangs would say nothing about the client.
//!
//! ```
//! use longhaul_origin::{InjectedFault, FaultMix, Site, Sizes};
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
//! What a path and its query may ask for is listed at [`Target`].
//!
//! # The host that limits
//!
//! A [`LimitingServer`] serves the same files, and treats those who ask as a [`LimitModel`](limit_model::LimitModel) says: it refuses,
//! resets, bans, keeps waiting.

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
