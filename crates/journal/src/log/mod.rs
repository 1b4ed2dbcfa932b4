//! The log.
use std::io;

use crate::record::Record;

/// Appends to the log. One thread owns it.
pub struct LogWriter {}

impl LogWriter {
    /// Takes a record. Buffered.
    pub fn record(&mut self, _record: &Record) -> io::Result<()> {
        todo!()
    }
    /// Hands everything recorded to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        todo!()
    }
    /// Makes everything recorded durable, `Done` records still in doubt.
    pub fn prepare(&mut self) -> io::Result<()> {
        todo!()
    }
    /// Makes everything recorded durable and settled.
    pub fn commit(&mut self) -> io::Result<()> {
        todo!()
    }
}
