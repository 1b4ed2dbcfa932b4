//! Messages for people, and the bounded queue in which they wait for the display.

use std::collections::VecDeque;

use longhaul::Event;

use crate::plan::Verbosity;
use crate::render::{self, NextStep, bytes, count, counted, escaped, failure, pace};

/// Messages that can wait. A haul can fail faster than a terminal can print; `export` has every failure.
const WAITING_MAX: usize = 1_000;

/// Verifying a part of at least this size takes long enough to be announced.
const VERIFIED_BYTES_ANNOUNCED: u64 = 256 * 1024 * 1024;

/// The line for an event, or `None` if people at this verbosity do not see it.
pub(super) fn message(event: &Event<'_>, verbosity: Verbosity) -> Option<String> {
    let needed = match event {
        Event::Failed { .. } | Event::Damaged { .. } => Verbosity::Quiet,
        Event::Parked { .. }
        | Event::ListRead { .. }
        | Event::Paused { .. }
        | Event::Resumed
        | Event::Offline
        | Event::VerifyingPart { bytes: VERIFIED_BYTES_ANNOUNCED.., .. }
        | Event::PartChanged { .. }
        | Event::FilesMissing { .. }
        | Event::Suspect { .. }
        | Event::FragmentsCut { .. }
        | Event::Online => Verbosity::Normal,
        _ => Verbosity::Verbose,
    };
    if verbosity < needed {
        return None;
    }
    Some(match *event {
        Event::Failed { url, fault, attempts, .. } => failure(url, fault, attempts, NextStep::GivenUp),
        Event::Parked { url, fault, .. } => failure(url, fault, 0, NextStep::Parked),
        Event::Retrying { url, fault, attempts, wait, .. } => {
            failure(url, fault, attempts, NextStep::Again(wait))
        }
        Event::Damaged { description } => {
            format!("the journal is damaged: {}; the readable rows continue", escaped(description))
        }
        Event::VerifyingPart { url, bytes: held, .. } => {
            format!("verifying the kept part of {}: {}", escaped(url), size(held))
        }
        Event::PartChanged { url, kept, lost, .. } => format!(
            "changed on disk: {}: of the {} kept, {} are as they were written; the rest is fetched again",
            escaped(url),
            size(kept + lost),
            size(kept)
        ),
        Event::FilesMissing { missing, checked, example } => format!(
            "{} of {} finished files that were looked for {} missing, such as {}; `longhaul verify DIR` lists them, \
             and `longhaul verify DIR --repair` makes `get` download them again",
            count(missing),
            count(checked),
            if missing == 1 { "is" } else { "are" },
            escaped(example)
        ),
        Event::FragmentsCut { label, lines, line, url } => format!(
            "{}: {} with a `#`, such as line {line}, for which {} is fetched: what follows a `#` is never sent; write %23 where it is \
             part of a name",
            escaped(label),
            counted(lines, "line"),
            escaped(url)
        ),
        Event::Suspect { suspicion } => render::suspicion(suspicion),
        Event::ListRead { label, lines, new_rows, duplicates } => {
            let new = count(new_rows - duplicates);
            format!("read {}: {}, {new} new{}", escaped(label), counted(lines, "line"), repeats(duplicates))
        }
        Event::Paused { reason } => {
            format!(
                "paused: {}; nothing is lost, and writing resumes by itself when there is room",
                escaped(reason)
            )
        }
        Event::Resumed => "resumed: writing continues".to_owned(),
        Event::Offline => {
            "paused: the network of this machine is down; no attempt is counted, and downloading resumes \
             by itself when the network is back"
                .to_owned()
        }
        Event::Online => "resumed: the network is back".to_owned(),
        Event::Skipped { url, reason, .. } => format!("skipped: {}: {}", escaped(url), escaped(reason)),
        Event::Adopted { url, name, .. } => {
            format!(
                "adopted: {}: {} is there already and is what the list expects",
                escaped(url),
                escaped(name)
            )
        }
        Event::NoContent { url, status, .. } => {
            format!("no content: {}: the server answered {status}, so there is no file", escaped(url))
        }
        Event::Paced { host, window, limiter, rate, blocked } => {
            let words = pace(limiter.as_str(), window, rate, None, blocked);
            format!("pace: {}: {words}", escaped(host))
        }
        Event::Merged { address } => {
            format!("pace: the hosts at {} are limited together and now share one pace", escaped(address))
        }
        _ => return None,
    })
}

fn repeats(duplicates: u64) -> String {
    match duplicates {
        0 => String::new(),
        _ => format!(", {} for URLs that the haul has already, which count as skipped", count(duplicates)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn size(number: u64) -> String {
    bytes(number as f64)
}

/// A bounded queue of messages.
#[derive(Debug, Default)]
pub(super) struct Messages {
    waiting: VecDeque<String>,
    dropped: u64,
}

impl Messages {
    pub(super) fn push(&mut self, message: String) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(message);
        } else {
            self.dropped += 1;
        }
    }

    /// Takes every waiting message, and one that counts those without room.
    pub(super) fn take(&mut self) -> Vec<String> {
        let mut taken: Vec<String> = std::mem::take(&mut self.waiting).into();
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            taken.push(format!("{} more messages; `longhaul export` has every failure", count(dropped)));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_without_room_are_counted() {
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
