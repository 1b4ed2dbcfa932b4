//! The `Range` field of a request (RFC 9110 section 14.2).

use std::ops::Range;

/// The part of a content that is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The whole: there is no range, or one that a server may ignore, because it is malformed or has several parts.
    Whole,
    /// These offsets, at least one.
    Part(Range<u64>),
    /// Only offsets beyond the end.
    Unsatisfiable,
}

impl Selection {
    pub(crate) fn parse(field: &str, len: u64) -> Self {
        let Some((unit, spec)) = field.split_once('=') else { return Self::Whole };
        let Some((first, last)) = spec.trim().split_once('-') else { return Self::Whole };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Self::Whole;
        }
        match (first, last) {
            ("", suffix) => match decimal(suffix) {
                Some(0) => Self::Unsatisfiable,
                // The last bytes of an empty content cannot be expressed as a Content-Range.
                Some(_) if len == 0 => Self::Whole,
                Some(wanted) => Self::Part(len.saturating_sub(wanted)..len),
                None => Self::Whole,
            },
            (first, "") => match decimal(first) {
                Some(first) if first < len => Self::Part(first..len),
                Some(_) => Self::Unsatisfiable,
                None => Self::Whole,
            },
            (first, last) => match (decimal(first), decimal(last)) {
                (Some(first), Some(last)) if last < first => Self::Whole,
                (Some(first), Some(last)) if first < len => {
                    Self::Part(first..last.saturating_add(1).min(len))
                }
                (Some(_), Some(_)) => Self::Unsatisfiable,
                _ => Self::Whole,
            },
        }
    }
}

/// A number of digits only: `parse` alone would accept a sign. A number that overflows is beyond every content.
fn decimal(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_single_range_is_parsed() {
        for (field, expected) in [
            ("bytes=0-0", Selection::Part(0..1)),
            ("bytes=3-", Selection::Part(3..10)),
            ("bytes=3-99", Selection::Part(3..10)),
            ("bytes=3-18446744073709551615", Selection::Part(3..10)),
            ("bytes=-4", Selection::Part(6..10)),
            ("bytes=-40", Selection::Part(0..10)),
            ("bytes=10-", Selection::Unsatisfiable),
            ("bytes=99999999999999999999-", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=5-3", Selection::Whole),
            ("bytes=0-1,3-4", Selection::Whole),
            ("bytes=+1-2", Selection::Whole),
            ("bytes=--1", Selection::Whole),
            ("lines=0-1", Selection::Whole),
            ("bytes", Selection::Whole),
            ("", Selection::Whole),
        ] {
            assert_eq!(Selection::parse(field, 10), expected, "{field}");
        }
        assert_eq!(Selection::parse("bytes=-1", 0), Selection::Whole);
        assert_eq!(Selection::parse("bytes=0-", 0), Selection::Unsatisfiable);
    }
}
