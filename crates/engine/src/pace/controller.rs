//! The seam between the engine and the pace of a host: the [`Controller`] trait, and what goes in and comes out.
//!
//! A controller decides when its host may be sent another request. It does no I/O and reads no clock: `now` is an
//! argument, and randomness is a number that the caller passes in. What it learns arrives as evidence about one request:
//! permitted, first byte, announced limit, stalled, progressing again, ended. Each piece of evidence names its request by
//! the [`SendRecord`] that came with the permit, so a controller can judge in the order in which requests were *sent*,
//! whatever the order of the responses.
//!
//! The trait follows the one that quinn has for congestion control (`quinn-proto/src/congestion.rs`): several controllers
//! can be run against the same hosts and compared. A controller refuses to know URLs and connections, and decides nothing
//! about retries.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::announced::Announcement;
use super::belief::Belief;
use super::courtesy::{WINDOW_CAP_PUBLIC, window_cap};
use super::memory::Memory;
use super::signal::Signal;

/// Decides when one host, or several that share a limit, may be sent another request.
pub trait Controller: fmt::Debug + Send {
    /// Asks whether a request may be sent now. The caller reports the end of each permitted request exactly once, with
    /// [`ended`](Self::ended).
    fn permit(&mut self, work: Work, now: Instant) -> Permit;

    /// The row that the request just permitted should be for. Asked once, right after the permit.
    fn pick(&mut self, sent: SendRecord) -> Pick {
        let _ = sent;
        Pick::Next
    }

    /// The row that the request is for; the one that [`pick`](Self::pick) named, where the caller has it.
    fn assigned(&mut self, sent: SendRecord, row: u64) {
        let _ = (sent, row);
    }

    /// The head of the response to `sent` arrived. Reported once at most, and before the end of the request.
    fn first_byte(&mut self, sent: SendRecord, first_byte: FirstByte) {
        let _ = (sent, first_byte);
    }

    /// The response to `sent` announces a limit. Reported just before the end of the request.
    fn announced(&mut self, sent: SendRecord, announcement: Announcement) {
        let _ = (sent, announcement);
    }

    /// The request has made no progress for [`stall_after`](Self::stall_after). It keeps its connection and its deadline.
    fn stalled(&mut self, sent: SendRecord, now: Instant) {
        let _ = (sent, now);
    }

    /// A stalled request makes progress again.
    fn revived(&mut self, sent: SendRecord, now: Instant) {
        let _ = (sent, now);
    }

    /// The request ended. `was_stalled` says whether it was stalled at that time; `jitter` is a random number in 0..1.
    fn ended(&mut self, sent: SendRecord, signal: Signal, was_stalled: bool, now: Instant, jitter: f64);

    /// How long a request may make no progress before it counts as stalled; `None` while that is unknown.
    fn stall_after(&self) -> Option<Duration> {
        None
    }

    /// Whether to abort a stalled request before its deadline and to repeat it at once. A controller that returns `true`
    /// counts the request as aborted.
    fn cuts_short(&mut self, sent: SendRecord, silent_for: Duration) -> bool {
        let _ = (sent, silent_for);
        false
    }

    /// What the denial (403, 418) of `sent` means, as far as the controller can tell now. Asked when the denial arrives
    /// and, while the answer is [`Denial::Undecided`], again after each request of the host that ends.
    /// `served_since` says whether a file of the host was served since the denial.
    fn denial(&self, sent: SendRecord, served_since: bool) -> Denial {
        let _ = (sent, served_since);
        Denial::OfUrl
    }

    /// Whether the controller itself decides when a held row is requested again (by [`Pick::Held`]), and what becomes of it
    /// (by [`settled`](Self::settled)). Then [`denial`](Self::denial) is asked once a request, right after its end.
    fn settles_denials(&self) -> bool {
        false
    }

    /// Held rows that turned out to be denied for their own sake, since the last call.
    fn settled(&mut self) -> Vec<u64> {
        Vec::new()
    }

    /// The row was served just now and can be requested again by [`Pick::Witness`]. Returns whether the controller may want
    /// that; a row that was not offered is never picked.
    fn offer_witness(&mut self, row: u64) -> bool {
        let _ = row;
        false
    }

    /// Whether the failure of `sent`, which ended just now, counts against the tries of its URL.
    fn charges(&self, sent: SendRecord) -> bool {
        let _ = sent;
        true
    }

    /// Connections that may be open to the host, idle ones included; idle ones in excess are closed. `None` for no limit.
    fn connections_max(&self) -> Option<u32> {
        None
    }

    /// The user's patience has run out while the host denied everything: each denial is charged to its URL from now on.
    fn charge_denials_to_urls(&mut self, now: Instant) {
        let _ = now;
    }

    /// The number of consecutive failures, and the time of the first: what the rule for giving up a host looks at.
    fn failing(&self) -> Option<(u32, Instant)> {
        None
    }

    /// Whether the host has served enough requests that a silence may be a ban, and not an absent host.
    fn has_served_well(&self) -> bool {
        false
    }

    /// Whether the host fails so often at any pace that this many failures of one URL say nothing about the URL.
    fn explains_failures(&self, of_url: u32) -> bool {
        let _ = of_url;
        false
    }

    /// Whether responses change the pace. Hosts of a controller that does not learn are not merged because of responses.
    fn learns(&self) -> bool {
        true
    }

    /// Requests in flight, stalled ones included.
    fn in_flight(&self) -> u32;

    /// The limits that the user set.
    fn limits(&self) -> UserLimits;

    /// What the controller believes of the host now.
    fn belief(&self) -> Belief;

    /// What another controller needs to continue where this one is: what it believes, unless it knows more.
    fn memory(&self, now: Instant) -> Memory {
        Memory::of_belief(&self.belief(), now)
    }

    /// A copy, requests in flight included.
    fn clone_box(&self) -> Box<dyn Controller>;
}

impl Clone for Box<dyn Controller> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// Makes controllers.
pub trait ControllerFactory: fmt::Debug + Send + Sync {
    /// A controller for a host of which nothing is known (no memory), which was known before (one), or which turned out to
    /// be limited together with others (the memory of each).
    fn build(&self, limits: UserLimits, memories: &[Memory], now: Instant) -> Box<dyn Controller>;

    /// Requests in flight at most to a host for which the user set no limit; `is_private` says that its address is private.
    fn window_max(&self, is_private: bool) -> u32 {
        window_cap(is_private)
    }
}

impl dyn ControllerFactory + '_ {
    /// One controller for all hosts of these controllers (at least one).
    #[must_use]
    pub fn merged(&self, controllers: &[&dyn Controller], now: Instant) -> Box<dyn Controller> {
        let limits = controllers.iter().map(|controller| controller.limits());
        let limits = limits.reduce(UserLimits::widest).unwrap_or_default();
        let memories: Vec<Memory> = controllers.iter().map(|controller| controller.memory(now)).collect();
        self.build(limits, &memories, now)
    }
}

/// What a controller is told with the question for a permit. Where hosts share a controller, one of them asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Open connections to the host that asks which no request uses: with 0, the request opens a new one.
    pub connections_idle: usize,
    /// Jobs of all hosts of the controller that wait, for any reason; the one that asks is among them.
    pub jobs_waiting: usize,
    /// Jobs of the host that asks which may start now.
    pub jobs_ready: usize,
    /// Jobs of all hosts of the controller that are held because of a denial. They are not among those that wait.
    pub jobs_held: usize,
    /// Jobs of all hosts of the controller that are in flight.
    pub jobs_in_flight: usize,
}

/// Which row a permitted request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The next one: a row whose wait after a failure is over, else the next of the list.
    Next,
    /// One from elsewhere in the list that has not failed: the request tests the host, not a URL.
    Elsewhere,
    /// This row, which is held.
    Held(u64),
    /// This row, which was served before: the head of the response shows whether the host still serves.
    Witness(u64),
}

/// Whether another request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes, now.
    Go(SendRecord),
    /// Not before this time.
    WaitUntil(Instant),
    /// Not before a request in flight ends or stalls.
    WaitForAnswer,
}

/// A request that a controller permitted: its place in the order of sending, and the state of the host at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendRecord {
    /// The number of requests that the controller permitted before this one.
    pub sequence: u64,
    /// Requests in flight when it was sent, itself included.
    pub in_flight: u32,
    /// Requests that the host had served by then.
    pub served: u32,
}

/// The first sign of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstByte {
    /// When the head of the response was complete.
    pub at: Instant,
    /// Whether the request opened a connection of its own.
    pub is_new_connection: bool,
    /// The status of the response.
    pub status: u16,
    /// Bytes of the body that have arrived by now.
    pub body_bytes: u64,
}

/// What the user limits, whatever the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserLimits {
    /// Requests in flight at a time; at least 1.
    pub window_max: u32,
    /// The least time from one request to the next; zero for none.
    pub spacing: Duration,
}

impl UserLimits {
    /// At most this many requests in flight (0 counts as 1), without spacing.
    #[must_use]
    pub fn window(window_max: u32) -> Self {
        Self { window_max: window_max.max(1), spacing: Duration::ZERO }
    }

    /// The limits of one controller for the hosts of two.
    fn widest(self, other: Self) -> Self {
        Self { window_max: self.window_max.max(other.window_max), spacing: self.spacing.max(other.spacing) }
    }
}

impl Default for UserLimits {
    fn default() -> Self {
        Self::window(WINDOW_CAP_PUBLIC)
    }
}

/// What a denial (403, 418) means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The host refuses this URL.
    OfUrl,
    /// Either; the row is held until the controller can tell.
    Undecided,
    /// The host denies clients that ask too often.
    OfPace,
}
