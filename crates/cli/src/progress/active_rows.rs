//! The files that are being fetched, as far as the events show them.

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul::RowId;
use tokio::time::Instant;

/// Rows kept. The display shows one of them; the limit bounds the memory, and is many times the default of `--jobs`.
const ROWS_MAX: usize = 4096;
/// A row without a byte for this long is waited for.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// A row in progress.
#[derive(Debug, Clone)]
pub(super) struct ActiveRow {
    /// The URL that was requested last.
    pub(super) url: String,
    /// Bytes of its body that this attempt has received.
    pub(super) bytes: u64,
    started: Instant,
    heard: Instant,
}

impl ActiveRow {
    /// How long the attempt has taken.
    pub(super) fn lasted(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// How long no byte has come, if that is long.
    pub(super) fn silent_for(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.heard)).filter(|silent| *silent >= SILENT_AFTER)
    }
}

/// The rows in progress.
#[derive(Debug, Default)]
pub(super) struct ActiveRows(BTreeMap<RowId, ActiveRow>);

impl ActiveRows {
    pub(super) fn started(&mut self, row: RowId, url: &str, now: Instant) {
        if self.0.len() < ROWS_MAX || self.0.contains_key(&row) {
            self.0.insert(row, ActiveRow { url: url.to_owned(), bytes: 0, started: now, heard: now });
        }
    }

    pub(super) fn received(&mut self, row: RowId, bytes: u64, now: Instant) {
        if let Some(active) = self.0.get_mut(&row) {
            active.bytes += bytes;
            active.heard = now;
        }
    }

    /// The attempt is over.
    pub(super) fn ended(&mut self, row: RowId) {
        self.0.remove(&row);
    }

    /// The attempt that has taken longest, and the number of the others.
    pub(super) fn oldest(&self) -> Option<(&ActiveRow, usize)> {
        let oldest = self.0.values().min_by_key(|active| active.started)?;
        Some((oldest, self.0.len() - 1))
    }
}
