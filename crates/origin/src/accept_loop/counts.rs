//! Counts of the connections of one server, over all of its listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many connections were accepted, are open, and were ever open at once.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    accepted: AtomicU64,
    open: AtomicU64,
    open_max: AtomicU64,
    accept_failures: AtomicU64,
}

impl ConnectionCounts {
    /// Connections accepted since the start.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections open now.
    pub(crate) fn open_now(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// The most connections that were ever open at once.
    pub(crate) fn open_max(&self) -> u64 {
        self.open_max.load(Ordering::Relaxed)
    }

    /// Accepts that failed, for want of file descriptors or memory.
    pub(crate) fn accept_failures(&self) -> u64 {
        self.accept_failures.load(Ordering::Relaxed)
    }

    /// Counts one more connection, which is open until the value is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> OpenConnection {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.open_max.fetch_max(open, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    pub(super) fn accept_failed(&self) {
        self.accept_failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<ConnectionCounts>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
