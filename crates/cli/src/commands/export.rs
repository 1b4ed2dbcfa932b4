//! `longhaul export`: writes the outcome of every row, one record each, in memory that does not grow with their number.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use longhaul::Status;
use longhaul_socket::clock::WallClock;

use super::write_message;
use crate::arguments::{ExportArguments, ExportFormat};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::export::{BagWriter, LineFormat, RecordFormat, RecordWriter, has_no_file, write_line};
use crate::render::counted;
use crate::{files, render, signature};

pub(super) fn run(arguments: ExportArguments) -> Result<Exit, CommandError> {
    let ExportArguments { directory, format, output: path, sign } = arguments;
    if format == ExportFormat::Bagit && sign.is_some() {
        return Err(CommandError::SignedBag);
    }
    let status = Status::read(&directory)?;
    let place = match &path {
        Some(path) => render::quoted(path),
        None => "standard output".to_owned(),
    };
    let output_error = |source| CommandError::Output { place: place.clone(), source };
    if let (ExportFormat::Bagit, Some(bag)) = (format, &path) {
        return write_bag(&status, &directory, bag)?.map_err(output_error);
    }
    let Some(path) = path else {
        let written = write(&status, format, &mut BufWriter::new(io::stdout().lock()))?;
        return match written {
            // The reader has seen enough, as in `longhaul export DIR --format csv | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Complete),
            written => written.map(|()| Exit::Complete).map_err(output_error),
        };
    };
    // What is there stays until its successor is complete: an export may fail, and a haul may have been read from that file.
    let mut output = BufWriter::new(files::NewFile::create(&path).map_err(output_error)?);
    write(&status, format, &mut output)?.map_err(output_error)?;
    let file = output.into_inner().map_err(|error| output_error(error.into_error()))?;
    file.commit().map_err(output_error)?;
    if let Some(key) = &sign {
        let now_unix_s = WallClock::system().unix_ms() / 1000;
        signature::sign(&path, key, now_unix_s).map_err(CommandError::Signing)?;
    }
    Ok(Exit::Complete)
}

/// The outer result is that of reading the haul and its files, the inner one that of writing the output.
fn write(
    status: &Status,
    format: ExportFormat,
    output: &mut impl Write,
) -> Result<io::Result<()>, CommandError> {
    match format {
        ExportFormat::Csv => write_records(status, RecordFormat::Csv, output),
        ExportFormat::Jsonl => write_records(status, RecordFormat::Jsonl, output),
        ExportFormat::Lock => write_lines(status, LineFormat::Lock, output),
        ExportFormat::Sha256sums => write_lines(status, LineFormat::Sha256Sums, output),
        ExportFormat::B3sums => write_lines(status, LineFormat::B3Sums, output),
        // Without an output it is refused when the arguments are read.
        ExportFormat::Bagit => Ok(Ok(())),
    }
}

fn write_records(
    status: &Status,
    format: RecordFormat,
    output: impl Write,
) -> Result<io::Result<()>, CommandError> {
    let mut records = RecordWriter::new(format, status.has_fields(), output);
    let mut written = records.write_header();
    status.for_each_row(|row| {
        // The library offers no way to end the walk; after an error the other rows are ignored.
        if written.is_ok() {
            written = records.write(row);
        }
    })?;
    Ok(written.and_then(|()| records.flush()))
}

/// Says how many rows without a file the output lacks.
fn write_lines(
    status: &Status,
    format: LineFormat,
    output: &mut impl Write,
) -> Result<io::Result<()>, CommandError> {
    let (mut result, mut missing) = (Ok(Ok(())), 0);
    status.for_each_row(|row| {
        if let Ok(Ok(())) = result {
            result = write_line(format, status, row, output)
                .map(|written| written.map(|is_there| missing += u64::from(!is_there)));
        }
    })?;
    let written = result.map_err(CommandError::ExportedFile)?;
    if missing > 0 && written.is_ok() {
        write_message(&format!("{} without a file, not in the output\n", counted(missing, "row")));
    }
    Ok(written.and_then(|()| output.flush()))
}

/// Writes a directory instead. The results are as those of `write`.
fn write_bag(status: &Status, directory: &Path, path: &Path) -> Result<io::Result<Exit>, CommandError> {
    let mut bag = match BagWriter::create(directory, path) {
        Ok(bag) => bag,
        Err(error) => return Ok(Err(error)),
    };
    let (mut written, mut missing) = (Ok(()), 0);
    status.for_each_row(|row| {
        if written.is_ok() && !has_no_file(row) {
            written = bag.add(status, row).map(|is_there| missing += u64::from(!is_there));
        }
    })?;
    let files = match written.and_then(|()| bag.finish()) {
        Ok(files) => files,
        Err(error) => return Ok(Err(error)),
    };
    let missing = if missing > 0 {
        format!("; {} without a file, not in the bag", counted(missing, "row"))
    } else {
        String::new()
    };
    write_message(&format!("{} in the bag{missing}\n", counted(files, "file")));
    Ok(Ok(Exit::Complete))
}
