//! Writes records in the format that the user chose.

use std::io::{self, Write};

use longhaul::Row;

use super::cells::{COLUMNS, FIELDS_COLUMN, cells, fields_cell};
use super::csv::CsvWriter;
use super::jsonl::json_line;

/// A format with a record for every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordFormat {
    Csv,
    Jsonl,
}

/// Writes one record per row.
pub(crate) enum RecordWriter<W: Write> {
    /// With a column for the fields that Longhaul does not interpret, if a row of the haul has any.
    Csv {
        csv: Box<CsvWriter<W>>,
        has_fields: bool,
    },
    Jsonl(W),
}

impl<W: Write> RecordWriter<W> {
    /// `has_fields` says whether a row of the haul has columns that Longhaul does not interpret.
    pub(crate) fn new(format: RecordFormat, has_fields: bool, output: W) -> Self {
        match format {
            RecordFormat::Csv => Self::Csv { csv: Box::new(CsvWriter::new(output)), has_fields },
            RecordFormat::Jsonl => Self::Jsonl(output),
        }
    }

    /// Writes what comes before the first record, if the format has a header.
    pub(crate) fn write_header(&mut self) -> io::Result<()> {
        match self {
            Self::Csv { csv, has_fields } => {
                csv.write_header(COLUMNS.into_iter().chain(has_fields.then_some(FIELDS_COLUMN)))
            }
            Self::Jsonl(_) => Ok(()),
        }
    }

    pub(crate) fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        let cells = cells(row);
        match self {
            Self::Csv { csv, has_fields } => {
                csv.write(cells.iter().chain(&has_fields.then(|| fields_cell(row.fields))))
            }
            Self::Jsonl(output) => output.write_all(json_line(&cells, row.fields).as_bytes()),
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv { csv, .. } => csv.flush(),
            Self::Jsonl(output) => output.flush(),
        }
    }
}
