//! Streams, that is, established connections, in both flavours, and the transports of the system under the async one.

mod asynchronous;
#[cfg(unix)]
pub(crate) mod blocking;
mod calls;
mod delegate;
pub(crate) mod tcp;
#[cfg(unix)]
pub(crate) mod unix;

pub use asynchronous::Stream;

use std::io;

use crate::addressing::{Address, Protocol};
use crate::network::Transport;
use crate::options::SocketOptions;
use crate::os::require;

/// Connects to `remote`. Cancel safe: dropping the future closes the socket.
pub(crate) async fn dial(
    remote: &Address,
    options: Option<&SocketOptions>,
) -> io::Result<Box<dyn Transport>> {
    match remote {
        Address::Endpoint(endpoint) => {
            require(*endpoint, Protocol::Tcp)?;
            Ok(Box::new(tcp::dial(endpoint.socket_addr(), options).await?))
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(Box::new(unix::dial(path, options).await?)),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}
