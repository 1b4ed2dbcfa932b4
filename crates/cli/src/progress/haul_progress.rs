//! The progress of a running haul, summed up from its events. Pure: the time is an argument.

use std::time::Duration;

use longhaul::{Counts, Event};
use tokio::time::Instant;

use super::rate::Rate;
use super::slow_hosts::SlowHosts;
use crate::render::{NextStep, failure};

/// Failures that the closing report repeats.
const EXAMPLES_MAX: usize = 10;
/// In a run shorter than this, a few failures are still visible above the report.
const VISIBLE_FOR: Duration = Duration::from_mins(1);

/// The sums over all events so far.
#[derive(Debug, Default)]
pub(super) struct HaulProgress {
    /// Rows of earlier runs and of the lists that have been read completely.
    rows: u64,
    settled: Counts,
    bytes_received: u64,
    files: Rate,
    bytes: Rate,
    pub(super) hosts: SlowHosts,
    pub(super) paused: Option<String>,
    pub(super) is_stopping: bool,
    /// Failures of this run.
    failed_now: u64,
    examples: Vec<String>,
}

impl HaulProgress {
    pub(super) fn observe(&mut self, event: &Event<'_>, now: Instant) {
        match *event {
            Event::Opened { counts } => {
                self.rows = counts.rows();
                self.settled = Counts { pending: 0, ..counts };
            }
            Event::ListRead { new_rows, .. } => self.rows += new_rows,
            Event::Received { bytes, .. } => self.bytes_received += bytes,
            Event::Done { .. } | Event::Adopted { .. } => self.settled.done += 1,
            Event::Skipped { .. } | Event::NoContent { .. } => self.settled.skipped += 1,
            Event::Failed { url, fault, attempts, .. } => {
                self.settled.failed += 1;
                self.failed_now += 1;
                if self.examples.len() < EXAMPLES_MAX {
                    self.examples.push(failure(url, fault, attempts, NextStep::GivenUp));
                }
            }
            Event::Paced { host, window, limiter, rate, blocked } => {
                self.hosts.paced(host, window, limiter, rate, blocked, now);
            }
            Event::Paused { reason } => self.paused = Some(reason.to_owned()),
            Event::Offline => self.paused = Some("the network of this machine is down".to_owned()),
            Event::Resumed | Event::Online => self.paused = None,
            _ => {}
        }
    }

    /// Takes the samples from which the rates are computed.
    pub(super) fn tick(&mut self, now: Instant) {
        self.files.sample(now, self.settled.rows());
        self.bytes.sample(now, self.bytes_received);
    }

    /// Rows by outcome. While a list is being read, its rows without an outcome are not included.
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

    /// The first failures of a run that took `elapsed`, unless every failure is still visible above the report.
    pub(super) fn examples_to_repeat(&self, elapsed: Duration) -> Vec<String> {
        let are_visible = self.failed_now <= EXAMPLES_MAX as u64 && elapsed < VISIBLE_FOR;
        if are_visible { Vec::new() } else { self.examples.clone() }
    }
}
