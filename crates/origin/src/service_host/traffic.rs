//! What has passed through a guarded transport, as its owner sees it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use longhaul_socket::{FaultKind, Phase, clock};
use tokio::time::Instant;

/// Counts, the response in progress, and the first failure of one connection.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    requests: AtomicU64,
    is_responding: AtomicBool,
    last_response_end: Mutex<Option<Instant>>,
    failure: Mutex<Option<(Phase, FaultKind)>>,
}

impl Traffic {
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    /// The first failure of the connection.
    pub(crate) fn failure(&self) -> Option<(Phase, FaultKind)> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whole request heads that were received.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether a request was received and its response has not ended.
    pub(super) fn is_responding(&self) -> bool {
        self.is_responding.load(Ordering::Relaxed)
    }

    pub(super) fn last_response_end(&self) -> Option<Instant> {
        *self.last_response_end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, phase: Phase, kind: FaultKind) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((phase, kind));
    }
}

/// A response is in progress for as long as this lives. Meanwhile nothing is expected of the peer but that it takes the
/// response.
#[derive(Debug)]
pub(crate) struct ResponseInProgress(Arc<Traffic>);

impl ResponseInProgress {
    /// A whole request head was received.
    pub(crate) fn begin(traffic: &Arc<Traffic>) -> Self {
        traffic.requests.fetch_add(1, Ordering::Relaxed);
        traffic.is_responding.store(true, Ordering::Relaxed);
        Self(Arc::clone(traffic))
    }
}

impl Drop for ResponseInProgress {
    fn drop(&mut self) {
        *self.0.last_response_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::now());
        self.0.is_responding.store(false, Ordering::Relaxed);
    }
}
