//! The real network: TCP by the system, names by DNS and by the system.

mod dns;
mod getaddrinfo;
#[cfg(any(target_os = "android", target_os = "linux"))]
mod linux;
mod names;
mod network;
mod route;
mod tcp;

pub use network::SystemNetwork;
