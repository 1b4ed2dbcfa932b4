//! How many exchanges a host is given at a time.

use std::time::Duration;

use tokio::time::Instant;

/// Beyond this the window does not double any more: browsers open 6 connections to a host, and servers' limits per address
/// are seldom below 8. What more a host bears is found out one by one.
const DOUBLES_TO: f64 = 8.0;
/// Resets and timeouts do not push the window below this: with one place left, a single stall would idle the host.
const FLOOR: f64 = 2.0;
/// Before the window grows beyond the size at which connections broke, so much time passes ...
const KNEE_LASTS_FIRST: Duration = Duration::from_mins(1);
/// ... each further time longer by this factor ...
const KNEE_GROWTH: f64 = 1.6;
/// ... up to this.
const KNEE_LASTS_MAX: Duration = Duration::from_mins(10);
/// Where the host has borne one more than was known, the next one is asked for after half the time, but not before this.
const KNEE_LASTS_MIN: Duration = Duration::from_secs(1);
/// What is left of a window under which requests wait at the host.
const QUEUE_CUT: f64 = 0.85;

#[derive(Debug, Clone)]
pub(super) struct Window {
    size: f64,
    cap: u32,
    /// No sign of a limit has been seen: it doubles per round trip.
    is_opening: bool,
    /// The size beyond which the host breaks connections, if it has shown that.
    knee: Option<Knee>,
    /// How many were open when a connection last broke: twice the same is a limit, anything else is chance or load.
    broke_at: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Knee {
    size: f64,
    since: Instant,
    lasts: Duration,
    /// It has been moved up, and nothing has broken since.
    is_raised: bool,
}

impl Window {
    pub(super) fn new(start: u32, cap: u32) -> Self {
        Self { size: f64::from(start.min(cap)), cap, is_opening: true, knee: None, broke_at: None }
    }

    /// A host that is known to break what goes beyond so many.
    pub(super) fn recalled(start: u32, cap: u32, borne: u32, now: Instant) -> Self {
        let size = f64::from(borne.max(2));
        let knee = Knee { size, since: now, lasts: KNEE_LASTS_FIRST, is_raised: false };
        Self { knee: Some(knee), is_opening: false, ..Self::new(start.max(borne.min(cap)), cap) }
    }

    /// The size beyond which the host breaks connections, if it has shown that.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size, 1 to the cap")]
    pub(super) fn borne(&self) -> Option<u32> {
        self.knee.map(|knee| knee.size as u32).filter(|&borne| borne < self.cap)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 <= size <= cap, a u32")]
    pub(super) fn places(&self) -> u32 {
        self.size as u32
    }

    pub(super) fn cap(&self) -> u32 {
        self.cap
    }

    pub(super) fn is_full(&self) -> bool {
        self.places() >= self.cap
    }

    pub(super) fn is_at_floor(&self) -> bool {
        self.size <= FLOOR
    }

    /// One more answer came well.
    pub(super) fn grow(&mut self, now: Instant) {
        let doubles_to = DOUBLES_TO.max(f64::from(self.cap) / 2.0);
        let step = if self.is_opening && self.size < doubles_to { 1.0 } else { 1.0 / self.size };
        let mut limit = f64::from(self.cap);
        if let Some(knee) = self.knee {
            if now.saturating_duration_since(knee.since) < knee.lasts {
                limit = limit.min(knee.size);
            } else if self.size >= knee.size {
                // One more than the host is known to bear is a question; the answer comes with the next answers.
                let lasts = if knee.is_raised { (knee.lasts / 2).max(KNEE_LASTS_MIN) } else { knee.lasts };
                self.knee = Some(Knee { size: knee.size + 1.0, since: now, lasts, is_raised: true });
            }
        }
        self.size = (self.size + step).min(limit.max(self.size));
    }

    /// A connection broke with so many open, itself included: the host may bear one less.
    pub(super) fn broke_at(&mut self, open: u32, now: Instant) {
        let borne = f64::from(open - 1).max(FLOOR);
        self.is_opening = false;
        self.size = borne.min(self.size);
        let is_again = self.broke_at.replace(open) == Some(open);
        let known = self.knee.take();
        // Beyond what is bound to be borne the first time is enough.
        let is_beyond = borne >= DOUBLES_TO;
        if is_again || is_beyond || known.is_some_and(|knee| borne >= knee.size) {
            let lasts =
                known.map_or(KNEE_LASTS_FIRST, |knee| knee.lasts.mul_f64(KNEE_GROWTH).min(KNEE_LASTS_MAX));
            self.knee = Some(Knee { size: borne, since: now, lasts, is_raised: false });
        }
    }

    /// It breaks all the same, or it asks for less: half as many.
    pub(super) fn halve(&mut self) {
        self.is_opening = false;
        self.knee = None;
        self.broke_at = None;
        // A window that is below the floor already is not raised to it.
        self.size = (self.size / 2.0).max(FLOOR).min(self.size);
    }

    /// Requests wait for each other at the host.
    pub(super) fn narrow(&mut self) {
        self.is_opening = false;
        self.size = (self.size * QUEUE_CUT).max(FLOOR).min(self.size);
    }

    /// What was taken for a limit was none: it doubles again.
    pub(super) fn reopen(&mut self) {
        self.is_opening = true;
        self.knee = None;
    }
}
