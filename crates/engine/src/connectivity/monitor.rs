//! The actor that detects outages of our own network: shards report which hosts responded and which timed out, it probes
//! endpoints when no host responds any more, and it publishes the state of the network.
//!
//! The decisions are made in [`outage`](crate::connectivity::outage). It never judges a single host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use longhaul_http::Origin;
use longhaul_socket::{
    BoxFuture, ConnectTimeouts, Connector, Deadline, Endpoint, FaultKind, LocalRoute, Network, Target, clock,
    kind_of,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connectivity::outage::{
    Connectivity, ConnectivityState, OutageDetector, PROBE_WITHIN, ProbeRound, Timeout,
};
use crate::haul::executor::sleep_until;
use crate::report::event::Event;
use crate::report::observer::Observer;

/// Addresses for documentation, which no machine has (RFC 5737, RFC 3849): the route to them is the default route.
const ANYWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// What a shard reports.
#[derive(Debug, Clone, Copy)]
enum Notice {
    Heard { host: Option<Endpoint>, at: Instant },
    Silent { host: Option<Endpoint>, since: Instant, is_local: bool },
}

/// A handle of the monitor for a shard. Clones lead to the same monitor.
#[derive(Clone)]
pub(crate) struct ConnectivityMonitorHandle {
    /// Unbounded, but an exchange sends at most two notices: when it stalls or fails, and when its host responds, which is
    /// reported at most once a second for each host unless the network is in doubt.
    notices: mpsc::UnboundedSender<Notice>,
    state: watch::Receiver<ConnectivityState>,
    /// Whether every response is worth a notice now: while the network is in doubt or down.
    is_listening: Arc<AtomicBool>,
}

/// The actor. One for each haul.
pub(crate) struct ConnectivityMonitor {
    outage: OutageDetector,
    network: Arc<dyn Network>,
    connector: Arc<Connector>,
    canary: Option<Target>,
    notices: mpsc::UnboundedReceiver<Notice>,
    state: watch::Sender<ConnectivityState>,
    is_listening: Arc<AtomicBool>,
    observer: Arc<Observer>,
}

impl ConnectivityMonitorHandle {
    pub(crate) fn state(&self) -> ConnectivityState {
        *self.state.borrow()
    }

    /// Returns when the state has changed. Cancel safe.
    pub(crate) async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            // The monitor has ended: its state does not change any more.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the monitor waits for a response from any host.
    pub(crate) fn is_listening(&self) -> bool {
        self.is_listening.load(Ordering::Relaxed)
    }

    /// A host sent a response head at this time; `host` is its own endpoint, unless a proxy hides it.
    pub(crate) fn heard(&self, host: Option<Endpoint>, at: Instant) {
        let _ = self.notices.send(Notice::Heard { host, at });
    }

    /// An attempt failed, and its host was silent since then; `host` is the host's own endpoint, if it is known. `is_local`
    /// says that the operating system itself reports the network as down. The state tells later what the silence means.
    pub(crate) fn silent(&self, host: Option<Endpoint>, since: Instant, is_local: bool) {
        let _ = self.notices.send(Notice::Silent { host, since, is_local });
    }
}

impl ConnectivityMonitor {
    /// A monitor, and a handle of it. `canary` is what to connect to on the way to the host that the user has named: the
    /// host, or a proxy.
    pub(crate) fn new(
        network: Arc<dyn Network>,
        connector: Arc<Connector>,
        canary: Option<&Origin>,
        observer: Arc<Observer>,
    ) -> (Self, ConnectivityMonitorHandle) {
        let outage = OutageDetector::new(canary.is_some(), clock::now());
        let (notices, inbox) = mpsc::unbounded_channel();
        let (state, seen) = watch::channel(outage.state());
        let is_listening = Arc::new(AtomicBool::new(false));
        let canary = canary.map(|origin| Target::new(origin.host().clone(), origin.port()));
        let handle =
            ConnectivityMonitorHandle { notices, state: seen, is_listening: Arc::clone(&is_listening) };
        let connectivity_monitor =
            Self { outage, network, connector, canary, notices: inbox, state, is_listening, observer };
        (connectivity_monitor, handle)
    }

    /// Runs until every handle is dropped.
    pub(crate) async fn run(mut self) {
        let mut probing: Option<BoxFuture<'static, (bool, LocalRoute)>> = None;
        loop {
            let next_round_at = self.outage.next_round_at(clock::now());
            tokio::select! {
                biased;
                notice = self.notices.recv() => match notice {
                    Some(notice) => self.take(notice),
                    None => return,
                },
                (is_responding, route) = ended(&mut probing) => {
                    probing = None;
                    self.outage.round_ended(is_responding, route, clock::now());
                }
                () = sleep_until(next_round_at) => {
                    let round = self.outage.round(clock::now());
                    probing = Some(self.probe(round));
                }
            }
            self.publish();
            if self.outage.state().connectivity == Connectivity::Up {
                // The network is up: the results of the probes do not matter any more.
                probing = None;
            }
        }
    }

    fn take(&mut self, notice: Notice) {
        let now = clock::now();
        match notice {
            Notice::Heard { host, at } => self.outage.heard(host, at, now),
            Notice::Silent { host, since, is_local } => {
                let route = if is_local { LocalRoute::Absent } else { self.best_route() };
                self.outage.silent(Timeout { endpoint: host, since, route }, now);
            }
        }
    }

    fn publish(&self) {
        let state = self.outage.state();
        let connectivity_before = self.state.borrow().connectivity;
        self.is_listening.store(state.connectivity != Connectivity::Up, Ordering::Relaxed);
        self.state.send_if_modified(|known| std::mem::replace(known, state) != state);
        match (connectivity_before, state.connectivity) {
            (Connectivity::Up | Connectivity::Suspect, Connectivity::Down) => {
                self.observer.emit(&Event::Offline);
            }
            (Connectivity::Down, Connectivity::Up | Connectivity::Suspect) => {
                self.observer.emit(&Event::Online);
            }
            _ => {}
        }
    }

    /// Whether the machine has a route to any host that responded lately, or a default route.
    fn best_route(&self) -> LocalRoute {
        let heard = self.outage.heard_lately(clock::now()).map(Endpoint::ip);
        let routes = heard.chain(ANYWHERE).map(|ip| self.network.local_route(ip));
        routes.reduce(better).unwrap_or(LocalRoute::Unknown)
    }

    /// Probes all endpoints of a round at once; the result is whether any responded, and the best route.
    fn probe(&self, ProbeRound { endpoints, canary }: ProbeRound) -> BoxFuture<'static, (bool, LocalRoute)> {
        let route = self.best_route();
        let network = Arc::clone(&self.network);
        let canary =
            self.canary.clone().filter(|_| canary).map(|target| (Arc::clone(&self.connector), target));
        Box::pin(async move {
            let mut probes = JoinSet::new();
            for endpoint in endpoints {
                probes.spawn(responds(Arc::clone(&network), endpoint));
            }
            if let Some((connector, target)) = canary {
                probes.spawn(async move { canary_responds(&connector, &target).await });
            }
            while let Some(probe) = probes.join_next().await {
                if probe.unwrap_or(false) {
                    return (true, route);
                }
            }
            (false, route)
        })
    }
}

async fn ended(probing: &mut Option<BoxFuture<'static, (bool, LocalRoute)>>) -> (bool, LocalRoute) {
    match probing {
        Some(round) => round.await,
        None => std::future::pending().await,
    }
}

/// The better of two: one route that is present is enough.
fn better(one: LocalRoute, other: LocalRoute) -> LocalRoute {
    match (one, other) {
        (LocalRoute::Present, _) | (_, LocalRoute::Present) => LocalRoute::Present,
        (LocalRoute::Absent, LocalRoute::Absent) => LocalRoute::Absent,
        _ => LocalRoute::Unknown,
    }
}

/// Whether anything responds at the endpoint. A refusal is a response.
async fn responds(network: Arc<dyn Network>, endpoint: Endpoint) -> bool {
    match Deadline::after(PROBE_WITHIN).bound(network.dial(endpoint)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => matches!(kind_of(&error), FaultKind::Refused | FaultKind::Reset),
        Err(_) => false,
    }
}

async fn canary_responds(connector: &Connector, target: &Target) -> bool {
    let timeouts = ConnectTimeouts { connect: PROBE_WITHIN, tls: PROBE_WITHIN };
    match connector.connect(target, &timeouts).await {
        Ok(_) => true,
        Err(fault) => matches!(fault.kind(), FaultKind::Refused | FaultKind::Reset),
    }
}
