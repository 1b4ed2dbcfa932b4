//! Sockets that take connections, in both flavours, and TLS on the side of the server.

#[cfg(unix)]
pub(crate) mod blocking;
#[cfg(unix)]
pub(crate) mod blocking_tls;
mod tcp;
mod tls;
#[cfg(unix)]
mod unix;

pub use tcp::TcpListener;
pub use tls::TlsAcceptor;
#[cfg(unix)]
pub use unix::UnixListener;
#[cfg(unix)]
pub(crate) use unix::listening as listening_unix;

/// Connections that wait to be accepted; the system cuts it to its own limit.
pub(crate) const BACKLOG: u32 = 1024;
