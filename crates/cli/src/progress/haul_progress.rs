//! The progress of a running haul, summed up from its events. Pure: the time is an argument.

use std::collections::BTreeSet;
use std::time::Duration;

use longhaul::{Counts, Event, RowId};
use tokio::time::Instant;

use super::active_rows::ActiveRows;
use super::rate::Rate;
use super::slow_hosts::SlowHosts;
use crate::render::{NextStep, failure};

/// Failures that the closing report repeats.
const EXAMPLES_MAX: usize = 10;
/// In a run shorter than this, a few failures are still visible above the report.
const VISIBLE_FOR: Duration = Duration::from_mins(1);
/// Rows that failed and are retried which are told apart. Of more, the estimate takes the others for rows like any.
const RETRIED_MAX: usize = 100_000;

/// The sums over all events so far.
#[derive(Debug, Default)]
pub(super) struct HaulProgress {
    /// Rows of earlier runs and of the lists that have been read completely.
    rows: u64,
    settled: Counts,
    bytes_received: u64,
    files: Rate,
    bytes: Rate,
    /// Rows that a server answered for good, and how many a second: by these the remaining time is estimated. A dead host settles
    /// thousands at once, which says nothing of the others.
    served: u64,
    served_rate: Rate,
    /// Rows that this run leaves to a later one.
    parked: u64,
    /// Rows that have failed and are retried.
    retried: BTreeSet<RowId>,
    pub(super) active: ActiveRows,
    pub(super) hosts: SlowHosts,
    pub(super) paused: Option<String>,
    pub(super) is_stopping: bool,
    /// Failures of this run.
    failed_now: u64,
    examples: Vec<String>,
}

impl HaulProgress {
    pub(super) fn observe(&mut self, event: &Event<'_>, now: Instant) {
        self.observe_rows(event, now);
        match *event {
            Event::Opened { counts } => {
                self.rows = counts.rows();
                self.settled = Counts { pending: 0, ..counts };
            }
            Event::ListRead { new_rows, .. } => self.rows += new_rows,
            Event::Failed { url, fault, attempts, .. } => {
                self.failed_now += 1;
                if self.examples.len() < EXAMPLES_MAX {
                    self.examples.push(failure(url, fault, attempts, NextStep::GivenUp));
                }
            }
            Event::Paced { host, window, limiter, rate, blocked } => {
                self.hosts.paced(host, window, limiter, rate, blocked, now);
            }
            Event::HostIdle { host } => self.hosts.idle(host),
            Event::Paused { reason } => self.paused = Some(reason.to_owned()),
            Event::Offline => self.paused = Some("the network of this machine is down".to_owned()),
            Event::Resumed | Event::Online => self.paused = None,
            _ => {}
        }
    }

    /// What becomes of rows.
    fn observe_rows(&mut self, event: &Event<'_>, now: Instant) {
        let (row, is_settled) = match *event {
            Event::Started { row, url, .. } => return self.active.started(row, url, now),
            Event::Received { row, bytes } => {
                self.bytes_received += bytes;
                return self.active.received(row, bytes, now);
            }
            Event::Retrying { row, .. } => (row, false),
            Event::Parked { row, .. } => {
                self.parked += 1;
                (row, true)
            }
            Event::Done { row, .. } => {
                self.settled.done += 1;
                self.served += 1;
                (row, true)
            }
            Event::Adopted { row, .. } => {
                self.settled.done += 1;
                (row, true)
            }
            Event::Skipped { row, .. } => {
                self.settled.skipped += 1;
                (row, true)
            }
            Event::NoContent { row, .. } => {
                self.settled.skipped += 1;
                self.served += 1;
                (row, true)
            }
            Event::Failed { row, status, .. } => {
                self.settled.failed += 1;
                self.served += u64::from(status.is_some());
                (row, true)
            }
            _ => return,
        };
        self.active.ended(row);
        if is_settled {
            self.retried.remove(&row);
        } else if self.retried.len() < RETRIED_MAX {
            self.retried.insert(row);
        }
    }

    /// Takes the samples from which the rates are computed.
    pub(super) fn tick(&mut self, now: Instant) {
        self.files.sample(now, self.settled.rows());
        self.bytes.sample(now, self.bytes_received);
        self.served_rate.sample(now, self.served);
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

    /// The time for the rows that have neither failed so far nor been parked, if they go on as in the last seconds.
    pub(super) fn left(&self) -> Option<Duration> {
        let (pending, rate) = (self.counts().pending, self.served_rate.per_second());
        let rows = pending.saturating_sub(self.parked()).saturating_sub(self.retried());
        (rows > 0 && rate > 0.0)
            .then(|| Duration::try_from_secs_f64(rows as f64 / rate).unwrap_or(Duration::MAX))
    }

    /// Rows that this run leaves to a later one.
    pub(super) fn parked(&self) -> u64 {
        self.parked
    }

    /// Rows that have failed and are retried.
    pub(super) fn retried(&self) -> u64 {
        self.retried.len() as u64
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
