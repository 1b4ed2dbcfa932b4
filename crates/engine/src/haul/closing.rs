//! What a run reports at its beginning and at its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use longhaul_http::HttpUrl;
use longhaul_journal::storage::Storage;
use longhaul_journal::{Entry, FaultRecord, Journal, LogWriter, RowId, SpoolReader};

use crate::haul::HaulError;
use crate::haul::run_context::RunContext;
use crate::list::superseded;
use crate::report::SuspectPolicy;
use crate::report::counters::Counters;
use crate::report::event::Event;
use crate::report::status::for_each_row;
use crate::report::summary::{Counts, Report, failures_by_class};
use crate::sink::SettledCounts;

/// Suspect files that the report names. `verify` names them all.
const SUSPECT_NAMES_MAX: usize = 10;

/// Reports what earlier runs left, and the rows that this run leaves in doubt because their files cannot be read. Returns how many of
/// those there are.
pub(super) fn report_opened(
    cx: &RunContext,
    rows: &SpoolReader,
    counts: Counts,
    unreadable: &BTreeMap<RowId, FaultRecord>,
) -> Result<u64, HaulError> {
    cx.observer.emit(&Event::Opened { counts });
    for (&row, fault) in unreadable {
        let entry = rows.row(row).map_err(HaulError::of_disk)?.entry;
        let Entry::Fetch { url, .. } = entry else { continue };
        let Ok(url) = url.parse::<HttpUrl>() else { continue };
        let until_unix_ms = cx.clock.unix_ms();
        cx.observer.emit(&Event::Parked { row, url: url.as_str(), fault, until_unix_ms });
    }
    Ok(unreadable.len() as u64)
}

/// The report by what the actors have counted.
pub(super) fn report(
    before: Counts,
    rows: u64,
    settled_counts: SettledCounts,
    counters: &Counters,
    unreadable: u64,
) -> Report {
    let SettledCounts { done, adopted, skipped, duplicates, no_content, failures, parked, suspicions } =
        settled_counts;
    let done = before.done + done;
    let skipped = before.skipped + skipped;
    let failed = before.failed + failures.values().sum::<u64>();
    Report {
        counts: Counts { done, failed, skipped, pending: rows.saturating_sub(done + skipped + failed) },
        failures,
        bytes_received: counters.bytes_received(),
        requests: counters.requests(),
        retries: counters.retries(),
        parked: parked + unreadable,
        adopted,
        forgotten: 0,
        duplicates,
        no_content,
        suspicions,
        suspect_done: 0,
        suspect_names: Vec::new(),
        stopped: false,
        unread_lists: Vec::new(),
    }
}

/// Takes the rows out of the haul that the lists no longer say, unless the run was stopped or nothing is left to say. Then the report
/// is that of the lists as they are, with the failures of earlier runs.
pub(super) fn of_the_lists_as_they_are(
    mut report: Report,
    before: Counts,
    storage: &Arc<dyn Storage>,
    rows: &SpoolReader,
    log: &mut LogWriter,
) -> Result<Report, HaulError> {
    if !report.stopped && report.counts.failed + report.counts.pending > 0 {
        report.forgotten = superseded::forget(storage, rows, log)?;
    }
    if before.failed > 0 || report.forgotten > 0 {
        let journal = Journal::read(Arc::clone(storage)).map_err(HaulError::Journal)?;
        report.failures = failures_by_class(&journal).map_err(HaulError::Journal)?;
        if report.forgotten > 0 {
            report.counts = Counts::from(journal.counts());
            report.parked = report.parked.min(report.counts.pending);
        }
    }
    Ok(report)
}

/// Names the files that were done before the pattern was found which makes rows fail now.
pub(super) fn with_suspects(
    mut report: Report,
    policy: SuspectPolicy,
    storage: &Arc<dyn Storage>,
) -> Result<Report, HaulError> {
    if policy == SuspectPolicy::Warn || report.suspicions.is_empty() {
        return Ok(report);
    }
    let journal = Journal::read(Arc::clone(storage)).map_err(HaulError::Journal)?;
    for_each_row(&journal, |row| {
        if row.suspicion.is_some() {
            report.suspect_done += 1;
            if report.suspect_names.len() < SUSPECT_NAMES_MAX {
                report.suspect_names.extend(row.name.clone());
            }
        }
    })?;
    Ok(report)
}
