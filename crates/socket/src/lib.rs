//! A socket layer in which every wait ends.
//!
//! From the bottom up:
//!
//! - [`Endpoint`], [`Host`], [`Deadline`]: the nouns. [`clock`] is the one clock.
//! - [`Network`]: the seam to the system. [`SystemNetwork`] is the real one, [`memory::MemoryNetwork`] a simulated one
//!   in which time is virtual and everything can break.
//! - [`Resolver`]: names to addresses, with a cache, one flight per name and a deadline per caller.
//! - [`Connector`]: a [`Target`] to a [`Stream`], over the fastest of its addresses (RFC 8305), with TLS if asked for.
//! - [`Fault`]: what went wrong, in which [`Phase`], at which endpoint, after how long. [`SystemError`] is the
//!   one table of the error numbers of the systems, [`Advice`] what to do.
//! - [`owner`] and [`open_sockets`]: which process holds an endpoint, and what there is on this machine.
//!
//! Absent on purpose: HTTP, retries and any policy. A failure is told once, precisely, and the rooms above decide.

mod address;
mod advice;
mod connector;
mod deadline;
mod endpoint;
mod errno;
mod errno_table;
mod eyeballs;
mod fault;
mod fault_kind;
mod host;
mod minimum_speed;
mod network;
mod options;
mod reach;
mod resolver;
mod stream;
mod system;
mod target;
mod timeouts;
mod tls;
mod udp_settings;
mod watch;

#[cfg(unix)]
pub mod blocking;
pub mod clock;
pub mod defaults;
#[cfg(feature = "codec")]
pub mod framing;
pub mod memory;
pub mod table;

pub use address::{Address, InvalidAddress, UnixPath};
pub use advice::Advice;
pub use connector::Connector;
pub use deadline::{Deadline, DeadlinePassed};
pub use endpoint::{Endpoint, InvalidEndpoint, Protocol};
pub use errno::{Platform, kind_of, kind_of_number};
pub use errno_table::SystemError;
pub use fault::{Fault, Phase};
pub use fault_kind::{CertificateFault, FaultKind};
pub use host::{Host, HostName, InvalidHost};
pub use minimum_speed::{MinimumSpeed, Watched};
pub use network::{BoxFuture, Listener, LookupError, Network, Transport};
pub use options::{Dscp, KeepAlive, Linger, SocketOptions};
pub use reach::is_public;
pub use resolver::Resolver;
pub use stream::Stream;
#[cfg(unix)]
pub use system::UnixListener;
pub use system::{SystemNetwork, TcpListener, UdpSocket};
pub use table::{OpenSocket, Place, Process, SocketState, SocketTableError, open_sockets, owner};
pub use target::{ConnectTimeouts, Target};
pub use timeouts::Timeouts;
#[cfg(feature = "certificates")]
pub use tls::{Certificate, InvalidCertificate};
pub use tls::{InvalidIdentity, InvalidRoots, TlsAcceptor, TlsOptions, TlsServerOptions, TlsSummary};
pub use udp_settings::Group;
pub use watch::Watch;
