//! The URLs of one name that are not done.

use std::collections::BTreeMap;

use longhaul::pace::{Pick, Signal};
use longhaul::retry::{self, Attempt, Decision, FailureKind, RetryPolicy};
use tokio::time::Instant;

/// When a failed URL may be requested again.
#[derive(Clone, Copy, Default)]
pub(crate) enum Waits {
    /// At once: only the pace is judged.
    None,
    /// As in the engine.
    #[default]
    OfRetry,
}

/// A URL that has failed, or has not been requested yet.
#[derive(Clone, Copy, Default)]
pub(crate) struct Url {
    /// Its place in the list.
    pub(crate) row: u32,
    /// It was served before, and is requested again only to see whether the host serves.
    pub(crate) is_witness: bool,
    /// Charged attempts.
    pub(crate) attempts: u32,
}

pub(crate) struct Waiting {
    fresh: u32,
    /// Failed URLs by the time from which they may be requested, and the order in which they failed.
    again: BTreeMap<(Instant, u64), Url>,
    /// Denied URLs, which the controller holds.
    held: BTreeMap<u32, Url>,
    urls: u32,
    failures: u64,
    waits: Waits,
}

impl Waiting {
    pub(crate) fn new(urls: u32, waits: Waits) -> Self {
        Self { fresh: urls, again: BTreeMap::new(), held: BTreeMap::new(), urls, failures: 0, waits }
    }

    /// When the next URL may be requested; `None` if there is none.
    pub(crate) fn next_at(&self, now: Instant) -> Option<Instant> {
        if self.fresh > 0 {
            return Some(now);
        }
        self.again.first_key_value().map(|(&(at, _), _)| at.max(now))
    }

    /// URLs that wait, for any reason but a denial.
    pub(crate) fn waiting(&self) -> usize {
        self.fresh as usize + self.again.len()
    }

    /// URLs that the controller holds.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// URLs that may be requested now: those of the list, and the first failed one.
    pub(crate) fn ready(&self, now: Instant) -> usize {
        let is_due = self.again.first_key_value().is_some_and(|(&(at, _), _)| at <= now);
        self.fresh as usize + usize::from(is_due)
    }

    /// Holds a denied URL.
    pub(crate) fn hold(&mut self, url: Url) {
        self.held.insert(url.row, url);
    }

    /// Takes a denied URL that the controller has settled.
    pub(crate) fn take_held(&mut self, row: u64) -> Option<Url> {
        self.held.remove(&u32::try_from(row).ok()?)
    }

    /// Takes the URL that the controller wants to request.
    pub(crate) fn take_picked(&mut self, pick: Pick, now: Instant) -> Option<Url> {
        match pick {
            Pick::Held(row) => self.take_held(row).or_else(|| self.take(now)),
            Pick::Witness(row) => {
                Some(Url { row: u32::try_from(row).ok()?, is_witness: true, ..Url::default() })
            }
            Pick::Next | Pick::Elsewhere => self.take(now).or_else(|| Some(self.held.pop_first()?.1)),
        }
    }

    /// Takes a URL that may be requested now; failed ones come first.
    fn take(&mut self, now: Instant) -> Option<Url> {
        if let Some(first) = self.again.first_entry()
            && first.key().0 <= now
        {
            return Some(first.remove());
        }
        self.fresh = self.fresh.checked_sub(1)?;
        Some(Url { row: self.urls - self.fresh - 1, ..Url::default() })
    }

    /// A URL failed; `is_chance` says that its host fails so often at any pace.
    pub(crate) fn failed(&mut self, url: Url, is_chance: bool, signal: Signal, now: Instant, jitter: f64) {
        let (at, attempts) = match self.waits {
            Waits::None => (now, url.attempts),
            Waits::OfRetry => again(url.attempts + 1, is_chance, signal, now, jitter),
        };
        self.put(at, Url { attempts, ..url });
    }

    /// A request was aborted.
    pub(crate) fn cut_short(&mut self, url: Url, now: Instant) {
        self.put(now, url);
    }

    fn put(&mut self, at: Instant, url: Url) {
        self.failures += 1;
        self.again.insert((at, self.failures), url);
    }
}

/// When the URL may be requested again, and its charged attempts. No URL is given up here.
fn again(attempts: u32, is_chance: bool, signal: Signal, now: Instant, jitter: f64) -> (Instant, u32) {
    let (kind, retry_after) = match signal {
        Signal::Throttle { retry_after } => (FailureKind::Throttled, retry_after),
        _ => (FailureKind::Transient, None),
    };
    let attempt = Attempt {
        uncharged: 0,
        head_waited: std::time::Duration::ZERO,
        not_ready_for: std::time::Duration::ZERO,
        kind,
        attempts,
        alike: 1,
        retry_after,
        host_failing: None,
        concerns_url: false,
        denial: None,
        range_failures: 0,
        made_progress: false,
        was_cut_short: false,
        is_excused: false,
        is_held: false,
        is_chance,
    };
    match retry::decide(&attempt, RetryPolicy::default(), now, jitter) {
        Decision::Again { at, charged } | Decision::Whole { at, charged } => {
            (at, if charged { attempts } else { attempts - 1 })
        }
        Decision::Park { until } | Decision::ParkRow { until } => (until, attempts),
        Decision::GiveUp | Decision::Doubt => (now, attempts),
    }
}
