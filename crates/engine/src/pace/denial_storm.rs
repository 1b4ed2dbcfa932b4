//! Whether a host that denies (403) does so for the sake of the URL, or because it is asked too fast.
//!
//! Some hosts ban that way. Others are asked for much that is forbidden, or answer so for what is not there, as object
//! stores do. So a row of denials is a storm only if it is improbable for a host that denies as large a share as this one
//! has so far, and only if it had served well. What a storm denies is no verdict on the URL. A storm that outlasts the
//! user's patience was none: the rows happened to stand together in the list.

use std::cmp::Ordering;

/// A row less probable than this is a storm.
const TO_STORM: f64 = 1e-6;
/// What is presumed of a host before it is known: so many answers, of which so many were denials.
const PRESUMED_ANSWERS: f64 = 8.0;
const PRESUMED_DENIALS: f64 = 0.3;
/// Answers that count: older ones fade.
const ANSWERS_MAX: f64 = 256.0;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DenialStorm {
    /// Answers before the row that is going on, and those of them that were denials.
    answers: f64,
    denied: f64,
    in_a_row: u32,
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Meaning {
    #[default]
    Unknown,
    /// The host says 'slower' that way.
    Storm,
    /// This row is for the sake of its URLs, however long it is.
    OfUrls,
}

impl DenialStorm {
    pub(super) fn served(&mut self) {
        if self.meaning == Meaning::OfUrls {
            // The row that was taken for a storm is over. It counts, so that only a far longer one is improbable now.
            self.meaning = Meaning::Unknown;
        }
        self.answers += 1.0 + f64::from(self.in_a_row);
        self.denied += f64::from(std::mem::take(&mut self.in_a_row));
        while self.answers > ANSWERS_MAX {
            self.answers /= 2.0;
            self.denied /= 2.0;
        }
    }

    pub(super) fn denied(&mut self, has_served_well: bool) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let share = (self.denied + PRESUMED_DENIALS) / (self.answers + PRESUMED_ANSWERS);
        let is_improbable = share.powf(f64::from(self.in_a_row)) < TO_STORM;
        if self.meaning == Meaning::Unknown && has_served_well && is_improbable {
            self.meaning = Meaning::Storm;
        }
    }

    pub(super) fn is_storm(&self) -> bool {
        self.meaning == Meaning::Storm
    }

    /// Whether the next denial may be the beginning of a storm.
    pub(super) fn are_doubtful(&self) -> bool {
        self.meaning == Meaning::Unknown
    }

    /// Until the host serves again each denial is for the sake of its URL.
    pub(super) fn are_of_urls(&mut self) {
        self.meaning = Meaning::OfUrls;
    }

    /// Hosts turned out to be one: what is known of the one that has shown most.
    pub(super) fn merged<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        parts
            .max_by(|a, b| {
                (a.is_storm(), a.answers).partial_cmp(&(b.is_storm(), b.answers)).unwrap_or(Ordering::Equal)
            })
            .cloned()
            .unwrap_or_default()
    }
}
