//! Hosts that ban: after too many requests in a short time they serve nothing for a while.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Decision, LimitModel, RandomSource, Treatment};

/// What a banned client meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanKind {
    /// Resets.
    Reset,
    /// No response: a packet filter drops the packets.
    Silence,
}

/// Bans a client that is too fast. Each request during the ban restarts it.
#[derive(Debug)]
pub struct Ban {
    requests_max: usize,
    within: Duration,
    lasts: Duration,
    kind: BanKind,
    recent: VecDeque<Duration>,
    banned_until: Duration,
    draws: RandomSource,
}

impl Ban {
    /// More than `requests_max` requests within a second start a ban of this length.
    #[must_use]
    pub fn new(requests_max: usize, lasts: Duration, kind: BanKind, seed: u64) -> Self {
        Self {
            requests_max,
            within: Duration::from_secs(1),
            lasts,
            kind,
            recent: VecDeque::new(),
            banned_until: Duration::ZERO,
            draws: RandomSource::new(seed),
        }
    }

    /// Counts requests over this time instead of a second.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    fn ban(&mut self, now: Duration) -> Decision {
        self.banned_until = now + self.lasts;
        match self.kind {
            BanKind::Reset => Decision::reset(),
            BanKind::Silence => Decision { after: Duration::ZERO, treatment: Treatment::Silence },
        }
    }
}

impl LimitModel for Ban {
    fn arrive(&mut self, now: Duration) -> Decision {
        if now < self.banned_until {
            return self.ban(now);
        }
        while self.recent.front().is_some_and(|&at| at + self.within < now) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        if self.recent.len() > self.requests_max {
            self.recent.clear();
            return self.ban(now);
        }
        Decision::served(0.1 * self.draws.between(0.7, 1.5))
    }

    fn limit(&self, _now: Duration) -> Option<f64> {
        Some(self.requests_max as f64 / self.within.as_secs_f64())
    }

    fn is_banned(&self, now: Duration) -> bool {
        now < self.banned_until
    }
}
