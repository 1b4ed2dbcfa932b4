//! Media types and ranges of them, as a list or a user expects them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A media type or a range of them (RFC 9110 section 12.5.1), without parameters: `text/csv`, `image/*` or `*/*`. In lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaRange(String);

/// A text that is no media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a media type looks like `text/csv` or `image/*`, and has no parameters")]
pub struct InvalidMediaRange;

impl MediaRange {
    /// Whether a `Content-Type` (RFC 9110 section 8.3) names a type of this range. Its parameters are ignored.
    #[must_use]
    pub fn contains(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let Some((kind, subtype)) = essence.split_once('/') else { return false };
        let (own_kind, own_subtype) = self.0.split_once('/').unwrap_or((&self.0, ""));
        let is =
            |own: &str, other: &str| (own == "*" && !other.is_empty()) || own.eq_ignore_ascii_case(other);
        is(own_kind, kind) && is(own_subtype, subtype)
    }

    /// The range as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MediaRange {
    type Err = InvalidMediaRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, subtype) = text.split_once('/').ok_or(InvalidMediaRange)?;
        let is_range =
            kind == "*" && subtype == "*" || is_token(kind) && (subtype == "*" || is_token(subtype));
        if is_range { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidMediaRange) }
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A token of RFC 9110 section 5.6.2, except that an asterisk is left to ranges.
fn is_token(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_its_types() {
        let contains =
            |range: &str, content_type| range.parse::<MediaRange>().map(|range| range.contains(content_type));
        assert_eq!(contains("text/csv", "text/csv"), Ok(true));
        assert_eq!(contains("Text/CSV", "text/csv; charset=utf-8"), Ok(true));
        assert_eq!(contains("text/csv", "TEXT/CSV ;header=absent"), Ok(true));
        assert_eq!(contains("text/csv", "text/html"), Ok(false));
        assert_eq!(contains("text/csv", "text"), Ok(false));
        assert_eq!(contains("image/*", "image/png"), Ok(true));
        assert_eq!(contains("image/*", "image/"), Ok(false));
        assert_eq!(contains("image/*", "text/html"), Ok(false));
        assert_eq!(contains("*/*", "text/html"), Ok(true));
        for wrong in ["", "text", "text/", "/csv", "*/csv", "text/csv; charset=utf-8", "te xt/csv", "a/b/c"] {
            assert_eq!(wrong.parse::<MediaRange>(), Err(InvalidMediaRange), "{wrong}");
        }
    }
}
