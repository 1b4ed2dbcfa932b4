//! Records as JSON, one object per line.

use serde_json::Value;

use super::cells::{COLUMNS, Cell};
use crate::render::json;

/// The record as one line. An empty cell is null.
pub(super) fn json_line(cells: &[Cell; COLUMNS.len()]) -> String {
    let fields = COLUMNS.iter().zip(cells).map(|(name, cell)| {
        let value = match cell {
            Cell::Empty => Value::Null,
            Cell::Number(number) => (*number).into(),
            Cell::Text(text) => text.as_str().into(),
        };
        (*name, value)
    });
    json::object(&fields.collect::<Vec<_>>()) + "\n"
}
