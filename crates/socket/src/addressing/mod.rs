//! What sockets and hosts are called: endpoints, paths, host names, and the targets of connections.

mod address;
mod endpoint;
mod host;
mod public_internet;
mod target;

pub use address::{Address, InvalidAddress, UnixPath};
pub use endpoint::{Endpoint, InvalidEndpoint, Protocol};
pub use host::{Host, HostName, InvalidHost};
pub use public_internet::is_public;
pub use target::Target;
