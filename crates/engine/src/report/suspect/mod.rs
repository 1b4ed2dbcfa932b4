//! Errors that look like success: a login page, a captcha or a placeholder with status 200, in place of the file.
//!
//! Neither the status nor the length of one response shows that. Many responses do: different URLs of a host bring the same body, or a
//! web page where the name says data. [`SuspectDetector`] finds this as rows complete, with a fixed number of counters for each host
//! ([`FrequentItems`](frequent_items::FrequentItems)), and names each pattern once. It reads no body and no clock, and it judges no row
//! whose list line has a digest.

mod bodies;
mod detector;
mod frequent_items;
mod media_types;
mod pattern;

pub(crate) use detector::{Judgement, ObservedRow, SuspectDetector};
pub(crate) use pattern::find;

/// What becomes of suspect rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SuspectPolicy {
    /// They are done, and the run names the pattern once.
    #[default]
    Warn,
    /// The row that shows the pattern and every later one that fits it fail. Earlier ones stay done, because an outcome that was
    /// reported is not taken back; the report names them.
    Fail,
}
