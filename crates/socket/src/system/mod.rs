//! The network of this machine behind the seam: its sockets, its names and its routing table.

mod network;
mod route;

pub use network::SystemNetwork;
