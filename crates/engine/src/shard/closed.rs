//! Hosts that are not asked again in this run, and why: what comes for them later is turned away at the door.
//!
//! A list may have a million dead hosts. Those that were given up last are remembered; one that comes again after very many
//! others is asked once more, and given up anew. What a host has asked for is never forgotten.

use std::collections::BTreeMap;

use longhaul_http::Origin;
use longhaul_journal::FaultRecord;
use tokio::time::Instant;

use crate::failure::Failure;

/// Hosts given up that are remembered for certain; twice as many are at most. Each takes about 400 bytes.
const GIVEN_UP_MAX: usize = 32 * 1024;

#[derive(Default)]
pub(super) struct Closed {
    /// Those given up lately, with their last failures, ...
    given_up: BTreeMap<Origin, FaultRecord>,
    /// ... and those before them, which are forgotten when there are as many again.
    given_up_before: BTreeMap<Origin, FaultRecord>,
    parked: BTreeMap<Origin, Parked>,
}

/// A host that asked for a longer pause than a run waits.
pub(super) struct Parked {
    pub(super) failure: Failure,
    pub(super) until: Instant,
}

/// Why a host is not asked again in this run.
pub(super) enum Closure<'a> {
    /// It failed for too long; this was its last failure.
    GivenUp(&'a FaultRecord),
    Parked(&'a Parked),
}

impl Closed {
    pub(super) fn give_up(&mut self, origin: Origin, last: FaultRecord) {
        if self.given_up.len() >= GIVEN_UP_MAX {
            self.given_up_before = std::mem::take(&mut self.given_up);
        }
        self.given_up.insert(origin, last);
    }

    pub(super) fn park(&mut self, origin: Origin, failure: Failure, until: Instant) {
        self.parked.insert(origin, Parked { failure, until });
    }

    /// Why the host is not asked, if it is not.
    pub(super) fn why(&self, origin: &Origin) -> Option<Closure<'_>> {
        let parked = || self.parked.get(origin).map(Closure::Parked);
        let given_up = || self.given_up.get(origin).or_else(|| self.given_up_before.get(origin));
        parked().or_else(|| given_up().map(Closure::GivenUp))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use longhaul_http::HttpUrl;
    use longhaul_socket::clock;

    use super::*;

    fn origin(number: usize) -> Origin {
        let url: HttpUrl = format!("http://{number}.test/").parse().expect("a URL");
        url.origin().clone()
    }

    #[test]
    fn the_last_to_be_given_up_are_known_and_no_more_than_twice_as_many() {
        let mut closed = Closed::default();
        let hosts: Vec<Origin> = (0..5 * GIVEN_UP_MAX / 2).map(origin).collect();
        for host in &hosts {
            closed.give_up(host.clone(), FaultRecord::default());
        }
        let known = hosts.iter().filter(|host| closed.why(host).is_some()).count();
        assert!((GIVEN_UP_MAX..=2 * GIVEN_UP_MAX).contains(&known), "{known} are known");
        assert!(hosts[hosts.len() - GIVEN_UP_MAX..].iter().all(|host| closed.why(host).is_some()));
    }

    #[test]
    fn a_pause_that_was_asked_for_is_never_forgotten() {
        let mut closed = Closed::default();
        let until = clock::now() + Duration::from_hours(2);
        let host = origin(0);
        closed.park(host.clone(), Failure::of_host_given_up(&FaultRecord::default()), until);
        for number in 1..3 * GIVEN_UP_MAX {
            closed.give_up(origin(number), FaultRecord::default());
        }
        assert!(matches!(closed.why(&host), Some(Closure::Parked(parked)) if parked.until == until));
    }
}
