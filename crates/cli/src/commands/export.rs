//! `longhaul export`: what became of every row, one a line, in memory that does not grow with their number.

use std::io::{self, BufWriter, Write};

use longhaul::Status;

use crate::arguments::{ExportArguments, ExportFormat};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::export::{COLUMNS, cells, csv, json_line};
use crate::{files, render};

pub(super) fn run(arguments: &ExportArguments) -> Result<Exit, CommandError> {
    let status = Status::read(&arguments.directory)?;
    let place = match &arguments.output {
        Some(path) => render::quoted(path),
        None => "standard output".to_owned(),
    };
    let failed = |source| CommandError::Output { place: place.clone(), source };
    let output: Box<dyn Write> = match &arguments.output {
        Some(path) => Box::new(files::create(path).map_err(failed)?),
        None => Box::new(io::stdout().lock()),
    };
    match write(&status, arguments.format, BufWriter::new(output))? {
        // Whoever reads has seen enough, as in `longhaul export DIR --format csv | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe && arguments.output.is_none() => {
            Ok(Exit::Complete)
        }
        written => written.map(|()| Exit::Complete).map_err(failed),
    }
}

/// The outer result is the haul's, the inner one the output's.
fn write(
    status: &Status,
    format: ExportFormat,
    mut output: impl Write,
) -> Result<io::Result<()>, CommandError> {
    let mut line = String::new();
    let mut written = match format {
        ExportFormat::Csv => {
            csv::push_record(&mut line, COLUMNS.iter().copied());
            output.write_all(line.as_bytes())
        }
        ExportFormat::Jsonl => Ok(()),
    };
    status.for_each_row(|row| {
        // The walk cannot be ended early; after an error it is only walked.
        if written.is_ok() {
            line.clear();
            let cells = cells(row);
            match format {
                ExportFormat::Csv => csv::push_record(&mut line, cells.iter()),
                ExportFormat::Jsonl => json_line(&mut line, &cells),
            }
            written = output.write_all(line.as_bytes());
        }
    })?;
    Ok(written.and_then(|()| output.flush()))
}
