//! Hosts that are not asked again in this run, and why: later jobs for them are turned away.
//!
//! A list may have a million dead hosts. The hosts that were given up last are kept; an older one is asked once more and
//! given up again. A pause that a host asked for is never forgotten.

use std::collections::BTreeMap;

use longhaul_http::Origin;
use longhaul_journal::FaultRecord;
use longhaul_socket::clock;
use tokio::time::Instant;

use super::hosts::Hosts;
use super::outbox::Outbox;
use crate::exchange::failure::Failure;
use crate::schedule::frontier::HostId;
use crate::schedule::job::Job;
use crate::sink::SinkGone;

/// Given-up hosts that are kept for certain; at most twice as many are kept. Each takes about 500 bytes.
const GIVEN_UP_MAX: usize = 32 * 1024;

#[derive(Default)]
pub(super) struct Closed {
    given_up: GivenUp,
    parked: BTreeMap<Origin, Parked>,
}

/// Hosts that failed for too long, with their last failures.
#[derive(Default)]
struct GivenUp {
    lately: BTreeMap<Origin, FaultRecord>,
    /// Earlier ones, which are forgotten when `lately` is full again.
    before: BTreeMap<Origin, FaultRecord>,
}

/// A host that asked for a longer pause than a run waits.
struct Parked {
    failure: Failure,
    until: Instant,
}

impl Closed {
    /// Parks or fails a job whose host is not asked any more; returns the job of any other host.
    pub(super) async fn turn_away(
        &self,
        job: Box<Job>,
        outbox: &Outbox,
    ) -> Result<Option<Box<Job>>, SinkGone> {
        let origin = job.target().origin();
        if let Some(Parked { failure, until }) = self.parked.get(origin) {
            outbox.park(job, failure, until.saturating_duration_since(clock::now())).await?;
        } else if let Some(last) = self.given_up.last_failure(origin) {
            outbox.fail(job, Failure::of_host_given_up(last)).await?;
        } else {
            return Ok(Some(job));
        }
        Ok(None)
    }

    /// Whether jobs of this host are turned away.
    pub(super) fn turns_away(&self, origin: &Origin) -> bool {
        self.parked.contains_key(origin) || self.given_up.last_failure(origin).is_some()
    }

    /// The host asked for a longer pause than the run waits: all its jobs are left for a later run, including `job`, whose
    /// request was answered so.
    pub(super) async fn park(
        &mut self,
        host: HostId,
        job: Box<Job>,
        failure: Failure,
        until: Instant,
        hosts: &mut Hosts,
        outbox: &Outbox,
    ) -> Result<(), SinkGone> {
        for job in hosts.drain(host).chain([job]) {
            outbox.park(job, &failure, until.saturating_duration_since(clock::now())).await?;
        }
        if let Some(origin) = hosts.origin(host).cloned() {
            hosts.settle(&origin);
            self.parked.insert(origin, Parked { failure, until });
        }
        hosts.forget_if_idle(host);
        Ok(())
    }

    /// The host has failed for too long: its other jobs fail without being tried.
    pub(super) async fn give_up(
        &mut self,
        host: HostId,
        last: &FaultRecord,
        hosts: &mut Hosts,
        outbox: &Outbox,
    ) -> Result<(), SinkGone> {
        for job in hosts.drain(host) {
            outbox.fail(job, Failure::of_host_given_up(last)).await?;
        }
        if let Some(origin) = hosts.origin(host).cloned() {
            hosts.settle(&origin);
            self.given_up.add(origin, last.clone());
        }
        Ok(())
    }
}

impl GivenUp {
    fn add(&mut self, origin: Origin, last: FaultRecord) {
        if self.lately.len() >= GIVEN_UP_MAX {
            self.before = std::mem::take(&mut self.lately);
        }
        self.lately.insert(origin, last);
    }

    fn last_failure(&self, origin: &Origin) -> Option<&FaultRecord> {
        self.lately.get(origin).or_else(|| self.before.get(origin))
    }
}

#[cfg(test)]
mod tests {
    use longhaul_http::HttpUrl;

    use super::*;

    fn origin(number: usize) -> Origin {
        let url: HttpUrl = format!("http://{number}.test/").parse().expect("a URL");
        url.origin().clone()
    }

    #[test]
    fn the_last_to_be_given_up_are_known_and_no_more_than_twice_as_many() {
        let mut given_up = GivenUp::default();
        let hosts: Vec<Origin> = (0..5 * GIVEN_UP_MAX / 2).map(origin).collect();
        for host in &hosts {
            given_up.add(host.clone(), FaultRecord::default());
        }
        let known = hosts.iter().filter(|host| given_up.last_failure(host).is_some()).count();
        assert!((GIVEN_UP_MAX..=2 * GIVEN_UP_MAX).contains(&known), "{known} are known");
        let last = &hosts[hosts.len() - GIVEN_UP_MAX..];
        assert!(last.iter().all(|host| given_up.last_failure(host).is_some()));
    }
}
