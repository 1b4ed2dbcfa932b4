//! What was denied by hosts that had served well, until it is known whether that was for the URL or for the pace.

use std::collections::BTreeMap;

use longhaul_socket::clock;

use super::hosts::Hosts;
use super::outbox::Outbox;
use crate::exchange::failure::Failure;
use crate::pace::Pace;
use crate::schedule::frontier::HostId;
use crate::schedule::job::Job;
use crate::sink::SinkGone;

#[derive(Default)]
pub(super) struct Denials {
    by_host: BTreeMap<HostId, Vec<(Box<Job>, Failure)>>,
}

impl Denials {
    pub(super) fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }

    /// Keeps a denial until the host shows what it meant.
    pub(super) fn hold(&mut self, host: HostId, job: Box<Job>, failure: Failure) {
        self.by_host.entry(host).or_default().push((job, failure));
    }

    /// The denials of the host are judged as soon as it has served another request, or denies them all, or has none left; or
    /// they leave with it.
    pub(super) async fn judge(
        &mut self,
        host: HostId,
        is_served: bool,
        hosts: &mut Hosts,
        outbox: &Outbox,
    ) -> Result<(), SinkGone> {
        if !self.by_host.contains_key(&host) {
            return Ok(());
        }
        let is_storm = hosts.pace(host).is_some_and(Pace::is_denying);
        // Whoever asks the host from now on will find out what it means.
        let is_elsewhere = hosts.is_elsewhere(host);
        if !is_storm && !is_elsewhere && !is_served && !hosts.is_idle(host) {
            return Ok(());
        }
        for (job, failure) in self.by_host.remove(&host).unwrap_or_default() {
            if is_storm || is_elsewhere {
                hosts.again(host, job, &failure, clock::now(), false, outbox).await?;
            } else {
                outbox.fail(job, failure).await?;
            }
        }
        hosts.forget_if_idle(host);
        Ok(())
    }
}
