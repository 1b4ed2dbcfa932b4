//! Tells the sink what became of a job.

use std::sync::Arc;
use std::time::Duration;

use longhaul_journal::{Failed, NoContent, Waiting};
use longhaul_socket::clock::WallClock;

use crate::exchange::failure::Failure;
use crate::pace::host_state_cache::HostStateUpdate;
use crate::report::counters::Counters;
use crate::schedule::job::Job;
use crate::sink::{Completion, Message, Piece, SinkGone, SinkHandle};

pub(super) struct Outbox {
    sink: SinkHandle,
    clock: WallClock,
    counters: Arc<Counters>,
}

impl Outbox {
    pub(super) fn new(sink: SinkHandle, clock: WallClock, counters: Arc<Counters>) -> Self {
        Self { sink, clock, counters }
    }

    /// The body is complete.
    pub(super) async fn complete(
        &self,
        job: Box<Job>,
        piece: Piece,
        completion: Completion,
    ) -> Result<(), SinkGone> {
        self.sink.send(Message::Complete { job, piece, completion }).await
    }

    /// The attempt failed, and the next one follows after `wait`.
    pub(super) async fn again(&self, job: &Job, failure: &Failure, wait: Duration) -> Result<(), SinkGone> {
        self.counters.retry();
        let waiting = self.waiting(job, failure, wait, false);
        self.sink.send(Message::Retry { row: job.row, url: job.target().clone(), waiting, wait }).await
    }

    /// The job is left for a later run, which waits for `wait` before it starts the job.
    pub(super) async fn park(
        &self,
        job: Box<Job>,
        failure: &Failure,
        wait: Duration,
    ) -> Result<(), SinkGone> {
        let waiting = self.waiting(&job, failure, wait, true);
        self.sink.send(Message::Park { job, waiting }).await
    }

    /// The host answered with this status that there is nothing to download.
    pub(super) async fn no_content(&self, job: Box<Job>, status: u16) -> Result<(), SinkGone> {
        let none = NoContent {
            status,
            attempts: job.attempts,
            started_unix_ms: job.started_unix_ms,
            finished_unix_ms: self.clock.unix_ms(),
        };
        self.sink.send(Message::NoContent { job, none }).await
    }

    /// The job has failed for good.
    pub(super) async fn fail(&self, job: Box<Job>, failure: Failure) -> Result<(), SinkGone> {
        let finished_unix_ms = self.clock.unix_ms();
        let failed = Failed {
            fault: failure.record,
            status: failure.status,
            attempts: job.attempts,
            started_unix_ms: if job.started_unix_ms == 0 { finished_unix_ms } else { job.started_unix_ms },
            finished_unix_ms,
        };
        // An exchange that finds a body worthless discards it.
        let keeps_part = job.partial.is_some();
        self.sink.send(Message::Fail { job, failed, keeps_part }).await
    }

    /// Updates of the records of hosts.
    pub(super) async fn remember(&self, notes: Vec<HostStateUpdate>) -> Result<(), SinkGone> {
        if notes.is_empty() { Ok(()) } else { self.sink.send(Message::Hosts(notes)).await }
    }

    fn waiting(&self, job: &Job, failure: &Failure, wait: Duration, parked: bool) -> Waiting {
        // Rounded up: a request a moment too early would be wasted.
        let wait_ms = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        Waiting {
            attempts: job.attempts,
            until_unix_ms: self.clock.unix_ms().saturating_add(wait_ms),
            parked,
            fault: failure.record.clone(),
        }
    }
}
