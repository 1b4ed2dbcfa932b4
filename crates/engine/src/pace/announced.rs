//! What a host announces of its limit with its answers, and whether that is to be believed.
//!
//! An upper bound and no more: a host may refuse before it says so, and what it says may be a constant, a count of
//! something else, or nonsense. So it has to behave like a counter first: between an answer and the answer to a question
//! that was asked after it, what remains goes down, and the end of the window stays where it was. Whatever does not is
//! believed later, each time twice as late. A counter that has come to its end, with what is on its way, lets nothing be
//! asked before the window's end; and one that says with a refusal that nothing is left has asked for a pause.

use std::time::Duration;

use tokio::time::Instant;

/// So many times in a row what remains must have gone down: by chance it does so once in 720 times.
const FALLS_MIN: u32 = 5;
/// Nobody need count for longer than this to be believed again.
const FALLS_MAX: u32 = 1 << 16;
/// What is announced in whole seconds, by clocks that differ, is not more precise than this.
const SLACK: Duration = Duration::from_secs(2);
/// Of requests that overtake each other on their way, the later one may be told of more by so many times their number.
const OVERTAKEN: u64 = 4;
/// The longest that a host is left alone for what it announces: it is asked again then, whatever it has said.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// What one answer announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// Requests that the host will still serve ...
    pub remaining: u64,
    /// ... until this time, when it counts anew.
    pub reset_at: Instant,
}

#[derive(Debug, Clone)]
pub(super) struct Announced {
    /// What the answer to the request of this sequence number has said.
    said: Option<(u64, Announcement)>,
    window: Option<Window>,
    falls: u32,
    falls_min: u32,
    /// It has been left alone because it asked for that, without having counted before: what is asked from this request on
    /// is to be served.
    was_taken_at_its_word: Option<u64>,
}

/// What is known of the window that is now.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// The first that was heard of its end, and the last that it may be.
    ends_at: Instant,
    ends_at_last: Instant,
    /// Requests before this one were sent before it was heard of.
    begun: u64,
    /// The first request of which the answer was heard, and what remained then.
    first: (u64, u64),
    /// What remained, as it was last heard ...
    remaining: u64,
    /// ... with the answer to this request ...
    of: u64,
    /// ... when this one was the next.
    heard: u64,
    /// The last request that will be served ...
    last: u64,
    /// ... as it was known when this one was the next.
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
        // Of answers that overtake each other the tightest counts.
        if last < self.last || sequence >= self.last_known {
            (self.last, self.last_known) = (last, next);
        }
    }

    /// How much of what remains is for us, if others go on to take from it as they have.
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

/// What an answer says about the window that is known.
enum Reading {
    /// One request less, or more, than at the last time.
    Fell,
    /// The same, perhaps: the answers overtook each other.
    FellPerhaps,
    /// The answers overtook each other, or nobody was served.
    Nothing,
    /// Time has come round.
    Anew,
    /// No counter does that.
    Broken,
}

impl Announced {
    pub(super) fn new() -> Self {
        Self { said: None, window: None, falls: 0, falls_min: FALLS_MIN, was_taken_at_its_word: None }
    }

    /// The answer to this request, which is about to be told, announces this.
    pub(super) fn say(&mut self, sequence: u64, announcement: Announcement) {
        self.said = Some((sequence, announcement));
    }

    /// The answer to this request is told, when `next` is the next. Returns until when it asks to be left alone, if it is a
    /// refusal that says that nothing is left.
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
                // What ends at once is not known well enough to be evidence.
                self.falls = self.falls.saturating_add(u32::from(said.reset_at > now + SLACK));
            }
            Some((Reading::Anew, window)) => *window = Window::new(sequence, said, next, now),
            Some((Reading::Broken, window)) => {
                *window = Window::new(sequence, said, next, now);
                self.break_faith();
            }
        }
        let is_pause = is_refused && said.remaining == 0 && said.reset_at > now;
        // Those that were on their way are refused all the same, and say the same.
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

    /// It is believed later, twice as late as so far.
    fn break_faith(&mut self) {
        self.falls = 0;
        self.falls_min = self.falls_min.saturating_mul(2).min(FALLS_MAX);
    }

    fn is_counter(&self) -> bool {
        self.falls >= self.falls_min
    }

    /// Until when nothing is to be sent, if this is the next request and the host has nothing left for it.
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
        // A reset that brings nothing is none.
        () if is_over && (is_refused || said.remaining > 0) => Reading::Anew,
        () => Reading::Broken,
    }
}
