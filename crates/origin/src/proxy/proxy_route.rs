//! What a connection of a proxy needs to know: where to, which toxics, which chance.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use longhaul_socket::{
    ConnectTimeouts, Connector, Deadline, FaultKind, Phase, Stream, Target, Transport as _,
};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;

use super::memory_budget::MemoryBudget;
use super::name::Name;
use super::relay::{Relay, RelayEnd};
use super::toxic::InstalledToxic;
use super::toxicity_draw::ToxicityDraw;
use crate::service::guard::{Expecting, Guard};
use crate::service::stream::{LINGER, poll_discard};
use crate::service::{Ending, Limits};

/// The way from a proxy to whom it stands for, and what happens on it.
pub struct ProxyRoute {
    pub(super) name: Name,
    pub(super) target: Target,
    pub(super) connector: Connector,
    pub(super) memory: MemoryBudget,
    pub(super) seed: u64,
    /// How many connections there have been. It outlives the route: a proxy that is enabled again counts on.
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

impl ProxyRoute {
    /// Serves one client until either side, a toxic or a deadline ends it.
    pub(crate) async fn serve(&self, mut client: Guard, limits: &Limits) -> Result<(), Ending> {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let chance = ToxicityDraw::new(self.seed, self.name.clone(), connection);
        let mut toxics = self.toxics.subscribe();

        let mut timeouts = ConnectTimeouts::default();
        timeouts.connect = timeouts.connect.min(limits.idle_time);
        let server = self.connector.connect(&self.target, &timeouts).await;
        let server = server.map_err(|fault| Ending::Upstream(fault.phase(), fault.kind()))?;
        let mut server = Guard::new(Box::new(server), Expecting::Nothing, Some(limits.write_time));

        let present = Arc::clone(&toxics.borrow_and_update());
        let mut relay = Relay::new(&chance, &present, &self.memory, limits.idle_time);
        let outcome = loop {
            tokio::select! {
                biased;
                // The sender is this route's.
                Ok(()) = toxics.changed() => {
                    let present = Arc::clone(&toxics.borrow_and_update());
                    relay.apply(&present);
                }
                outcome = poll_fn(|cx| relay.poll(cx, &mut client, &mut server)) => break outcome,
            }
        };
        let failed = ending_of(&client, &server);
        match outcome {
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

/// Whoever is told of a failure has had it.
fn ending_of(client: &Guard, server: &Guard) -> Ending {
    match (client.traffic().failure(), server.traffic().failure()) {
        (None, Some((phase, kind))) => Ending::Upstream(phase, kind),
        (Some((phase, kind)), _) => Ending::Failed(phase, kind),
        (None, None) => Ending::Broken,
    }
}

fn reset(client: Guard, server: Guard) {
    Box::new(client).reset();
    Box::new(server).reset();
}

/// Closes in order: whatever has been sent arrives, which a reset could overtake.
async fn close(guard: Guard) {
    let mut stream = Stream::plain(Box::new(guard));
    if stream.shutdown().await.is_ok() {
        let to_end = async { while matches!(poll_fn(|cx| poll_discard(&mut stream, cx)).await, Ok(1..)) {} };
        let _ = Deadline::after(LINGER).bound(to_end).await;
    }
}
