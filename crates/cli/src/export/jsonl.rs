//! Records as JSON, one object per line.

use longhaul::Fields;
use serde_json::Value;

use super::cells::{COLUMNS, Cell, FIELDS_COLUMN};
use crate::render::json;

/// The record as one line. An empty cell is null. Columns that Longhaul does not interpret form an object at the end, if there are
/// any.
pub(super) fn json_line(cells: &[Cell; COLUMNS.len()], columns: &Fields) -> String {
    let fields = COLUMNS.iter().zip(cells).map(|(name, cell)| {
        let value = match cell {
            Cell::Empty => Value::Null,
            Cell::Number(number) => (*number).into(),
            Cell::Text(text) => text.as_str().into(),
        };
        (*name, value)
    });
    let columns = (!columns.is_empty()).then(|| (FIELDS_COLUMN, json::columns(columns)));
    json::object(&fields.chain(columns).collect::<Vec<_>>()) + "\n"
}
