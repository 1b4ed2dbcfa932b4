//! What a failed attempt means: what caused it, what its host's controller hears of it, and what becomes of the job.
//!
//! It refuses to decide about retries ([`retry`] does) and about the pace (the controller does).

use std::time::Duration;

use longhaul_socket::{FaultKind, clock};

use tokio::time::Instant;

use super::Shard;
use super::underway::Active;
use crate::exchange::failure::Failure;
use crate::pace::{Controller, Denial, Signal};
use crate::schedule::job::{HeldDenial, Job};
use crate::schedule::retry::{self, Attempt, Decision, FailureKind, host_given_up};
use crate::sink::SinkGone;

/// So many attempts in a row that fail alike, each with a range, may mean that the host breaks on ranges: then the whole is requested
/// once. Fewer may be chance, and a whole that is served then replaces the part that is there.
const RANGE_FAILURES_MIN: u32 = 5;

impl Shard {
    /// Decides what caused a failed attempt, what its host's controller hears of it, and what becomes of the job.
    pub(super) async fn judge(
        &mut self,
        active: &mut Active,
        mut job: Box<Job>,
        failure: Failure,
        latency: Duration,
    ) -> Result<(), SinkGone> {
        if failure.kind == Some(FaultKind::LocalExhausted) {
            self.counters.shortage();
        }
        let kind = self.kind(active, &failure);
        let retry_after = failure.retry_after.map(|wait| wait.min(retry::RETRY_AFTER_MAX));
        let signal = kind.signal(failure.class, failure.status, latency, retry_after);
        self.answered(active, signal);
        let now = clock::now();
        if failure.is_head_timeout() && kind != FailureKind::Local {
            job.head_timeouts += 1;
            if self.context.head_timeouts.0 < self.context.head_timeouts.1 {
                job.head_waited += latency;
            }
        }
        let not_ready_since =
            (kind == FailureKind::NotReady).then(|| *job.not_ready_since.get_or_insert(now));
        let host_failing = self.hosts.failing(active.host, signal, now);
        let is_denied = matches!(signal, Signal::Denied { .. });
        if matches!(signal, Signal::Success { .. }) {
            // A host that answers 'not found' still serves.
            self.hosts.served(active.host, &job);
        }
        let denial = is_denied.then(|| self.hosts.denial(active.host, active.sent.record(), false));
        let attempt = Attempt {
            kind,
            attempts: job.attempts,
            uncharged: job.uncharged,
            head_waited: job.head_waited,
            not_ready_for: not_ready_since.map_or(Duration::ZERO, |since| now - since),
            alike: job.note_failure(failure.class),
            retry_after: failure.retry_after,
            host_failing,
            denial,
            made_progress: failure.made_progress,
            was_cut_short: failure.was_cut_short,
            is_held: !is_denied && self.is_undecided(active),
            is_excused: self
                .hosts
                .controller(active.host)
                .is_some_and(|controller| !controller.charges(active.sent.record())),
            is_chance: self
                .hosts
                .controller(active.host)
                .is_some_and(|controller| controller.explains_failures(job.attempts)),
        };
        job.cuts += u32::from(failure.was_cut_short);
        let decision = retry::decide(&attempt, self.settings.retry_policy, now, self.random.f64());
        let decision = after_range(decision, &attempt, &failure, &mut job, now);
        let is_free = kind == FailureKind::Local || failure.made_progress;
        job.uncharged += u32::from(
            !is_free && matches!(decision, Decision::Again { charged: false, .. } | Decision::Doubt),
        );
        tracing::debug!(
            row = job.row.0,
            class = failure.class.as_str(),
            status = failure.status,
            ?attempt,
            ?decision,
            "the attempt failed"
        );
        match decision {
            Decision::Again { at, charged } => {
                self.hosts.again(active.host, job, &failure, at, charged, &self.outbox).await
            }
            Decision::Doubt => {
                // A held row that failed in another way is still charged with its denial.
                if is_denied || job.denied.is_none() {
                    job.denied = Some(Box::new(HeldDenial { sent: active.sent.record(), failure }));
                }
                self.hosts.hold(active.host, job);
                Ok(())
            }
            Decision::Park { until } => {
                let Self { hosts, outbox, .. } = self;
                self.closed.park(active.host, job, failure, until, hosts, outbox).await
            }
            Decision::GiveUp => {
                if host_given_up(host_failing, self.settings.retry_policy) {
                    if matches!(attempt.denial, Some(Denial::OfPace | Denial::Undecided)) {
                        self.hosts.charge_denials_to_urls(active.host);
                    } else {
                        let Self { hosts, outbox, .. } = self;
                        self.closed.give_up(active.host, &failure.record, hosts, outbox).await?;
                    }
                }
                self.hosts.forget_if_idle(active.host);
                let is_overdue = kind == FailureKind::NotReady;
                let patience = self.settings.retry_policy.ready;
                let failure = if is_overdue { failure.waited_for(patience) } else { failure };
                self.outbox.fail(job, failure).await
            }
        }
    }

    /// Whether the host's controller holds the row of this request, which ended just now.
    fn is_undecided(&self, active: &Active) -> bool {
        let settles = self.hosts.controller(active.host).is_some_and(Controller::settles_denials);
        settles && self.hosts.denial(active.host, active.sent.record(), false) == Denial::Undecided
    }

    /// What our own machine or our own proxy may have caused is charged to no URL and no host.
    pub(super) fn kind(&self, active: &Active, failure: &Failure) -> FailureKind {
        if let Some(proxy) = failure.proxy {
            return proxy.into();
        }
        let also_retry = &self.settings.retry_statuses;
        let kind = FailureKind::of(
            failure.class,
            failure.status,
            failure.name_missing(),
            failure.retry_after.is_some(),
            also_retry,
        );
        let is_ours =
            || active.was_disturbed(&self.context.sink) || self.pending_timeouts.was_offline(active, failure);
        if kind == FailureKind::Transient && is_ours() { FailureKind::Local } else { kind }
    }
}

/// Has the next attempt request the whole where the last ones may have failed because of their ranges: some hosts and proxies refuse
/// ranges without a word. This happens once for a row, at the latest before its failure is final.
fn after_range(
    decision: Decision,
    attempt: &Attempt,
    failure: &Failure,
    job: &mut Job,
    now: Instant,
) -> Decision {
    if !job.is_range_unanswered || !failure.may_mean_the_range() {
        return decision;
    }
    let is_frequent = attempt.kind == FailureKind::Transient && attempt.alike >= RANGE_FAILURES_MIN;
    match decision {
        Decision::GiveUp if job.range_use.test_next() => Decision::Again { at: now, charged: false },
        Decision::Again { .. } if is_frequent => {
            job.range_use.test_next();
            decision
        }
        _ => decision,
    }
}
