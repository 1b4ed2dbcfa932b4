//! Conversions between a partial body as HTTP resumes it and its record in the journal.

use longhaul_http::{Partial, Validator};
use longhaul_journal::{Part, Validator as Stored};

/// A validator as the journal stores it; `None` for an empty one.
pub(crate) fn stored(validator: &Validator) -> Option<Stored> {
    let stored = Stored { etag: validator.etag.clone(), last_modified: validator.last_modified.clone() };
    (stored != Stored::default()).then_some(stored)
}

/// The record of a body under way. `is_provable`: a later run can prove that the rest belongs to it. A weak validator is
/// recorded, too: it proves no join, but another one in a later response refuses it.
pub(crate) fn part(partial: &Partial, is_provable: bool) -> Part {
    let validator = &partial.validator;
    Part {
        validator: stored(validator),
        is_date_weak: validator.last_modified.is_some() && !validator.last_modified_strong,
        total: partial.total,
        resumable: is_provable,
    }
}

/// The partial body of a record, of which `have` bytes are verified.
pub(crate) fn partial(part: &Part, have: u64) -> Option<Partial> {
    if !part.resumable || have == 0 {
        return None;
    }
    let Stored { etag, last_modified } = part.validator.clone().unwrap_or_default();
    let last_modified_strong = last_modified.is_some() && !part.is_date_weak;
    let validator = Validator { etag, last_modified, last_modified_strong };
    Some(Partial { have, validator, total: part.total })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever proves or refuses a join before a restart does so after it.
        #[test]
        fn a_record_keeps_everything_that_a_join_depends_on(
            etag in prop::option::of(prop_oneof![Just("\"a\""), Just("W/\"a\"")]),
            date in prop::option::of(any::<bool>()),
            total in prop::option::of(any::<u64>()),
            have in 1_u64..,
        ) {
            let validator = Validator {
                etag: etag.map(str::to_owned),
                last_modified: date.map(|_| "Mon, 01 Jan 2024 00:00:00 GMT".to_owned()),
                last_modified_strong: date == Some(true),
            };
            let kept = Partial { have, validator, total };
            prop_assert_eq!(partial(&part(&kept, true), have), Some(kept.clone()));
            prop_assert_eq!(partial(&part(&kept, false), have), None);
        }
    }
}
