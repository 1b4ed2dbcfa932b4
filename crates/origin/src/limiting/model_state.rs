//! The limit model with its clock, and counts of what it decided.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longhaul_socket::clock;
use tokio::time::Instant;

use crate::limit_model::{Announcement, Decision, LimitModel, Treatment};

/// Counts since the first request, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitingStats {
    /// Requests.
    pub arrivals: u64,
    /// Responses with the requested content, which the client took to the end.
    pub served: u64,
    /// Refusals by status.
    pub refused: u64,
    /// Connections reset.
    pub resets: u64,
    /// Requests that got no response.
    pub silences: u64,
    /// Responses that the client did not wait for or did not take.
    pub abandoned: u64,
    /// How long the client was banned, sampled when requests arrive and exchanges end.
    pub banned: Duration,
}

/// A request and what happened to it. Times are counted from the first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeRecord {
    /// When its head was complete.
    pub arrived: Duration,
    /// When it was answered or reset, or the client left.
    pub ended: Duration,
    /// What the limit model decided.
    pub treatment: Treatment,
    /// Whether the client waited for that and took it; never for [`Treatment::Silence`].
    pub is_whole: bool,
    /// Requests in progress when it came, itself included.
    pub in_flight: u32,
}

impl ExchangeRecord {
    /// The time from its arrival to its end.
    pub fn took(&self) -> Duration {
        self.ended.saturating_sub(self.arrived)
    }
}

/// Receives the record of each exchange. It is called on the threads that serve, so it must not block.
type Log = dyn Fn(&ExchangeRecord) + Send + Sync;

/// The limit model of a server, shared by its connections.
pub(super) struct ModelState {
    clocked: Mutex<ClockedModel>,
    log: Box<Log>,
}

struct ClockedModel {
    limit_model: Box<dyn LimitModel>,
    /// When the first request came.
    start: Option<Instant>,
    seen_at: Duration,
    in_flight: u32,
    stats: LimitingStats,
}

impl ModelState {
    pub(super) fn new(limit_model: Box<dyn LimitModel>, log: Box<Log>) -> Self {
        let clocked = ClockedModel {
            limit_model,
            start: None,
            seen_at: Duration::ZERO,
            in_flight: 0,
            stats: LimitingStats::default(),
        };
        Self { clocked: Mutex::new(clocked), log }
    }

    pub(super) fn stats(&self) -> LimitingStats {
        self.clocked().stats
    }

    /// Asks the model about a request. The exchange ends when the returned value is dropped.
    pub(super) fn arrive(&self) -> (OpenExchange<'_>, Duration) {
        let clocked = &mut *self.clocked();
        let arrived = clocked.advance();
        let Decision { after, treatment } = clocked.limit_model.arrive(arrived);
        let announcement = clocked.limit_model.announces(arrived);
        clocked.in_flight += 1;
        clocked.stats.arrivals += 1;
        match treatment {
            Treatment::Served => {}
            Treatment::Refused { .. } => clocked.stats.refused += 1,
            Treatment::Reset => clocked.stats.resets += 1,
            Treatment::Silence => clocked.stats.silences += 1,
        }
        let in_flight = clocked.in_flight;
        (
            OpenExchange { model_state: self, arrived, treatment, announcement, is_whole: false, in_flight },
            after,
        )
    }

    fn clocked(&self) -> MutexGuard<'_, ClockedModel> {
        // A poisoned lock is taken all the same: counts that are off by one are better than no server.
        self.clocked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ModelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelState").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl ClockedModel {
    /// Advances to the present time of the model, and returns it.
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
pub(super) struct OpenExchange<'a> {
    model_state: &'a ModelState,
    arrived: Duration,
    treatment: Treatment,
    announcement: Option<Announcement>,
    is_whole: bool,
    in_flight: u32,
}

impl OpenExchange<'_> {
    pub(super) fn treatment(&self) -> Treatment {
        self.treatment
    }

    /// What its response announces about the limit.
    pub(super) fn announcement(&self) -> Option<Announcement> {
        self.announcement
    }

    /// The client has taken what the model decided.
    pub(super) fn complete(mut self) {
        self.is_whole = true;
    }
}

impl Drop for OpenExchange<'_> {
    fn drop(&mut self) {
        let Self { model_state, arrived, treatment, is_whole, in_flight, .. } = *self;
        let ended = {
            let clocked = &mut *model_state.clocked();
            let now = clocked.advance();
            clocked.limit_model.leave(now);
            clocked.in_flight -= 1;
            clocked.stats.served += u64::from(is_whole && treatment == Treatment::Served);
            clocked.stats.abandoned += u64::from(!is_whole && treatment != Treatment::Silence);
            now
        };
        (model_state.log)(&ExchangeRecord { arrived, ended, treatment, is_whole, in_flight });
    }
}
