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
//! - `tls`: whom to trust, who a server is, the handshake.
//! - `stream`, `datagram`, `listener`: the sockets, in both flavours. `framing`: messages over streams. `speed`: a minimum
//!   speed for streams.
//! - `connect`: [`Connector`], from a [`Target`] to a [`Stream`] over the fastest of its addresses (RFC 8305).
//! - `table`: the sockets of this machine and their processes. `blocking`: the public names of the blocking flavour.
//!
//! The async flavour stands on tokio and needs a runtime with time and I/O enabled; the blocking one stands on poll(2),
//! and is there on Unix. Both make their sockets, set their options and count their deadlines by the same code.
//!
//! Absent on purpose: HTTP, retries and any policy. A failure is told once, precisely, and the rooms above decide.

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
