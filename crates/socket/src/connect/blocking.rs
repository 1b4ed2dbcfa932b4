//! The way from a target to a stream.

use std::sync::Arc;
use std::time::Duration;

use super::asynchronous::admitted;
use super::block_on;
use crate::addressing::{Endpoint, Host, Target};
use crate::faults::{Fault, FaultKind, Phase, fault};
use crate::names::Resolver;
use crate::network::Network;
use crate::stream::blocking::Stream;
use crate::time::{ConnectTimeouts, Deadline, clock};
use crate::tls::{Tls, TlsOptions, TlsSession};

/// Connects to targets, each step within its deadline; the blocking [`Connector`](crate::Connector). Clones share the
/// cache of names and the TLS sessions.
///
/// Two things differ. Addresses are tried one after the other, IPv6 and IPv4 by turns, each with an equal share of the
/// time that is left. And sockets are always those of the system: the network is asked for names only.
#[derive(Clone)]
pub struct Connector {
    resolver: Resolver,
    tls: Arc<Tls>,
}

impl Connector {
    /// A connector that asks `network` for names. Certificates are loaded when the first TLS connection needs them.
    pub fn new(network: Arc<dyn Network>, tls: TlsOptions) -> Self {
        Self { resolver: Resolver::new(network), tls: Arc::new(Tls::new(tls)) }
    }

    /// A connection to `target`: the first of its addresses that answers, and a TLS handshake if it asks for one.
    ///
    /// # Errors
    /// The phase is `Resolve`, `Connect` or `Tls`. Where several addresses failed, the fault is that of the last.
    pub fn connect(&self, target: &Target, timeouts: &ConnectTimeouts) -> Result<Stream, Fault> {
        let stream = self.dial(target, Deadline::after(timeouts.connect))?;
        if target.tls { self.start_tls(stream, target, Deadline::after(timeouts.tls)) } else { Ok(stream) }
    }

    /// A TLS handshake with `target` over `stream`, which keeps its timeouts.
    ///
    /// # Errors
    /// In phase `Tls`; the connection is closed then.
    pub fn start_tls(&self, stream: Stream, target: &Target, deadline: Deadline) -> Result<Stream, Fault> {
        let start = clock::now();
        let remote = stream.remote();
        let secured = stream.secured(|socket, limits| {
            let client = block_on::run(deadline.bound(self.tls.client(target)))???;
            TlsSession::establish(socket, client.into(), limits, deadline)
        });
        secured.map_err(|error| fault(Phase::Tls, error, start, remote).of(target.host.clone()))
    }

    /// The resolver that this connector asks.
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
        let endpoints = admitted(target, &addresses)?;
        first(&endpoints, deadline).map_err(|fault| {
            if let Some(name) = target.name() {
                self.resolver.forget(name);
            }
            fault.of(target.host.clone())
        })
    }
}

/// The first of `endpoints` that answers.
fn first(endpoints: &[Endpoint], deadline: Deadline) -> Result<Stream, Fault> {
    let mut told = Fault::new(Phase::Connect, FaultKind::Unreachable, Duration::ZERO);
    for (index, endpoint) in endpoints.iter().enumerate() {
        let untried = u32::try_from(endpoints.len() - index).unwrap_or(u32::MAX);
        match Stream::connect_within(*endpoint, Deadline::after(deadline.remaining() / untried)) {
            Ok(stream) => return Ok(stream),
            Err(fault) => told = fault,
        }
    }
    Err(told)
}
