//! The real network.
use std::io;
use std::net::IpAddr;

use crate::{BoxFuture, Endpoint, HostName, Listener, LookupError, Network, Transport};

/// The network of the system.
#[derive(Debug, Default)]
pub struct SystemNetwork {}

impl SystemNetwork {
    /// The network of the system. Nothing is opened yet.
    pub fn new() -> Self { Self::default() }
}

impl Network for SystemNetwork {
    fn lookup<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> { todo!() }
    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>> { todo!() }
    fn listen(&self, endpoint: Endpoint) -> io::Result<Box<dyn Listener>> { todo!() }
}
