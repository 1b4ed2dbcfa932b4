//! What all connections of a server share.

use std::sync::Arc;

use super::mix::FaultMix;
use super::options::Options;
use super::site::Site;
use super::stats::StatsCollector;
use crate::accept_loop::ConnectionCounts;

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) site: Arc<Site>,
    pub(super) faults: FaultMix,
    pub(super) options: Options,
    pub(super) stats: StatsCollector,
    pub(super) connections: Arc<ConnectionCounts>,
}

impl Shared {
    pub(super) fn new(site: Arc<Site>, faults: FaultMix, options: Options) -> Self {
        let (stats, connections) = (StatsCollector::default(), Arc::default());
        Self { site, faults, options, stats, connections }
    }
}
