//! Resuming: bytes of two responses are joined only if their validators and ranges agree.

use longhaul_http::range::{
    Partial, ResumeDecision, decide, decide_unconditional, disregards_tag, may_be_refused, refuse_unasked,
    whole_in_part,
};
use longhaul_http::{
    ContentRange, Framing, Head, HeaderMap, HeaderValue, IfRange, Peer, ProtocolFaultKind, Success, Validator,
};
use proptest::prelude::*;

const MODIFIED: &str = "Mon, 01 Jan 2024 00:00:00 GMT";
const MUCH_LATER: &str = "Mon, 01 Jan 2024 00:01:00 GMT";
const SOON_AFTER: &str = "Mon, 01 Jan 2024 00:00:59 GMT";

fn head(status: u16, fields: &[(&'static str, &str)]) -> Head {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).expect("the test's own value"));
    }
    let peer = Peer::direct("tcp://9.9.9.9:443".parse().expect("an endpoint"));
    Head::from_parts(status, headers, peer).expect("the test's own head")
}

fn validator(fields: &[(&'static str, &str)]) -> Validator {
    head(200, fields).validator()
}

fn partial(fields: &[(&'static str, &str)]) -> Partial {
    Partial { have: 100, validator: validator(fields), total: Some(1_000) }
}

fn decision(partial: &Partial, status: u16, fields: &[(&'static str, &str)]) -> ResumeDecision {
    decide(partial, &partial.request().expect("something strong"), &head(status, fields))
}

#[test]
fn a_range_is_requested_only_under_a_strong_validator() {
    let asked =
        |fields: &[(&'static str, &str)]| partial(fields).request().and_then(|request| request.if_range);
    assert_eq!(asked(&[("etag", "\"a\"")]), Some(IfRange::Etag("\"a\"".to_owned())));
    assert_eq!(asked(&[("etag", "W/\"a\"")]), None);
    assert_eq!(asked(&[("etag", "unquoted")]), None);
    let date = Some(IfRange::Date(MODIFIED.to_owned()));
    assert_eq!(asked(&[("last-modified", MODIFIED), ("date", MUCH_LATER)]), date);
    assert_eq!(asked(&[("etag", "W/\"a\""), ("last-modified", MODIFIED), ("date", MUCH_LATER)]), date);
    assert_eq!(asked(&[("last-modified", MODIFIED), ("date", SOON_AFTER)]), None);
    assert_eq!(asked(&[("last-modified", MODIFIED)]), None);
    assert_eq!(asked(&[]), None);
    let nothing = Partial { have: 0, ..partial(&[("etag", "\"a\"")]) };
    assert_eq!(nothing.request(), None);
}

#[test]
fn a_host_that_disregards_tags_gets_a_date_as_the_condition() {
    let fields = [("etag", "\"a\""), ("last-modified", MODIFIED), ("date", MUCH_LATER)];
    let has_ranges = [&fields[..], &[("accept-ranges", "bytes")]].concat();
    let disregards = |partial: &Partial, status, fields: &[(&'static str, &str)]| {
        disregards_tag(partial, &partial.request().expect("something strong"), &head(status, fields))
    };
    let partial = partial(&fields);
    assert!(disregards(&partial, 200, &has_ranges));
    assert!(!disregards(&partial, 200, &fields), "it does not say that it has ranges");
    assert!(!disregards(&partial, 206, &has_ranges));
    assert!(!disregards(&partial, 200, &[("etag", "\"b\""), ("accept-ranges", "bytes")]), "another version");
    let by_date = partial.request_by_date().expect("a strong date");
    assert_eq!(by_date.if_range, Some(IfRange::Date(MODIFIED.to_owned())));
    assert!(!disregards_tag(&partial, &by_date, &head(200, &has_ranges)), "once is enough");
    let without_date = Partial { validator: validator(&[("etag", "\"a\"")]), ..partial };
    assert!(!disregards(&without_date, 200, &has_ranges));
}

#[test]
fn a_part_is_appended_if_everything_agrees() {
    let ours = partial(&[("etag", "\"a\"")]);
    let range = ("content-range", "bytes 100-999/1000");
    let append = ResumeDecision::Append { from: 100, body_bytes: 900, total: Some(1_000) };
    assert_eq!(decision(&ours, 206, &[range, ("etag", "\"a\""), ("content-length", "900")]), append);
    let tag = ("etag", "\"a\"");
    assert_eq!(decision(&ours, 206, &[range, tag]), append);
    assert_eq!(decision(&ours, 206, &[("content-range", "bytes 100-999/*"), tag]), append);
    let less = ResumeDecision::Append { from: 100, body_bytes: 1, total: Some(1_000) };
    assert_eq!(decision(&ours, 206, &[("content-range", "bytes 100-100/1000"), tag]), less);
    let dated = partial(&[tag, ("last-modified", MODIFIED), ("date", MUCH_LATER)]);
    assert_eq!(
        decision(&dated, 206, &[range, ("last-modified", MODIFIED)]),
        append,
        "the date is as good as the tag"
    );
}

#[test]
fn a_changed_resource_is_requested_from_the_beginning() {
    let ours = partial(&[("etag", "\"a\""), ("last-modified", MODIFIED)]);
    let range = ("content-range", "bytes 100-999/1000");
    assert_eq!(decision(&ours, 200, &[("etag", "\"b\"")]), ResumeDecision::Replace);
    assert_eq!(decision(&ours, 206, &[range]), ResumeDecision::Restart, "a missing validator proves nothing");
    assert_eq!(
        decision(&ours, 206, &[range, ("last-modified", MODIFIED)]),
        ResumeDecision::Restart,
        "a weak date"
    );
    for changed in [("etag", "\"b\""), ("etag", "W/\"a\""), ("last-modified", MUCH_LATER)] {
        assert_eq!(decision(&ours, 206, &[range, changed]), ResumeDecision::Restart, "{changed:?}");
    }
    assert_eq!(decision(&ours, 206, &[("content-range", "bytes 100-1999/2000")]), ResumeDecision::Restart);
}

#[test]
fn ranges_that_were_not_requested_are_refused() {
    let ours = partial(&[("etag", "\"a\"")]);
    let bad = ResumeDecision::Refuse(ProtocolFaultKind::BadContentRange);
    assert_eq!(decision(&ours, 206, &[]), bad);
    for range in
        ["bytes 0-999/1000", "bytes 101-999/1000", "bytes 100-99/1000", "items 100-999/1000", "bytes */1000"]
    {
        assert_eq!(decision(&ours, 206, &[("content-range", range)]), bad, "{range}");
    }
    let range = ("content-range", "bytes 100-999/1000");
    assert_eq!(decision(&ours, 206, &[range, ("content-length", "901")]), bad);
    assert_eq!(decision(&ours, 206, &[range, range]), bad);
    let multipart = ("content-type", "Multipart/ByteRanges; boundary=x");
    assert_eq!(
        decision(&ours, 206, &[multipart]),
        ResumeDecision::Refuse(ProtocolFaultKind::UnaskedMultipart)
    );
    assert_eq!(refuse_unasked(&head(206, &[multipart])), Some(ProtocolFaultKind::UnaskedMultipart));
    assert_eq!(refuse_unasked(&head(206, &[range])), Some(ProtocolFaultKind::UnaskedPart));
    assert_eq!(refuse_unasked(&head(200, &[])), None);
}

#[test]
fn status_416_means_complete_or_changed() {
    let whole = Partial { have: 1_000, ..partial(&[("etag", "\"a\"")]) };
    let unknown_total = Partial { total: None, ..whole.clone() };
    assert_eq!(decision(&whole, 416, &[("content-range", "bytes */1000")]), ResumeDecision::Complete);
    let tag = ("etag", "\"a\"");
    assert_eq!(
        decision(&unknown_total, 416, &[("content-range", "bytes */1000"), tag]),
        ResumeDecision::Complete
    );
    assert_eq!(decision(&unknown_total, 416, &[("content-range", "bytes */1000")]), ResumeDecision::Restart);
    assert_eq!(decision(&whole, 416, &[("content-range", "bytes */999")]), ResumeDecision::Restart);
    assert_eq!(decision(&whole, 416, &[]), ResumeDecision::Restart);
    assert_eq!(
        decision(&whole, 416, &[("content-range", "bytes */1000"), ("etag", "\"b\"")]),
        ResumeDecision::Restart
    );
    assert_eq!(decision(&whole, 503, &[]), ResumeDecision::Inapplicable);
}

#[test]
fn lengths_frame_only_bodies() {
    assert_eq!(head(200, &[("content-length", "7")]).framing, Framing::Length(7));
    assert_eq!(head(200, &[("transfer-encoding", "gzip, Chunked")]).framing, Framing::Chunked);
    assert_eq!(head(200, &[("transfer-encoding", "gzip")]).framing, Framing::UntilClose);
    assert_eq!(head(304, &[("content-length", "7")]).framing, Framing::Empty);
}

fn tag() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), Just(Some("\"a\"")), Just(Some("\"b\"")), Just(Some("W/\"a\""))]
}

proptest! {
    #[test]
    fn content_ranges_round_trip(first in 0u64..1 << 62, length in 1u64..1 << 40, beyond in 0u64..1 << 40, known: bool) {
        let last = first + length - 1;
        let total = known.then_some(last + 1 + beyond);
        let total_text = total.map_or("*".to_owned(), |total| total.to_string());
        let parsed = ContentRange::parse(format!("bytes {first}-{last}/{total_text}").as_bytes());
        prop_assert_eq!(parsed, Some(ContentRange::Part { first, last, total }));
    }

    #[test]
    fn any_content_range_is_valid_or_none(value: Vec<u8>, text in "bytes [0-9*/ -]{0,60}") {
        for value in [&value[..], text.as_bytes()] {
            if let Some(ContentRange::Part { first, last, total }) = ContentRange::parse(value) {
                prop_assert!(first <= last && total.is_none_or(|total| last < total));
            }
        }
    }

    #[test]
    fn differing_validators_are_never_joined(
        ours in tag(), theirs in tag(), have in 1u64..2_000, total in 1u64..2_000, status in prop_oneof![Just(200u16), Just(206), Just(416)],
        first in 0u64..2_000,
    ) {
        let fields = |tag: Option<&'static str>| tag.map(|tag| ("etag", tag)).into_iter().collect::<Vec<_>>();
        let partial = Partial { have, validator: validator(&fields(ours)), total: None };
        let Some(asked) = partial.request() else {
            prop_assert!(partial.validator.strong_etag().is_none());
            return Ok(());
        };
        let range = if status == 416 { format!("bytes */{total}") } else { format!("bytes {first}-{}/{total}", total - 1) };
        let mut answer = fields(theirs);
        answer.push(("content-range", &range));
        let decision = decide(&partial, &asked, &head(status, &answer));
        if theirs != ours {
            prop_assert!(!matches!(decision, ResumeDecision::Append { .. } | ResumeDecision::Complete), "{decision:?}");
        }
        if let ResumeDecision::Append { from, .. } = decision {
            prop_assert_eq!((from, first, status), (have, have, 206));
        }
    }
}

const RANGE: (&str, &str) = ("content-range", "bytes 60-999/1000");

fn unconditional(
    partial: &Partial,
    verifies: bool,
    status: u16,
    fields: &[(&'static str, &str)],
) -> ResumeDecision {
    let asked = partial.request_unconditionally(40).expect("more than the overlap");
    decide_unconditional(partial, &asked, &head(status, fields), verifies)
}

/// Without a condition, a response may be of any version: everything that it says has to agree, unless the whole is verified.
#[test]
fn a_part_without_a_condition_is_appended_if_nothing_contradicts() {
    let append = ResumeDecision::Append { from: 60, body_bytes: 940, total: Some(1_000) };
    let dated = [("last-modified", MODIFIED)];
    let weak = [("etag", "W/\"a\"")];
    let both = [&dated[..], &weak].concat();
    for ours in [&[][..], &dated, &weak, &both] {
        let partial = partial(ours);
        for theirs in [&[][..], &dated, &weak, &both] {
            let answer = [&[RANGE], theirs].concat();
            assert_eq!(unconditional(&partial, false, 206, &answer), append, "{ours:?} and {theirs:?}");
        }
        for other in [("last-modified", MUCH_LATER), ("etag", "W/\"b\""), ("etag", "\"a\"")] {
            let contradicts = ours.iter().any(|(name, _)| *name == other.0);
            let expected = if contradicts { ResumeDecision::Restart } else { append };
            assert_eq!(
                unconditional(&partial, false, 206, &[RANGE, other]),
                expected,
                "{ours:?} and {other:?}"
            );
            assert_eq!(unconditional(&partial, true, 206, &[RANGE, other]), append, "a digest decides");
        }
    }
    let nothing = partial(&[]);
    assert_eq!(Partial { have: 40, ..nothing.clone() }.request_unconditionally(40), None);
    let restarts = |partial: &Partial, verifies, total: &str| {
        let range = format!("bytes 60-999/{total}");
        unconditional(partial, verifies, 206, &[("content-range", &range)]) == ResumeDecision::Restart
    };
    let unknown = Partial { total: None, ..nothing.clone() };
    assert!(restarts(&nothing, false, "1001") && restarts(&nothing, true, "1001"));
    assert!(
        restarts(&nothing, false, "*") && !restarts(&nothing, true, "*"),
        "both lengths have to be known"
    );
    assert!(restarts(&unknown, false, "1000") && !restarts(&unknown, true, "1000"));
    for (range, length) in
        [("bytes 61-999/1000", "939"), ("bytes 60-999/1000", "939"), ("bytes */1000", "940")]
    {
        let answer = [("content-range", range), ("content-length", length)];
        assert!(matches!(unconditional(&nothing, true, 206, &answer), ResumeDecision::Refuse(_)), "{range}");
    }
    let coded = [RANGE, ("transfer-encoding", "gzip, chunked")];
    assert_eq!(unconditional(&nothing, true, 206, &coded), ResumeDecision::Restart);
    let at_end = [("content-range", "bytes */100")];
    assert_eq!(unconditional(&nothing, true, 416, &at_end), ResumeDecision::Complete);
    assert_eq!(unconditional(&nothing, false, 416, &at_end), ResumeDecision::Restart);
    assert_eq!(
        unconditional(&nothing, true, 416, &[("content-range", "bytes */101")]),
        ResumeDecision::Restart
    );
}

/// What every status of a response to a range request means, with and without a condition.
#[test]
fn only_statuses_of_the_file_replace_what_is_there() {
    let ours = partial(&[("etag", "\"a\"")]);
    for status in 200..600 {
        let whole = decision(&ours, status, &[("content-length", "1000")]);
        let replaces = whole == ResumeDecision::Replace;
        assert_eq!(replaces, Success::of(status) == Some(Success::Whole), "{status}: {whole:?}");
        assert_eq!(replaces, matches!(status, 200 | 203 | 209..=225 | 227..=299), "{status}");
        let other = unconditional(&ours, true, status, &[("content-length", "1000")]);
        assert_eq!(other == ResumeDecision::Replace, replaces, "{status}: {other:?}");
        let mislabelled = [RANGE, ("content-length", "940")];
        let is_success = Success::of(status).is_some() && status != 206;
        let restarts = |decision| decision == ResumeDecision::Restart;
        assert!(!is_success || restarts(decision(&ours, status, &mislabelled)), "{status}");
        assert!(!is_success || restarts(unconditional(&ours, true, status, &mislabelled)), "{status}");
    }
}

#[test]
fn statuses_that_may_refuse_a_range() {
    let refused: Vec<u16> = (100..600).filter(|status| may_be_refused(*status)).collect();
    let others = [401, 407, 408, 416, 425, 429];
    let mut expected = vec![204, 205];
    expected.extend((400..500).filter(|status| !others.contains(status)));
    expected.extend([501, 505]);
    assert_eq!(refused, expected);
}

#[test]
fn an_unasked_part_may_be_the_whole() {
    let whole = |status, fields: &[(&'static str, &str)]| whole_in_part(&head(status, fields));
    let all = ("content-range", "bytes 0-999/1000");
    assert_eq!(whole(206, &[all]), Some(1_000));
    assert_eq!(whole(206, &[all, ("content-length", "1000")]), Some(1_000));
    assert_eq!(whole(206, &[all, ("content-length", "999")]), None, "the body is another one");
    assert_eq!(whole(200, &[all]), None, "the field means nothing there");
    for range in
        ["bytes 1-999/1000", "bytes 0-998/1000", "bytes 0-999/*", "bytes */1000", "bytes 0-1000/1000"]
    {
        let fields = [("content-range", range)];
        assert_eq!(whole(206, &fields), None, "{range}");
        assert!(refuse_unasked(&head(206, &fields)).is_some(), "{range}");
    }
    assert_eq!(refuse_unasked(&head(206, &[all])), None);
}

fn date() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), Just(Some(MODIFIED)), Just(Some(MUCH_LATER))]
}

proptest! {
    /// The join that no condition guards: what is appended has the requested range, both lengths, and no other name.
    #[test]
    fn what_is_appended_without_a_condition_contradicts_nothing(
        ours in (tag(), date()), theirs in (tag(), date()),
        have in 65u64..2_000, total in prop::option::of(1u64..2_000), their_total in prop::option::of(1u64..2_000),
        first in 0u64..2_000, bytes in 1u64..2_000, length in prop::option::of(1u64..2_000),
        status in prop_oneof![Just(200u16), Just(202), Just(206), Just(416), Just(500)], verifies: bool,
    ) {
        let fields = |(tag, date): (Option<&'static str>, Option<&'static str>)| {
            let tag = tag.map(|tag| ("etag", tag));
            tag.into_iter().chain(date.map(|date| ("last-modified", date))).collect::<Vec<_>>()
        };
        let partial = Partial { have, validator: validator(&fields(ours)), total };
        let asked = partial.request_unconditionally(64).expect("more than the overlap");
        let total_text = their_total.map_or("*".to_owned(), |total| total.to_string());
        let last = first + bytes - 1;
        let range = if status == 416 { format!("bytes */{total_text}") } else { format!("bytes {first}-{last}/{total_text}") };
        let length = length.map(|length| length.to_string());
        let mut answer = fields(theirs);
        answer.push(("content-range", &range));
        answer.extend(length.as_deref().map(|length| ("content-length", length)));
        let differ = |ours: Option<&str>, theirs: Option<&str>| ours.zip(theirs).is_some_and(|(ours, theirs)| ours != theirs);
        let contradicts = differ(ours.0, theirs.0) || differ(ours.1, theirs.1);
        match decide_unconditional(&partial, &asked, &head(status, &answer), verifies) {
            ResumeDecision::Append { from, body_bytes, total: known } => {
                prop_assert_eq!((status, from, body_bytes), (206, have - 64, bytes));
                prop_assert_eq!(first, from);
                prop_assert!(verifies || (!contradicts && total.is_some() && total == their_total));
                prop_assert!(total.zip(their_total).is_none_or(|(ours, theirs)| ours == theirs));
                prop_assert_eq!(known, their_total.or(total));
            }
            ResumeDecision::Complete => prop_assert!(verifies && status == 416 && their_total == Some(have)),
            ResumeDecision::Replace => prop_assert_eq!(status, 200),
            _ => {}
        }
    }
}
