//! A network in memory.
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::{BoxFuture, Endpoint, HostName, Listener, LookupError, Network, Transport};

/// A network in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryNetwork {}

impl MemoryNetwork {
    /// A network in which nobody listens and no name exists.
    pub fn new() -> Self { Self::default() }
    /// `name` has these addresses from now on; with none, it has no name any more.
    ///
    /// # Panics
    /// When `name` is no valid host name: the script of a simulation is not foreign input.
    pub fn name(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> &Self { todo!() }
    /// The look-up of `name` ends like this from now on.
    pub fn name_fails(&self, name: &str, error: LookupError) -> &Self { todo!() }
    /// Each look-up takes this long from now on.
    pub fn lookup_latency(&self, latency: Duration) -> &Self { todo!() }
    /// Each way takes this long from now on.
    pub fn latency(&self, one_way: Duration) -> &Self { todo!() }
    /// `endpoint` swallows everything from now on: a dial never ends.
    pub fn silence(&self, endpoint: Endpoint) -> &Self { todo!() }
    /// `endpoint` is as before it was silenced.
    pub fn unsilence(&self, endpoint: Endpoint) -> &Self { todo!() }
    /// The network of this machine goes down.
    pub fn down(&self) -> &Self { todo!() }
    /// And comes back.
    pub fn up(&self) -> &Self { todo!() }
    /// How many look-ups there have been.
    pub fn lookups(&self) -> usize { todo!() }
    /// How many dials there have been.
    pub fn dials(&self) -> usize { todo!() }
}
impl Network for MemoryNetwork {
    fn lookup<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> { todo!() }
    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>> { todo!() }
    fn listen(&self, endpoint: Endpoint) -> io::Result<Box<dyn Listener>> { todo!() }
}
