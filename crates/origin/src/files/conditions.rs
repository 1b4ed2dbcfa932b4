//! Conditions and ranges of a request, in the order of RFC 9110 section 13.2.2.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use hyper::HeaderMap;
use hyper::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};

use super::entity_tags::{Comparison, contains};
use crate::range::Selection;

/// What a file has that conditions compare with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validators<'a> {
    pub(super) entity_tag: &'a str,
    /// In whole seconds; `None` where no date can be given.
    pub(super) modified: Option<SystemTime>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Precondition {
    /// All of it is sent.
    Whole,
    /// These offsets are sent.
    Part(Range<u64>),
    /// The client has it: `304`.
    NotModified,
    /// It is not what the client means: `412`.
    Failed,
    /// It has no such bytes: `416`.
    Unsatisfiable,
}

/// Weighs the conditions of a `GET` or `HEAD` for a content of `len` bytes at the time `now`. A field that cannot be read
/// is as if it were not there.
pub(super) fn evaluate(
    fields: &HeaderMap,
    is_get: bool,
    validators: Validators<'_>,
    len: u64,
    now: SystemTime,
) -> Precondition {
    let Validators { entity_tag, modified } = validators;
    if let Some(list) = text(fields, &IF_MATCH) {
        if !contains(&list, entity_tag, Comparison::Strong) {
            return Precondition::Failed;
        }
    } else if let (Some(since), Some(modified)) = (date(fields, &IF_UNMODIFIED_SINCE), modified)
        && modified > since
    {
        return Precondition::Failed;
    }
    if let Some(list) = text(fields, &IF_NONE_MATCH) {
        if contains(&list, entity_tag, Comparison::Weak) {
            return Precondition::NotModified;
        }
    } else if let (Some(since), Some(modified)) = (date(fields, &IF_MODIFIED_SINCE), modified)
        && modified <= since
    {
        return Precondition::NotModified;
    }
    // A range means something for GET only (section 14.2).
    let Some(range) = text(fields, &RANGE).filter(|_| is_get) else { return Precondition::Whole };
    if text(fields, &IF_RANGE).is_some_and(|condition| !is_same(&condition, validators, now)) {
        return Precondition::Whole;
    }
    match Selection::parse(&range, len) {
        Selection::Whole => Precondition::Whole,
        Selection::Part(part) => Precondition::Part(part),
        Selection::Unsatisfiable => Precondition::Unsatisfiable,
    }
}

/// Whether the client's part is of this content (section 13.1.5): by its tag, or by its date if that is a strong
/// validator, which it is when it cannot have been changed again within the same second (section 8.8.2.2).
fn is_same(condition: &str, Validators { entity_tag, modified }: Validators<'_>, now: SystemTime) -> bool {
    if condition.starts_with(['"', 'W']) {
        return contains(condition, entity_tag, Comparison::Strong);
    }
    let is_strong = |modified: SystemTime| now >= modified + Duration::from_secs(1);
    modified.is_some_and(|modified| {
        is_strong(modified) && httpdate::parse_http_date(condition).is_ok_and(|date| date == modified)
    })
}

/// The values of a field as one list.
fn text(fields: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = fields.get_all(name).iter();
    let mut list = values.next()?.to_str().ok()?.to_owned();
    for value in values {
        list.push(',');
        list.push_str(value.to_str().ok()?);
    }
    Some(list)
}

fn date(fields: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(fields, name)?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"t\"";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn precondition(fields: &[(&'static str, &str)]) -> Precondition {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value")))
            .collect();
        let at = |date| httpdate::parse_http_date(date).expect("a date");
        let validators = Validators { entity_tag: TAG, modified: Some(at(MODIFIED)) };
        evaluate(&fields, true, validators, 10, at(AFTER))
    }

    #[test]
    fn each_condition_alone() {
        use Precondition::{Failed, NotModified, Part, Unsatisfiable, Whole};
        for (name, value, expected) in [
            ("if-match", TAG, Whole),
            ("if-match", "*", Whole),
            ("if-match", "\"u\"", Failed),
            ("if-match", "W/\"t\"", Failed),
            ("if-unmodified-since", AFTER, Whole),
            ("if-unmodified-since", MODIFIED, Whole),
            ("if-unmodified-since", BEFORE, Failed),
            ("if-unmodified-since", "yesterday", Whole),
            ("if-none-match", TAG, NotModified),
            ("if-none-match", "W/\"t\"", NotModified),
            ("if-none-match", "*", NotModified),
            ("if-none-match", "\"u\"", Whole),
            ("if-modified-since", BEFORE, Whole),
            ("if-modified-since", MODIFIED, NotModified),
            ("if-modified-since", AFTER, NotModified),
            ("if-modified-since", "0", Whole),
            ("range", "bytes=2-4", Part(2..5)),
            ("range", "bytes=-3", Part(7..10)),
            ("range", "bytes=10-", Unsatisfiable),
            ("range", "bytes=0-1,4-5", Whole),
        ] {
            assert_eq!(precondition(&[(name, value)]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn the_order_of_conditions() {
        use Precondition::{Failed, NotModified, Part, Whole};
        // A tag is better than a date, and what comes first in the order decides.
        assert_eq!(precondition(&[("if-match", TAG), ("if-unmodified-since", BEFORE)]), Whole);
        assert_eq!(precondition(&[("if-match", "\"u\""), ("if-none-match", TAG)]), Failed);
        assert_eq!(precondition(&[("if-none-match", "\"u\""), ("if-modified-since", AFTER)]), Whole);
        assert_eq!(precondition(&[("if-none-match", TAG), ("range", "bytes=0-0")]), NotModified);
        assert_eq!(precondition(&[("range", "bytes=0-0"), ("if-range", TAG)]), Part(0..1));
        assert_eq!(precondition(&[("range", "bytes=0-0"), ("if-range", "\"u\"")]), Whole);
        assert_eq!(precondition(&[("range", "bytes=0-0"), ("if-range", "W/\"t\"")]), Whole);
        assert_eq!(precondition(&[("range", "bytes=0-0"), ("if-range", MODIFIED)]), Part(0..1));
        assert_eq!(precondition(&[("range", "bytes=0-0"), ("if-range", AFTER)]), Whole);
    }

    #[test]
    fn several_fields_are_one_list() {
        assert_eq!(precondition(&[("if-none-match", "\"u\"")]), Precondition::Whole);
        let mut fields = HeaderMap::new();
        fields.append(IF_NONE_MATCH, "\"u\"".parse().expect("a value"));
        fields.append(IF_NONE_MATCH, TAG.parse().expect("a value"));
        let validators = Validators { entity_tag: TAG, modified: None };
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(evaluate(&fields, true, validators, 10, now), Precondition::NotModified);
        // A date that was changed within the present second may be changed again.
        let mut fields = HeaderMap::new();
        fields.append(RANGE, "bytes=0-0".parse().expect("a value"));
        fields.append(IF_RANGE, MODIFIED.parse().expect("a value"));
        let modified = httpdate::parse_http_date(MODIFIED).expect("a date");
        let validators = Validators { entity_tag: TAG, modified: Some(modified) };
        assert_eq!(evaluate(&fields, true, validators, 10, modified), Precondition::Whole);
    }
}
