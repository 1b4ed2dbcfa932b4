//! Which hosts refuse requests for ranges, as this run has found out.

use std::cell::RefCell;
use std::collections::BTreeMap;

use longhaul_http::Origin;

/// So many rows have to find it out before a host is not asked for ranges any more: one refusal may have been something else.
const REFUSALS_MIN: u8 = 2;
/// Hosts that are remembered. With more, all are forgotten, and found out again at the cost of one request a row.
const HOSTS_MAX: usize = 1024;

/// The hosts of one shard that refuse ranges and serve the whole.
#[derive(Debug, Default)]
pub(crate) struct RangeRefusals {
    by_host: RefCell<BTreeMap<Origin, u8>>,
}

impl RangeRefusals {
    /// A host refused a range with a status that says so, served the whole, and refused the range again.
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

#[cfg(test)]
mod tests {
    use longhaul_http::HttpUrl;

    use super::*;

    fn host(number: usize) -> Origin {
        let url: HttpUrl = format!("http://{number}.test/").parse().expect("a URL");
        url.origin().clone()
    }

    #[test]
    fn a_host_is_asked_for_no_ranges_once_enough_rows_were_refused() {
        let refusals = RangeRefusals::default();
        for row in 0..REFUSALS_MIN {
            assert!(!refusals.are_expected_of(&host(0)), "after {row} rows");
            refusals.add(&host(0));
        }
        assert!(refusals.are_expected_of(&host(0)));
        assert!(!refusals.are_expected_of(&host(1)));
    }

    #[test]
    fn the_hosts_in_memory_are_bounded() {
        let refusals = RangeRefusals::default();
        let add = |number| (0..REFUSALS_MIN).for_each(|_| refusals.add(&host(number)));
        (0..HOSTS_MAX).for_each(add);
        assert!((0..HOSTS_MAX).all(|number| refusals.are_expected_of(&host(number))));
        add(0);
        assert!(refusals.are_expected_of(&host(1)), "a host that is known takes no place");
        add(HOSTS_MAX);
        assert!(refusals.are_expected_of(&host(HOSTS_MAX)));
        assert_eq!(refusals.by_host.borrow().len(), 1);
    }
}
