//! The result of a rehearsal, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use longhaul_origin::Stats;

use super::child::ObservedEvents;
use super::inspection::Findings;
use super::settings::{Rehearsal, RehearsalResult};
use crate::render::{bytes, count, escaped, time};

/// Names shown for each kind of finding.
const NAMES_SHOWN: usize = 5;

/// Counts that the steps of a rehearsal fill in.
#[derive(Debug)]
pub(super) struct Scoreboard {
    files: u64,
    seed: u64,
    endpoints: usize,
    complaints: Vec<String>,
    /// Files that were reported as done before the kill.
    pub(super) done_at_kill: u64,
    /// Files that were reported as done before the kill and requested again after it.
    pub(super) requested_again: usize,
    /// URLs that were reported as failed more than once.
    pub(super) reported_twice: usize,
    pub(super) retries: u64,
    pub(super) elapsed: Duration,
    /// `None` if the rehearsal was aborted before the inspection.
    pub(super) findings: Option<Findings>,
    pub(super) stats: Stats,
}

impl Scoreboard {
    pub(super) fn new(rehearsal: &Rehearsal<'_>, endpoints: usize) -> Self {
        Self {
            files: rehearsal.files.into(),
            seed: rehearsal.seed,
            endpoints,
            complaints: Vec::new(),
            done_at_kill: 0,
            requested_again: 0,
            reported_twice: 0,
            retries: 0,
            elapsed: Duration::ZERO,
            findings: None,
            stats: Stats::default(),
        }
    }

    pub(super) fn complain(&mut self, what: String) {
        self.complaints.push(what);
    }

    /// Records why a step was aborted. There is nothing to inspect then, so it returns `None`.
    pub(super) fn aborted(&mut self, why: &str, step: &str, events: &ObservedEvents) -> Option<Findings> {
        let settled = events.done.len() + events.failed.len();
        self.complain(format!("{step}: {why}; {settled} of {} URLs had their outcome", self.files));
        None
    }

    pub(super) fn into_result(mut self) -> RehearsalResult {
        let mut text = format!(
            "rehearsal of {} files from {} endpoints of a hostile server, seed {}\n",
            count(self.files),
            self.endpoints,
            self.seed
        );
        if let Some(findings) = self.findings.take() {
            self.push_findings(&mut text, &findings);
        }
        self.push_figures(&mut text);
        for complaint in &self.complaints {
            let _ = writeln!(text, "  BROKEN     {}", escaped(complaint));
        }
        let has_passed = self.complaints.is_empty();
        text.push_str(if has_passed { "passed\n" } else { "FAILED\n" });
        RehearsalResult { text, has_passed }
    }

    fn push_findings(&mut self, text: &mut String, findings: &Findings) {
        let Findings { right, lost, wrong, absent, misreported, strange } = findings;
        let _ = writeln!(text, "  right      {}", count(*right));
        let _ = writeln!(text, "  absent     {}, each reported once", count(*absent));
        let _ = writeln!(text, "  lost       {}", lost.len());
        let _ = writeln!(text, "  wrong      {}", wrong.len());
        let _ = writeln!(text, "  strange    {}", strange.len());
        for (what, names) in
            [("lost", lost), ("wrong", wrong), ("misreported", misreported), ("not ours", strange)]
        {
            if !names.is_empty() {
                let shown = names.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
                self.complaints.push(format!("{} {what}: {shown}", names.len()));
            }
        }
        if right + absent != self.files {
            self.complaints.push(format!("{right} right and {absent} absent do not sum to {}", self.files));
        }
        if self.requested_again > 0 {
            self.complaints.push(format!("{} finished files were requested again", self.requested_again));
        }
        if self.reported_twice > 0 {
            self.complaints.push(format!("{} failures were reported more than once", self.reported_twice));
        }
    }

    fn push_figures(&self, text: &mut String) {
        let stats = &self.stats;
        let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
        for (kind, met) in &stats.faults_met {
            *faults.entry(kind.as_str()).or_default() += met;
        }
        let met: u64 = faults.values().sum();
        let faults: Vec<String> = faults.iter().map(|(kind, met)| format!("{kind} {met}")).collect();
        let _ = writeln!(
            text,
            "  killed at  {} done; {} of them requested again",
            self.done_at_kill, self.requested_again
        );
        let _ =
            writeln!(text, "  requests   {}, {} of them retries", count(stats.requests), count(self.retries));
        let _ = writeln!(text, "  faults     {}: {}", count(met), faults.join(", "));
        let _ = writeln!(
            text,
            "  bytes      {} served, {} of them twice",
            bytes(stats.bytes_served as f64),
            bytes(stats.bytes_served_twice as f64)
        );
        let pace = self.files as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        let _ = writeln!(text, "  time       {}, {pace:.0} files/s", time(self.elapsed));
    }
}
