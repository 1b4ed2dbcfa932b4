//! Rows that their hosts denied (403, 418), held until the host's controller can tell whether the denial concerns the URL
//! or the pace.

use std::collections::BTreeMap;

use longhaul_socket::clock;

use super::hosts::Hosts;
use super::outbox::Outbox;
use crate::exchange::failure::Failure;
use crate::pace::{Denial, SendRecord};
use crate::schedule::frontier::HostId;
use crate::schedule::job::Job;
use crate::sink::SinkGone;

#[derive(Default)]
pub(super) struct HeldDenials {
    by_host: BTreeMap<HostId, Vec<Held>>,
}

struct Held {
    denied: SendRecord,
    job: Box<Job>,
    failure: Failure,
}

impl HeldDenials {
    pub(super) fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }

    /// Holds a row whose request `denied` was denied.
    pub(super) fn hold(&mut self, host: HostId, denied: SendRecord, job: Box<Job>, failure: Failure) {
        self.by_host.entry(host).or_default().push(Held { denied, job, failure });
    }

    /// Asks the controller again about each held row of the host, after another of its requests ended. `is_served` says
    /// whether that brought a file. A row whose host has no other job left fails: nothing else can decide. A row whose host
    /// now belongs to another shard is tried there.
    pub(super) async fn review(
        &mut self,
        host: HostId,
        is_served: bool,
        hosts: &mut Hosts,
        outbox: &Outbox,
    ) -> Result<(), SinkGone> {
        let Some(all) = self.by_host.remove(&host) else { return Ok(()) };
        let is_elsewhere = hosts.is_elsewhere(host);
        let is_idle = hosts.is_idle(host);
        let mut still_held = Vec::new();
        for held in all {
            match hosts.denial(host, held.denied, is_served) {
                _ if is_elsewhere => again(host, held, hosts, outbox).await?,
                Denial::OfPace => again(host, held, hosts, outbox).await?,
                Denial::Undecided if !is_idle => still_held.push(held),
                Denial::Undecided | Denial::OfUrl => outbox.fail(held.job, held.failure).await?,
            }
        }
        if still_held.is_empty() {
            hosts.forget_if_idle(host);
        } else {
            self.by_host.insert(host, still_held);
        }
        Ok(())
    }
}

async fn again(host: HostId, held: Held, hosts: &mut Hosts, outbox: &Outbox) -> Result<(), SinkGone> {
    hosts.again(host, held.job, &held.failure, clock::now(), false, outbox).await
}
