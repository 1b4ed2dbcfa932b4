//! How many requests may be in flight to a host.

use std::time::Duration;

use tokio::time::Instant;

/// The window doubles up to this size: browsers open 6 connections to a host, and servers' limits per address are seldom
/// below 8. Beyond it the window grows one by one.
const DOUBLES_TO: f64 = 8.0;
/// The least window after resets and timeouts: with one slot left, a single stall would idle the host.
const FLOOR: f64 = 2.0;
/// The time until the window grows beyond the size at which connections broke: at first this ...
const KNEE_LASTS_FIRST: Duration = Duration::from_mins(1);
/// ... each further time longer by this factor ...
const KNEE_GROWTH: f64 = 1.6;
/// ... up to this.
const KNEE_LASTS_MAX: Duration = Duration::from_mins(10);
/// Where the host sustained one connection more than was known, the next one is tried after half the time, but not before
/// this.
const KNEE_LASTS_MIN: Duration = Duration::from_secs(1);
/// A window under which requests queue at the host shrinks to this part.
const QUEUE_CUT: f64 = 0.85;

/// The window of one host.
#[derive(Debug, Clone)]
pub(super) struct Window {
    size: f64,
    cap: u32,
    /// The window doubles per round trip: no sign of a limit has been seen.
    is_opening: bool,
    /// The size beyond which the host breaks connections, if it has shown that.
    knee: Option<Knee>,
    /// The connections that were open when one last broke: twice the same number is a limit, anything else chance or load.
    broke_at: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Knee {
    size: f64,
    since: Instant,
    lasts: Duration,
    /// The size was raised, and nothing has broken since.
    is_raised: bool,
}

impl Window {
    pub(super) fn new(start: u32, cap: u32) -> Self {
        Self { size: f64::from(start.min(cap)), cap, is_opening: true, knee: None, broke_at: None }
    }

    /// The window for a host that is known to break connections beyond `sustained`.
    pub(super) fn recalled(start: u32, cap: u32, sustained: u32, now: Instant) -> Self {
        let size = f64::from(sustained.max(2));
        let knee = Knee { size, since: now, lasts: KNEE_LASTS_FIRST, is_raised: false };
        Self { knee: Some(knee), is_opening: false, ..Self::new(start.max(sustained.min(cap)), cap) }
    }

    /// The size beyond which the host breaks connections, if it has shown that.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size, 1 to the cap")]
    pub(super) fn connections_max(&self) -> Option<u32> {
        self.knee.map(|knee| knee.size as u32).filter(|&sustained| sustained < self.cap)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 <= size <= cap, a u32")]
    pub(super) fn slots(&self) -> u32 {
        self.size as u32
    }

    pub(super) fn cap(&self) -> u32 {
        self.cap
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots() >= self.cap
    }

    pub(super) fn is_at_floor(&self) -> bool {
        self.size <= FLOOR
    }

    /// A request was served.
    pub(super) fn grow(&mut self, now: Instant) {
        let doubles_to = DOUBLES_TO.max(f64::from(self.cap) / 2.0);
        let step = if self.is_opening && self.size < doubles_to { 1.0 } else { 1.0 / self.size };
        let mut limit = f64::from(self.cap);
        if let Some(knee) = self.knee {
            if now.saturating_duration_since(knee.since) < knee.lasts {
                limit = limit.min(knee.size);
            } else if self.size >= knee.size {
                // Whether the host sustains one connection more shows with the next responses.
                let lasts = if knee.is_raised { (knee.lasts / 2).max(KNEE_LASTS_MIN) } else { knee.lasts };
                self.knee = Some(Knee { size: knee.size + 1.0, since: now, lasts, is_raised: true });
            }
        }
        self.size = (self.size + step).min(limit.max(self.size));
    }

    /// A connection broke while this many were open, itself included: the host may sustain one less.
    pub(super) fn broke_at(&mut self, open: u32, now: Instant) {
        let sustained = f64::from(open - 1).max(FLOOR);
        self.is_opening = false;
        self.size = sustained.min(self.size);
        let is_again = self.broke_at.replace(open) == Some(open);
        let known = self.knee.take();
        // Beyond the size that nearly every host sustains, the first time is enough.
        let is_beyond = sustained >= DOUBLES_TO;
        if is_again || is_beyond || known.is_some_and(|knee| sustained >= knee.size) {
            let lasts =
                known.map_or(KNEE_LASTS_FIRST, |knee| knee.lasts.mul_f64(KNEE_GROWTH).min(KNEE_LASTS_MAX));
            self.knee = Some(Knee { size: sustained, since: now, lasts, is_raised: false });
        }
    }

    /// Connections broke again, or the host refused: halves the window.
    pub(super) fn halve(&mut self) {
        self.is_opening = false;
        self.knee = None;
        self.broke_at = None;
        // A window below the floor is not raised to it.
        self.size = (self.size / 2.0).max(FLOOR).min(self.size);
    }

    /// Requests queue at the host: shrinks the window.
    pub(super) fn narrow(&mut self) {
        self.is_opening = false;
        self.size = (self.size * QUEUE_CUT).max(FLOOR).min(self.size);
    }

    /// What was taken for a limit was none: the window doubles again.
    pub(super) fn reopen(&mut self) {
        self.is_opening = true;
        self.knee = None;
    }
}
