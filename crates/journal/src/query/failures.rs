//! The failed rows and the classes of their faults, found in one scan of the log.

use std::collections::BTreeMap;

use super::outcomes::for_each_deciding_record;
use crate::error::JournalError;
use crate::format::LogRecord;
use crate::log::LogSegment;
use crate::model::RowId;
use crate::storage::Storage;

/// The failed rows that the log knows, with the class of each fault. Takes one byte a row. Rows that the spool settles (lines that
/// were refused, rows that are lost) are not among them.
#[derive(Debug, Default)]
pub struct Failures {
    classes: Vec<String>,
    /// For each row the place of its class in `classes`, from 1; 0 if it has not failed.
    codes: Vec<u8>,
}

impl Failures {
    pub(crate) fn scan(
        storage: &dyn Storage,
        segments: &[LogSegment],
        rows: u64,
    ) -> Result<Self, JournalError> {
        let mut failures = Self::default();
        failures.codes.resize(usize::try_from(rows).unwrap_or(usize::MAX), 0);
        for_each_deciding_record(storage, segments, |row, payload, _, _| {
            let Some(index) = usize::try_from(row.0).ok().filter(|index| *index < failures.codes.len())
            else {
                return;
            };
            failures.codes[index] = match LogRecord::failed_class(payload) {
                Some(class) => failures.code(class),
                None => 0,
            };
        })?;
        Ok(failures)
    }

    /// How many rows failed of each class.
    pub fn counts(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for (_, class) in self.rows() {
            *counts.entry(class).or_default() += 1;
        }
        counts
    }

    /// The failed rows in order, with their classes.
    pub fn rows(&self) -> impl Iterator<Item = (RowId, &str)> {
        let class = |code: u8| self.classes.get(usize::from(code).checked_sub(1)?).map(String::as_str);
        (0_u64..).map(RowId).zip(&self.codes).filter_map(move |(row, code)| Some((row, class(*code)?)))
    }

    /// The code of a class. There are about twenty; should a log name over 255, the rest are counted as the last of these.
    fn code(&mut self, class: String) -> u8 {
        let known = self.classes.iter().position(|known| *known == class);
        let place = known.unwrap_or_else(|| {
            if self.classes.len() < usize::from(u8::MAX) {
                self.classes.push(class);
            }
            self.classes.len() - 1
        });
        u8::try_from(place + 1).unwrap_or(u8::MAX)
    }
}
