//! Hosts that are not asked again in this run, and why: what comes for them later is turned away at the door.

use std::collections::BTreeMap;

use longhaul_http::Origin;
use longhaul_journal::FaultRecord;
use tokio::time::Instant;

use crate::failure::Failure;

#[derive(Default)]
pub(super) struct Closed {
    hosts: BTreeMap<Origin, Closure>,
}

/// Why a host is not asked again in this run.
pub(super) enum Closure {
    /// It failed for too long; this was its last failure.
    GivenUp(FaultRecord),
    /// It asked for a longer pause than a run waits.
    Parked { failure: Failure, until: Instant },
}

impl Closed {
    pub(super) fn close(&mut self, origin: Origin, closure: Closure) {
        self.hosts.insert(origin, closure);
    }

    /// Why the host is not asked, if it is not.
    pub(super) fn why(&self, origin: &Origin) -> Option<&Closure> {
        self.hosts.get(origin)
    }
}
