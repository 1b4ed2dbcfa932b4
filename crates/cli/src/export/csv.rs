//! Records as comma-separated values (RFC 4180), with nothing in them that a spreadsheet would run or a terminal obey.

use std::fmt::Write as _;

use super::Cell;
use crate::render::escaped;

/// Appends a record with its line end, CR LF as section 2 of the RFC has it.
pub(crate) fn push_record<'a, T>(line: &mut String, cells: impl IntoIterator<Item = T>)
where
    T: Into<Field<'a>>,
{
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        match cell.into() {
            Field::Number(number) => {
                let _ = write!(line, "{number}");
            }
            Field::Text(text) => push_text(line, text),
        }
    }
    line.push_str("\r\n");
}

/// What stands between two commas.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Number(u64),
    Text(&'a str),
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Cell> for Field<'a> {
    fn from(cell: &'a Cell) -> Self {
        match cell {
            Cell::Empty => Self::Text(""),
            Cell::Number(number) => Self::Number(*number),
            Cell::Text(text) => Self::Text(text),
        }
    }
}

fn push_text(line: &mut String, text: &str) {
    let mut shown = escaped(text).to_string();
    if shown.starts_with(begins_formula) {
        // Spreadsheets take what follows an apostrophe for text.
        shown.insert(0, '\'');
    }
    if shown.contains([',', '"']) {
        let _ = write!(line, "\"{}\"", shown.replace('"', "\"\""));
    } else {
        line.push_str(&shown);
    }
}

/// The wide forms are formulas to spreadsheets in some languages. Tabs and line ends have been written out before.
fn begins_formula(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_data_whatever_it_holds() {
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
            let mut line = String::new();
            push_record(&mut line, [Field::Text(text), Field::Number(7)]);
            assert_eq!(line, format!("{expected},7\r\n"));
        }
    }
}
