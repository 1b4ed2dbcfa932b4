//! Conditions and ranges of a request, in the order of RFC 9110 section 13.2.2.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use super::entity_tags::{Comparison, contains};
use crate::http1::{RequestHead, Selection};

/// What conditions compare with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validators<'a> {
    pub(super) entity_tag: &'a str,
    /// In whole seconds; `None` where no date can be given.
    pub(super) modified: Option<SystemTime>,
}

/// What the conditions of a request ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Precondition {
    /// The whole file.
    Whole,
    /// These offsets of it.
    Part(Range<u64>),
    /// Nothing, because the client has it: `304`.
    NotModified,
    /// Nothing, because it is not the version that the client means: `412`.
    Failed,
    /// Bytes that it does not have: `416`.
    Unsatisfiable,
}

/// Evaluates the conditions of a `GET` or `HEAD` for a file of `len` bytes at the time `now`. A malformed field is ignored.
pub(super) fn evaluate(
    request: &RequestHead,
    is_get: bool,
    validators: Validators<'_>,
    len: u64,
    now: SystemTime,
) -> Precondition {
    let Validators { entity_tag, modified } = validators;
    if let Some(list) = request.list("if-match") {
        if !contains(&list, entity_tag, Comparison::Strong) {
            return Precondition::Failed;
        }
    } else if let (Some(since), Some(modified)) = (date(request, "if-unmodified-since"), modified)
        && modified > since
    {
        return Precondition::Failed;
    }
    if let Some(list) = request.list("if-none-match") {
        if contains(&list, entity_tag, Comparison::Weak) {
            return Precondition::NotModified;
        }
    } else if let (Some(since), Some(modified)) = (date(request, "if-modified-since"), modified)
        && modified <= since
    {
        return Precondition::NotModified;
    }
    // A range applies to GET only (section 14.2).
    let Some(range) = request.list("range").filter(|_| is_get) else { return Precondition::Whole };
    if request.list("if-range").is_some_and(|condition| !is_same(&condition, validators, now)) {
        return Precondition::Whole;
    }
    match Selection::parse(&range, len) {
        Selection::Whole => Precondition::Whole,
        Selection::Part(part) => Precondition::Part(part),
        Selection::Unsatisfiable => Precondition::Unsatisfiable,
    }
}

/// Whether the client means this version of the file (section 13.1.5): by its tag, or by its date if that is a strong
/// validator, which it is once the file cannot change again within the same second (section 8.8.2.2).
fn is_same(condition: &str, Validators { entity_tag, modified }: Validators<'_>, now: SystemTime) -> bool {
    if condition.starts_with(['"', 'W']) {
        return contains(condition, entity_tag, Comparison::Strong);
    }
    let is_strong = |modified: SystemTime| now >= modified + Duration::from_secs(1);
    modified.is_some_and(|modified| {
        is_strong(modified) && httpdate::parse_http_date(condition).is_ok_and(|date| date == modified)
    })
}

fn date(request: &RequestHead, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(request.list(name)?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::Syntax;

    const TAG: &str = "\"t\"";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn request(fields: &[(&str, &str)]) -> RequestHead {
        let mut lines = vec!["GET / HTTP/1.1".to_owned(), "Host: o.test".to_owned()];
        lines.extend(fields.iter().map(|(name, value)| format!("{name}: {value}")));
        RequestHead::parse(lines.join("\r\n").into_bytes(), Syntax::Strict).expect("a request")
    }

    fn precondition(fields: &[(&str, &str)]) -> Precondition {
        let at = |date| httpdate::parse_http_date(date).expect("a date");
        let validators = Validators { entity_tag: TAG, modified: Some(at(MODIFIED)) };
        evaluate(&request(fields), true, validators, 10, at(AFTER))
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
        // A tag takes precedence over a date, and an earlier step over a later one.
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
        let several = request(&[("if-none-match", "\"u\""), ("if-none-match", TAG)]);
        let validators = Validators { entity_tag: TAG, modified: None };
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(evaluate(&several, true, validators, 10, now), Precondition::NotModified);
        // A file that was changed within the present second may change again under the same date.
        let by_date = request(&[("range", "bytes=0-0"), ("if-range", MODIFIED)]);
        let modified = httpdate::parse_http_date(MODIFIED).expect("a date");
        let validators = Validators { entity_tag: TAG, modified: Some(modified) };
        assert_eq!(evaluate(&by_date, true, validators, 10, modified), Precondition::Whole);
    }
}
