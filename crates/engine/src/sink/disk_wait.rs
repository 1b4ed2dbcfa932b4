//! Waiting for a disk that is full, or a process without a free descriptor: the one place where an operation on the disk is
//! repeated. Each actor that uses the disk has a [`DiskWait`]; one event reports that the first of them waits, and one that the
//! last continues.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::disk_error::transient_cause;
use super::trace;
use crate::haul::stop::StopWatch;
use crate::report::observer::Observer;

/// The time between two attempts: short beside the time that somebody takes to make room, and no load.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Why an operation on the disk is not repeated.
#[derive(Debug)]
pub(crate) enum DiskFailure {
    /// Waiting does not help.
    Permanent(io::Error),
    /// The haul was stopped while the operation waited for its next attempt.
    Stopped(io::Error),
}

impl From<DiskFailure> for io::Error {
    fn from(failure: DiskFailure) -> Self {
        match failure {
            DiskFailure::Permanent(error) | DiskFailure::Stopped(error) => error,
        }
    }
}

/// The waits of one actor.
pub(crate) struct DiskWait {
    observer: Arc<Observer>,
    stop: StopWatch,
    /// The waits so far.
    count: Arc<AtomicU64>,
    is_paused: bool,
}

impl DiskWait {
    pub(crate) fn new(observer: Arc<Observer>, stop: StopWatch, count: Arc<AtomicU64>) -> Self {
        Self { observer, stop, count, is_paused: false }
    }

    /// Returns when an operation that failed with this error is worth another attempt.
    pub(crate) async fn wait(&mut self, error: io::Error) -> Result<(), DiskFailure> {
        let Some(reason) = transient_cause(&error) else { return Err(DiskFailure::Permanent(error)) };
        self.count.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut self.is_paused, true) {
            trace::disk_full(reason, &error);
            self.observer.pause(reason);
        }
        self.sleep(error).await
    }

    /// Waits as long as between two attempts, whatever the error.
    pub(crate) async fn sleep(&mut self, error: io::Error) -> Result<(), DiskFailure> {
        tokio::select! {
            biased;
            () = self.stop.stopped() => Err(DiskFailure::Stopped(error)),
            () = tokio::time::sleep(RETRY_INTERVAL) => Ok(()),
        }
    }

    /// The actor goes on.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.is_paused) {
            self.observer.resume();
        }
    }
}

/// An actor that repeats operations while the disk is full.
pub(crate) trait RetryTransient: Sized {
    fn disk_wait(&mut self) -> &mut DiskWait;

    /// Frees what this actor can spare; true if the operation is worth another attempt at once.
    fn relieve(&mut self, _error: &io::Error) -> bool {
        false
    }

    /// Does the operation, and repeats it after every error that goes away when somebody makes room.
    async fn retry_transient<T>(
        &mut self,
        mut operation: impl FnMut(&mut Self) -> io::Result<T>,
    ) -> Result<T, DiskFailure> {
        loop {
            match operation(self) {
                Ok(done) => return Ok(done),
                Err(error) => self.wait_out(error).await?,
            }
        }
    }

    /// Returns when an operation that failed with this error is worth another attempt.
    async fn wait_out(&mut self, error: io::Error) -> Result<(), DiskFailure> {
        if self.relieve(&error) {
            return Ok(());
        }
        self.disk_wait().wait(error).await
    }
}
