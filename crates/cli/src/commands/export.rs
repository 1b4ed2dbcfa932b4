//! `longhaul export`: writes the outcome of every row, one record each, in memory that does not grow with their number.

use std::io::{self, BufWriter, Write};

use longhaul::Status;

use crate::arguments::ExportArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::export::RecordWriter;
use crate::{files, render};

pub(super) fn run(arguments: ExportArguments) -> Result<Exit, CommandError> {
    let ExportArguments { directory, format, output: path } = arguments;
    let status = Status::read(&directory)?;
    let place = match &path {
        Some(path) => render::quoted(path),
        None => "standard output".to_owned(),
    };
    let output_error = |source| CommandError::Output { place: place.clone(), source };
    let output: Box<dyn Write> = match &path {
        Some(path) => Box::new(files::create(path).map_err(output_error)?),
        None => Box::new(io::stdout().lock()),
    };
    match write(&status, RecordWriter::new(format, status.has_fields(), BufWriter::new(output)))? {
        // The reader has seen enough, as in `longhaul export DIR --format csv | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe && path.is_none() => Ok(Exit::Complete),
        written => written.map(|()| Exit::Complete).map_err(output_error),
    }
}

/// The outer result is that of reading the haul, the inner one that of writing the output.
fn write(status: &Status, mut records: RecordWriter<impl Write>) -> Result<io::Result<()>, CommandError> {
    let mut written = records.write_header();
    status.for_each_row(|row| {
        // The library offers no way to end the walk; after an error the other rows are ignored.
        if written.is_ok() {
            written = records.write(row);
        }
    })?;
    Ok(written.and_then(|()| records.flush()))
}
