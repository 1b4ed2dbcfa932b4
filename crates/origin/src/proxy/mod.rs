//! Any TCP service behind toxics: what a bad network does to a connection, on purpose and on demand.
//!
//! [`Proxies`] is a set of proxies, each of which listens at one place and stands for one host and port. What a [`Toxic`]
//! does to one direction of a connection is a state machine without I/O (`stage`); those of a direction make a `chain`; a
//! `relay` drives the two chains of a connection between two guarded transports. [`Proxies::control`] is a service that
//! changes all that over HTTP, in the words of Toxiproxy's API, so that its client libraries work.
//!
//! What is left to chance is a function of a seed, of the names, and of the number of the connection (`chance`). Refused:
//! whatever would make a client take a part for the whole. A toxic that has swallowed something and is taken away takes the
//! connection with it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use longhaul_origin::proxy::{Direction, Effect, ToxicKind, Proxies, ProxySpec, Toxic};
//! use longhaul_origin::{Limits, Service, ServiceHost};
//! use longhaul_socket::memory::MemoryNetwork;
//! use longhaul_socket::{Network, Stream, clock};
//!
//! let network = MemoryNetwork::new();
//! let host = ServiceHost::new(Limits::default(), |report| println!("{}", report.ending));
//! let _echo = host.listen(&network, Service::Echo, "tcp://10.0.0.1:7".parse()?, None)?;
//!
//! let proxies = Proxies::new(host, Arc::new(network.clone()), 1);
//! let spec = ProxySpec {
//!     name: "echo".parse()?,
//!     listen: "10.0.0.2:7".parse()?,
//!     upstream: "10.0.0.1:7".parse()?,
//!     enabled: true,
//! };
//! let proxy = proxies.add(spec).await?;
//! let mut latency = Effect::of(ToxicKind::Latency);
//! latency.set("latency", 250)?;
//! proxies.add_toxic("echo", Toxic::new(latency, Direction::Downstream)).await?;
//!
//! let mut client = Stream::plain(network.dial(proxy.listen.endpoint()).await?);
//! let start = clock::now();
//! client.send(b"hello").await?;
//! client.receive_exact(&mut [0; 5]).await?;
//! assert_eq!(start.elapsed().as_millis(), 250);
//! # Ok(())
//! # }
//! ```

mod active_toxic;
mod control;
mod effect;
mod error;
#[cfg(test)]
mod laws;
mod memory_budget;
mod name;
mod proxies;
mod proxy_route;
mod relay;
mod spec;
mod stream_event;
mod toxic;
mod toxic_chain;
mod toxicity_draw;

pub use control::Control;
pub use effect::{Effect, InvalidAttribute, ToxicKind, UnknownToxicKind};
pub use error::ProxyError;
pub use name::{InvalidName, Name};
pub use proxies::Proxies;
pub use spec::{
    InvalidListenAddress, InvalidUpstream, ListenAddress, ProxyChange, ProxySpec, ProxyState, ToxicChange,
    Upstream,
};
pub use toxic::{Direction, InvalidDirection, Toxic};
