//! The way from a [`Target`] to a [`Stream`]: resolve, connect, secure.

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

/// Connects to targets, each step within its deadline. Clones share the cache of names and the TLS sessions; they may
/// be used from several runtimes.
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
    /// A connector over `network`. Certificates are loaded when the first TLS connection needs them.
    pub fn new(network: Arc<dyn Network>, tls: TlsOptions) -> Self {
        let resolver = Resolver::new(Arc::clone(&network));
        Self { network, resolver, tls: Arc::new(Tls::new(tls)) }
    }

    /// A connection to `target`: the first of its addresses that answers (RFC 8305), and a TLS handshake if it asks for
    /// one. Cancel safe: what is under way is closed when the future is dropped.
    ///
    /// # Errors
    /// The phase is `Resolve`, `Connect` or `Tls`. Where several addresses failed, the fault is the one that tells most,
    /// and the name is looked up anew next time. An address that [`Target::public_only`] excludes is `Denied`.
    pub async fn connect(&self, target: &Target, timeouts: &ConnectTimeouts) -> Result<Stream, Fault> {
        let transport = self.dial(target, Deadline::after(timeouts.connect)).await?;
        if target.tls {
            self.secure(transport, target, Deadline::after(timeouts.tls)).await
        } else {
            Ok(Stream::plain(transport))
        }
    }

    /// A TLS handshake with `target` over a connection that stands already, such as the tunnel of a proxy; a [`Stream`]
    /// is a transport too, when boxed. Cancel safe: the connection is closed when the future is dropped.
    pub async fn secure(
        &self,
        transport: Box<dyn Transport>,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Stream, Fault> {
        self.tls.handshake(transport, target, deadline).await.map(|session| Stream::secure(session.into()))
    }

    /// A TLS handshake with `target` over `stream`, which keeps its timeouts. Cancel safe: the connection is closed when
    /// the future is dropped.
    ///
    /// # Errors
    /// In phase `Tls`.
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

    /// Whether the network has this address as one of its own, so that a connection from it can be answered: see
    /// [`Network::is_own`].
    pub fn is_own(&self, ip: IpAddr) -> bool {
        self.network.is_own(ip)
    }

    /// The resolver that this connector asks.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    async fn dial(&self, target: &Target, deadline: Deadline) -> Result<Box<dyn Transport>, Fault> {
        let addresses = match &target.host {
            Host::Ip(ip) => Arc::from([*ip]),
            Host::Name(name) => self.resolver.resolve(name, deadline).await?,
        };
        let endpoints = admitted(target, &addresses)?;
        race(&*self.network, &endpoints, deadline).await.map_err(|fault| {
            if let Some(name) = target.name() {
                self.resolver.forget(name);
            }
            fault.of(target.host.clone())
        })
    }
}

/// The endpoints to try, in order. An error if there are addresses but none of them may be used.
pub(crate) fn admitted(target: &Target, addresses: &[IpAddr]) -> Result<Vec<Endpoint>, Fault> {
    let endpoint = |ip| Endpoint::new(ip, Protocol::Tcp, target.port);
    let (admitted, denied): (Vec<Endpoint>, Vec<Endpoint>) = interleave(addresses)
        .into_iter()
        .map(endpoint)
        .partition(|endpoint| !target.public_only || is_public(endpoint.ip()));
    match denied.first() {
        Some(denied) if admitted.is_empty() => {
            Err(Fault::new(Phase::Connect, FaultKind::Denied, Duration::ZERO)
                .at(*denied)
                .of(target.host.clone())
                .because("the address does not belong to the public internet"))
        }
        _ => Ok(admitted),
    }
}
