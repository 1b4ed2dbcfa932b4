//! A socket layer in which every wait ends.
//!
//! Every call has a deadline, and every failure is a [`Fault`]: in which [`Phase`], with whom, after how long, and what
//! [`kind_of`] makes of the error number, by one table for all systems.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use longhaul_socket::{Deadline, Stream, TcpListener, defaults};
//!
//! // Nobody in this process waits longer, unless somebody says otherwise.
//! defaults::set_timeout(Duration::from_secs(5));
//! let listener = TcpListener::bind("tcp://127.0.0.1:0".parse()?)?;
//! let mut client = Stream::connect(listener.local()).await?;
//! let mut server = listener.accept().await?;
//!
//! client.send(b"question").await?;
//! let fault = client.receive_within(&mut [0; 16], Deadline::after(Duration::from_millis(20))).await.unwrap_err();
//! assert!(fault.to_string().starts_with("receive from tcp://127.0.0.1:"));
//! # let _ = &mut server;
//! # Ok(())
//! # }
//! ```
//!
//! # What there is
//!
//! - [`TcpListener`], [`UnixListener`], [`Stream`], [`UdpSocket`], [`TlsAcceptor`], [`Connector`] for names and TLS; the
//!   same in [`blocking`], with the same methods, for programs without a runtime.
//! - Three ways to call: `receive` ends at the limit of the socket ([`Timeouts`], by default [`defaults::timeout`]),
//!   `receive_within` at the deadline that it is given, and `try_receive` at once, with `WouldBlock`. So it is with sending
//!   and accepting. What takes several steps has no third way, since nobody could go on where it stopped: connecting and
//!   the TLS handshake, `receive_exact`, `shutdown_write`, and sending a message. To do those without waiting, await them
//!   beside others, or, in the blocking flavour, give them a thread. [`Connector`] takes [`ConnectTimeouts`] for its steps.
//! - For several sockets at once there are `readable` and `writable` with tokio's `select!`, and
//!   [`blocking::wait_ready`].
//! - [`Fault::advice`]: what a failure means and what to do; [`SystemError`] is the one table of the error numbers.
//! - [`owner`] and [`open_sockets`]: which process holds an endpoint, and what is open on this machine.
//! - [`SocketOptions`] by name; [`Watched`] for a minimum speed; `framing` (feature `codec`) for messages.
//!
//! # How it is built
//!
//! From the bottom up:
//!
//! - [`Endpoint`], [`Address`], [`Host`], [`Deadline`]: the nouns. [`clock`] is the one clock.
//! - [`Network`]: the seam to the system. [`SystemNetwork`] is the real one, [`memory::MemoryNetwork`] a simulated one
//!   in which time is virtual and everything can break.
//! - [`Resolver`]: names to addresses, with a cache, one flight per name and a deadline per caller.
//! - [`Connector`]: a [`Target`] to a [`Stream`], over the fastest of its addresses (RFC 8305), with TLS if asked for.
//!
//! The async flavour stands on tokio and needs a runtime with time and I/O enabled; the blocking one stands on poll(2),
//! and is there on Unix. Both make their sockets, set their options and count their deadlines by the same code.
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
pub use network::{BoxFuture, Listener, LookupError, Network, Route, Transport};
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
