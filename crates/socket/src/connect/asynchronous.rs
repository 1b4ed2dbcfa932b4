//! The connector of the async flavour: from a [`Target`] to a [`Stream`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::eyeballs::{interleave, race};
use crate::addressing::{Endpoint, Host, Protocol, Target, is_public};
use crate::faults::{Fault, FaultKind, Phase};
use crate::names::Resolver;
use crate::network::{Network, Transport};
use crate::stream::Stream;
use crate::time::{ConnectTimeouts, Deadline};
use crate::tls::{Tls, TlsOptions};

/// Connects to targets, with a deadline for each step. Clones share the cache of names and the TLS sessions, and may be
/// used in different runtimes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use longhaul_socket::memory::MemoryNetwork;
/// use longhaul_socket::{ConnectTimeouts, Connector, FaultKind, Network, Target, TlsOptions};
///
/// let network = MemoryNetwork::new();
/// network.name("a.test", ["10.0.0.1".parse()?]);
/// let _listener = network.listen("tcp://10.0.0.1:80".parse()?)?;
///
/// let connector = Connector::new(Arc::new(network), TlsOptions::system());
/// let timeouts = ConnectTimeouts::default();
/// let stream = connector.connect(&Target::new("a.test".parse()?, 80), &timeouts).await?;
/// assert_eq!(stream.remote().to_string(), "tcp://10.0.0.1:80");
///
/// let Err(fault) = connector.connect(&Target::new("a.test".parse()?, 81), &timeouts).await else { panic!() };
/// assert_eq!(fault.kind(), FaultKind::Refused);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connector {
    network: Arc<dyn Network>,
    resolver: Resolver,
    tls: Arc<Tls>,
}

impl Connector {
    /// A connector over `network`. Trusted certificates are loaded for the first TLS connection.
    pub fn new(network: Arc<dyn Network>, tls: TlsOptions) -> Self {
        let resolver = Resolver::new(Arc::clone(&network));
        Self { network, resolver, tls: Arc::new(Tls::new(tls)) }
    }

    /// Connects to `target`: resolves its name, connects to the first of its addresses that accepts (RFC 8305), and
    /// completes a TLS handshake if the target uses TLS. Cancel safe: dropping the future closes all sockets.
    ///
    /// # Errors
    /// In phase `Resolve`, `Connect` or `Tls`. If several addresses fail, the fault is the most informative one, and
    /// the name leaves the cache. If [`Target::public_only`] excludes all addresses, the fault is `Denied`.
    pub async fn connect(&self, target: &Target, timeouts: &ConnectTimeouts) -> Result<Stream, Fault> {
        let transport = self.dial(target, Deadline::after(timeouts.connect)).await?;
        if target.tls {
            self.secure(transport, target, Deadline::after(timeouts.tls)).await
        } else {
            Ok(Stream::plain(transport))
        }
    }

    /// Completes a TLS handshake with `target` over an established connection, such as the tunnel of a proxy. A boxed
    /// [`Stream`] is a transport too. Cancel safe: dropping the future closes the connection.
    ///
    /// # Errors
    /// In phase `Tls`; the connection is closed.
    pub async fn secure(
        &self,
        transport: Box<dyn Transport>,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Stream, Fault> {
        self.tls.handshake(transport, target, deadline).await.map(|session| Stream::secure(session.into()))
    }

    /// Completes a TLS handshake with `target` over `stream`, which keeps its timeouts. Cancel safe: dropping the
    /// future closes the connection.
    ///
    /// # Errors
    /// In phase `Tls`; the connection is closed.
    pub async fn start_tls(
        &self,
        stream: Stream,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Stream, Fault> {
        let limits = stream.limits();
        let deadline = limits.capped(deadline);
        let session = self.tls.handshake(Box::new(stream), target, deadline).await?;
        Ok(Stream::secured(session.into(), limits))
    }

    /// Whether `ip` is an address of this machine: see [`Network::is_own`].
    pub fn is_own(&self, ip: IpAddr) -> bool {
        self.network.is_own(ip)
    }

    /// The resolver of this connector.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    async fn dial(&self, target: &Target, deadline: Deadline) -> Result<Box<dyn Transport>, Fault> {
        let addresses = match &target.host {
            Host::Ip(ip) => Arc::from([*ip]),
            Host::Name(name) => self.resolver.resolve(name, deadline).await?,
        };
        let endpoints = permitted_endpoints(target, &addresses)?;
        race(&*self.network, &endpoints, deadline).await.map_err(|fault| {
            if let Some(name) = target.name() {
                self.resolver.forget(name);
            }
            fault.of(target.host.clone())
        })
    }
}

/// The endpoints to try, in order. Fails if there are addresses and none of them may be used.
pub(crate) fn permitted_endpoints(target: &Target, addresses: &[IpAddr]) -> Result<Vec<Endpoint>, Fault> {
    let endpoint = |ip| Endpoint::new(ip, Protocol::Tcp, target.port);
    let (permitted, denied): (Vec<Endpoint>, Vec<Endpoint>) = interleave(addresses)
        .into_iter()
        .map(endpoint)
        .partition(|endpoint| !target.public_only || is_public(endpoint.ip()));
    match denied.first() {
        Some(denied) if permitted.is_empty() => {
            Err(Fault::new(Phase::Connect, FaultKind::Denied, Duration::ZERO)
                .at(*denied)
                .of(target.host.clone())
                .because("the address does not belong to the public internet"))
        }
        _ => Ok(permitted),
    }
}
