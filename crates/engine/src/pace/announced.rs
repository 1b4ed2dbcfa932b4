//! Limits that a host announces in its responses (`RateLimit` and `X-RateLimit` fields), and whether to believe them.
//!
//! An announcement is an upper bound and no more: a host may refuse earlier, and the number may be a constant, a count of
//! something else, or nonsense. So the announcements have to behave like a counter first: between a response and the
//! response to a later request the remaining count falls, and the end of the window does not move. Each time they do not,
//! it takes twice as long until they are believed. Once a counter with the requests in flight has reached zero, nothing is
//! sent before the end of the window. A refusal that announces that nothing remains asks for a pause.

use std::time::Duration;

use tokio::time::Instant;

/// The remaining count must fall this often in a row: by chance it does so once in 720 times.
const FALLS_MIN: u32 = 5;
/// No host needs more falls than this to be believed again.
const FALLS_MAX: u32 = 1 << 16;
/// Announcements in whole seconds, by clocks that differ, are not more precise than this.
const SLACK: Duration = Duration::from_secs(2);
/// Requests may overtake each other: the response to the later one may announce more, by this many times their number.
const OVERTAKEN: u64 = 4;
/// The longest pause for an announcement: the host is asked again then, whatever it announced.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// What one response announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// Requests that the host will still serve in this window.
    pub remaining: u64,
    /// The end of the window, when the host starts to count again.
    pub reset_at: Instant,
}

#[derive(Debug, Clone)]
pub(super) struct Announced {
    /// The request of the last announcement, and the announcement.
    said: Option<(u64, Announcement)>,
    window: Option<Window>,
    falls: u32,
    falls_min: u32,
    /// The host got the pause that it asked for although it had not counted before: it should serve the requests from this
    /// one on.
    was_taken_at_its_word: Option<u64>,
}

/// What is known of the present window.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// The end as it was first announced, and the latest end that was announced.
    ends_at: Instant,
    ends_at_last: Instant,
    /// Requests before this one were sent before the window was known.
    begun: u64,
    /// The first request with a response in this window, and what remained then.
    first: (u64, u64),
    /// The remaining count that was announced last ...
    remaining: u64,
    /// ... in the response to this request ...
    of: u64,
    /// ... when this request was the next to be sent.
    heard: u64,
    /// The last request that will be served ...
    last: u64,
    /// ... as it was known when this request was the next to be sent.
    last_known: u64,
    /// How long that holds.
    until: Instant,
}

impl Window {
    fn new(sequence: u64, said: Announcement, next: u64, now: Instant) -> Self {
        let Announcement { remaining, reset_at } = said;
        Self {
            ends_at: reset_at,
            ends_at_last: reset_at,
            begun: next,
            first: (sequence, remaining),
            remaining,
            of: sequence,
            heard: next,
            last: sequence.saturating_add(remaining),
            last_known: next,
            until: reset_at.min(now + WAIT_MAX),
        }
    }

    fn bound(&mut self, sequence: u64, said: Announcement, next: u64, now: Instant) {
        self.ends_at_last = self.ends_at_last.max(said.reset_at);
        self.until = self.ends_at_last.min(now + WAIT_MAX);
        let last = sequence.saturating_add(self.ours(sequence, said.remaining));
        // Responses may overtake each other: the lowest bound counts.
        if last < self.last || sequence >= self.last_known {
            (self.last, self.last_known) = (last, next);
        }
    }

    /// How much of what remains is for us, if other clients continue to take their share of it.
    fn ours(&self, sequence: u64, remaining: u64) -> u64 {
        let (first, remained) = self.first;
        let (sent, gone) = (sequence.saturating_sub(first), remained.saturating_sub(remaining));
        if gone > sent && sent > 0 { mul_div(remaining, sent, gone) } else { remaining }
    }
}

/// `a * b / c`, where `b` is less than `c`.
fn mul_div(a: u64, b: u64, c: u64) -> u64 {
    u64::try_from(u128::from(a) * u128::from(b) / u128::from(c)).unwrap_or(a)
}

/// What a response says about the known window.
enum Reading {
    /// The count fell, by one or more.
    Fell,
    /// The count may have fallen: responses overtook each other.
    FellPerhaps,
    /// Nothing: responses overtook each other, or nothing was served.
    Nothing,
    /// A new window has begun.
    Anew,
    /// No counter behaves like that.
    Broken,
}

impl Announced {
    pub(super) fn new() -> Self {
        Self { said: None, window: None, falls: 0, falls_min: FALLS_MIN, was_taken_at_its_word: None }
    }

    /// Takes the announcement in the response to this request. Call [`answered`](Self::answered) next.
    pub(super) fn say(&mut self, sequence: u64, announcement: Announcement) {
        self.said = Some((sequence, announcement));
    }

    /// Takes the end of this request; `next` is the sequence number of the next one. Returns the end of the pause that the
    /// host asks for, if it refused the request and announced that nothing remains.
    pub(super) fn answered(
        &mut self,
        sequence: u64,
        is_refused: bool,
        next: u64,
        now: Instant,
    ) -> Option<Instant> {
        let (_, said) = self.said.take().filter(|&(of, _)| of == sequence)?;
        match self.window.as_mut().map(|window| (read(window, sequence, said, is_refused, next, now), window))
        {
            None => self.window = Some(Window::new(sequence, said, next, now)),
            Some((Reading::FellPerhaps, window)) => {
                window.bound(sequence, said, next, now);
                (window.remaining, window.of) = (said.remaining, sequence);
            }
            Some((Reading::Nothing, window)) => window.bound(sequence, said, next, now),
            Some((Reading::Fell, window)) => {
                window.bound(sequence, said, next, now);
                (window.remaining, window.of, window.heard) = (said.remaining, sequence, next);
                // A window that is about to end is no evidence.
                self.falls = self.falls.saturating_add(u32::from(said.reset_at > now + SLACK));
            }
            Some((Reading::Anew, window)) => *window = Window::new(sequence, said, next, now),
            Some((Reading::Broken, window)) => {
                *window = Window::new(sequence, said, next, now);
                self.break_faith();
            }
        }
        let is_pause = is_refused && said.remaining == 0 && said.reset_at > now;
        // Requests that were in flight are refused too, and say the same.
        let is_in_vain = is_pause && self.was_taken_at_its_word.is_some_and(|after| sequence >= after);
        if is_in_vain && !self.is_counter() {
            self.break_faith();
        }
        if !is_refused || is_in_vain {
            self.was_taken_at_its_word = None;
        }
        let is_believed = self.is_counter() || self.falls_min == FALLS_MIN;
        let is_asked = is_pause && is_believed;
        if is_asked && !self.is_counter() {
            self.was_taken_at_its_word.get_or_insert(next);
        }
        is_asked.then(|| said.reset_at.min(now + WAIT_MAX))
    }

    /// Takes twice as long as so far until it is believed.
    fn break_faith(&mut self) {
        self.falls = 0;
        self.falls_min = self.falls_min.saturating_mul(2).min(FALLS_MAX);
    }

    fn is_counter(&self) -> bool {
        self.falls >= self.falls_min
    }

    /// The end of the window, if the host has nothing left for the next request.
    pub(super) fn used_up(&self, next: u64, now: Instant) -> Option<Instant> {
        let window = self.window.filter(|window| next > window.last && now < window.until)?;
        self.is_counter().then_some(window.until)
    }
}

fn read(
    window: &Window,
    sequence: u64,
    said: Announcement,
    is_refused: bool,
    next: u64,
    now: Instant,
) -> Reading {
    let differs = said.reset_at.max(window.ends_at) - said.reset_at.min(window.ends_at);
    let is_over = now + SLACK >= window.ends_at;
    let is_later = sequence >= window.heard;
    let is_newer = sequence > window.of;
    let overtaken = OVERTAKEN * (next - window.of);
    let is_too_much = is_newer && said.remaining > window.remaining.saturating_add(overtaken);
    if differs <= SLACK && (said.remaining <= window.remaining || !is_over) {
        return match () {
            () if !is_later && is_too_much => Reading::Broken,
            () if !is_later && is_newer && said.remaining < window.remaining => Reading::FellPerhaps,
            () if !is_later => Reading::Nothing,
            () if said.remaining < window.remaining => Reading::Fell,
            () if is_refused => Reading::Nothing,
            () => Reading::Broken,
        };
    }
    let is_of_before = sequence < window.begun && said.reset_at < window.ends_at;
    match () {
        () if is_of_before => Reading::Nothing,
        // A reset after which nothing remains is none.
        () if is_over && (is_refused || said.remaining > 0) => Reading::Anew,
        () => Reading::Broken,
    }
}
