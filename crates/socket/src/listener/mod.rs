//! Sockets that take connections, in both flavours, and TLS on the side of the server.

#[cfg(unix)]
pub(crate) mod blocking;
#[cfg(unix)]
pub(crate) mod blocking_tls;
mod calls;
mod tcp;
mod tls;
mod tls_calls;
#[cfg(unix)]
mod unix;

pub use tcp::TcpListener;
pub use tls::TlsAcceptor;
#[cfg(unix)]
pub use unix::UnixListener;

/// Connections that wait to be accepted; the system cuts it to its own limit.
pub(crate) const BACKLOG: u32 = 1024;
