//! The current state of a network in memory: the test changes it, and the connections read it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::mpsc;

use super::transport::MemoryTransport;
use crate::addressing::{Endpoint, HostName};
use crate::network::LookupError;

/// Whether the network works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Condition {
    #[default]
    Up,
    /// New operations fail at once; connections stall.
    Down,
    /// New operations never end; connections stall.
    Blackout,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) condition: Condition,
    pub(super) one_way_latency: Duration,
    pub(super) lookup_latency: Duration,
    pub(super) names: BTreeMap<HostName, Result<Vec<IpAddr>, LookupError>>,
    pub(super) silent: BTreeSet<Endpoint>,
    pub(super) listeners: BTreeMap<Endpoint, mpsc::Sender<MemoryTransport>>,
    pub(super) lookups: usize,
    pub(super) dials: usize,
    pub(super) ports_used: u16,
    /// Readers that wait until the network is up.
    stalled: Vec<Waker>,
}

impl State {
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

/// The state, shared by the network, its listeners and its connections.
#[derive(Clone, Default)]
pub(super) struct Script(Arc<Mutex<State>>);

impl Script {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic of another holder cannot leave the state inconsistent: each change is a single statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, condition: Condition) {
        let mut state = self.state();
        state.condition = condition;
        let woken = if condition == Condition::Up { std::mem::take(&mut state.stalled) } else { Vec::new() };
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Whether data passes; if not, the task is woken once it does.
    pub(super) fn passes(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.state();
        if state.condition == Condition::Up {
            return true;
        }
        if !state.stalled.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.stalled.push(cx.waker().clone());
        }
        false
    }
}
