//! The result of a rehearsal, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use longhaul_origin::Stats;

use super::drill::{Drill, Held};
use super::inspection::Findings;
use super::run::Heard;
use crate::render::{bytes, count, escaped, time};

/// Names shown of what went wrong.
const NAMES_SHOWN: usize = 5;

/// What is counted on the way.
#[derive(Debug)]
pub(super) struct Score {
    files: u64,
    seed: u64,
    endpoints: usize,
    complaints: Vec<String>,
    pub(super) killed_at: u64,
    /// Files that were told as done before the kill and asked for after it.
    pub(super) asked_again: usize,
    /// URLs that were told as failed more than once.
    pub(super) told_twice: usize,
    pub(super) retries: u64,
    pub(super) elapsed: Duration,
    /// `None` where the rehearsal did not come so far.
    pub(super) findings: Option<Findings>,
    pub(super) stats: Stats,
}

impl Score {
    pub(super) fn new(drill: &Drill<'_>, endpoints: usize) -> Self {
        Self {
            files: drill.files.into(),
            seed: drill.seed,
            endpoints,
            complaints: Vec::new(),
            killed_at: 0,
            asked_again: 0,
            told_twice: 0,
            retries: 0,
            elapsed: Duration::ZERO,
            findings: None,
            stats: Stats::default(),
        }
    }

    pub(super) fn complain(&mut self, what: String) {
        self.complaints.push(what);
    }

    /// Notes that there is nothing to inspect, and why.
    pub(super) fn cut_short(&mut self, why: &str, step: &str, heard: &Heard) -> Option<Findings> {
        let settled = heard.done.len() + heard.failed.len();
        self.complain(format!("{step}: {why}; {settled} of {} URLs had their outcome", self.files));
        None
    }

    pub(super) fn into_held(mut self) -> Held {
        let mut text = format!(
            "rehearsal of {} files from {} endpoints of a hostile host, seed {}\n",
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
        Held { text, has_passed }
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
        if self.asked_again > 0 {
            self.complaints.push(format!("{} finished files were asked for again", self.asked_again));
        }
        if self.told_twice > 0 {
            self.complaints.push(format!("{} failures were told more than once", self.told_twice));
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
            "  killed at  {} done; {} of them asked for again",
            self.killed_at, self.asked_again
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
