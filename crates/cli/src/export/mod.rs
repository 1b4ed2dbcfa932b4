//! A row and what became of it as a record of named cells, and the formats that such records are written in.

pub(crate) mod csv;

mod cells;
mod jsonl;

pub(crate) use cells::{COLUMNS, Cell, cells};
pub(crate) use jsonl::json_line;
