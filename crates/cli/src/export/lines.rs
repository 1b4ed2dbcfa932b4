//! Formats with a line for each file: lock files, and the checksum files of other programs.

use std::io::{self, Write};

use data_encoding::HEXLOWER;
use longhaul::digest::DigestAlgorithm;
use longhaul::{Row, RowOutcome, Status, lock_line};

use crate::render::escaped;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFormat {
    Lock,
    Sha256Sums,
    B3Sums,
}

/// Writes the line of a row that is done. The outer result is that of reading the row's file, the inner one that of writing. False for any other row that is the first with its URL: the output lacks a file. Of such a row
/// a lock file says so in a comment.
pub(crate) fn write_line(
    format: LineFormat,
    status: &Status,
    row: &Row<'_>,
    output: &mut impl Write,
) -> io::Result<io::Result<bool>> {
    let (RowOutcome::Done(done), Some(name)) = (row.outcome, &row.name) else {
        let is_without_file = has_no_file(row);
        if !is_without_file && format == LineFormat::Lock {
            let written = writeln!(output, "# not locked, {}: {}", row.outcome.as_str(), escaped(&row.url));
            return Ok(written.map(|()| is_without_file));
        }
        return Ok(Ok(is_without_file));
    };
    let written = match format {
        LineFormat::Lock => writeln!(output, "{}", lock_line(row).unwrap_or_default()),
        LineFormat::B3Sums => writeln!(output, "{}  {name}", HEXLOWER.encode(&done.blake3)),
        LineFormat::Sha256Sums => {
            let digest = status.file_digest(row, DigestAlgorithm::Sha256)?;
            writeln!(output, "{digest}  {name}")
        }
    };
    Ok(written.map(|()| true))
}

/// Whether no file of the row can be missing in an output.
pub(crate) fn has_no_file(row: &Row<'_>) -> bool {
    matches!(
        row.outcome,
        RowOutcome::Duplicate(_) | RowOutcome::Forgotten | RowOutcome::NoContent(_) | RowOutcome::Skipped(_)
    )
}
