//! From a route to a stream.

use longhaul_socket::{ConnectTimeouts, Connector, Deadline, Fault, FaultKind, Phase, Stream, Target, clock};
use tokio::time::Instant;

use super::peer::{Peer, Via};
use super::route::Route;
use crate::timeouts::Timeouts;

/// A connection along `route`, on which one of the protocols `alpn` is to be spoken, and its peer. `public_only` refuses a host at a private address; the address
/// of a proxy is the user's own choice. `started` is when the exchange began.
pub(crate) async fn connect(
    connector: &Connector,
    route: &Route,
    alpn: &[&[u8]],
    public_only: bool,
    timeouts: &Timeouts,
    started: Instant,
    ends: Option<Instant>,
) -> Result<(Stream, Peer), Fault> {
    let first_hop = route.first_hop();
    let mut target = Target::new(first_hop.host().clone(), first_hop.port());
    if first_hop.scheme().is_secure() {
        target = target.with_tls().offering(alpn);
    }
    target.public_only = public_only && route.via() == Via::Direct;
    let connect_timeouts = ConnectTimeouts { connect: timeouts.connect, tls: timeouts.tls };
    let connecting = connector.connect(&target, &connect_timeouts);
    let fault = |kind| Fault::new(Phase::Connect, kind, clock::now() - started);
    let stream = match ends {
        None => connecting.await,
        Some(ends) => Deadline::at(ends)
            .bound(connecting)
            .await
            .unwrap_or_else(|_passed| Err(fault(FaultKind::TimedOut).of(first_hop.host().clone()))),
    }?;
    let Some(endpoint) = stream.remote().endpoint() else {
        return Err(fault(FaultKind::Denied).because("HTTP is spoken with endpoints only"));
    };
    Ok((stream, Peer { endpoint, via: route.via() }))
}
