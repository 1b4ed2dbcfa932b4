//! Compares the failure shares of two groups of requests.

/// Requests, and failures among them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) all: f64,
    pub(super) failed: f64,
}

impl Tally {
    pub(super) fn record(&mut self, is_failure: bool) {
        self.all += 1.0;
        self.failed += f64::from(u8::from(is_failure));
    }

    /// Halves the counts, so that later requests weigh more.
    pub(super) fn halve(&mut self) {
        self.all *= 0.5;
        self.failed *= 0.5;
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { all: self.all + other.all, failed: self.failed + other.failed }
    }

    /// The failure share, with a prior of one request that half failed.
    pub(super) fn share(self) -> f64 {
        (self.failed + 0.5) / (self.all + 1.0)
    }

    /// Natural logarithm of the probability of these outcomes if each request fails with this probability.
    fn log_likelihood(self, share: f64) -> f64 {
        self.failed * share.ln() + (self.all - self.failed) * (1.0 - share).ln()
    }
}

/// Natural logarithm of the likelihood ratio of two failure shares against one common share. The result is negative if
/// the first group fails less often than the second.
pub(super) fn log_likelihood_ratio(first: Tally, second: Tally) -> f64 {
    let both = first.plus(second).share();
    let gain = |tally: Tally| tally.log_likelihood(tally.share()) - tally.log_likelihood(both);
    let gain = gain(first) + gain(second);
    if first.share() > second.share() { gain } else { -gain }
}

#[cfg(test)]
mod tests {
    use super::{Tally, log_likelihood_ratio};

    #[test]
    fn equal_shares_say_nothing_and_different_ones_say_which() {
        let (often, seldom) = (Tally { all: 20.0, failed: 18.0 }, Tally { all: 200.0, failed: 2.0 });
        assert!(log_likelihood_ratio(often, often).abs() < 0.1);
        assert!(log_likelihood_ratio(often, seldom) > 20.0);
        assert!(log_likelihood_ratio(seldom, often) < -20.0);
    }
}
