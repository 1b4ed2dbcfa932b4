//! What the simulation asks of a controller, so that the engine's own and its candidate are tried on the same hosts.

use std::time::Duration;

use longhaul::pace;
use tokio::time::Instant;

/// May another request be sent?
pub(crate) enum Place<T> {
    Free(T),
    FreeAt(Instant),
    /// Not before an answer.
    Taken,
}

/// What came of a request.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Served {
        latency: Duration,
    },
    Refused {
        retry_after: Option<Duration>,
    },
    /// 403.
    Denied {
        latency: Duration,
    },
    Broken,
}

pub(crate) trait Controller {
    type SendRecord: Copy;

    fn new(cap: u32) -> Self;
    /// One controller for what had these.
    fn merged(controllers: &[&Self], now: Instant) -> Self;
    /// Whether the host has shown that it counts.
    fn is_limited(&self) -> bool;
    fn permit(&mut self, now: Instant) -> Place<Self::SendRecord>;
    fn stalled(&mut self, ticket: Self::SendRecord);
    /// The answer that is told next announces this.
    fn announced(&mut self, ticket: Self::SendRecord, announcement: pace::Announcement);
    fn answered(
        &mut self,
        ticket: Self::SendRecord,
        answer: Answer,
        was_stalled: bool,
        now: Instant,
        jitter: f64,
    );
    /// What was sent by an earlier controller of the host has been answered.
    fn overheard(&mut self, latency: Duration, now: Instant);
    fn stall_after(&self) -> Option<Duration>;
    /// Whether an exchange that has been silent for so long is broken off and made again.
    fn cuts_short(&mut self, ticket: Self::SendRecord, silent_for: Duration, before: u32) -> bool;
    /// One that was broken off has been made again.
    fn made_again(&mut self, was_silent_again: bool);
    /// Whether the host fails so often anyway that so many failures of one URL say nothing about that URL.
    fn explains_failures(&self, of_url: u32) -> bool;
    fn in_flight(&self) -> u32;
    fn cap(&self) -> u32;
}

/// The engine's.
pub(crate) struct Current {
    pace: pace::Pace,
    cap: u32,
}

impl Controller for Current {
    type SendRecord = pace::SendRecord;

    fn new(cap: u32) -> Self {
        Self { pace: pace::Pace::new(cap), cap }
    }

    fn merged(controllers: &[&Self], now: Instant) -> Self {
        let paces: Vec<_> = controllers.iter().map(|controller| &controller.pace).collect();
        let pace = pace::Pace::merged(&paces, now);
        Self { cap: pace.cap(), pace }
    }

    fn is_limited(&self) -> bool {
        self.pace.is_limited()
    }

    fn permit(&mut self, now: Instant) -> Place<Self::SendRecord> {
        match self.pace.permit(now) {
            pace::Permit::Go(ticket) => Place::Free(ticket),
            pace::Permit::WaitUntil(at) => Place::FreeAt(at),
            pace::Permit::WaitForAnswer => Place::Taken,
        }
    }

    fn stalled(&mut self, ticket: Self::SendRecord) {
        self.pace.stalled(ticket);
    }

    fn announced(&mut self, ticket: Self::SendRecord, announcement: pace::Announcement) {
        self.pace.announced(ticket, announcement);
    }

    fn answered(
        &mut self,
        ticket: Self::SendRecord,
        answer: Answer,
        was_stalled: bool,
        now: Instant,
        jitter: f64,
    ) {
        let signal = match answer {
            Answer::Served { latency } => pace::Signal::Success { latency },
            Answer::Denied { latency } => pace::Signal::Denied { latency },
            Answer::Refused { retry_after } => pace::Signal::Throttle { retry_after },
            Answer::Broken => pace::Signal::Congestion,
        };
        self.pace.answered(ticket, signal, was_stalled, now, jitter);
    }

    fn overheard(&mut self, latency: Duration, now: Instant) {
        self.pace.overheard(pace::Signal::Success { latency }, now);
    }

    fn stall_after(&self) -> Option<Duration> {
        self.pace.stall_after()
    }

    fn cuts_short(&mut self, ticket: Self::SendRecord, silent_for: Duration, before: u32) -> bool {
        self.pace.cuts_short(ticket, silent_for, before)
    }

    fn made_again(&mut self, was_silent_again: bool) {
        self.pace.made_again(was_silent_again);
    }

    fn explains_failures(&self, of_url: u32) -> bool {
        self.pace.explains_failures(of_url)
    }

    fn in_flight(&self) -> u32 {
        self.pace.in_flight()
    }

    fn cap(&self) -> u32 {
        self.cap
    }
}
