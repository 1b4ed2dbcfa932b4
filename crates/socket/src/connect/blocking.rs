//! The connector of the blocking flavour: from a [`Target`] to a [`Stream`].

use std::sync::Arc;
use std::time::Duration;

use super::asynchronous::permitted_endpoints;
use super::block_on;
use crate::addressing::{Endpoint, Host, Target};
use crate::faults::{Fault, FaultKind, Phase, fault};
use crate::names::Resolver;
use crate::network::Network;
use crate::stream::blocking::Stream;
use crate::time::{ConnectTimeouts, Deadline, clock};
use crate::tls::{Tls, TlsOptions, TlsSession};

/// Connects to targets, with a deadline for each step; the blocking [`Connector`](crate::Connector). Clones share the
/// cache of names and the TLS sessions.
///
/// Two things differ from the async flavour. It tries one address after the other, IPv6 and IPv4 alternately, each with
/// an equal share of the time left. And its sockets are always the system's: the network only resolves names.
#[derive(Clone)]
pub struct Connector {
    resolver: Resolver,
    tls: Arc<Tls>,
}

impl Connector {
    /// A connector that resolves names through `network`. Trusted certificates are loaded for the first TLS connection.
    pub fn new(network: Arc<dyn Network>, tls: TlsOptions) -> Self {
        Self { resolver: Resolver::new(network), tls: Arc::new(Tls::new(tls)) }
    }

    /// Connects to `target`: resolves its name, connects to the first of its addresses that accepts, and completes a
    /// TLS handshake if the target uses TLS.
    ///
    /// # Errors
    /// In phase `Resolve`, `Connect` or `Tls`. If several addresses fail, the fault is the last one.
    pub fn connect(&self, target: &Target, timeouts: &ConnectTimeouts) -> Result<Stream, Fault> {
        let stream = self.dial(target, Deadline::after(timeouts.connect))?;
        if target.tls { self.start_tls(stream, target, Deadline::after(timeouts.tls)) } else { Ok(stream) }
    }

    /// Completes a TLS handshake with `target` over `stream`, which keeps its timeouts.
    ///
    /// # Errors
    /// In phase `Tls`; the connection is closed.
    pub fn start_tls(&self, stream: Stream, target: &Target, deadline: Deadline) -> Result<Stream, Fault> {
        let start = clock::now();
        let remote = stream.remote();
        let secured = stream.secured(|socket, limits| {
            let client = block_on::run(deadline.bound(self.tls.client(target)))???;
            TlsSession::establish(socket, client.into(), limits, deadline)
        });
        secured.map_err(|error| fault(Phase::Tls, error, start, remote).of(target.host.clone()))
    }

    /// The resolver of this connector.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    fn dial(&self, target: &Target, deadline: Deadline) -> Result<Stream, Fault> {
        let start = clock::now();
        let addresses = match &target.host {
            Host::Ip(ip) => Arc::from([*ip]),
            Host::Name(name) => block_on::run(self.resolver.resolve(name, deadline))
                .map_err(|error| Fault::from_io(Phase::Resolve, error, start.elapsed()))
                .flatten()
                .map_err(|fault| fault.of(target.host.clone()))?,
        };
        let endpoints = permitted_endpoints(target, &addresses)?;
        connect_to_any(&endpoints, deadline).map_err(|fault| {
            if let Some(name) = target.name() {
                self.resolver.forget(name);
            }
            fault.of(target.host.clone())
        })
    }
}

/// Connects to the first of `endpoints` that accepts.
fn connect_to_any(endpoints: &[Endpoint], deadline: Deadline) -> Result<Stream, Fault> {
    let mut last_fault = Fault::new(Phase::Connect, FaultKind::Unreachable, Duration::ZERO);
    for (index, endpoint) in endpoints.iter().enumerate() {
        let untried = u32::try_from(endpoints.len() - index).unwrap_or(u32::MAX);
        match Stream::connect_within(*endpoint, Deadline::after(deadline.remaining() / untried)) {
            Ok(stream) => return Ok(stream),
            Err(fault) => last_fault = fault,
        }
    }
    Err(last_fault)
}
