//! Names to addresses.

use std::net::IpAddr;
use std::sync::Arc;

use crate::{Deadline, Fault, HostName, Network};

/// Cache and single flight.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Network>);

impl Resolver {
    /// A resolver that asks `network`.
    pub fn new(network: Arc<dyn Network>) -> Self { Self(network) }

    /// The addresses of `name`.
    pub async fn resolve(&self, name: &HostName, deadline: Deadline) -> Result<Arc<[IpAddr]>, Fault> { todo!() }

    /// Forgets `name`.
    pub fn forget(&self, name: &HostName) { todo!() }
}
