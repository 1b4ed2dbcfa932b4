//! Failed and parked rows of a haul that is not running made pending again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use longhaul_http::HttpUrl;
use longhaul_journal::{Entry, Journal, Opened, Record, RowId, Waiting, write_hosts};
use longhaul_socket::clock::WallClock;

use super::status::open;
use crate::exchange::Class;
use crate::haul::HaulError;
use crate::haul::machine;

/// Makes failed rows of these classes pending again, with fresh attempts; of all classes if `classes` is empty. Likewise ends the
/// wait of rows that are parked after such a failure, and the remembered pauses of their hosts. Lines that were refused when they were
/// read stay refused. Returns the number of rows of both kinds.
///
/// # Errors
/// There is no haul, another process works on it, or its journal cannot be read or written.
pub fn reopen(directory: &Path, classes: &[Class]) -> Result<u64, HaulError> {
    let storage = open(directory, false)?;
    let journal = Journal::read(Arc::clone(&storage)).map_err(HaulError::Journal)?;
    let failures = journal.failures().map_err(HaulError::Journal)?;
    let (parked, mut hosts) = (journal.counts().parked, journal.hosts());
    drop(journal);
    let is_chosen = |class: &str| classes.is_empty() || classes.contains(&Class::of_text(class));
    let failed: Vec<RowId> =
        failures.rows().filter(|(_, class)| is_chosen(class)).map(|(row, _)| row).collect();
    if failed.is_empty() && parked == 0 {
        return Ok(0);
    }
    let now_unix_ms = WallClock::system().unix_ms();
    let opened = Journal::open(Arc::clone(&storage), now_unix_ms, machine::boot_id(), &machine::holder());
    let Opened { lock, mut log, recovery, rows, .. } = opened.map_err(HaulError::Journal)?;
    let mut count = failed.len() as u64;
    for row in failed {
        log.record(&Record::Reopened(row)).map_err(HaulError::of_disk)?;
    }
    let mut opened_hosts = BTreeSet::new();
    for (row, waiting) in recovery.waiting {
        if waiting.parked && is_chosen(&waiting.fault.class) {
            opened_hosts.extend(host_of(&rows.row(row).map_err(HaulError::of_disk)?.entry));
            let open = Waiting { attempts: 0, until_unix_ms: now_unix_ms, parked: false, ..waiting };
            log.record(&Record::Waiting(row, open)).map_err(HaulError::of_disk)?;
            count += 1;
        }
    }
    log.commit().map_err(HaulError::of_disk)?;
    for host in &mut hosts {
        if opened_hosts.contains(&host.host) {
            host.until_unix_ms = None;
        }
    }
    write_hosts(&storage, &hosts).map_err(HaulError::of_disk)?;
    drop(lock);
    Ok(count)
}

/// The host of a row, as records of hosts name it.
fn host_of(entry: &Entry) -> Option<String> {
    let Entry::Fetch { url, .. } = entry else { return None };
    Some(url.parse::<HttpUrl>().ok()?.origin().to_string())
}
