//! What is known of a running haul: the sum of its events. Pure: the time is an argument.

use longhaul::{Counts, Event};
use tokio::time::Instant;

use super::rate::Rate;
use super::slow_hosts::SlowHosts;
use crate::render::{Fate, failure};

/// Failures kept for the closing report.
const EXAMPLES_MAX: usize = 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Rows of earlier runs and of the lists that were read to their end.
    rows: u64,
    settled: Counts,
    bytes_received: u64,
    files: Rate,
    bytes: Rate,
    pub(super) hosts: SlowHosts,
    pub(super) paused: Option<String>,
    pub(super) is_stopping: bool,
    examples: Vec<String>,
}

impl Board {
    pub(super) fn observe(&mut self, event: &Event<'_>, now: Instant) {
        match *event {
            Event::Opened { counts } => {
                self.rows = counts.rows();
                self.settled = Counts { pending: 0, ..counts };
            }
            Event::ListRead { new_rows, .. } => self.rows += new_rows,
            Event::Received { bytes, .. } => self.bytes_received += bytes,
            Event::Done { .. } => self.settled.done += 1,
            Event::Skipped { .. } => self.settled.skipped += 1,
            Event::Failed { url, fault, attempts, .. } => {
                self.settled.failed += 1;
                if self.examples.len() < EXAMPLES_MAX {
                    self.examples.push(failure(url, fault, attempts, Fate::GivenUp));
                }
            }
            Event::Paced { host, window, limiter, blocked } => {
                self.hosts.paced(host, window, limiter, blocked, now);
            }
            Event::Paused { reason } => self.paused = Some(reason.to_owned()),
            Event::Resumed => self.paused = None,
            _ => {}
        }
    }

    /// Takes the samples that the rates are made of.
    pub(super) fn tick(&mut self, now: Instant) {
        self.files.sample(now, self.settled.rows());
        self.bytes.sample(now, self.bytes_received);
    }

    /// Rows by outcome. While a list is being read, its rows without an outcome are not known yet.
    pub(super) fn counts(&self) -> Counts {
        Counts { pending: self.rows.saturating_sub(self.settled.rows()), ..self.settled }
    }

    pub(super) fn bytes_received(&self) -> u64 {
        self.bytes_received
    }

    pub(super) fn files_per_second(&self) -> f64 {
        self.files.per_second()
    }

    pub(super) fn bytes_per_second(&self) -> f64 {
        self.bytes.per_second()
    }

    /// The first failures of this run, a line each.
    pub(super) fn examples(&self) -> &[String] {
        &self.examples
    }
}
