//! Which hosts refuse requests for ranges, as this run has found out.

use std::cell::RefCell;
use std::collections::BTreeMap;

use longhaul_http::Origin;

/// So many rows have to find it out before a host is not asked for ranges any more: one refusal may have been something else.
const REFUSALS_MIN: u8 = 2;
/// Hosts that are remembered. With more, all are forgotten, and found out again at the cost of one request a row.
const HOSTS_MAX: usize = 1024;

/// The hosts of one shard that have refused ranges and then served the whole.
#[derive(Debug, Default)]
pub(crate) struct RangeRefusals {
    by_host: RefCell<BTreeMap<Origin, u8>>,
}

impl RangeRefusals {
    /// A host refused a range and then served the whole.
    pub(super) fn add(&self, host: &Origin) {
        let mut by_host = self.by_host.borrow_mut();
        if by_host.len() >= HOSTS_MAX && !by_host.contains_key(host) {
            by_host.clear();
        }
        let count = by_host.entry(host.clone()).or_default();
        *count = count.saturating_add(1);
    }

    /// Whether the host refuses ranges.
    pub(super) fn are_expected_of(&self, host: &Origin) -> bool {
        self.by_host.borrow().get(host).is_some_and(|count| *count >= REFUSALS_MIN)
    }
}
