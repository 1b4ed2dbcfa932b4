//! What became of the rows of a lock file: each is the same, changed or gone, or it failed in another way. The files of rows that are done
//! are compared with their records again, as `verify --quick` does: they may have been done in an earlier run.

use std::collections::HashMap;
use std::path::Path;

use longhaul::verify::{Finding, Verify};
use longhaul::{HaulError, Row, RowId, RowOutcome, Status};
use serde_json::Value;

use crate::plan::Verbosity;
use crate::render::{count, escaped, json};

/// The rows of a lock file, by what became of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LockedRows {
    pub(crate) same: u64,
    pub(crate) changed: u64,
    pub(crate) gone: u64,
    pub(crate) missing: u64,
    pub(crate) forgotten: u64,
    pub(crate) failed: u64,
    pub(crate) pending: u64,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The file is what the lock file says.
    Same,
    /// The host, or the disk, is known to have something else.
    Changed,
    /// The host says that it is not there (404, 410).
    Gone,
    /// The file was there, and is not any more.
    Missing,
    /// The user has taken the row out.
    Forgotten,
    /// Nobody knows: the row failed in another way.
    Failed,
    Pending,
}

impl State {
    /// `on_disk` says how the files of rows differ that are done, and `of_first` is the state of the row that fetches the URL of a
    /// duplicate.
    fn of(row: &Row<'_>, on_disk: &HashMap<RowId, Self>, of_first: impl Fn(RowId) -> Self) -> Self {
        match row.outcome {
            RowOutcome::Done(_) => on_disk.get(&row.id).copied().unwrap_or(Self::Same),
            RowOutcome::Failed(failed) if matches!(failed.status, Some(404 | 410)) => Self::Gone,
            RowOutcome::Failed(_) if row.outcome.contradicts_list() => Self::Changed,
            RowOutcome::NoContent(_) => Self::Changed,
            RowOutcome::Failed(_) | RowOutcome::Refused(_) | RowOutcome::Skipped(_) => Self::Failed,
            RowOutcome::Duplicate(of) => of_first(of),
            RowOutcome::Forgotten => Self::Forgotten,
            _ => Self::Pending,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Missing => "missing",
            Self::Forgotten => "forgotten",
            Self::Failed => "failed",
            Self::Pending => "pending",
        }
    }
}

/// Counts the rows of the lock file that the haul knows by this name, and passes the line of each to `write`: of those that are the same
/// only if all is to be shown. Takes a byte for each row of the haul, because the row of a line may be one of another list.
pub(crate) fn report(
    directory: &Path,
    label: &str,
    is_json: bool,
    verbosity: Verbosity,
    mut write: impl FnMut(&str),
) -> Result<LockedRows, HaulError> {
    let status = Status::read(directory)?;
    let listed = status.rows_of_list(label)?;
    let on_disk = differing_files(directory)?;
    let mut rows = LockedRows::default();
    let mut known: Vec<State> = Vec::new();
    status.for_each_row(|row| {
        let first = |of: RowId| usize::try_from(of.0).ok().and_then(|of| known.get(of).copied());
        let state = State::of(row, &on_disk, |of| first(of).unwrap_or(State::Pending));
        known.push(state);
        if !listed.contains(row) {
            return;
        }
        *match state {
            State::Same => &mut rows.same,
            State::Changed => &mut rows.changed,
            State::Gone => &mut rows.gone,
            State::Missing => &mut rows.missing,
            State::Forgotten => &mut rows.forgotten,
            State::Failed => &mut rows.failed,
            State::Pending => &mut rows.pending,
        } += 1;
        if is_json {
            write(&json_line(row, state));
        } else if state != State::Same || verbosity >= Verbosity::Verbose {
            write(&format!("{}: {}\n", state.as_str(), escaped(&row.url)));
        }
    })?;
    Ok(rows)
}

/// The files of finished rows that are not as they were recorded.
fn differing_files(directory: &Path) -> Result<HashMap<RowId, State>, HaulError> {
    let mut differing = HashMap::new();
    Verify::of_directory(directory)?.quick(true).run(|finding| {
        let (row, state) = match *finding {
            Finding::Missing { row, .. } => (row, State::Missing),
            Finding::Changed { row, .. } => (row, State::Changed),
            Finding::Unreadable { row, .. } => (row, State::Failed),
            _ => return,
        };
        differing.insert(row, state);
    })?;
    Ok(differing)
}

fn json_line(row: &Row<'_>, state: State) -> String {
    let fields: [(&str, Value); 5] = [
        ("event", "locked".into()),
        ("row", row.id.0.into()),
        ("url", row.url.as_str().into()),
        ("name", row.name.as_deref().into()),
        ("state", state.as_str().into()),
    ];
    json::object(&fields) + "\n"
}

impl LockedRows {
    /// Whether every file is what the lock file says.
    pub(crate) fn are_all_the_same(&self) -> bool {
        let Self { same: _, changed, gone, missing, forgotten, failed, pending } = *self;
        changed + gone + missing + forgotten + failed + pending == 0
    }

    /// `990 same, 8 changed, 2 gone`.
    pub(crate) fn text(&self) -> String {
        let counts = [
            (self.same, "same"),
            (self.changed, "changed"),
            (self.gone, "gone"),
            (self.missing, "missing"),
            (self.forgotten, "forgotten"),
            (self.failed, "failed otherwise"),
            (self.pending, "pending"),
        ];
        let is_shown = |(place, (number, _)): &(usize, (u64, &str))| *place < 3 || *number > 0;
        let parts: Vec<String> = counts
            .into_iter()
            .enumerate()
            .filter(is_shown)
            .map(|(_, (number, word))| format!("{} {word}", count(number)))
            .collect();
        format!("lock file: {}\n", parts.join(", "))
    }
}
