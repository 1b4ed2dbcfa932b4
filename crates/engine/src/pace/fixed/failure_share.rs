//! The share of requests that a host fails at any pace, and whether it explains the failures of one URL.

/// A host that fails more than this is out of order: nothing can be learned from that.
const SHARE_MAX: f64 = 0.5;
/// After this many responses the share is known well enough.
const ANSWERS_MIN: f64 = 32.0;
/// Consecutive failures of one URL that are less probable than this belong to the URL.
const URL_PROBABILITY_MIN: f64 = 1e-3;
/// Above this many responses the counts are halved, because the host may change.
const HALVED_ABOVE: f64 = 256.0;

/// Counts responses, and failures among them.
#[derive(Debug, Clone, Default)]
pub(super) struct FailureShare {
    answers: f64,
    failures: f64,
}

impl FailureShare {
    pub(super) fn note(&mut self, is_failure: bool) {
        if self.answers >= HALVED_ABOVE {
            self.answers /= 2.0;
            self.failures /= 2.0;
        }
        self.answers += 1.0;
        self.failures += f64::from(u8::from(is_failure));
    }

    /// Whether the host fails so often that this many failures of one URL say nothing about the URL.
    pub(super) fn explains_url(&self, failures: u32) -> bool {
        let share = self.failures / self.answers.max(ANSWERS_MIN);
        self.answers >= ANSWERS_MIN
            && share <= SHARE_MAX
            && share.powf(f64::from(failures)) >= URL_PROBABILITY_MIN
    }
}
