//! A socket layer in which every wait ends.
//!
//! Every call has a deadline, and every failure is a [`Fault`]: its [`Phase`], its [`FaultKind`] by one table for all
//! systems, the address, the host, and the elapsed time.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use longhaul_socket::{Deadline, Stream, TcpListener, defaults};
//!
//! // The default timeout of this process.
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
//! # What it offers
//!
//! - [`TcpListener`], [`UnixListener`], [`Stream`], [`UdpSocket`], [`TlsAcceptor`], and [`Connector`] for names and
//!   TLS; in [`blocking`] the same types with the same methods, for programs without a runtime.
//! - Three forms of a call: `receive` ends at the timeout of the socket ([`Timeouts`], by default
//!   [`defaults::timeout`]), `receive_within` at a given deadline, and `try_receive` at once, with `WouldBlock`.
//!   Sending and accepting have the same forms. Calls that take several steps have no `try_` form, because a caller
//!   could not resume them: connecting, the TLS handshake, `receive_exact`, `shutdown_write`, and sending a message. To
//!   do these without blocking a thread, use the async flavour. [`Connector`] takes [`ConnectTimeouts`] for its steps.
//! - To wait for several sockets at once: `readable` and `writable` with tokio's `select!`, and
//!   [`blocking::wait_ready`].
//! - [`Fault::advice`]: what a failure means and what to do. [`SystemError`] is the table of error numbers.
//! - [`owner`] and [`open_sockets`]: which process holds an endpoint, and all sockets of this machine.
//! - [`SocketOptions`] by name; [`MonitoredStream`] for a minimum speed; `framing` (feature `codec`) for messages.
//!
//! # How it is built
//!
//! One folder a group, listed lowest first; each uses only groups above it:
//!
//! - `time`: the one clock, [`Deadline`], [`Timeouts`]. `addressing`: [`Endpoint`], [`Address`], [`Host`], [`Target`].
//! - `options`: [`SocketOptions`]. `faults`: [`Fault`], [`FaultKind`], the table of error numbers, [`Advice`].
//! - `network`: [`Network`], the seam to the system, with [`Transport`] and [`Listener`]. `memory` implements it as a
//!   simulation in which time is virtual and everything can break; `system` is the real one, [`SystemNetwork`].
//! - `os`: opening sockets of the operating system, and waiting for them with poll(2).
//! - `names`: [`Resolver`], with a cache, one query per name and a deadline per caller.
//! - `tls`: trusted certificates, the identity of a server, the handshake.
//! - `stream`, `datagram`, `listener`: the sockets, in both flavours. `framing`: messages over streams. `speed`: a
//!   minimum speed for streams.
//! - `connect`: [`Connector`], from a [`Target`] to a [`Stream`] over the fastest of its addresses (RFC 8305).
//! - `table`: the sockets of this machine and their processes. `blocking`: the public names of the blocking flavour.
//!
//! The async flavour uses tokio and needs a runtime with time and I/O enabled; the blocking one uses poll(2), on Unix
//! only. Their calls are written once, as macros that expand with and without `async`; opening sockets, options and
//! deadlines are the same code.
//!
//! Absent on purpose: HTTP, retries and any policy. The crate reports a failure once, precisely, and its callers
//! decide.
//!
//! # Types of other crates in the public API
//!
//! No type of rustls, socket2, rustix, hickory or `tokio::net` is part of the public API. These types of other crates
//! are:
//!
//! - `tokio::io::{AsyncRead, AsyncWrite, ReadBuf}`, the traits under [`Transport`], [`Stream`] and [`MonitoredStream`]:
//!   HTTP and TLS libraries expect them.
//! - `tokio::time::Instant` in [`clock::now`], [`Deadline`] and [`SpeedMonitor`]: only this instant follows the virtual
//!   time of a paused runtime.
//! - `bytes::Bytes` in the `framing` module (feature `codec`): a message is handed over without a copy.

mod addressing;
#[cfg(unix)]
pub mod blocking;
mod connect;
mod datagram;
mod faults;
#[cfg(feature = "codec")]
pub mod framing;
mod listener;
pub mod memory;
mod names;
mod network;
mod options;
mod os;
mod speed;
mod stream;
mod system;
pub mod table;
mod time;
mod tls;

pub use addressing::{
    Address, Endpoint, Host, HostName, InvalidAddress, InvalidEndpoint, InvalidHost, Protocol, Target,
    UnixPath, is_public,
};
pub use connect::Connector;
pub use datagram::{Group, UdpSocket};
pub use faults::{
    Advice, CertificateFault, Fault, FaultKind, Phase, Platform, SystemError, kind_of, kind_of_number,
};
#[cfg(unix)]
pub use listener::UnixListener;
pub use listener::{TcpListener, TlsAcceptor};
pub use names::Resolver;
pub use network::{BoxFuture, Listener, LocalRoute, LookupError, Network, Transport};
pub use options::{Dscp, KeepAlive, Linger, SocketOptions};
pub use speed::{MinimumSpeed, MonitoredStream, SpeedMonitor};
pub use stream::Stream;
pub use system::SystemNetwork;
pub use table::{OpenSocket, Process, SocketName, SocketState, SocketTableError, open_sockets, owner};
pub use time::{ConnectTimeouts, Deadline, DeadlinePassed, Timeouts, clock, defaults};
#[cfg(feature = "certificates")]
pub use tls::{Certificate, InvalidCertificate};
pub use tls::{InvalidIdentity, InvalidRoots, TlsOptions, TlsServerOptions, TlsSummary};
