//! What refuses requests: counters of requests, of connections and of what is under way, and bans.

use std::collections::VecDeque;

use super::Announced;
use crate::Seconds;

/// How a request is refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// A bare status.
    Status(u16),
    /// A status with a Retry-After that is always the same.
    RetryAfter(u16, Seconds),
    /// A status with a Retry-After that is true.
    RetryUntil(u16),
    /// The connection is reset.
    Reset,
    /// The connection is closed without an answer.
    Closed,
    /// A new connection is refused; one that stands is reset.
    Refused,
    /// Nothing is heard any more.
    Silence,
    /// Closed after a long time.
    Tarpit(Seconds),
    /// 200, and one page whatever was asked for.
    Captcha,
    /// The answer ends before its end.
    Cut,
}

/// What a gate sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// When.
    pub(crate) now: Seconds,
    /// How many times the usual rate it allows.
    pub(crate) scale: f64,
    /// The request opens a connection.
    pub(crate) is_new: bool,
    /// Requests under way, this one not included.
    pub(crate) under_way: u32,
    /// Connections open, this one included.
    pub(crate) connections: u32,
}

/// One limit.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    /// What it counts.
    pub(crate) rule: Rule,
    /// What those see that it refuses.
    pub(crate) form: Form,
    tokens: f64,
    at: Seconds,
    window: i64,
    used: f64,
    previous: f64,
    log: VecDeque<Seconds>,
    until: Seconds,
}

/// What a limit counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// A token bucket.
    Bucket {
        /// So many a second.
        rate: f64,
        /// How many at once.
        burst: f64,
    },
    /// Evenly spaced: what comes sooner waits, and is refused if more than so many would wait (nginx `limit_req` with a burst).
    Delay {
        /// So many a second.
        rate: f64,
        /// How many at once.
        burst: f64,
    },
    /// So many in each window; refused ones count or not. The first began so long before the run.
    Window {
        /// How many are let in.
        limit: f64,
        /// In which time.
        over: Seconds,
        /// Refused ones count, too.
        counts: bool,
        /// How long before the run the first window began.
        phase: Seconds,
    },
    /// So many in any such time.
    Sliding {
        /// How many are let in.
        limit: f64,
        /// In which time.
        over: Seconds,
        /// Refused ones count, too.
        counts: bool,
    },
    /// Two windows, the older by its share (haproxy's stick tables); refused ones count.
    Table {
        /// How many are let in.
        limit: f64,
        /// In which time.
        over: Seconds,
    },
    /// So many requests under way.
    Requests {
        /// How many at once.
        max: u32,
    },
    /// So many connections open, idle ones included.
    Connections {
        /// How many at once.
        max: u32,
    },
    /// So many new connections in any such time; refused ones count or not.
    Opens {
        /// How many are let in.
        limit: f64,
        /// In which time.
        over: Seconds,
        /// Refused ones count, too.
        counts: bool,
    },
    /// More than so many requests in such a time: nothing is served for a while, which each request begins anew or not.
    Ban {
        /// How many are let in.
        limit: f64,
        /// In which time.
        over: Seconds,
        /// How long nobody is served.
        lasts: Seconds,
        /// Each refused one begins it anew.
        extends: bool,
    },
    /// The same for new connections.
    OpensBan {
        /// How many are let in.
        limit: f64,
        /// In which time.
        over: Seconds,
        /// How long nobody is served.
        lasts: Seconds,
        /// Each refused one begins it anew.
        extends: bool,
    },
    /// Every other request meets a backend that is dead.
    HalfDead,
}

impl Gate {
    /// A gate nobody has passed yet.
    #[must_use]
    pub(crate) fn new(rule: Rule, form: Form) -> Self {
        let tokens = match rule {
            Rule::Bucket { burst, .. } => burst,
            _ => 0.0,
        };
        Self {
            rule,
            form,
            tokens,
            at: 0.0,
            window: -1,
            used: 0.0,
            previous: 0.0,
            log: VecDeque::new(),
            until: f64::NEG_INFINITY,
        }
    }

    /// How it refuses this request, if it does. One that is let in is counted.
    pub(crate) fn refuses(&mut self, view: &View) -> Option<Form> {
        let is_refused = match self.rule {
            Rule::Bucket { rate, burst } => self.empty(view, rate, burst),
            Rule::Delay { rate, burst } => self.delays(view, rate, burst),
            Rule::Window { limit, over, counts, phase } => self.window(view, limit, over, counts, phase),
            Rule::Sliding { limit, over, counts } => self.slides(view.now, limit * view.scale, over, counts),
            Rule::Table { limit, over } => self.tabled(view.now, limit * view.scale, over),
            Rule::Requests { max } => view.under_way >= max,
            Rule::Connections { max } => view.is_new && view.connections > max,
            Rule::Opens { limit, over, counts } => {
                view.is_new && self.slides(view.now, limit * view.scale, over, counts)
            }
            Rule::Ban { limit, over, lasts, extends } => {
                self.bans(view.now, limit * view.scale, over, lasts, extends)
            }
            Rule::OpensBan { limit, over, lasts, extends } => {
                if view.is_new {
                    self.bans(view.now, limit * view.scale, over, lasts, extends)
                } else {
                    view.now < self.until
                }
            }
            Rule::HalfDead => {
                self.window += 1;
                self.window % 2 == 0
            }
        };
        is_refused.then_some(self.form)
    }

    fn empty(&mut self, view: &View, rate: f64, burst: f64) -> bool {
        self.tokens = (self.tokens + (view.now - self.at) * rate * view.scale).min(burst);
        self.at = view.now;
        if self.tokens < 1.0 {
            return true;
        }
        self.tokens -= 1.0;
        false
    }

    fn delays(&mut self, view: &View, rate: f64, burst: f64) -> bool {
        let excess = (self.used - (view.now - self.at) * rate * view.scale).max(0.0);
        if excess > burst {
            return true;
        }
        self.at = view.now;
        self.used = excess + 1.0;
        false
    }

    /// Whether it counts connections: those that it refuses are closed.
    #[must_use]
    pub(crate) const fn is_of_connections(&self) -> bool {
        matches!(self.rule, Rule::Connections { .. } | Rule::Opens { .. } | Rule::OpensBan { .. })
    }

    /// How long what was let in last has to wait.
    #[must_use]
    pub(crate) fn delay(&self) -> Seconds {
        match self.rule {
            Rule::Delay { rate, .. } => (self.used - 1.0).max(0.0) / rate,
            _ => 0.0,
        }
    }

    fn window(&mut self, view: &View, limit: f64, over: Seconds, counts: bool, phase: Seconds) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "a short run")]
        let window = ((view.now + phase) / over).floor() as i64;
        if window != self.window {
            (self.window, self.used) = (window, 0.0);
        }
        let is_refused = self.used >= limit * view.scale;
        if !is_refused || counts {
            self.used += 1.0;
        }
        is_refused
    }

    fn slides(&mut self, now: Seconds, limit: f64, over: Seconds, counts: bool) -> bool {
        self.forget(now - over);
        let is_refused = self.log.len() as f64 >= limit;
        if !is_refused || counts {
            self.log.push_back(now);
        }
        while self.log.len() as f64 > limit + 1.0 {
            self.log.pop_front();
        }
        is_refused
    }

    fn tabled(&mut self, now: Seconds, limit: f64, over: Seconds) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "a short run")]
        let window = (now / over).floor() as i64;
        if window != self.window {
            self.previous = if window == self.window + 1 { self.used } else { 0.0 };
            (self.window, self.used) = (window, 0.0);
        }
        self.used += 1.0;
        let elapsed = (now / over).fract();
        self.used + self.previous * (1.0 - elapsed) > limit
    }

    fn bans(&mut self, now: Seconds, limit: f64, over: Seconds, lasts: Seconds, extends: bool) -> bool {
        if now >= self.until {
            self.forget(now - over);
            self.log.push_back(now);
            if self.log.len() as f64 <= limit {
                return false;
            }
            self.log.clear();
            self.until = now + lasts;
        } else if extends {
            self.until = now + lasts;
        }
        true
    }

    fn forget(&mut self, before: Seconds) {
        while self.log.front().is_some_and(|&at| at <= before) {
            self.log.pop_front();
        }
    }

    /// When it lets somebody in again, as far as a Retry-After would say.
    #[must_use]
    pub(crate) fn free_again(&self, now: Seconds) -> Seconds {
        match self.rule {
            Rule::Bucket { rate, .. } => now + (1.0 - self.tokens).max(0.0) / rate,
            Rule::Window { limit, over, phase, .. } if self.used >= limit => {
                ((now + phase) / over).floor().mul_add(over, over) - phase
            }
            Rule::Sliding { limit, over, .. } if self.log.len() as f64 >= limit => {
                self.log.front().map_or(now, |at| at + over)
            }
            Rule::Ban { .. } | Rule::OpensBan { .. } => self.until.max(now),
            _ => now,
        }
    }

    /// What a window has left.
    #[must_use]
    pub(crate) fn announced(&self, now: Seconds, scale: f64) -> Option<Announced> {
        let Rule::Window { limit, over, phase, .. } = self.rule else { return None };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let remaining = (limit * scale - self.used).max(0.0) as u32;
        let reset_after = over - (now + phase).rem_euclid(over);
        Some(Announced { remaining, reset_after })
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Gate, Rule, View};

    fn refusals(rule: Rule, at: &[f64]) -> Vec<bool> {
        let mut gate = Gate::new(rule, Form::Reset);
        let view = |&now| View { now, scale: 1.0, is_new: true, under_way: 0, connections: 0 };
        at.iter().map(view).map(|view| gate.refuses(&view).is_some()).collect()
    }

    #[test]
    fn a_bucket_lets_its_burst_in_and_then_its_rate() {
        let bucket = Rule::Bucket { rate: 1.0, burst: 2.0 };
        assert_eq!(refusals(bucket, &[0.0, 0.0, 0.0, 1.0, 1.5]), [false, false, true, false, true]);
    }

    #[test]
    fn a_ban_refuses_everybody_until_it_ends_and_hits_prolong_it() {
        let ban = |extends| Rule::Ban { limit: 1.0, over: 1.0, lasts: 5.0, extends };
        assert_eq!(refusals(ban(false), &[0.0, 0.1, 4.0, 6.0]), [false, true, true, false]);
        assert_eq!(refusals(ban(true), &[0.0, 0.1, 4.0, 6.0, 11.1]), [false, true, true, true, false]);
    }

    #[test]
    fn refused_requests_that_count_keep_a_window_closed() {
        let sliding = |counts| Rule::Sliding { limit: 1.0, over: 1.0, counts };
        assert_eq!(refusals(sliding(false), &[0.0, 0.9, 1.5]), [false, true, false]);
        assert_eq!(refusals(sliding(true), &[0.0, 0.9, 1.5]), [false, true, true]);
    }
}
