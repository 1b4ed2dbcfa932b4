//! How long a host that fails is left alone when it has not said so itself, and what its silence has meant.

use std::time::Duration;

use tokio::time::Instant;

use super::meter::Meter;

/// The pauses for a host that has served well. The first ones are for a hiccup; the third outlasts the ban that is most
/// common, a minute, which every request may begin anew. After a long one the host is asked twice, for the first question
/// may be lost on the way, and prolongs a ban that is not over by no more than the second.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(65),
    Duration::from_secs(2),
    Duration::from_secs(160),
    Duration::from_secs(2),
    Duration::from_secs(400),
];
/// So many of them are for a hiccup.
const PAUSES_SHORT: usize = 2;
/// A host that is not there, or has never served much, is not banning us: its first pause is this ...
const ABSENT_FIRST: Duration = Duration::from_millis(500);
/// ... each further one longer by this factor ...
const ABSENT_GROWTH: f64 = 1.5;
/// ... up to this.
const ABSENT_MAX: Duration = Duration::from_secs(30);
/// Backoff are stretched by up to this share, and never shortened: a minute's ban that is asked too early begins anew.
const STRETCH: f64 = 0.1;
/// A silence of all requests for this long, ended by our leaving the host alone, was a ban.
const BAN_MIN: Duration = Duration::from_secs(15);
/// The times over which the rate that led to a ban is measured, one for each ban in a row: the first guess is that a
/// second counts.
const BAN_MEASURES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(16)];
/// Below what led to the ban.
const BAN_MARGIN: f64 = 0.93;

/// The pauses of our own choice.
#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    /// Pauses with no success between them.
    in_a_row: usize,
    /// What was served, over each of the measures, before the failures began.
    served_before: [f64; BAN_MEASURES.len()],
    bans: usize,
}

/// What led to a pause of our own choice.
pub(super) struct Silence<'a> {
    pub(super) lasted: Duration,
    /// The host is not there, or has never served much.
    pub(super) is_absent: bool,
    /// Its usual failures would hardly ever come in such a row.
    pub(super) is_beyond_chance: bool,
    pub(super) served: &'a Meter,
    pub(super) last_success: Option<Instant>,
}

impl Backoff {
    /// The pauses were a mistake.
    pub(super) fn reset(&mut self) {
        self.in_a_row = 0;
    }

    /// How long the host is to be left alone now that it does not answer, with `jitter` from 0 to 1.
    pub(super) fn next(&mut self, silence: &Silence, now: Instant, jitter: f64) -> Duration {
        if self.in_a_row == 0 {
            // Silence is noticed late: what counts is what was served before it.
            let until = silence.last_success.unwrap_or(now);
            self.served_before = BAN_MEASURES.map(|over| silence.served.rate(over, until));
        }
        let pause = if silence.is_absent {
            let growth = ABSENT_GROWTH.powi(i32::try_from(self.in_a_row.min(64)).unwrap_or(64));
            ABSENT_FIRST.mul_f64(growth.min(ABSENT_MAX.as_secs_f64() / ABSENT_FIRST.as_secs_f64()))
        } else {
            if !silence.is_beyond_chance {
                // It may still be the host's usual failures.
                self.in_a_row = 0;
            } else if silence.lasted >= BAN_MIN {
                // The short ones are for what has gone by itself by now.
                self.in_a_row = self.in_a_row.max(PAUSES_SHORT);
            }
            PAUSES[self.in_a_row.min(PAUSES.len() - 1)]
        };
        self.in_a_row += 1;
        pause.mul_f64(1.0 + STRETCH * jitter)
    }

    /// A probe was served, after a silence of so long if it was more than chance. If that was a ban: the rate, a little
    /// below the one that led to it.
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
