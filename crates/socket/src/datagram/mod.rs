//! Datagrams, in both flavours.

mod asynchronous;
#[cfg(unix)]
pub(crate) mod blocking;
mod calls;
mod settings;

pub use asynchronous::UdpSocket;
pub use settings::Group;
