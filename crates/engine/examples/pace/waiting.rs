//! The URLs of one name that are still to be asked for.

use std::collections::BTreeMap;

use longhaul::pace::Signal;
use longhaul::retry::{self, Attempt, Decision, FailureKind, RetryPolicy};
use tokio::time::Instant;

/// When a URL that has failed may be asked for again.
#[derive(Clone, Copy, Default)]
pub(crate) enum Waits {
    /// At once: what is judged is the pace alone.
    #[default]
    None,
    /// As the engine has it.
    OfRetry,
}

/// One that has failed, or has not been asked for yet.
#[derive(Clone, Copy, Default)]
pub(crate) struct Url {
    /// Those that were charged.
    pub(crate) attempts: u32,
    /// Those that were broken off before their deadline.
    pub(crate) cuts: u32,
}

pub(crate) struct Waiting {
    fresh: u32,
    /// By the time from which they may be asked for, and the order in which they failed.
    again: BTreeMap<(Instant, u64), Url>,
    failures: u64,
    waits: Waits,
}

impl Waiting {
    pub(crate) fn new(urls: u32, waits: Waits) -> Self {
        Self { fresh: urls, again: BTreeMap::new(), failures: 0, waits }
    }

    /// From when on one may be asked for; `None` if there is none.
    pub(crate) fn next_at(&self, now: Instant) -> Option<Instant> {
        if self.fresh > 0 {
            return Some(now);
        }
        self.again.first_key_value().map(|(&(at, _), _)| at.max(now))
    }

    /// Takes one that may be asked for now, those that are begun first.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Url> {
        if let Some(first) = self.again.first_entry()
            && first.key().0 <= now
        {
            return Some(first.remove());
        }
        self.fresh = self.fresh.checked_sub(1)?;
        Some(Url::default())
    }

    /// One has failed; `is_chance` says that its host does so anyway.
    pub(crate) fn failed(&mut self, url: Url, is_chance: bool, signal: Signal, now: Instant, jitter: f64) {
        let (at, attempts) = match self.waits {
            Waits::None => (now, url.attempts),
            Waits::OfRetry => again(url.attempts + 1, is_chance, signal, now, jitter),
        };
        self.put(at, Url { attempts, ..url });
    }

    /// One was broken off.
    pub(crate) fn cut_short(&mut self, url: Url, now: Instant) {
        self.put(now, Url { cuts: url.cuts + 1, ..url });
    }

    fn put(&mut self, at: Instant, url: Url) {
        self.failures += 1;
        self.again.insert((at, self.failures), url);
    }
}

/// When, and with how many attempts to its charge. A URL that the engine would give up is never given up here.
fn again(attempts: u32, is_chance: bool, signal: Signal, now: Instant, jitter: f64) -> (Instant, u32) {
    let (kind, retry_after) = match signal {
        Signal::Throttle { retry_after } => (FailureKind::Throttled, retry_after),
        _ => (FailureKind::Transient, None),
    };
    let attempt = Attempt {
        kind,
        attempts,
        alike: 1,
        retry_after,
        host_failing: None,
        denial: None,
        made_progress: false,
        was_cut_short: false,
        is_chance,
    };
    match retry::decide(&attempt, RetryPolicy::default(), now, jitter) {
        Decision::Again { at, charged } => (at, if charged { attempts } else { attempts - 1 }),
        Decision::Park { until } => (until, attempts),
        Decision::GiveUp | Decision::Doubt => (now, attempts),
    }
}
