//! A proxy with toxics: it does to the connections of any TCP service what bad networks do, on purpose and on demand.
//!
//! [`Proxies`] is a set of proxies, each with one listener and one upstream. A [`Toxic`] affects one direction of a
//! connection, as a state machine without I/O (`active_toxic`); the toxics of a direction form a `toxic_chain`; a `relay`
//! drives the two chains of a connection between two guarded transports. [`Control`] changes all of that over HTTP, with the
//! paths and fields of Toxiproxy's API, so that its client libraries work.
//!
//! Random choices are a function of a seed, of the names, and of the number of the connection (`toxicity_draw`). A proxy
//! never lets a client take a part of a stream for the whole: when a toxic that has discarded data is removed, its
//! connections end.
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
mod memory_budget;
mod name;
mod proxies;
mod proxy_route;
mod relay;
mod spec;
mod stream_event;
mod toxic;
mod toxic_chain;
#[cfg(test)]
mod toxic_chain_tests;
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
