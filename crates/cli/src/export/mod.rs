//! A row and its outcome as a record of named cells, and the formats of records.

mod cells;
mod csv;
mod jsonl;
mod lines;
mod writer;

pub(crate) use lines::{LineFormat, write_line};
pub(crate) use writer::{RecordFormat, RecordWriter};
