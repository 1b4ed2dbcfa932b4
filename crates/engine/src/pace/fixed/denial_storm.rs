//! Whether a host's denials (403, 418) concern the URLs, or the pace.
//!
//! Some hosts ban clients with 403. Others are asked for many files that are forbidden, or answer 403 for files that do
//! not exist, as object stores do. So consecutive denials are a storm only if they are improbable for a host that denies
//! as large a share as this one has so far, and only if it had served well. A denial in a storm says nothing about its
//! URL. A storm that outlasts the user's patience was none: the denied URLs stood together in the list.

/// Consecutive denials that are less probable than this are a storm.
const TO_STORM: f64 = 1e-6;
/// The prior: this many responses, of which this many were denials.
const PRESUMED_ANSWERS: f64 = 8.0;
const PRESUMED_DENIALS: f64 = 0.3;
/// Responses that count: older ones fade.
const ANSWERS_MAX: f64 = 256.0;

/// Tells a storm of denials from denied URLs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DenialStorm {
    /// Responses before the present run of denials, and those of them that were denials.
    answers: f64,
    denied: f64,
    in_a_row: u32,
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Meaning {
    #[default]
    Unknown,
    /// The host denies clients that ask too often.
    Storm,
    /// The present run of denials concerns its URLs, however long it is.
    OfUrls,
}

impl DenialStorm {
    pub(super) fn served(&mut self) {
        if self.meaning == Meaning::OfUrls {
            // The run that was taken for a storm is over. It counts, so that only a far longer one is improbable now.
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

    /// Whether the next denial may begin a storm.
    pub(super) fn are_doubtful(&self) -> bool {
        self.meaning == Meaning::Unknown
    }

    /// Until the host serves again, each denial concerns its URL.
    pub(super) fn are_of_urls(&mut self) {
        self.meaning = Meaning::OfUrls;
    }
}
