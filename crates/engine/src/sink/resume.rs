//! Conversions between a partial body as HTTP resumes it and its record in the journal.

use longhaul_http::{Partial, Validator};
use longhaul_journal::{Part, Validator as Stored};

/// A validator as an outcome stores it; `None` for an empty one.
pub(crate) fn stored(validator: &Validator) -> Option<Stored> {
    let stored = Stored { etag: validator.etag.clone(), last_modified: validator.last_modified.clone() };
    (stored != Stored::default()).then_some(stored)
}

/// The record of a body under way. `is_provable`: a later run can prove that the rest belongs to it. A `Last-Modified` that is not a strong validator (RFC 9110 section 8.8.2.2) is left out.
pub(crate) fn part(partial: &Partial, is_provable: bool) -> Part {
    let Validator { etag, last_modified, last_modified_strong } = &partial.validator;
    let last_modified = last_modified.clone().filter(|_| *last_modified_strong);
    let validator = Stored { etag: etag.clone(), last_modified };
    Part {
        validator: (validator != Stored::default()).then_some(validator),
        total: partial.total,
        resumable: is_provable,
    }
}

/// The partial body of a record, of which `have` bytes are verified.
pub(crate) fn partial(part: &Part, have: u64) -> Option<Partial> {
    if !part.resumable || have == 0 {
        return None;
    }
    let stored = part.validator.clone().unwrap_or_default();
    let last_modified_strong = stored.last_modified.is_some();
    let validator =
        Validator { etag: stored.etag, last_modified: stored.last_modified, last_modified_strong };
    Some(Partial { have, validator, total: part.total })
}
