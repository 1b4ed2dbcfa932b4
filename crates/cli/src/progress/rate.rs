//! A rate over the last few seconds.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The time over which the rate is computed: long enough for a steady figure, short enough to show a change.
const WINDOW: Duration = Duration::from_secs(10);
/// Minimum time between two samples. It bounds their number.
const STEP: Duration = Duration::from_millis(500);

/// Samples of a growing total.
#[derive(Debug, Default)]
pub(super) struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    /// Records the total at `now`. Times must not decrease.
    pub(super) fn sample(&mut self, now: Instant, total: u64) {
        if self.0.back().is_some_and(|(last, _)| now.duration_since(*last) < STEP) {
            return;
        }
        self.0.push_back((now, total));
        // One sample from before the window is kept, so that the samples span the whole window.
        while self.0.get(1).is_some_and(|(second, _)| now.duration_since(*second) >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// The growth per second; 0 until there are two samples.
    pub(super) fn per_second(&self) -> f64 {
        match (self.0.front(), self.0.back()) {
            (Some((first, low)), Some((last, high))) if last > first => {
                high.saturating_sub(*low) as f64 / last.duration_since(*first).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_seconds_count() {
        let start = longhaul_socket::clock::now();
        let mut rate = Rate::default();
        assert!(rate.per_second().abs() < f64::EPSILON);
        for second in 0..60 {
            // A hundred per second for half a minute, then nothing.
            rate.sample(start + Duration::from_secs(second), 100 * second.min(30));
            if second == 20 {
                assert!((rate.per_second() - 100.0).abs() < 0.01);
            }
        }
        assert!(rate.per_second().abs() < f64::EPSILON);
        assert!(rate.0.len() <= 12);
    }
}
