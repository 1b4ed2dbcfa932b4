//! Records as comma-separated values (RFC 4180). No cell can be run by a spreadsheet or obeyed by a terminal.

use std::io::{self, Write};

use super::cells::Cell;
use crate::render::escaped;

/// Writes records with the line end of RFC 4180 section 2, CR LF.
pub(crate) struct CsvWriter<W: Write>(csv::Writer<W>);

impl<W: Write> CsvWriter<W> {
    pub(super) fn new(output: W) -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(output))
    }

    /// Writes the names of the columns.
    pub(super) fn write_header(&mut self, columns: impl IntoIterator<Item = &'static str>) -> io::Result<()> {
        self.0.write_record(columns).map_err(io_error)
    }

    pub(super) fn write<'a>(&mut self, cells: impl IntoIterator<Item = &'a Cell>) -> io::Result<()> {
        self.0.write_record(cells.into_iter().map(text)).map_err(io_error)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The error of the output below the writer, with its kind.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => {
            let mut shown = escaped(text).to_string();
            if shown.starts_with(begins_formula) {
                // A spreadsheet reads a cell that begins with an apostrophe as text.
                shown.insert(0, '\'');
            }
            shown
        }
    }
}

/// The wide forms begin formulas in some languages of a spreadsheet. Tabs and line ends have been escaped before.
fn begins_formula(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_breaks_a_line() {
        let table = [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1", "'＝1"),
            ("\t=1", "\\u{9}=1"),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            ("\x1b[2J", "\\u{1b}[2J"),
        ];
        for (text, expected) in table {
            let mut line = Vec::new();
            let mut writer = CsvWriter::new(&mut line);
            writer.write(&[Cell::Text(text.to_owned()), Cell::Number(7)]).expect("memory takes every write");
            writer.flush().expect("memory takes every write");
            drop(writer);
            assert_eq!(String::from_utf8_lossy(&line), format!("{expected},7\r\n"));
        }
    }
}
