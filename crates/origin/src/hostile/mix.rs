//! Which request meets which fault.
//!
//! The decision is a pure function of the seed, the path and the number of the attempt on that path. It keeps
//! no state, so concurrency cannot change it and a test can foretell it.

use std::ops::{Bound, RangeBounds};

use crate::random::{DrawPurpose, draw};
use crate::{InjectedFault, Share, Target};

/// No path meets more drawn faults in a row than this: one more attempt is always served right, so that a
/// rehearsal ends whatever the seed. Rules made with [`FaultMix::on`] and [`FaultMix::under`] are obeyed to
/// the letter instead.
pub const CONSECUTIVE_FAULTS_MAX: u64 = 6;

/// Rules for what goes wrong: explicit ones first, in their order, then shares of everything else.
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
    kind: InjectedFault,
}

#[derive(Debug, Clone)]
enum Paths {
    One(String),
    Under(String),
}

impl FaultMix {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// The mix of a rehearsal: 40 % of all requests misbehave, in every way that a single request can.
    ///
    /// | percent | fault | why so many |
    /// |---|---|---|
    /// | 6 + 6 | reset, before the head or in the body | common on a bad path |
    /// | 6 | FIN in the body | common with an overloaded host |
    /// | 4 + 4 | 500, 503 | common too, but the connection survives them |
    /// | 4 + 3 | no last chunk, length too large | lies that a careless client takes for success |
    /// | 2 | 429 with `Retry-After: 1` | rightly slows the whole host for a second each time |
    /// | 2 + 2 | stall, before the head or in the body | costs the client a whole idle deadline |
    /// | 1 | drip | costs it the measure of its minimum speed, the longest of all |
    ///
    /// `404` is no part of it, being a property of a path: see
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
        .fold(Self::none(), |mix, (kind, percent)| mix.with(kind, Share::percent(percent)))
    }

    /// Sets the share of requests that meet `kind`, in place of its former share.
    ///
    /// Shares that add up to more than all are cut in the order in which they were first set. For
    /// [`InjectedFault::NotFound`] it is the share of the paths, not of the requests: such a path is never found.
    #[must_use]
    pub fn with(mut self, kind: InjectedFault, share: Share) -> Self {
        if kind == InjectedFault::NotFound {
            self.share_of_paths_absent = share;
        } else if let Some(weight) = self.weights.iter_mut().find(|(known, _)| *known == kind) {
            weight.1 = share;
        } else {
            self.weights.push((kind, share));
        }
        self
    }

    /// On `path` (compared without its query) the given attempts, counted from 1, meet `kind`. The first rule
    /// that fits wins.
    #[must_use]
    pub fn on(self, path: &str, attempts: impl RangeBounds<u64>, kind: InjectedFault) -> Self {
        self.rule(Paths::One(path.to_owned()), &attempts, kind)
    }

    /// Like [`on`](Self::on), for every path that begins with `prefix`; each counts its attempts for itself.
    #[must_use]
    pub fn under(self, prefix: &str, attempts: impl RangeBounds<u64>, kind: InjectedFault) -> Self {
        self.rule(Paths::Under(prefix.to_owned()), &attempts, kind)
    }

    fn rule(mut self, paths: Paths, attempts: &impl RangeBounds<u64>, kind: InjectedFault) -> Self {
        let attempt_min = match attempts.start_bound() {
            Bound::Included(&first) => first,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 1,
        };
        let attempt_max = match attempts.end_bound() {
            Bound::Included(&last) => last,
            // Attempts count from 1, so an end before 1 leaves none.
            Bound::Excluded(&after) => after.saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        self.rules.push(Rule { paths, attempt_min, attempt_max, kind });
        self
    }

    /// What the given attempt (counted from 1) on a path meets.
    ///
    /// A pure function, the very one that the origin asks. What it names strikes unless the answer has no
    /// body and the fault [needs one](InjectedFault::needs_body).
    pub fn fault_of(&self, seed: u64, path: &str, attempt: u64) -> Option<InjectedFault> {
        self.decide(seed, &Target::parse(path), attempt)
    }

    pub(crate) fn decide(&self, seed: u64, target: &Target, attempt: u64) -> Option<InjectedFault> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.fits(target.path(), attempt)) {
            return Some(rule.kind);
        }
        if self.share_of_paths_absent.covers(draw(seed, DrawPurpose::Fault, target.path(), 0)) {
            return Some(InjectedFault::NotFound);
        }
        // Every seventh attempt is spared whatever came before, which bounds the row without a memory of it.
        if self.weights.is_empty() || attempt.is_multiple_of(CONSECUTIVE_FAULTS_MAX + 1) {
            return None;
        }
        let drawn = draw(seed, DrawPurpose::Fault, &target.resource(), attempt);
        let mut parts: u32 = 0;
        for (kind, share) in &self.weights {
            parts = parts.saturating_add(share.parts_per_million());
            if Share::per_million(parts).covers(drawn) {
                return Some(*kind);
            }
        }
        None
    }
}

impl Rule {
    fn fits(&self, path: &str, attempt: u64) -> bool {
        let fits_path = match &self.paths {
            Paths::One(one) => path == one,
            Paths::Under(prefix) => path.starts_with(prefix.as_str()),
        };
        fits_path && (self.attempt_min..=self.attempt_max).contains(&attempt)
    }
}
