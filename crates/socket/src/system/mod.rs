//! The real network: sockets of the system, names by DNS and by the system.

mod dns;
mod getaddrinfo;
mod names;
mod network;
pub(crate) mod opening;
mod route;
pub(crate) mod tcp;
pub(crate) mod udp;
#[cfg(unix)]
pub(crate) mod unix;

pub use network::SystemNetwork;
pub use tcp::TcpListener;
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::UnixListener;

use std::io;

use crate::{Address, SocketOptions, Transport};

/// Connects to `remote`. Cancel safe: the socket is closed when the future is dropped.
pub(crate) async fn dial(
    remote: &Address,
    options: Option<&SocketOptions>,
) -> io::Result<Box<dyn Transport>> {
    match remote {
        Address::Endpoint(endpoint) => {
            opening::require(*endpoint, crate::Protocol::Tcp)?;
            Ok(Box::new(tcp::dial(endpoint.socket_addr(), options).await?))
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(Box::new(unix::dial(path, options).await?)),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}
