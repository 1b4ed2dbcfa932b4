//! What becomes of a URL after a failed attempt: tried again, and when; parked; or given up.
//!
//! The only place where that is decided. Pure: the attempt's fault and history go in, a [`Decision`] comes out, and
//! randomness is a number that the caller passes in. What the failure means for the pace of the host is for
//! [`pace`](crate::pace) to decide, which gets it as [`FailureKind::signal`].

use std::time::Duration;

use tokio::time::Instant;

use crate::pace::Denial;
pub use crate::schedule::failure_kind::{FailureKind, is_denial};
pub use crate::schedule::policy::{
    HOST_PATIENCE, PARKED_MAX, READY_PATIENCE, RETRY_AFTER_MAX, RetryPolicy, TRIES_DEFAULT, Tries,
};

/// The wait after the first failed attempt; each further one waits [`WAIT_GROWTH`] times longer.
const WAIT_FIRST: Duration = Duration::from_millis(100);
/// Growth of the wait per attempt.
const WAIT_GROWTH: f64 = 1.6;
/// The longest wait between two attempts of one URL.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The wait after the first response that says without a `Retry-After` that the file is not ready; each further one waits
/// [`WAIT_GROWTH`] times longer, up to [`WAIT_MAX`]: such files take seconds or hours to make.
const READY_WAIT_FIRST: Duration = Duration::from_secs(2);
/// The shortest wait, whatever `Retry-After` says: some hosts always send 0.
const READY_WAIT_MIN: Duration = Duration::from_secs(1);
/// The wait after an attempt that failed because of our own machine; it is not charged.
const WAIT_LOCAL: Duration = Duration::from_secs(1);
/// Consecutive tries of a URL that the proxy refuses to serve, [`WAIT_LOCAL`] apart unless it asks for a longer wait: a proxy
/// whose settings are being changed may refuse for a few seconds.
const TRIES_PROXY_REFUSAL: u32 = 5;
/// A host is not given up before this many consecutive failures, or as many as one URL has tries, if those are fewer ...
pub const HOST_FAILURES_MIN: u32 = 10;
/// ... nor before it has failed for [`HOST_PATIENCE`] by default, or this many times as long if it had served well: it may have banned us,
/// and bans last minutes.
const HOST_PATIENCE_SERVED: u32 = 5;
/// The deadline of a response head doubles after each attempt that ended at it, up to this: some hosts make a file when it is
/// requested, and every attempt with the same deadline would end in the same way.
pub const HEAD_TIMEOUT_MAX: Duration = Duration::from_mins(5);
/// A URL whose attempts have ended at such deadlines for this long altogether is given up; wget waits as long for one response.
pub const HEAD_PATIENCE: Duration = Duration::from_mins(15);
/// After this many consecutive denials of one URL, while its host serves others, the denials concern the URL.
const TRIES_DENIED: u32 = 6;

/// So many attempts in a row that fail before a response, each with a range, may mean that the host breaks on ranges: then the
/// whole is requested once. Fewer may be chance. So many failures in a row of a host may mean it, too, where the last was one
/// of a range: the host would be given up soon. The last try that the user allows is such a request in any case.
pub const RANGE_FAILURES_MIN: u32 = 5;

/// What happens to the URL next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Tried again, not before this time.
    Again {
        /// The earliest time of the next attempt.
        at: Instant,
        /// Whether the attempt counts against the URL's tries.
        charged: bool,
    },
    /// The same without a range, although a part of the body is there: the host may refuse ranges, or break on them.
    Whole {
        /// The earliest time of the next attempt.
        at: Instant,
        /// Whether the attempt counts against the URL's tries.
        charged: bool,
    },
    /// The host asked for a longer pause than a run waits: its rows are left to a later run.
    Park {
        /// When the host accepts requests again.
        until: Instant,
    },
    /// The host asked for a longer pause than a run waits, for this URL alone, or for one that is too long to be meant for all its
    /// URLs: the row is left to a later run.
    ParkRow {
        /// When the host accepts requests for the URL again.
        until: Instant,
    },
    /// Held: fails for good if the denial turns out to concern the URL, and is tried again if it concerns the pace.
    Doubt,
    /// Failed for good.
    GiveUp,
}

/// The consecutive failures of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostFailing {
    /// Failures without a success between them.
    pub failures: u32,
    /// The time since the first of them.
    pub lasted: Duration,
    /// The host had served well before.
    pub served_well: bool,
}

/// The history and circumstances of a failed attempt.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Attempt {
    /// What caused the failure.
    pub kind: FailureKind,
    /// Charged attempts so far, this one included (were it charged).
    pub attempts: u32,
    /// Attempts of this run so far that were not charged, although neither this machine failed nor bytes came.
    pub uncharged: u32,
    /// How long the attempts of this run have waited for a response head at deadlines that grow.
    pub head_waited: Duration,
    /// Consecutive attempts, this one included, that failed in the same class.
    pub alike: u32,
    /// How long the host has answered that it is still making the file.
    pub not_ready_for: Duration,
    /// The pause that the host asked for, uncapped.
    pub retry_after: Option<Duration>,
    /// The consecutive failures of the host, if it fails.
    pub host_failing: Option<HostFailing>,
    /// The host responded, and its response is about this URL: a status of the 400s that asks for no other pace.
    pub concerns_url: bool,
    /// What it means, if it is a denial.
    pub denial: Option<Denial>,
    /// Consecutive attempts, this one included, that requested a range and failed in a way that may mean the range: denied, or
    /// before a response. 0 where the whole was requested, too.
    pub range_failures: u32,
    /// The attempt received bytes that the next one can build on.
    pub made_progress: bool,
    /// The attempt was aborted before its deadline, because its host served others meanwhile.
    pub was_cut_short: bool,
    /// The host's controller holds the row: an earlier denial has not been settled.
    pub is_held: bool,
    /// The host refused everybody at that time, or its failures say nothing about this URL.
    pub is_excused: bool,
    /// The host fails so often at any pace that this many failures say nothing about the URL.
    pub is_chance: bool,
}

/// Decides what becomes of the URL. `jitter` is a random number in 0..1.
#[must_use]
pub fn decide(attempt: &Attempt, retry_policy: RetryPolicy, now: Instant, jitter: f64) -> Decision {
    let decision = decide_for_any_range(attempt, retry_policy, now, jitter);
    if attempt.range_failures == 0 {
        return decision;
    }
    let tries = retry_policy.tries;
    match decision {
        Decision::GiveUp | Decision::Doubt
            if attempt.denial.is_some()
                && tries.allow(attempt.attempts)
                && !tries.are_spent(attempt.attempts, attempt.uncharged)
                && !host_given_up(attempt.host_failing, retry_policy) =>
        {
            Decision::Whole { at: now + wait_after(attempt.attempts, jitter), charged: true }
        }
        Decision::Again { at, charged } => {
            let is_of_url = !attempt.is_excused && !attempt.is_chance;
            let is_frequent = is_of_url && attempt.range_failures >= RANGE_FAILURES_MIN
                || attempt.host_failing.is_some_and(|failing| failing.failures >= RANGE_FAILURES_MIN);
            // The deadlines of heads double, so the next one takes about as long as all before it.
            let next = Attempt {
                attempts: attempt.attempts.saturating_add(u32::from(charged)),
                uncharged: attempt.uncharged.saturating_add(u32::from(!charged)),
                alike: attempt.alike.saturating_add(1),
                head_waited: attempt.head_waited.saturating_mul(2),
                ..*attempt
            };
            let is_next_final = decide_for_any_range(&next, retry_policy, now, jitter) == Decision::GiveUp;
            if is_frequent || is_next_final { Decision::Whole { at, charged } } else { decision }
        }
        _ => decision,
    }
}

/// The decision, whether the attempt requested a range or not.
fn decide_for_any_range(attempt: &Attempt, retry_policy: RetryPolicy, now: Instant, jitter: f64) -> Decision {
    let host_given_up = host_given_up(attempt.host_failing, retry_policy);
    let is_free = attempt.kind == FailureKind::Local || attempt.made_progress;
    if !is_free && retry_policy.tries.are_spent(attempt.attempts, attempt.uncharged) {
        return Decision::GiveUp;
    }
    if attempt.is_held && !host_given_up {
        return Decision::Doubt;
    }
    if attempt.was_cut_short && !host_given_up {
        return Decision::Again { at: now, charged: false };
    }
    // A Retry-After in a permanent failure does not promise another outcome.
    let asked = attempt.retry_after.filter(|_| {
        matches!(attempt.kind, FailureKind::Throttled | FailureKind::Transient | FailureKind::ProxyRefusal)
    });
    if let Some(wait) = asked.filter(|&wait| wait > RETRY_AFTER_MAX) {
        let until = now + wait.min(PARKED_MAX);
        // One such wait says nothing about the host's other URLs; two in a row do.
        let is_unlikely =
            wait > PARKED_MAX && attempt.host_failing.is_none_or(|failing| failing.failures < 2);
        let is_of_row = is_unlikely || attempt.kind == FailureKind::Transient && attempt.concerns_url;
        return if is_of_row { Decision::ParkRow { until } } else { Decision::Park { until } };
    }
    // Growing waits are for failures of the URL; how often its host is asked is for the pace to decide.
    let wait = wait_after(if attempt.is_chance { 1 } else { attempt.attempts }, jitter);
    // Whether the host has served others between these attempts.
    let is_served = attempt.host_failing.is_none_or(|failing| failing.failures < attempt.alike);
    let is_permanent = matches!(attempt.kind, FailureKind::Permanent { .. });
    let is_denied_itself = is_permanent && attempt.alike >= TRIES_DENIED && is_served;
    match (attempt.kind, attempt.denial) {
        (FailureKind::Permanent { .. }, Some(Denial::Undecided)) if !host_given_up => return Decision::Doubt,
        // A storm that outlasts the user's patience is none. Where the user makes 403 transient, it concerns the pace too.
        (FailureKind::Permanent { .. } | FailureKind::Transient, Some(Denial::OfPace))
            if !host_given_up && !is_denied_itself =>
        {
            return Decision::Again { at: now + wait, charged: false };
        }
        _ => {}
    }
    let tries = retry_policy.tries;
    let has_waited_enough = attempt.head_waited >= HEAD_PATIENCE && tries != Tries::Unlimited;
    let is_worth_trying = !host_given_up && tries.allow(attempt.attempts) && !has_waited_enough;
    match attempt.kind {
        FailureKind::Local => Decision::Again { at: now + WAIT_LOCAL, charged: false },
        FailureKind::NotReady => {
            let wait = attempt
                .retry_after
                .map_or_else(|| ready_wait(attempt.alike, jitter), |asked| asked.max(READY_WAIT_MIN));
            if attempt.not_ready_for.saturating_add(wait) > retry_policy.ready {
                return Decision::GiveUp;
            }
            Decision::Again { at: now + wait, charged: false }
        }
        FailureKind::ProxyRefusal if attempt.alike < TRIES_PROXY_REFUSAL => {
            Decision::Again { at: now + asked.unwrap_or_default().max(WAIT_LOCAL), charged: false }
        }
        FailureKind::Throttled if host_given_up => Decision::GiveUp,
        FailureKind::Throttled => Decision::Again { at: now + asked.unwrap_or(wait), charged: false },
        // An attempt with progress is not charged: a large file over a poor line may be interrupted many times.
        FailureKind::Transient
            if attempt.made_progress || is_worth_trying || attempt.is_excused && !host_given_up =>
        {
            let at = now + asked.unwrap_or_default().max(wait);
            Decision::Again { at, charged: !attempt.made_progress && !attempt.is_excused }
        }
        FailureKind::Permanent { tries: few } if attempt.alike < few && tries.allow(attempt.attempts) => {
            Decision::Again { at: now + wait, charged: true }
        }
        FailureKind::Transient | FailureKind::Permanent { .. } | FailureKind::ProxyRefusal => {
            Decision::GiveUp
        }
    }
}

/// How long the whole host is left alone after a response with this `Retry-After`. One of more than [`PARKED_MAX`] is not taken
/// for a statement about the host.
pub(crate) fn pause_of_host(retry_after: Option<Duration>) -> Option<Duration> {
    Some(retry_after.filter(|&wait| wait <= PARKED_MAX)?.min(RETRY_AFTER_MAX))
}

/// How long a row is still left alone that an earlier run recorded as waiting until then. A time that no run would have recorded
/// by the present clock was recorded by a wrong one, and has passed.
pub(crate) fn remaining_wait(until_unix_ms: u64, now_unix_ms: u64) -> Option<Duration> {
    let wait = Duration::from_millis(until_unix_ms.saturating_sub(now_unix_ms));
    (!wait.is_zero() && wait <= PARKED_MAX).then_some(wait)
}

/// Whether a host is given up in this run: it has failed [`HOST_FAILURES_MIN`] times in a row, and for the time that the
/// policy gives it; five times as long if it had served well. Both are needed: a burst of failures is short, and a few
/// failures may be far apart.
#[must_use]
pub fn host_given_up(failing: Option<HostFailing>, retry_policy: RetryPolicy) -> bool {
    let (Tries::AtMost(most) | Tries::Charged(most), Some(failing)) = (retry_policy.tries, failing) else {
        return false;
    };
    let lasts =
        if failing.served_well { retry_policy.host * HOST_PATIENCE_SERVED } else { retry_policy.host };
    failing.failures >= most.min(HOST_FAILURES_MIN) && failing.lasted >= lasts
}

/// The deadline of the next response head after this many attempts that ended at theirs: `first`, doubled each time, up to `max`.
#[must_use]
pub fn head_timeout(first: Duration, max: Duration, timeouts: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(timeouts)).min(max.max(first))
}

/// The wait after this many attempts: exponential, capped, with jitter over the upper half, so that retries spread and none
/// comes at once.
fn wait_after(attempts: u32, jitter: f64) -> Duration {
    growing_wait(WAIT_FIRST, attempts, jitter)
}

/// The wait after this many responses in a row that say that the file is not ready.
fn ready_wait(responses: u32, jitter: f64) -> Duration {
    growing_wait(READY_WAIT_FIRST, responses, jitter)
}

fn growing_wait(first: Duration, attempts: u32, jitter: f64) -> Duration {
    let exponent = i32::try_from(attempts.saturating_sub(1).min(64)).unwrap_or(64);
    let growth = WAIT_GROWTH.powi(exponent).min(WAIT_MAX.as_secs_f64() / first.as_secs_f64());
    first.mul_f64(growth * (0.5 + 0.5 * jitter))
}
