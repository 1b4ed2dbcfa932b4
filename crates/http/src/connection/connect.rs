//! From a route to a stream on which a session can begin.

use std::time::Duration;

use longhaul_socket::{ConnectTimeouts, Connector, Deadline, Fault, FaultKind, Phase, Stream, Target, clock};
use tokio::time::Instant;

use super::fault_context::FaultContext;
use super::peer::{Peer, Via};
use super::route::Route;
use super::tunnel::Tunnel;
use crate::fault::{Error, SocketFault};
use crate::timeouts::{Timeouts, after};
use crate::url::Origin;

/// What one attempt to connect may use and take.
pub(crate) struct Connecting<'a> {
    pub(crate) connector: &'a Connector,
    /// The protocols to offer in the TLS handshake with the peer of the session.
    pub(crate) alpn: &'a [&'a [u8]],
    /// Refuses a host at a private address; the address of a proxy is the user's own choice.
    pub(crate) public_only: bool,
    pub(crate) timeouts: &'a Timeouts,
    /// When the exchange began.
    pub(crate) started: Instant,
    /// The end of the exchange as a whole.
    pub(crate) ends: Option<Instant>,
}

impl Connecting<'_> {
    /// A connection along `route`, and its peer. Cancel safe: dropping the future closes it.
    pub(crate) async fn along(&self, route: &Route) -> Result<(Stream, Peer), Error> {
        let via = route.via();
        let error = |fault| Error::Socket(SocketFault::new(fault, via));
        let stream = self.first_hop(route).await.map_err(error)?;
        let Some(endpoint) = stream.remote().endpoint() else {
            let fault = self.fault(FaultKind::Denied).because("HTTP is spoken with endpoints only");
            return Err(error(fault));
        };
        let peer = Peer { endpoint, via };
        let stream = match route {
            Route::Direct(_) | Route::Forward(_) => stream,
            Route::Tunnel(tunnel) => self.through(tunnel, stream, peer).await?,
        };
        Ok((stream, peer))
    }

    async fn first_hop(&self, route: &Route) -> Result<Stream, Fault> {
        let first_hop = route.first_hop();
        let mut target = target_of(first_hop);
        if first_hop.scheme().is_secure() {
            target = match route {
                Route::Direct(_) | Route::Forward(_) => target.with_tls().offering(self.alpn),
                // The handshake, and not HTTP, comes next.
                Route::Tunnel(_) => target.with_tls(),
            };
        }
        target.public_only = self.public_only && route.via() == Via::Direct;
        let timeouts = ConnectTimeouts { connect: self.timeouts.connect, tls: self.timeouts.tls };
        let connecting = self.connector.connect(&target, &timeouts);
        match self.ends {
            None => connecting.await,
            Some(ends) => Deadline::at(ends)
                .bound(connecting)
                .await
                .unwrap_or_else(|_passed| Err(self.fault(FaultKind::TimedOut).of(first_hop.host().clone()))),
        }
    }

    /// Opens a tunnel over the connection to its proxy, and speaks TLS with the host through it if its scheme says so.
    async fn through(&self, tunnel: &Tunnel, mut stream: Stream, peer: Peer) -> Result<Stream, Error> {
        let destination = tunnel.destination();
        let context = FaultContext { host: destination.host().clone(), peer, started: self.started };
        let opening = tunnel.handshake().open(&mut stream, destination);
        match self.deadline(self.timeouts.tunnel).bound(opening).await {
            Ok(opened) => opened.map_err(|error| context.tunnel(error))?,
            Err(_passed) => return Err(context.tunnel_timed_out()),
        }
        if !destination.scheme().is_secure() {
            return Ok(stream);
        }
        let target = target_of(destination).with_tls().offering(self.alpn);
        let secured = self.connector.start_tls(stream, &target, self.deadline(self.timeouts.tls)).await;
        secured.map_err(|fault| Error::Socket(SocketFault::of_host(fault, peer.via)))
    }

    fn deadline(&self, wait: Duration) -> Deadline {
        let due = after(clock::now(), wait);
        Deadline::at(self.ends.map_or(due, |ends| ends.min(due)))
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault::new(Phase::Connect, kind, clock::now() - self.started)
    }
}

fn target_of(origin: &Origin) -> Target {
    Target::new(origin.host().clone(), origin.port())
}
