//! Failures of one class from one host: the first few are printed, the others are counted.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::render::{count, escaped};

/// Failures of one class from one host that are printed one by one: enough to see what they have in common.
const PRINTED_MAX: u64 = 5;
/// Pairs of a host and a class that are told apart. Further ones count as one.
const GROUPS_MAX: usize = 1_000;
/// Time between two lines that count the others of a group.
const COUNTED_EVERY: Duration = Duration::from_secs(10);

/// The failures that have been printed and those that have not.
#[derive(Debug, Default)]
pub(super) struct FailureGroups {
    /// By host and class.
    groups: BTreeMap<(String, String), Group>,
    counted_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Group {
    printed: u64,
    /// Since the last line that counted them.
    unprinted: u64,
}

impl FailureGroups {
    /// Counts a failure. Returns whether it is printed.
    pub(super) fn admit(&mut self, url: &str, class: &str) -> bool {
        let mut key = (host(url).to_owned(), class.to_owned());
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            key.0 = String::new();
        }
        let group = self.groups.entry(key).or_default();
        let is_printed = group.printed < PRINTED_MAX;
        if is_printed {
            group.printed += 1;
        } else {
            group.unprinted += 1;
        }
        is_printed
    }

    /// The lines that count what was not printed, if they are due; at the end of a run they are.
    pub(super) fn take_counts(&mut self, now: Instant, is_over: bool) -> Vec<String> {
        let due_at = *self.counted_at.get_or_insert(now) + COUNTED_EVERY;
        if now < due_at && !is_over {
            return Vec::new();
        }
        self.counted_at = Some(now);
        let unprinted = self.groups.iter_mut().filter(|(_, group)| group.unprinted > 0);
        unprinted
            .map(|((host, class), group)| {
                let number = count(std::mem::take(&mut group.unprinted));
                let from = if host.is_empty() { String::new() } else { format!(" from {}", escaped(host)) };
                format!("failed: {number} more{from} ({}); `longhaul export` lists each", escaped(class))
            })
            .collect()
    }
}

/// The scheme, the host and the port of a URL; empty for a line that is none.
fn host(url: &str) -> &str {
    let Some(scheme) = url.find("://") else { return "" };
    let start = scheme + 3;
    let end = url[start..].find(['/', '?']).map_or(url.len(), |end| start + end);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use longhaul_socket::clock;

    use super::*;

    #[test]
    fn the_first_few_are_printed_and_the_others_counted() {
        let mut groups = FailureGroups::default();
        let start = clock::now();
        assert!(groups.take_counts(start, false).is_empty());
        let printed = (0..1_005).filter(|n| groups.admit(&format!("http://h.test:80/{n}"), "4xx")).count();
        assert_eq!(printed, 5);
        assert!(groups.admit("http://h.test:80/a", "timeout"), "another class");
        assert!(groups.admit("http://i.test/a?b", "4xx"), "another host");
        assert!(groups.admit("not a URL", "list"));
        assert!(groups.take_counts(start + Duration::from_secs(9), false).is_empty());
        let expected = "failed: 1,000 more from http://h.test:80 (4xx); `longhaul export` lists each";
        assert_eq!(groups.take_counts(start + Duration::from_secs(10), false), [expected]);
        assert!(groups.take_counts(start + Duration::from_secs(30), true).is_empty(), "each is counted once");
        assert!(!groups.admit("http://h.test:80/a", "4xx"));
        assert_eq!(groups.take_counts(start + Duration::from_secs(31), true).len(), 1, "at the end at once");
    }

    #[test]
    fn many_hosts_share_a_group() {
        let mut groups = FailureGroups::default();
        let now = clock::now();
        let printed = (0..3_000).filter(|n| groups.admit(&format!("http://{n}.test/"), "dns")).count();
        assert_eq!(printed, GROUPS_MAX + 5);
        let counts = groups.take_counts(now, true);
        assert_eq!(counts, ["failed: 1,995 more (dns); `longhaul export` lists each"]);
    }
}
