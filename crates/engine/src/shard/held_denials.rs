//! Rows that their hosts denied (403, 418), held until the host's controller can tell whether the denial concerns the URL
//! or the pace.
//!
//! A controller that settles denials itself requests a held row again when it wants to, and says which rows fail. With any
//! other, each request of the host that ends is a reason to ask again what the denials mean.

use longhaul_socket::clock;

use super::hosts::Hosts;
use super::outbox::Outbox;
use crate::pace::{Controller, Denial};
use crate::schedule::frontier::HostId;
use crate::schedule::job::Job;
use crate::sink::SinkGone;

/// Asks the controller again about each held row of the host, after another of its requests ended. `is_served` says whether
/// that brought a file. A row whose host has no other job left fails: nothing else can decide. A row whose host now belongs
/// to another shard is tried there.
pub(super) async fn review(
    host: HostId,
    is_served: bool,
    hosts: &mut Hosts,
    outbox: &Outbox,
) -> Result<(), SinkGone> {
    settle(hosts, outbox).await?;
    let is_elsewhere = hosts.is_elsewhere(host);
    if hosts.controller(host).is_some_and(Controller::settles_denials) && !is_elsewhere {
        return Ok(());
    }
    let is_idle = hosts.is_idle(host);
    for mut job in hosts.take_held(host) {
        let Some(held) = job.denied.take() else { continue };
        match hosts.denial(host, held.sent, is_served) {
            _ if is_elsewhere => again(host, job, &held.failure, hosts, outbox).await?,
            Denial::OfPace => again(host, job, &held.failure, hosts, outbox).await?,
            Denial::Undecided if !is_idle => {
                job.denied = Some(held);
                hosts.hold(host, job);
            }
            Denial::Undecided | Denial::OfUrl => outbox.fail(job, held.failure).await?,
        }
    }
    hosts.forget_if_idle(host);
    Ok(())
}

/// The rows that their controllers have settled fail.
pub(super) async fn settle(hosts: &mut Hosts, outbox: &Outbox) -> Result<(), SinkGone> {
    for (host, mut job) in hosts.take_settled() {
        if let Some(held) = job.denied.take() {
            outbox.fail(job, held.failure).await?;
        }
        hosts.forget_if_idle(host);
    }
    Ok(())
}

async fn again(
    host: HostId,
    job: Box<Job>,
    failure: &crate::exchange::failure::Failure,
    hosts: &mut Hosts,
    outbox: &Outbox,
) -> Result<(), SinkGone> {
    hosts.again(host, job, failure, clock::now(), false, outbox).await
}
