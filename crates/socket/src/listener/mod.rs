//! Sockets that accept connections, in both flavours, and the server's side of TLS.

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

/// The default backlog: connections that wait to be accepted. The system may have a lower limit.
pub(crate) const BACKLOG: u32 = 1024;
