//! Which request meets which fault.
//!
//! The decision is a pure function of the seed, the path and the number of the attempt on that path. There is no state, so
//! concurrency cannot change the decision, and a test can predict it.

use std::ops::{Bound, RangeBounds};

use super::injected_fault::InjectedFault;
use super::target::Target;
use crate::random::Share;
use crate::random::{DrawPurpose, draw};

/// The most drawn faults in a row for one path. The next attempt is always served correctly, so that a rehearsal ends
/// whatever the seed is. The rules of [`FaultMix::on`] and [`FaultMix::under`] are not limited in this way.
pub const CONSECUTIVE_FAULTS_MAX: u64 = 6;

/// Which requests meet which faults: explicit rules first, in their order, then shares of all other requests.
#[derive(Debug, Clone, Default)]
pub struct FaultMix {
    rules: Vec<Rule>,
    weights: Vec<(InjectedFault, Share)>,
    share_of_paths_absent: Share,
}

#[derive(Debug, Clone)]
struct Rule {
    paths: Paths,
    attempt_min: u64,
    attempt_max: u64,
    fault: InjectedFault,
}

#[derive(Debug, Clone)]
enum Paths {
    One(String),
    Under(String),
}

impl FaultMix {
    /// No faults.
    pub fn none() -> Self {
        Self::default()
    }

    /// The mix of a rehearsal: 40 % of all requests meet a fault, of every kind that a single request can meet.
    ///
    /// | percent | fault | why this share |
    /// |---|---|---|
    /// | 6 + 6 | reset, before the head or in the body | common on a bad path |
    /// | 6 | FIN in the body | common with an overloaded host |
    /// | 4 + 4 | 500, 503 | common too, but the connection survives them |
    /// | 4 + 3 | no last chunk, length too large | a careless client takes them for success |
    /// | 2 | 429 with `Retry-After: 1` | slows a correct client for a second each time, for the whole host |
    /// | 2 + 2 | stall, before the head or in the body | costs the client an idle deadline |
    /// | 1 | drip | costs the client the window of its minimum speed, the longest of all |
    ///
    /// `404` is not part of it, because it is a property of a path: see
    /// [`Site::with_absent_share`](crate::Site::with_absent_share).
    pub fn rehearsal() -> Self {
        [
            (InjectedFault::ResetBeforeHead, 6),
            (InjectedFault::ResetInBody, 6),
            (InjectedFault::FinInBody, 6),
            (InjectedFault::StallBeforeHead, 2),
            (InjectedFault::StallInBody, 2),
            (InjectedFault::Drip, 1),
            (InjectedFault::Status500, 4),
            (InjectedFault::Status503, 4),
            (InjectedFault::Status429RetryAfter(1), 2),
            (InjectedFault::CutChunkedBody, 4),
            (InjectedFault::BadLength, 3),
        ]
        .into_iter()
        .fold(Self::none(), |mix, (fault, percent)| mix.with(fault, Share::percent(percent)))
    }

    /// Sets the share of requests that meet `fault`, in place of its former share.
    ///
    /// If the shares add up to more than all, those that were set first take precedence. For [`InjectedFault::NotFound`] it
    /// is the share of the paths, not of the requests: such a path is never found.
    #[must_use]
    pub fn with(mut self, fault: InjectedFault, share: Share) -> Self {
        if fault == InjectedFault::NotFound {
            self.share_of_paths_absent = share;
        } else if let Some(weight) = self.weights.iter_mut().find(|(known, _)| *known == fault) {
            weight.1 = share;
        } else {
            self.weights.push((fault, share));
        }
        self
    }

    /// Lets the given attempts on `path`, counted from 1, meet `fault`. Paths are compared without their queries. The first
    /// rule that applies decides.
    #[must_use]
    pub fn on(self, path: &str, attempts: impl RangeBounds<u64>, fault: InjectedFault) -> Self {
        self.rule(Paths::One(path.to_owned()), &attempts, fault)
    }

    /// Like [`on`](Self::on), for every path that begins with `prefix`; the attempts on each path are counted separately.
    #[must_use]
    pub fn under(self, prefix: &str, attempts: impl RangeBounds<u64>, fault: InjectedFault) -> Self {
        self.rule(Paths::Under(prefix.to_owned()), &attempts, fault)
    }

    fn rule(mut self, paths: Paths, attempts: &impl RangeBounds<u64>, fault: InjectedFault) -> Self {
        let attempt_min = match attempts.start_bound() {
            Bound::Included(&first) => first,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 1,
        };
        let attempt_max = match attempts.end_bound() {
            Bound::Included(&last) => last,
            // Attempts are counted from 1, so an end before 1 includes none.
            Bound::Excluded(&after) => after.saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        self.rules.push(Rule { paths, attempt_min, attempt_max, fault });
        self
    }

    /// The fault that the given attempt (counted from 1) on a path meets.
    ///
    /// The server uses this same function. The fault strikes unless the response has no body and the fault
    /// [needs one](InjectedFault::needs_body).
    pub fn fault_of(&self, seed: u64, path: &str, attempt: u64) -> Option<InjectedFault> {
        self.decide(seed, &Target::parse(path), attempt)
    }

    pub(crate) fn decide(&self, seed: u64, target: &Target, attempt: u64) -> Option<InjectedFault> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.applies(target.path(), attempt)) {
            return Some(rule.fault);
        }
        if self.share_of_paths_absent.covers(draw(seed, DrawPurpose::Fault, target.path(), 0)) {
            return Some(InjectedFault::NotFound);
        }
        // Every seventh attempt is spared, which bounds the faults in a row without any state.
        if self.weights.is_empty() || attempt.is_multiple_of(CONSECUTIVE_FAULTS_MAX + 1) {
            return None;
        }
        let drawn = draw(seed, DrawPurpose::Fault, &target.resource(), attempt);
        let mut parts: u32 = 0;
        for (fault, share) in &self.weights {
            parts = parts.saturating_add(share.parts_per_million());
            if Share::per_million(parts).covers(drawn) {
                return Some(*fault);
            }
        }
        None
    }
}

impl Rule {
    fn applies(&self, path: &str, attempt: u64) -> bool {
        let path_matches = match &self.paths {
            Paths::One(one) => path == one,
            Paths::Under(prefix) => path.starts_with(prefix.as_str()),
        };
        path_matches && (self.attempt_min..=self.attempt_max).contains(&attempt)
    }
}
