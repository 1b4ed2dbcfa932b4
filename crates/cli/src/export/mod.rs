//! A row and its outcome as a record of named cells, and the formats of records.

mod cells;
mod csv;
mod jsonl;
mod writer;

pub(crate) use writer::RecordWriter;
