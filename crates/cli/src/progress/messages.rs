//! What is to be said to people, each thing once, and how much of it may wait to be said.

use std::collections::VecDeque;

use longhaul::Event;

use crate::plan::Verbosity;
use crate::render::{Fate, bytes, count, counted, escaped, failure, pace};

/// Messages that wait for the terminal. A haul can fail faster than a terminal can show it; `export` has the rest.
const WAITING_MAX: usize = 1_000;

/// Reading so much again takes long enough to be worth a word.
const EXAMINED_BYTES_TOLD: u64 = 256 * 1024 * 1024;

/// The line that an event is worth, if it is worth one to people who asked for this much.
pub(super) fn message(event: &Event<'_>, verbosity: Verbosity) -> Option<String> {
    let needed = match event {
        Event::Failed { .. } | Event::Damaged { .. } => Verbosity::Quiet,
        Event::Parked { .. }
        | Event::ListRead { .. }
        | Event::Paused { .. }
        | Event::Resumed
        | Event::Offline
        | Event::VerifyingPart { bytes: EXAMINED_BYTES_TOLD.., .. }
        | Event::PartChanged { .. }
        | Event::Online => Verbosity::Normal,
        _ => Verbosity::Verbose,
    };
    if verbosity < needed {
        return None;
    }
    Some(match *event {
        Event::Failed { url, fault, attempts, .. } => failure(url, fault, attempts, Fate::GivenUp),
        Event::Parked { url, fault, .. } => failure(url, fault, 0, Fate::Parked),
        Event::Retrying { url, fault, attempts, wait, .. } => {
            failure(url, fault, attempts, Fate::Again(wait))
        }
        Event::Damaged { description } => {
            format!("the journal is damaged: {}; what can be read goes on", escaped(description))
        }
        Event::VerifyingPart { url, bytes: held, .. } => {
            format!("reading again what was kept of {}: {}", escaped(url), size(held))
        }
        Event::PartChanged { url, kept, lost, .. } => format!(
            "changed on the disk: {}: of {} that were kept, {} are as they were written; the rest is fetched again",
            escaped(url),
            size(kept + lost),
            size(kept)
        ),
        Event::ListRead { label, lines, new_rows } => {
            format!("read {}: {}, {} new", escaped(label), counted(lines, "line"), count(new_rows))
        }
        Event::Paused { reason } => {
            format!(
                "paused: {}; nothing is lost, and it goes on by itself when there is room",
                escaped(reason)
            )
        }
        Event::Resumed => "resumed: writing goes on".to_owned(),
        Event::Offline => {
            "paused: the network of this machine is down; no URL and no host is charged, and it goes on \
                           by itself when it is back"
                .to_owned()
        }
        Event::Online => "resumed: the network is back".to_owned(),
        Event::Skipped { url, reason, .. } => format!("skipped: {}: {}", escaped(url), escaped(reason)),
        Event::Paced { host, window, limiter, rate, blocked } => {
            let words = pace(limiter.as_str(), window, rate, None, blocked);
            format!("pace: {}: {words}", escaped(host))
        }
        Event::Merged { address } => {
            format!("pace: names of {} are limited together, and are asked as one host", escaped(address))
        }
        _ => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn size(number: u64) -> String {
    bytes(number as f64)
}

/// Messages in their order, bounded.
#[derive(Debug, Default)]
pub(super) struct Messages {
    waiting: VecDeque<String>,
    left_out: u64,
}

impl Messages {
    pub(super) fn push(&mut self, message: String) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(message);
        } else {
            self.left_out += 1;
        }
    }

    /// Everything that waits, and a word about what had no room.
    pub(super) fn take(&mut self) -> Vec<String> {
        let mut taken: Vec<String> = std::mem::take(&mut self.waiting).into();
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            taken.push(format!("{} more messages; `longhaul export` has every failure", count(left_out)));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_counted() {
        let mut messages = Messages::default();
        for number in 0..WAITING_MAX + 1_234 {
            messages.push(number.to_string());
        }
        let taken = messages.take();
        assert_eq!(taken.len(), WAITING_MAX + 1);
        assert_eq!(taken[WAITING_MAX], "1,234 more messages; `longhaul export` has every failure");
        assert!(messages.take().is_empty());
    }
}
