//! The time of a client that knows the host: no client can be much faster, and none that does not know it as fast.
//!
//! It knows every limit and keeps just below it, meets the same chance failures, and is bound by the same courtesy: eight
//! requests at a time at once, and up to 64, twice as many each second, where that does not harm the host
//! ([`window`]). It is never banned; one length of the ban is allowed to others beside its time.

use super::gate::{Form, Rule};
use super::{Host, Service};
use crate::Seconds;

/// Requests under way that a browser would have, and that anybody may have at once.
pub(crate) const WINDOW_COURTEOUS: f64 = 8.0;
/// Requests under way at most.
pub(crate) const WINDOW_MAX: f64 = 64.0;
/// How soon courtesy allows twice as many.
pub(crate) const DOUBLING: Seconds = 1.0;

/// A silence is known for one after this, with the pauses that machines and networks have.
pub(crate) const SILENCE: Seconds = 0.25;

/// The requests under way that courtesy allows at a time.
#[must_use]
pub(crate) fn window(at: Seconds, is_courteous: bool) -> f64 {
    if is_courteous { (WINDOW_COURTEOUS * (at / DOUBLING).exp2()).min(WINDOW_MAX) } else { WINDOW_MAX }
}

/// What an oracle needs, and how long the ban is that others may meet once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ideal {
    /// Until the last row is there.
    pub(crate) takes: Seconds,
    /// The longest ban that a client which does not know the host would meet.
    pub(crate) ban: Seconds,
}

impl Ideal {
    /// Of a host. Without courtesy there are 64 requests under way from the beginning.
    #[must_use]
    pub(crate) fn of(host: &Host, is_courteous: bool) -> Self {
        let share = host.noise.share();
        // An answer that names a time of its own counts, too.
        let rows = f64::from(host.rows) / (1.0 - share) * (1.0 + 1.5 * host.natures.later.0);
        let requests = rows * if half_dead(host) { 2.0 } else { 1.0 };
        let (each, together) = exchange(host);
        let mut takes = climb(host, requests, each, together, is_courteous);
        let fastest = together.min(WINDOW_MAX) / each;
        let mut ban: Seconds = 0.0;
        let opens = requests / requests_per_connection(host);
        for gate in &host.gates {
            let (time, banned) = match gate.rule {
                Rule::Bucket { rate, burst } => (changing(host, requests - burst, rate), 0.0),
                Rule::Delay { rate, .. } => (changing(host, requests - 1.0, rate), 0.0),
                Rule::Window { limit, over, phase, .. } => {
                    let first = over - phase.rem_euclid(over);
                    (windows(requests, limit.floor(), over, first, fastest), 0.0)
                }
                Rule::Sliding { limit, over, .. } => {
                    (windows(requests, limit.floor(), over, over, fastest), 0.0)
                }
                Rule::Table { limit, over } => {
                    // Counted over two windows, evenly spaced requests may be as many as the limit says.
                    ((requests - limit).max(0.0) * over / limit, 0.0)
                }
                Rule::Opens { limit, over, .. } => (windows(opens, limit.floor(), over, over, fastest), 0.0),
                Rule::Ban { limit, over, lasts, .. } => {
                    let is_met = fastest * over > limit && requests > limit;
                    (windows(requests, limit.floor(), over, over, fastest), if is_met { lasts } else { 0.0 })
                }
                Rule::OpensBan { limit, over, lasts, .. } => {
                    let is_met = opens > limit || limit < WINDOW_COURTEOUS;
                    (windows(opens, limit.floor(), over, over, fastest), if is_met { lasts } else { 0.0 })
                }
                Rule::Requests { .. } | Rule::Connections { .. } | Rule::HalfDead => (0.0, 0.0),
            };
            takes = takes.max(time);
            ban = ban.max(banned);
        }
        let connect = host.latency;
        if host.natures.slow.0 > 0.0 {
            takes = takes.max(host.natures.slow.1);
        }
        if host.natures.later.0 > 0.0 {
            takes = takes.max(2.0 * host.natures.later.1);
        }
        Self { takes: takes + connect + host.latency, ban }
    }

    /// A time against it.
    #[must_use]
    pub(crate) fn ratio(&self, took: Seconds) -> f64 {
        took / (self.takes + self.ban + 0.5)
    }
}

fn half_dead(host: &Host) -> bool {
    host.gates.iter().any(|gate| gate.rule == Rule::HalfDead)
}

/// How many requests one connection carries: the host closes it after so many, and failures by chance end it sooner.
fn requests_per_connection(host: &Host) -> f64 {
    let at_most = f64::from(host.keep_alive.min(1_000_000));
    let ends: f64 =
        host.noise.0.iter().filter(|noise| !matches!(noise.1, Form::Status(_))).map(|noise| noise.0).sum();
    if ends > 0.0 { (1.0 - (1.0 - ends).powf(at_most)) / ends } else { at_most }
}

/// How long one exchange takes when the host is at its best, and how many may be under way then.
fn exchange(host: &Host) -> (Seconds, f64) {
    let connects = host.latency / f64::from(host.keep_alive);
    let slow = host.natures.slow.0 * host.natures.slow.1;
    let mut together = f64::INFINITY;
    let each = match host.service {
        Service::Steady(usual) | Service::Cold { usual, .. } => usual,
        Service::Warming { warm, .. } => warm,
        Service::Queue { .. } => 0.0,
        // Where open / latency is greatest.
        Service::Load { usual, made_for } => {
            together = 0.794 * made_for;
            1.5 * usual
        }
        Service::Bandwidth { usual, bytes_per_second, bytes } => usual + bytes / bytes_per_second,
    };
    // Nobody can tell sooner that an answer will never come.
    let silent: f64 =
        host.noise.0.iter().filter(|noise| noise.1 == Form::Silence).map(|noise| noise.0 * SILENCE).sum();
    for gate in &host.gates {
        if let Rule::Requests { max } | Rule::Connections { max } = gate.rule {
            together = together.min(f64::from(max));
        }
    }
    (each + host.latency + connects + slow + silent, together)
}

/// So many requests, with as many under way as courtesy, the host and its cold caches allow.
fn climb(host: &Host, requests: f64, each: Seconds, together: f64, is_courteous: bool) -> Seconds {
    let mut left = requests;
    let mut at: Seconds = 0.0;
    let least = match host.service {
        Service::Queue { rate } => left / rate,
        _ => 0.0,
    };
    let mut cold = match host.service {
        Service::Cold { answers, .. } => f64::from(answers),
        _ => 0.0,
    };
    let opens = host.gates.iter().find_map(|gate| match gate.rule {
        Rule::Opens { limit, over, .. } if host.keep_alive > 1 => Some((limit.floor(), over)),
        _ => None,
    });
    while left > 0.0 && at < 100_000.0 {
        let step = (at * 0.02).max(0.01);
        let open = opens.map_or(f64::INFINITY, |(limit, over)| limit * (1.0 + (at / over).floor()));
        let under_way = window(at, is_courteous).min(together).min(open);
        let each = match host.service {
            Service::Cold { usual, times, .. } if cold > 0.0 => each + usual * (times - 1.0),
            Service::Warming { cold, warm, over } => each + (cold - warm) * (1.0 - at / over).max(0.0),
            _ => each,
        };
        let served = under_way / each * step;
        if served > left {
            return (at + step * left / served).max(least);
        }
        left -= served;
        cold -= served;
        at += step;
    }
    at.max(least)
}

/// So many requests at a rate that may change.
fn changing(host: &Host, requests: f64, rate: f64) -> Seconds {
    let (times, from, to) = host.change;
    let before = rate * from;
    if requests <= before || to <= from {
        return requests.max(0.0) / rate;
    }
    let meanwhile = rate * times * (to - from);
    if requests <= before + meanwhile {
        return from + (requests - before) / (rate * times);
    }
    to + (requests - before - meanwhile) / rate
}

/// So many requests where only so many are served in each window, of which the first ends after so long.
fn windows(requests: f64, limit: f64, over: Seconds, first: Seconds, fastest: f64) -> Seconds {
    let limit = limit.max(1.0);
    if fastest * over <= limit {
        return requests / fastest;
    }
    let full = ((requests - 1.0) / limit).floor().max(0.0);
    let rest = (requests - full * limit) / fastest;
    if full < 1.0 { rest } else { first + (full - 1.0) * over + rest }
}
