//! Publications that a crash interrupted: each is completed, or the row is fetched again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use longhaul_journal::storage::RelativePath;
use longhaul_journal::{Done, Entry, FaultRecord, Location, LogWriter, Record, RowId, SpoolReader};

use super::disk_error::{doubt_fault, is_of_one_file};
use super::store::{Content, Store};
use super::trace;
use crate::names;

/// What became of the rows that an earlier run left in doubt.
#[derive(Debug, Default)]
pub(crate) struct SettledDoubts {
    pub(crate) done: BTreeSet<RowId>,
    /// Rows that stay in doubt, because their files cannot be read now, and why.
    pub(crate) unreadable: BTreeMap<RowId, FaultRecord>,
}

/// Settles every row that an earlier run left in doubt. The store decides: the row is done if a body with the recorded digest is
/// there, staged or published. A row whose file the disk does not give back is left as it is, and hinders no other.
pub(crate) fn resolve_doubts(
    store: &dyn Store,
    log: &mut LogWriter,
    rows: &SpoolReader,
    doubts: &[(RowId, Done)],
) -> io::Result<SettledDoubts> {
    let mut settled = SettledDoubts::default();
    for (row, done) in doubts {
        let location = match recover(store, rows, *row, done) {
            Err(error) if is_of_one_file(&error) => {
                settled.unreadable.insert(*row, doubt_fault(&error));
                continue;
            }
            location => location?,
        };
        trace::doubt_resolved(*row, location.as_ref());
        // Whatever has not been published is not the recorded body, or is not wanted.
        store.discard(*row)?;
        if let Some(location) = location {
            log.record(&Record::Done(*row, Done { location, ..done.clone() }))?;
            settled.done.insert(*row);
        } else {
            log.record(&Record::Reopened(*row))?;
        }
    }
    if !doubts.is_empty() {
        log.commit()?;
    }
    Ok(settled)
}

fn recover(store: &dyn Store, rows: &SpoolReader, row: RowId, done: &Done) -> io::Result<Option<Location>> {
    let Some(name) = final_name(rows, row, done)? else { return Ok(None) };
    store.recover(row, &name, &Content { size: done.size, blake3: done.blake3 })
}

fn final_name(rows: &SpoolReader, row: RowId, done: &Done) -> io::Result<Option<RelativePath>> {
    let Entry::Fetch { url, name, .. } = rows.row(row)?.entry else { return Ok(None) };
    let recorded = done.name.clone().or(name);
    let name = match url.parse() {
        Ok(url) => names::final_name(&url, recorded),
        Err(_) => return Ok(recorded.and_then(|name| name.parse().ok())),
    };
    Ok(name.parse().ok())
}
