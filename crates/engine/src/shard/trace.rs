//! What a shard writes to the trace: the spans of an attempt, and each decision of a pace with the evidence that led to it.
//!
//! Off unless the program sets a subscriber; then a span or an event costs one load of a static.

use std::time::Duration;

use longhaul_http::Origin;
use tokio::time::Instant;
use tracing::{Span, debug, debug_span, trace};

use super::underway::Active;
use crate::pace::{Belief, Signal};
use crate::schedule::job::Job;

/// The target of the decisions of the pace.
const PACE: &str = "longhaul::pace";

/// The span of what happens to a host.
pub(super) fn host_span(host: Option<&Origin>) -> Span {
    debug_span!("host", host = host.map(tracing::field::display))
}

/// The spans `host`, `row` and `attempt` of one attempt, in this order; returns the innermost.
pub(super) fn attempt_span(host: Option<&Origin>, job: &Job) -> Span {
    let host = host_span(host);
    let row = debug_span!(parent: &host, "row", row = job.row.0, url = job.target().as_str());
    debug_span!(parent: &row, "attempt", attempt = job.attempts)
}

/// Writes how the end of a request changed what the controller of its host believes. A change of the window, the limit on
/// the rate, the pause or the limiter has level DEBUG; a request that changed none of them has level TRACE.
pub(super) fn pace_decision(
    active: &Active,
    signal: Signal,
    before: Option<Belief>,
    after: Belief,
    now: Instant,
) {
    let sent = active.sent.record();
    let evidence = Evidence { signal, was_stalled: active.is_stalled(), sent_before: now - active.begun_at };
    let change = before.map_or("", |before| change(&before, &after));
    let paused_for = after.blocked_until.map(|until| until.saturating_duration_since(now));
    let before = before.map(|before| before.to_string());
    macro_rules! write_event {
        ($level:ident) => {
            $level!(
                target: PACE,
                sequence = sent.sequence,
                in_flight = sent.in_flight,
                ?evidence,
                before,
                after = %after,
                ?paused_for,
                "{change}"
            )
        };
    }
    if change.is_empty() {
        write_event!(trace);
    } else {
        write_event!(debug);
    }
}

/// What the end of a request says.
#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug, for the trace")]
struct Evidence {
    signal: Signal,
    was_stalled: bool,
    /// How long before its end the request was sent.
    sent_before: Duration,
}

/// What has changed, most important first; empty if nothing has. The rate itself moves all the time.
fn change(before: &Belief, after: &Belief) -> &'static str {
    let limit = |belief: &Belief| belief.rate.map(|(_, limit)| limit);
    if after.blocked_until != before.blocked_until {
        if after.blocked_until.is_some() { "pause" } else { "the pause is over" }
    } else if limit(after) != limit(before) {
        match (limit(before), limit(after)) {
            (None, _) => "a rate limit begins",
            (_, None) => "the rate limit is dropped",
            _ => "the rate limit changes",
        }
    } else if after.window < before.window {
        "the window shrinks"
    } else if after.window > before.window {
        "the window grows"
    } else if after.limiter != before.limiter {
        "the limiter changes"
    } else {
        ""
    }
}
