//! How long a failing host is sent nothing, where it has not asked for a pause itself, and what its silence meant.

use std::time::Duration;

use tokio::time::Instant;

use super::meter::Meter;

/// The pauses for a host that has served well. The first ones are for short failures; the third outlasts the most common
/// ban, a minute, which every request may restart. After a long pause the host is asked twice: the first request may be
/// lost on the way, and the second prolongs a ban by two seconds at most.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(65),
    Duration::from_secs(2),
    Duration::from_secs(160),
    Duration::from_secs(2),
    Duration::from_secs(400),
];
/// This many of the pauses are for short failures.
const PAUSES_SHORT: usize = 2;
/// A host that does not exist, or has never served much, is not banning us: its first pause is this ...
const ABSENT_FIRST: Duration = Duration::from_millis(500);
/// ... each further one longer by this factor ...
const ABSENT_GROWTH: f64 = 1.5;
/// ... up to this.
const ABSENT_MAX: Duration = Duration::from_secs(30);
/// Pauses are stretched by up to this share, and never shortened: a request during a ban may restart the ban.
const STRETCH: f64 = 0.1;
/// A silence of all requests for this long that ended after a pause was a ban.
const BAN_MIN: Duration = Duration::from_secs(15);
/// The times over which the rate that led to a ban is measured, one for each consecutive ban: the first guess is that the
/// host counts requests per second.
const BAN_MEASURES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(16)];
/// The rate after a ban, as a part of the rate that led to it.
const BAN_MARGIN: f64 = 0.93;

/// The pauses that the controller chose itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    /// Consecutive pauses without a success between them.
    in_a_row: usize,
    /// The rate that was served before the failures began, over each of the measures.
    served_before: [f64; BAN_MEASURES.len()],
    bans: usize,
}

/// What led to a pause that the controller chooses.
pub(super) struct Silence<'a> {
    pub(super) lasted: Duration,
    /// The host does not exist, or has never served much.
    pub(super) is_absent: bool,
    /// Random failures do not explain it.
    pub(super) is_beyond_chance: bool,
    pub(super) served: &'a Meter,
    pub(super) last_success: Option<Instant>,
}

impl Backoff {
    /// The pauses were a mistake.
    pub(super) fn reset(&mut self) {
        self.in_a_row = 0;
    }

    /// How long the host is sent nothing now. `jitter` is a random number in 0..1.
    pub(super) fn next(&mut self, silence: &Silence, now: Instant, jitter: f64) -> Duration {
        if self.in_a_row == 0 {
            // Silence is noticed late: the rate before it counts.
            let until = silence.last_success.unwrap_or(now);
            self.served_before = BAN_MEASURES.map(|over| silence.served.rate(over, until));
        }
        let pause = if silence.is_absent {
            let growth = ABSENT_GROWTH.powi(i32::try_from(self.in_a_row.min(64)).unwrap_or(64));
            ABSENT_FIRST.mul_f64(growth.min(ABSENT_MAX.as_secs_f64() / ABSENT_FIRST.as_secs_f64()))
        } else {
            if !silence.is_beyond_chance {
                // These may still be random failures.
                self.in_a_row = 0;
            } else if silence.lasted >= BAN_MIN {
                // What the short pauses are for would have ended by now.
                self.in_a_row = self.in_a_row.max(PAUSES_SHORT);
            }
            PAUSES[self.in_a_row.min(PAUSES.len() - 1)]
        };
        self.in_a_row += 1;
        pause.mul_f64(1.0 + STRETCH * jitter)
    }

    /// A probe was served, after a silence of this length if random failures do not explain it. If the silence was a ban,
    /// returns a rate a little below the one that led to it.
    pub(super) fn came_back(&mut self, silence: Option<Duration>) -> Option<f64> {
        let pauses = std::mem::take(&mut self.in_a_row);
        if pauses == 0 || silence.is_none_or(|lasted| lasted < BAN_MIN) {
            return None;
        }
        let measure = self.bans.min(BAN_MEASURES.len() - 1);
        self.bans += 1;
        Some(BAN_MARGIN * self.served_before[measure]).filter(|&rate| rate > 0.0)
    }
}
