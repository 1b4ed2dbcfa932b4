//! Files whose commit was interrupted: each is finished, or forgotten and fetched again.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use longhaul_journal::storage::{File, FileKind, RelativePath, Storage};
use longhaul_journal::{Done, Entry, LogWriter, Record, RowId, SpoolReader};

use super::parts::{hash_file, part_path, remove_part};
use crate::list::names;

/// Settles every doubt that an earlier run left. What is on disk decides: the file under its final name or the part
/// file, if it has the digest that was recorded. Returns the rows that are done.
pub(crate) fn settle_doubts(
    storage: &Arc<dyn Storage>,
    log: &mut LogWriter,
    rows: &SpoolReader,
    doubts: &[(RowId, Done)],
) -> io::Result<BTreeSet<RowId>> {
    let mut settled = BTreeSet::new();
    for (row, done) in doubts {
        let is_done = finish(&**storage, rows, *row, done)?;
        // If it has not got its name, it is not what the record says of it, or not wanted.
        remove_part(&**storage, *row)?;
        if is_done {
            log.record(&Record::Done(*row, done.clone()))?;
            settled.insert(*row);
        } else {
            log.record(&Record::Reopened(*row))?;
        }
    }
    if !doubts.is_empty() {
        log.commit()?;
    }
    Ok(settled)
}

/// Makes the row's file durable under its final name, if it is there and right.
fn finish(storage: &dyn Storage, rows: &SpoolReader, row: RowId, done: &Done) -> io::Result<bool> {
    let Some(name) = final_name(rows, row, done)? else { return Ok(false) };
    let part = part_path(row);
    if !sync_if_right(storage, &name, done)? {
        if !sync_if_right(storage, &part, done)? {
            return Ok(false);
        }
        if let Some(directory) = name.parent() {
            storage.create_dir_all(&directory)?;
        }
        match storage.rename_noreplace(&part, &name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            renamed => renamed?,
        }
    }
    let mut directory = name.parent();
    loop {
        storage.sync_dir(directory.as_ref())?;
        directory = match directory {
            Some(directory) => directory.parent(),
            None => return Ok(true),
        };
    }
}

fn final_name(rows: &SpoolReader, row: RowId, done: &Done) -> io::Result<Option<RelativePath>> {
    let Entry::Fetch { url, name, .. } = rows.row(row)?.entry else { return Ok(None) };
    let name = done.name.clone().or(name).or_else(|| Some(names::default_name(&url.parse().ok()?)));
    Ok(name.and_then(|name| name.parse().ok()))
}

fn sync_if_right(storage: &dyn Storage, path: &RelativePath, done: &Done) -> io::Result<bool> {
    let mut file = match storage.open_read(path) {
        Ok(file) => file,
        // Trouble with our own file is no answer: taken for one, it would make a stranger of that file.
        Err(error) if may_be_ours(storage, path, done) => return Err(error),
        Err(_) => return Ok(false),
    };
    if !is_right(&*file, done)? {
        return Ok(false);
    }
    file.sync()?;
    Ok(true)
}

/// Whether a file stands there that looks like ours from outside.
fn may_be_ours(storage: &dyn Storage, path: &RelativePath, done: &Done) -> bool {
    let found = storage.metadata(path).ok().flatten();
    found.is_some_and(|found| found.kind == FileKind::File && found.len == done.size)
}

fn is_right(file: &dyn File, done: &Done) -> io::Result<bool> {
    if file.len()? != done.size {
        return Ok(false);
    }
    let hasher = hash_file(file, done.size)?;
    Ok(hasher.is_some_and(|hasher| *hasher.finalize().as_bytes() == done.blake3))
}
