//! A target to a stream.

use std::sync::Arc;

use crate::{ConnectTimeouts, Deadline, Fault, Network, Resolver, Stream, Target, TlsOptions, Transport};

/// Connects.
#[derive(Clone)]
pub struct Connector {
    network: Arc<dyn Network>,
}

impl Connector {
    /// A connector over `network`.
    pub fn new(network: Arc<dyn Network>, tls: TlsOptions) -> Self { Self { network } }

    /// A connection to `target`, with TLS if it asks for it.
    pub async fn connect(&self, target: &Target, timeouts: &ConnectTimeouts) -> Result<Stream, Fault> { todo!() }

    /// A TLS handshake with `target` over a connection that stands, such as the tunnel of a proxy.
    pub async fn secure(&self, transport: Box<dyn Transport>, target: &Target, deadline: Deadline) -> Result<Stream, Fault> { todo!() }

    /// The resolver.
    pub fn resolver(&self) -> &Resolver { todo!() }
}
