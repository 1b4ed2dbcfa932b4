//! `Content-Range` (RFC 9110 section 14.4): which part of a representation a 206 contains, or how long the representation is
//! that a 416 could not serve a part of.

/// A valid `Content-Range` in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes first-last/total`: `first <= last`, and `last < total` where the total is known.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte, inclusive; below `u64::MAX`.
        last: u64,
        /// Length of the representation; `None` for `*`.
        total: Option<u64>,
    },
    /// `bytes */total`: the requested range lies outside of a representation of this length.
    Unsatisfied {
        /// Length of the representation.
        total: u64,
    },
}

impl ContentRange {
    /// Parses the value of the field; `None` for anything that is not valid, another unit included.
    ///
    /// ```
    /// # use longhaul_http::ContentRange;
    /// let part = ContentRange::Part { first: 0, last: 9, total: Some(100) };
    /// assert_eq!(ContentRange::parse(b"bytes 0-9/100"), Some(part));
    /// assert_eq!(ContentRange::parse(b"bytes 9-0/100"), None);
    /// ```
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
        let (unit, rest) = value.split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim_start_matches(' ').split_once('/')?;
        let total = if total == "*" { None } else { Some(decimal(total)?) };
        if range == "*" {
            return total.map(|total| Self::Unsatisfied { total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (decimal(first)?, decimal(last)?);
        let within_total = total.is_none_or(|total| last < total);
        (first <= last && last < u64::MAX && within_total).then_some(Self::Part { first, last, total })
    }
}

/// A number of digits only: `str::parse` would accept a sign.
pub(crate) fn decimal(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
