//! The route of a proxy: its upstream, its toxics, and how a connection passes through them.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use longhaul_socket::{
    BoxFuture, ConnectTimeouts, Connector, FaultKind, Phase, Stream, Target, Transport as _,
};
use tokio::sync::watch;

use super::memory_budget::MemoryBudget;
use super::name::Name;
use super::relay::{Relay, RelayEnd};
use super::toxic::InstalledToxic;
use super::toxicity_draw::ToxicityDraw;
use crate::service_host::{
    ConnectionHandler, Ending, GuardedTransport, Limits, PeerExpectation, ServedConnection, close_after_peer,
    until_stopped,
};

/// The way from a proxy to its upstream, and what happens on it.
pub(super) struct ProxyRoute {
    pub(super) name: Name,
    pub(super) target: Target,
    pub(super) connector: Connector,
    pub(super) memory: MemoryBudget,
    pub(super) seed: u64,
    /// How many connections there have been. It outlives the route: a proxy that is enabled again continues to count.
    pub(super) connections: Arc<AtomicU64>,
    pub(super) toxics: watch::Sender<Arc<[InstalledToxic]>>,
}

impl fmt::Debug for ProxyRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyRoute")
            .field("name", &self.name)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl ConnectionHandler for ProxyRoute {
    fn name(&self) -> &'static str {
        "proxy"
    }

    fn serve(&self, connection: ServedConnection) -> BoxFuture<'_, Result<(), Ending>> {
        Box::pin(async move {
            let ServedConnection { transport, limits, mut stopping, .. } = connection;
            until_stopped(&mut stopping, self.relay(transport, &limits)).await?
        })
    }
}

impl ProxyRoute {
    /// Serves one client until either side, a toxic or a deadline ends it.
    async fn relay(&self, mut client: GuardedTransport, limits: &Limits) -> Result<(), Ending> {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let draw = ToxicityDraw::new(self.seed, self.name.clone(), connection);
        let mut toxics = self.toxics.subscribe();

        let mut timeouts = ConnectTimeouts::default();
        timeouts.connect = timeouts.connect.min(limits.idle_time);
        let server = self.connector.connect(&self.target, &timeouts).await;
        let server = server.map_err(|fault| Ending::Upstream(fault.phase(), fault.kind()))?;
        let mut server =
            GuardedTransport::new(Box::new(server), PeerExpectation::Nothing, Some(limits.write_time));

        let present = Arc::clone(&toxics.borrow_and_update());
        let mut relay = Relay::new(&draw, &present, &self.memory, limits.idle_time);
        let end = loop {
            tokio::select! {
                biased;
                // The sender lives as long as this route.
                Ok(()) = toxics.changed() => {
                    let present = Arc::clone(&toxics.borrow_and_update());
                    relay.apply(&present);
                }
                end = poll_fn(|cx| relay.poll(cx, &mut client, &mut server)) => break end,
            }
        };
        let failed = ending_of(&client, &server);
        match end {
            RelayEnd::Ended => Ok(()),
            RelayEnd::Idle => Err(Ending::Failed(Phase::Receive, FaultKind::TimedOut)),
            RelayEnd::Closed(kind) => {
                tokio::join!(close(client), close(server));
                Err(Ending::Toxic(kind))
            }
            RelayEnd::Reset(kind) => {
                reset(client, server);
                Err(kind.map_or(failed, Ending::Toxic))
            }
            RelayEnd::Failed => {
                reset(client, server);
                Err(failed)
            }
        }
    }
}

/// The side whose transport failed is the one to report.
fn ending_of(client: &GuardedTransport, server: &GuardedTransport) -> Ending {
    match (client.traffic().failure(), server.traffic().failure()) {
        (None, Some((phase, kind))) => Ending::Upstream(phase, kind),
        (Some((phase, kind)), _) => Ending::Failed(phase, kind),
        (None, None) => Ending::Broken,
    }
}

fn reset(client: GuardedTransport, server: GuardedTransport) {
    Box::new(client).reset();
    Box::new(server).reset();
}

/// Closes in order, so that what was sent arrives; a reset could overtake it.
async fn close(transport: GuardedTransport) {
    let mut stream = Stream::plain(Box::new(transport));
    // A peer that is already gone needs no close.
    let _ = close_after_peer(&mut stream, usize::MAX).await;
}
