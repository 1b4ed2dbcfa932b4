//! The limit model under its clock, and what it has done.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longhaul_socket::clock;
use tokio::time::Instant;

use crate::limit_model::{Announcement, Decision, LimitModel, Treatment};

/// Counts since the first request, as of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitingStats {
    /// Requests.
    pub arrivals: u64,
    /// Answers that were asked for, and taken by the client to the end.
    pub served: u64,
    /// Refusals by status.
    pub refused: u64,
    /// Connections reset.
    pub resets: u64,
    /// Requests that were met with silence.
    pub silences: u64,
    /// Answers that the client did not wait for or did not take.
    pub abandoned: u64,
    /// The time for which it was banned, as seen from one arrival or end of an exchange to the next.
    pub banned: Duration,
}

/// A request and what came of it. Times are counted from the first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeRecord {
    /// When its head had come.
    pub arrived: Duration,
    /// When it was answered, reset, or left by the client.
    pub ended: Duration,
    /// What was to come of it.
    pub treatment: Treatment,
    /// Whether the client waited for that, and took it. Nobody can wait for silence.
    pub is_whole: bool,
    /// Requests that were being answered when it came, itself among them.
    pub in_flight: u32,
}

impl ExchangeRecord {
    /// From its arrival to its end.
    pub fn took(&self) -> Duration {
        self.ended.saturating_sub(self.arrived)
    }
}

/// Who is told of each exchange that has ended. Called on the threads that serve: it must not wait.
type Log = dyn Fn(&ExchangeRecord) + Send + Sync;

pub(super) struct ModelState {
    book: Mutex<Book>,
    log: Box<Log>,
}

struct Book {
    limit_model: Box<dyn LimitModel>,
    /// The first arrival.
    start: Option<Instant>,
    seen_at: Duration,
    in_flight: u32,
    stats: LimitingStats,
}

impl ModelState {
    pub(super) fn new(limit_model: Box<dyn LimitModel>, log: Box<Log>) -> Self {
        let book = Book {
            limit_model,
            start: None,
            seen_at: Duration::ZERO,
            in_flight: 0,
            stats: LimitingStats::default(),
        };
        Self { book: Mutex::new(book), log }
    }

    pub(super) fn stats(&self) -> LimitingStats {
        self.book().stats
    }

    /// A request has come; it is under way until the entry is dropped.
    pub(super) fn arrive(&self) -> (Underway<'_>, Duration) {
        let book = &mut *self.book();
        let arrived = book.advance();
        let Decision { after, treatment } = book.limit_model.arrive(arrived);
        let announcement = book.limit_model.announces(arrived);
        book.in_flight += 1;
        book.stats.arrivals += 1;
        match treatment {
            Treatment::Served => {}
            Treatment::Refused { .. } => book.stats.refused += 1,
            Treatment::Reset => book.stats.resets += 1,
            Treatment::Silence => book.stats.silences += 1,
        }
        let in_flight = book.in_flight;
        (Underway { model_state: self, arrived, treatment, announcement, is_whole: false, in_flight }, after)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every entry leaves the book whole, so one that panicked in between cannot have torn it.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ModelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelState").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Book {
    /// The time of the limit model now.
    fn advance(&mut self) -> Duration {
        let now = clock::now();
        let now = now.saturating_duration_since(*self.start.get_or_insert(now)).max(self.seen_at);
        if self.limit_model.is_banned(self.seen_at) {
            self.stats.banned += now.saturating_sub(self.seen_at);
        }
        self.seen_at = now;
        now
    }
}

/// An exchange that has not ended.
pub(super) struct Underway<'a> {
    model_state: &'a ModelState,
    arrived: Duration,
    treatment: Treatment,
    announcement: Option<Announcement>,
    is_whole: bool,
    in_flight: u32,
}

impl Underway<'_> {
    pub(super) fn treatment(&self) -> Treatment {
        self.treatment
    }

    /// What its answer says about the limit.
    pub(super) fn announcement(&self) -> Option<Announcement> {
        self.announcement
    }

    /// The client has what was to come.
    pub(super) fn complete(mut self) {
        self.is_whole = true;
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        let Self { model_state, arrived, treatment, is_whole, in_flight, .. } = *self;
        let ended = {
            let book = &mut *model_state.book();
            let now = book.advance();
            book.limit_model.leave(now);
            book.in_flight -= 1;
            book.stats.served += u64::from(is_whole && treatment == Treatment::Served);
            book.stats.abandoned += u64::from(!is_whole && treatment != Treatment::Silence);
            now
        };
        (model_state.log)(&ExchangeRecord { arrived, ended, treatment, is_whole, in_flight });
    }
}
