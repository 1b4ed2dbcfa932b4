//! Compares many files at a time, and gives the results in the order of their rows.

use longhaul_journal::storage::Storage;

use super::comparison::{Compared, RecordedFile};
use crate::haul::parallel;

/// Files of one batch: enough to keep the threads busy, and a bound of the memory.
pub(super) const FILES_MAX: usize = 8192;

/// What a thread keeps from one file to the next.
#[derive(Default)]
struct Worker {
    buffer: Vec<u8>,
    bytes_read: u64,
}

/// The results for some files, in their order, and the bytes that were read.
pub(super) fn compare(storage: &dyn Storage, files: &[RecordedFile], is_quick: bool) -> (Vec<Compared>, u64) {
    // Sizes and times come from the system's memory for the most part: more threads than processors gain nothing.
    let threads = if is_quick { parallel::processors() } else { parallel::readers() };
    let (results, workers) = parallel::map(files, threads, |worker: &mut Worker, file| {
        file.compare(storage, is_quick, &mut worker.buffer, &mut worker.bytes_read)
    });
    (results, workers.iter().map(|worker| worker.bytes_read).sum())
}
