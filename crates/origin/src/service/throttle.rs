//! Limits how many datagrams per second are sent to one address: the source of a datagram is easily forged.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Addresses remembered. Two addresses that share a slot replace each other in it, which allows each more than its limit
/// and never less.
const SLOTS: usize = 1_024;
const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Throttle {
    replies_per_second_max: u32,
    hasher: RandomState,
    slots: Vec<Option<Slot>>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    ip: IpAddr,
    since: Instant,
    replies: u32,
}

impl Throttle {
    pub(super) fn new(replies_per_second_max: u32) -> Self {
        Self { replies_per_second_max, hasher: RandomState::new(), slots: vec![None; SLOTS] }
    }

    /// Whether `ip` may be sent one more datagram, which is counted.
    pub(super) fn allows(&mut self, ip: IpAddr, now: Instant) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of 1024 is small")]
        let at = (self.hasher.hash_one(ip) % SLOTS as u64) as usize;
        let slot = match self.slots[at] {
            Some(slot) if slot.ip == ip && now.saturating_duration_since(slot.since) < WINDOW => slot,
            _ => Slot { ip, since: now, replies: 0 },
        };
        let allows = slot.replies < self.replies_per_second_max;
        self.slots[at] = Some(Slot { replies: slot.replies + u32::from(allows), ..slot });
        allows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_limit_per_second() {
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut throttle = Throttle::new(2);
        let start = longhaul_socket::clock::now();
        assert_eq!([(); 4].map(|()| throttle.allows(a, start)), [true, true, false, false]);
        assert!(throttle.allows(b, start));
        assert!(!throttle.allows(a, start + WINDOW / 2) || throttle.slots.iter().flatten().count() == 1);
        assert!(throttle.allows(a, start + WINDOW));
    }
}
