//! Reads lists without fetching anything.

use std::sync::Arc;

use longhaul_journal::{Journal, Opened, RowId};
use longhaul_socket::clock::WallClock;
use tokio::sync::watch;

use super::intake::{Intake, Published};
use super::superseded;
use crate::haul::executor::Executor;
use crate::haul::run_context::RunContext;
use crate::haul::{Haul, HaulError, executor, machine, open_store};
use crate::report::Counts;
use crate::report::observer::RunningObserver;

impl Haul {
    /// Reads the lists into the haul and fetches nothing: their lines become rows, with names, duplicates and refused lines as in
    /// a run, and rows that a corrected list no longer says are forgotten. No network is used. Returns the rows by outcome; a later [`run`](Haul::run) fetches the pending ones.
    ///
    /// # Errors
    /// As those of a run, as far as lists and the journal are concerned.
    pub fn read_lists(self) -> Result<Counts, HaulError> {
        let Self { storage, store, callback, stopper, lists, start_unix_ms, boot_id, .. } = self;
        let clock = start_unix_ms.map_or_else(WallClock::system, WallClock::starting_at);
        let observer =
            RunningObserver::start(Executor::Threads, callback, stopper.clone()).map_err(HaulError::Start)?;
        let boot_id = boot_id.unwrap_or_else(machine::boot_id);
        let opened = Journal::open(Arc::clone(&storage), clock.unix_ms(), boot_id, &machine::holder());
        let Opened { lock, spool, rows, recovery, mut log, .. } = opened.map_err(HaulError::Journal)?;
        let cx = RunContext {
            storage: Arc::clone(&storage),
            store: open_store(store, &storage)?,
            observer: observer.observer(),
            clock,
            stopper,
        };
        let (publish, _published) = watch::channel(Published::default());
        let reader = rows.clone();
        let (states, forgotten) = (recovery.states, recovery.forgotten);
        let read = executor::run_alone(move || {
            Intake::new(cx, spool, reader, publish, states, forgotten).run(lists)
        });
        read.map_err(HaulError::Start)?.map_err(HaulError::from)?;
        if let Some(last) = rows.published().checked_sub(1) {
            rows.ensure_durable(RowId(last)).map_err(HaulError::of_disk)?;
        }
        superseded::forget(&storage, &rows, &mut log)?;
        drop(lock);
        let journal = Journal::read(storage).map_err(HaulError::Journal)?;
        Ok(Counts::from(journal.counts()))
    }
}
