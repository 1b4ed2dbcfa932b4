//! Makes rows pending whose files are missing or changed.
//!
//! A changed file may hold somebody's work, so it is renamed and nothing of it is lost. The order survives a crash at any point:
//! names first, then their directories, then the records. Until its record is durable, the row of a file that was moved aside is
//! done without a file, which the next verification finds.

use std::collections::BTreeSet;
use std::io;

use longhaul_journal::storage::{RelativePath, Storage};
use longhaul_journal::{LogWriter, Record, RowId};

/// Files with one name that can be moved aside.
const MOVED_ASIDE_MAX: u32 = 1000;

/// A row whose file is not as recorded.
pub(super) struct BrokenRow {
    pub(super) row: RowId,
    /// The name at which another content stands; `None` if nothing does.
    pub(super) occupied: Option<RelativePath>,
}

/// Moves changed files aside and makes the rows pending. Calls `moved` with the row of each file that was moved, and its old and new
/// names.
pub(super) fn repair(
    storage: &dyn Storage,
    log: &mut LogWriter,
    broken: &[BrokenRow],
    mut moved: impl FnMut(RowId, &RelativePath, &RelativePath),
) -> io::Result<()> {
    let mut directories = BTreeSet::new();
    for BrokenRow { row, occupied } in broken {
        let Some(path) = occupied else { continue };
        if let Some(aside) = move_aside(storage, path)? {
            directories.insert(path.parent());
            moved(*row, path, &aside);
        }
    }
    for directory in &directories {
        storage.sync_dir(directory.as_ref())?;
    }
    for BrokenRow { row, .. } in broken {
        log.record(&Record::Reopened(*row))?;
    }
    log.commit()
}

/// Renames what stands at a path to a free name beside it; `None` if nothing stands there any more.
fn move_aside(storage: &dyn Storage, path: &RelativePath) -> io::Result<Option<RelativePath>> {
    for number in 1..=MOVED_ASIDE_MAX {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let aside: RelativePath = format!("{path}~changed{suffix}")
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        match storage.rename_noreplace(path, &aside) {
            Ok(()) => return Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("{path} has been moved aside too often: no name is free")))
}
