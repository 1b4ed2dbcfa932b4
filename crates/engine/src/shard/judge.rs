//! What a failed attempt means: what caused it, what its host's controller hears of it, and what becomes of the job.
//!
//! It refuses to decide about retries ([`retry`] does) and about the pace (the controller does).

use std::time::Duration;

use longhaul_socket::{FaultKind, clock};
use tokio::time::Instant;

use super::Shard;
use super::underway::Active;
use crate::exchange::Class;
use crate::exchange::failure::Failure;
use crate::pace::{Controller, Denial, Signal};
use crate::schedule::job::{HeldDenial, Job};
use crate::schedule::retry::{self, Attempt, Decision, FailureKind, RetryPolicy, host_given_up};
use crate::sink::SinkGone;

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
        let retry_after = retry::pause_of_host(failure.retry_after);
        let signal = kind.signal(failure.class, failure.status, latency, retry_after);
        self.answered(active, signal);
        if job.is_witness {
            // Its row is done already.
            self.hosts.forget_if_idle(active.host);
            return Ok(());
        }
        let now = clock::now();
        let attempt = self.attempt(active, &mut job, &failure, (kind, signal), now);
        let decision = retry::decide(&attempt, self.settings.retry_policy, now, self.random.f64());
        let is_free = kind == FailureKind::Local || failure.made_progress;
        let is_uncharged = matches!(
            decision,
            Decision::Again { charged: false, .. } | Decision::Whole { charged: false, .. } | Decision::Doubt
        );
        // A row that is held counts one attempt, however often it is requested.
        let is_held_again = decision == Decision::Doubt && job.denied.is_some();
        job.attempts -= u32::from(is_held_again);
        job.uncharged +=
            u32::from(!is_free && is_uncharged && (is_held_again || decision != Decision::Doubt));
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
                if kind == FailureKind::NotReady {
                    job.not_ready_for += at - now;
                }
                self.hosts.again(active.host, job, &failure, at, charged, &self.outbox).await
            }
            Decision::Whole { at, charged } => {
                job.range_use.test_next();
                self.hosts.again(active.host, job, &failure, at, charged, &self.outbox).await
            }
            Decision::Doubt => {
                // A held row that failed in another way is still charged with its denial.
                if attempt.denial.is_some() || job.denied.is_none() {
                    job.denied = Some(Box::new(HeldDenial { sent: active.sent.record(), failure }));
                }
                self.hosts.hold(active.host, job);
                Ok(())
            }
            Decision::Park { until } => {
                let Self { hosts, outbox, .. } = self;
                self.closed.park(active.host, job, failure, until, hosts, outbox).await
            }
            Decision::ParkRow { until } => {
                self.hosts.forget_if_idle(active.host);
                self.outbox.park(job, &failure, until - now).await
            }
            Decision::GiveUp => self.fail(active, job, failure, &attempt).await,
        }
    }

    /// Notes a failure in its job and with its host; returns what the decision about a retry depends on.
    fn attempt(
        &mut self,
        active: &Active,
        job: &mut Job,
        failure: &Failure,
        (kind, signal): (FailureKind, Signal),
        now: Instant,
    ) -> Attempt {
        if failure.is_head_timeout() && kind != FailureKind::Local {
            let (first, max) = self.context.head_timeouts;
            if first < max {
                job.head_waited += retry::head_timeout(first, max, job.head_timeouts);
            }
            job.head_timeouts += 1;
        }
        if kind == FailureKind::NotReady {
            job.not_ready_for += now.saturating_duration_since(active.begun_at);
        }
        job.cuts += u32::from(failure.was_cut_short);
        let host_failing = self.hosts.failing(active.host, signal, now);
        let is_denied = matches!(signal, Signal::Denied { .. });
        if matches!(signal, Signal::Success { .. }) {
            // A host that answers 'not found' still serves.
            self.hosts.served(active.host, job);
        }
        let controller = self.hosts.controller(active.host);
        Attempt {
            kind,
            attempts: job.attempts,
            uncharged: job.uncharged,
            head_waited: job.head_waited,
            not_ready_for: job.not_ready_for,
            alike: job.note_failure(failure.class),
            retry_after: failure.retry_after,
            host_failing,
            concerns_url: failure.class == Class::ClientError,
            denial: is_denied.then(|| self.hosts.denial(active.host, active.sent.record(), false)),
            range_failures: job.note_range_failure(
                failure,
                is_denied,
                kind == FailureKind::Local,
                host_failing.is_some_and(|failing| failing.failures >= retry::RANGE_FAILURES_MIN),
            ),
            made_progress: failure.made_progress,
            was_cut_short: failure.was_cut_short,
            is_held: !is_denied && self.is_undecided(active),
            is_excused: controller.is_some_and(|controller| !controller.charges(active.sent.record())),
            is_chance: controller.is_some_and(|controller| controller.explains_failures(job.attempts)),
        }
    }

    /// The row has failed for good, and its host may have, too.
    async fn fail(
        &mut self,
        active: &Active,
        job: Box<Job>,
        failure: Failure,
        attempt: &Attempt,
    ) -> Result<(), SinkGone> {
        let RetryPolicy { tries, ready, .. } = self.settings.retry_policy;
        if host_given_up(attempt.host_failing, self.settings.retry_policy) {
            if matches!(attempt.denial, Some(Denial::OfPace | Denial::Undecided)) {
                self.hosts.charge_denials_to_urls(active.host);
            } else {
                let Self { hosts, outbox, .. } = self;
                self.closed.give_up(active.host, &failure.record, hosts, outbox).await?;
            }
        }
        self.hosts.forget_if_idle(active.host);
        let is_overdue =
            attempt.kind == FailureKind::NotReady && !tries.are_spent(attempt.attempts, attempt.uncharged);
        let failure = if is_overdue { failure.waited_for(job.not_ready_for, ready) } else { failure };
        self.outbox.fail(job, failure).await
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
