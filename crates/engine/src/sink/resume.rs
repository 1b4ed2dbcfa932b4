//! What the journal keeps of a body under way, and what becomes of it in a later run.

use longhaul_http::{Partial, Validator};
use longhaul_journal::{Part, Validator as Stored};

/// A validator as it is stored with an outcome. Empty ones are not.
pub(crate) fn stored(validator: &Validator) -> Option<Stored> {
    let stored = Stored { etag: validator.etag.clone(), last_modified: validator.last_modified.clone() };
    (stored != Stored::default()).then_some(stored)
}

/// The record of a body under way. A date that is not strong is left out, so that what is stored may be relied on.
pub(crate) fn part(partial: &Partial) -> Part {
    let Validator { etag, last_modified, last_modified_strong } = &partial.validator;
    let last_modified = last_modified.clone().filter(|_| *last_modified_strong);
    let validator = Stored { etag: etag.clone(), last_modified };
    Part {
        validator: (validator != Stored::default()).then_some(validator),
        total: partial.total,
        resumable: partial.validator.is_strong(),
    }
}

/// What there is of a body, from its record and the bytes that can be trusted.
pub(crate) fn partial(part: &Part, have: u64) -> Option<Partial> {
    let stored = part.validator.clone().filter(|_| part.resumable && have > 0)?;
    let last_modified_strong = stored.last_modified.is_some();
    let validator =
        Validator { etag: stored.etag, last_modified: stored.last_modified, last_modified_strong };
    Some(Partial { have, validator, total: part.total })
}
