//! A row and its outcome as a record of named cells, and the formats of records.

mod bag;
mod cells;
mod csv;
mod jsonl;
mod lines;
mod writer;

pub(crate) use bag::BagWriter;
pub(crate) use lines::{LineFormat, has_no_file, write_line};
pub(crate) use writer::{RecordFormat, RecordWriter};
