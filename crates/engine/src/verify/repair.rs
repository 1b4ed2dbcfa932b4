//! Makes rows pending whose files are missing or changed.
//!
//! A changed file may hold somebody's work, so it is renamed and nothing of it is lost. The order survives a crash at any point:
//! names first, then their directories, then the records. Until its record is durable, the row of a file that was moved aside is
//! done without a file, which the next verification finds.

use std::collections::BTreeMap;
use std::io;

use longhaul_journal::storage::{RelativePath, Storage};
use longhaul_journal::{LogWriter, Record, RowId};

use crate::names;

/// Files with one name that can be moved aside.
const MOVED_ASIDE_MAX: u32 = 1000;

/// A row whose file is not as recorded.
pub(super) struct BrokenRow {
    pub(super) row: RowId,
    /// The name at which another content stands; `None` if nothing does.
    pub(super) occupied: Option<RelativePath>,
}

/// What a repair did for a row.
pub(super) enum Step<'a> {
    /// The file was moved to this name.
    Moved { from: &'a RelativePath, to: &'a RelativePath },
    /// Nothing: the row stays as it is.
    Failed { path: &'a RelativePath, error: &'a io::Error },
}

/// Moves changed files aside and makes the rows pending; returns how many rows these are. A row whose file cannot be moved, or whose
/// directory cannot be synced, stays as it is, and hinders no other. Calls `visit` with each row whose file was moved or should have been.
pub(super) fn repair(
    storage: &dyn Storage,
    log: &mut LogWriter,
    broken: &[BrokenRow],
    mut visit: impl FnMut(RowId, &Step<'_>),
) -> io::Result<u64> {
    let mut directories: BTreeMap<Option<RelativePath>, io::Result<()>> = BTreeMap::new();
    let mut repairable = Vec::with_capacity(broken.len());
    for BrokenRow { row, occupied } in broken {
        match occupied.as_ref().map(|path| (path, move_aside(storage, path))) {
            Some((path, Ok(Some(to)))) => {
                directories.insert(path.parent(), Ok(()));
                visit(*row, &Step::Moved { from: path, to: &to });
            }
            Some((path, Err(error))) => {
                visit(*row, &Step::Failed { path, error: &error });
                continue;
            }
            // Nothing stands there.
            None | Some((_, Ok(None))) => {}
        }
        repairable.push((*row, occupied.as_ref()));
    }
    for (directory, synced) in &mut directories {
        *synced = storage.sync_dir(directory.as_ref());
    }
    let mut repaired = 0;
    for (row, path) in repairable {
        // A crash might bring the changed file back to its name, where it would be in the way.
        if let Some(path) = path
            && let Some(Err(error)) = directories.get(&path.parent())
        {
            visit(row, &Step::Failed { path, error });
            continue;
        }
        log.record(&Record::Reopened(row))?;
        repaired += 1;
    }
    log.commit()?;
    Ok(repaired)
}

/// Renames what stands at a path to a free name beside it; `None` if nothing stands there any more.
fn move_aside(storage: &dyn Storage, path: &RelativePath) -> io::Result<Option<RelativePath>> {
    for number in 1..=MOVED_ASIDE_MAX {
        let suffix = if number == 1 { "~changed".to_owned() } else { format!("~changed-{number}") };
        let aside: RelativePath = names::with_suffix(path.as_str(), &suffix)
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        match storage.rename_noreplace(path, &aside) {
            Ok(()) => return Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("it has been moved aside too often: no name is free"))
}
