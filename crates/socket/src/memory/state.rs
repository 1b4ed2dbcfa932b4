//! The current state of a network in memory: names, listeners, latency and counters. The test changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::transport::MemoryTransport;
use crate::addressing::{Endpoint, HostName};
use crate::network::LookupError;

#[derive(Default)]
pub(super) struct NetworkState {
    pub(super) one_way_latency: Duration,
    pub(super) lookup_latency: Duration,
    pub(super) names: BTreeMap<HostName, Result<Vec<IpAddr>, LookupError>>,
    pub(super) silent: BTreeSet<Endpoint>,
    pub(super) listeners: BTreeMap<Endpoint, mpsc::Sender<MemoryTransport>>,
    pub(super) lookups: usize,
    pub(super) dials: usize,
    pub(super) ports_used: u16,
}

impl NetworkState {
    /// A port from the dynamic range (RFC 6335 section 6); it is reused after 16,383 others.
    pub(super) fn next_port(&mut self) -> u16 {
        const FIRST: u16 = 49_152;
        const COUNT: u16 = u16::MAX - FIRST;
        let port = FIRST + self.ports_used % COUNT;
        self.ports_used = (self.ports_used + 1) % COUNT;
        port
    }

    /// The listener for `endpoint`: at this address, or else at the unspecified address of its family.
    pub(super) fn listener(&self, endpoint: Endpoint) -> Option<&mpsc::Sender<MemoryTransport>> {
        let any: IpAddr = match endpoint.ip() {
            IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let anywhere = Endpoint::new(any, endpoint.protocol(), endpoint.port());
        self.listeners.get(&endpoint).or_else(|| self.listeners.get(&anywhere))
    }
}

/// The state, shared by the network and its listeners.
#[derive(Clone, Default)]
pub(super) struct SharedState(Arc<Mutex<NetworkState>>);

impl SharedState {
    pub(super) fn lock(&self) -> MutexGuard<'_, NetworkState> {
        // A panic of another holder cannot leave the state inconsistent: each change is a single statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
