//! The test whether a host refuses ranges: it does if it serves the whole, and then refuses the range once more. A host that
//! was out of order for a moment serves the range then, so that the part that is there is not lost.
//!
//! It makes no request: it says what the next one of an attempt is.

use longhaul_http::{Head, range};

use crate::exchange::Class;
use crate::exchange::context::ExchangeContext;
use crate::exchange::failure::Failure;
use crate::schedule::job::{Job, RangeUse};
use crate::schedule::retry;

/// The state of the test within one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeTest {
    /// None is under way.
    None,
    /// The next request has no range, although a part is there.
    Whole,
    /// The host serves the whole, and the next request has the range again.
    Again,
}

impl RangeTest {
    /// For an attempt that begins.
    pub(super) fn of_attempt(job: &mut Job) -> Self {
        if job.range_use.take_whole() { Self::Whole } else { Self::None }
    }

    /// Whether the next request may have a range.
    pub(super) fn allows(self, context: &ExchangeContext, job: &Job) -> bool {
        match self {
            Self::Whole => false,
            Self::Again => true,
            Self::None => {
                let is_refused = context.range_refusals.are_expected_of(job.target().origin());
                job.range_use != RangeUse::Refused && !is_refused
            }
        }
    }

    /// Whether this response to a request for a range may mean that the host refuses ranges, and another request finds that
    /// out: first one without a range, once for a row, and then one with it. A denial is left to the controller of the host,
    /// which may know another reason for it.
    pub(super) fn follows(&mut self, context: &ExchangeContext, job: &mut Job, head: &Head) -> bool {
        let is_about_something_else = head.retry_after(context.clock.unix_ms()).is_some();
        if is_about_something_else || !range::may_be_refused(head.status) {
            return false;
        }
        match self {
            Self::Again => {
                context.range_refusals.add(job.target().origin());
                self.conclude(job);
                true
            }
            _ if retry::is_denial(head.status) || !job.range_use.test() => false,
            _ => {
                *self = Self::Whole;
                true
            }
        }
    }

    /// Whether to drop the whole, which the host serves: the range is requested again instead.
    pub(super) fn drops_whole(&mut self, job: &Job) -> bool {
        let drops = *self == Self::Whole && job.partial.is_some();
        if drops {
            *self = Self::Again;
        }
        drops
    }

    /// Whether a failure shows that the host breaks on ranges: it has served the whole, and fails again with the range.
    pub(super) fn is_failed_by(self, job: &Job, failure: &Failure) -> bool {
        let is_of_range = job.is_range_unanswered && failure.may_mean_the_range();
        self == Self::Again && is_of_range && failure.class != Class::Throttled
    }

    /// The host refuses ranges: the whole is requested from now on.
    pub(super) fn conclude(&mut self, job: &mut Job) {
        *self = Self::None;
        job.range_use = RangeUse::Refused;
    }

    /// Ends a test that has no result, so that another may follow: this side has aborted it, or a redirect leads to another
    /// place, whose ranges are its own.
    pub(super) fn forget(&mut self, job: &mut Job) {
        if std::mem::replace(self, Self::None) != Self::None {
            job.range_use = RangeUse::Allowed;
        }
    }
}
