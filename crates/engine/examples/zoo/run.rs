//! What a run was like.

use crate::Seconds;
use crate::hosts::oracle::Ideal;

/// What a run was like.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Until the last row was there, or had failed for its own sake.
    pub(crate) took: Seconds,
    /// What an oracle takes.
    pub(crate) ideal: Ideal,
    /// Requests that a limit refused.
    pub(crate) refusals: u32,
    /// Requests in all.
    pub(crate) requests: u32,
    /// Rows that were given up although the host had them, or that were taken for done and are not.
    pub(crate) lost: u32,
    /// Rows that had not ended when the run was stopped.
    pub(crate) left: u32,
    /// What the controller believed at the end.
    pub(crate) belief: String,
    /// Served in each second.
    pub(crate) seconds: Vec<u32>,
}

impl Run {
    /// A run that has just begun.
    pub(crate) fn new(ideal: Ideal) -> Self {
        let (belief, seconds) = (String::new(), Vec::new());
        Self { took: 0.0, ideal, refusals: 0, requests: 0, lost: 0, left: 0, belief, seconds }
    }

    /// Its time against the oracle's.
    pub(crate) fn ratio(&self) -> f64 {
        if self.left > 0 { 99.0 } else { self.ideal.ratio(self.took) }
    }

    /// Refusals against ten and one in a hundred rows.
    pub(crate) fn refused(&self, rows: u32) -> f64 {
        f64::from(self.refusals) / (10.0 + 0.01 * f64::from(rows))
    }
}
