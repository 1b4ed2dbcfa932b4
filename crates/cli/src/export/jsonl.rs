//! Records as JSON, one object a line.

use serde_json::Value;

use super::{COLUMNS, Cell};
use crate::render::json;

/// Appends the record as one line; what is empty is null.
pub(crate) fn json_line(line: &mut String, cells: &[Cell; COLUMNS.len()]) {
    let fields = COLUMNS.iter().zip(cells).map(|(name, cell)| {
        let value = match cell {
            Cell::Empty => Value::Null,
            Cell::Number(number) => (*number).into(),
            Cell::Text(text) => text.as_str().into(),
        };
        (*name, value)
    });
    line.push_str(&json::object(&fields.collect::<Vec<_>>()));
    line.push('\n');
}
