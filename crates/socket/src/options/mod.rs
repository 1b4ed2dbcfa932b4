//! The options of a socket: their names and defaults, setting them, and reading them back.

mod reading;
mod setting;
mod socket_options;

pub(crate) use reading::options_of;
pub use socket_options::{Dscp, KeepAlive, Linger, SocketOptions};
pub(crate) use socket_options::{Family, Role};
