//! Notices, at the start of a run, that finished files are missing.
//!
//! It also reads the part of the log that the start has not read, and reports what is damaged there. It looks for names only, on a thread of its own, and looks at a bounded number of them: of a larger haul a sample that is spread
//! over it evenly. So it costs the same however large the haul is, and finds the usual case: somebody has removed or moved files.

use std::io;
use std::sync::Arc;

use longhaul_journal::storage::{RelativePath, Storage};
use longhaul_journal::{BLOCK_ROWS, BlockId, Entry, ReadOnly, RowId, RowState, RowStates, SpoolReader};

use crate::haul::run_context::RunContext;
use crate::haul::stop::StopWatch;
use crate::names;
use crate::report::event::Event;
use crate::report::observer::Observer;
use crate::sink::is_symbolic_link;

/// Blocks of rows that are looked at: all of a haul of 20,480 rows.
const BLOCKS_MAX: u64 = 80;

/// Looks for the finished files of earlier runs.
pub(crate) struct PresenceCheck {
    storage: Arc<dyn Storage>,
    observer: Arc<Observer>,
    stop: StopWatch,
    rows: SpoolReader,
    /// The blocks to look at, and the rows in them that are done.
    finished: Vec<(BlockId, Vec<RowId>)>,
}

impl PresenceCheck {
    /// `None` if no row is done.
    pub(crate) fn new(cx: RunContext, rows: SpoolReader, states: &RowStates) -> Option<Self> {
        let blocks = states.rows().div_ceil(BLOCK_ROWS);
        let chosen = blocks.min(BLOCKS_MAX);
        let done = |block: u64| {
            let rows = (block * BLOCK_ROWS..(block + 1) * BLOCK_ROWS).map(RowId);
            rows.filter(|row| states.state(*row) == RowState::Done).collect::<Vec<_>>()
        };
        let block = |number: u64| number * blocks / chosen;
        let finished: Vec<_> =
            (0..chosen).map(|number| (BlockId(block(number)), done(block(number)))).collect();
        let is_any_done = finished.iter().any(|(_, done)| !done.is_empty());
        let RunContext { storage, observer, stopper, .. } = cx;
        is_any_done.then(|| Self { storage, observer, stop: stopper.watch(), rows, finished })
    }

    /// Looks, and reports if something is missing. A disk that cannot be read is reported by those that need it.
    pub(crate) async fn run(self) {
        for damage in ReadOnly::unread_damage(&*self.storage) {
            self.observer.emit(&Event::Damaged { description: &damage.to_string() });
        }
        let (mut checked, mut missing, mut example) = (0, 0, None);
        let mut rows = Vec::new();
        for (block, done) in &self.finished {
            if self.stop.is_stopped() || self.rows.read_block(*block, &mut rows).is_err() {
                return;
            }
            for (_, row) in rows.drain(..).filter(|(id, _)| done.binary_search(id).is_ok()) {
                let Entry::Fetch { url, name, .. } = row.entry else { continue };
                let Ok(url) = url.parse() else { continue };
                let name = names::final_name(&url, name);
                let Ok(path) = name.parse::<RelativePath>() else { continue };
                checked += 1;
                if !self.is_there(&path) {
                    missing += 1;
                    example.get_or_insert(name);
                }
            }
            // On one thread with the others, this lets them work.
            tokio::task::yield_now().await;
        }
        if let Some(example) = example {
            self.observer.emit(&Event::FilesMissing { missing, checked, example: &example });
        }
    }

    /// Whether something stands at a path; also if nobody can say. A directory that a symbolic link has replaced is not there.
    fn is_there(&self, path: &RelativePath) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound};
        self.storage.metadata(path).map_or_else(
            |error| !(matches!(error.kind(), NotFound | NotADirectory) || is_symbolic_link(&error)),
            |metadata| metadata.is_some(),
        )
    }
}
