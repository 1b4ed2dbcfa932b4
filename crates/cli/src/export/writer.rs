//! Writes records in the format that the user chose.

use std::io::{self, Write};

use longhaul::Row;

use super::cells::cells;
use super::csv::CsvWriter;
use super::jsonl::json_line;
use crate::arguments::ExportFormat;

/// Writes one record per row.
pub(crate) enum RecordWriter<W: Write> {
    Csv(Box<CsvWriter<W>>),
    Jsonl(W),
}

impl<W: Write> RecordWriter<W> {
    pub(crate) fn new(format: ExportFormat, output: W) -> Self {
        match format {
            ExportFormat::Csv => Self::Csv(Box::new(CsvWriter::new(output))),
            ExportFormat::Jsonl => Self::Jsonl(output),
        }
    }

    /// Writes what comes before the first record, if the format has a header.
    pub(crate) fn write_header(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(csv) => csv.write_header(),
            Self::Jsonl(_) => Ok(()),
        }
    }

    pub(crate) fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        let cells = cells(row);
        match self {
            Self::Csv(csv) => csv.write(&cells),
            Self::Jsonl(output) => output.write_all(json_line(&cells).as_bytes()),
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(csv) => csv.flush(),
            Self::Jsonl(output) => output.flush(),
        }
    }
}
