//! The small values of a case: ranges of numbers, times, sizes, bytes.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::hostile::Content;

/// An arbitrary fixed number: all cases use the same content.
const CONTENT_KEY: u64 = 0x6c6f_6e67_6861_756c;

/// A range of numbers, both ends included: `3`, `2-4`, or `2-` for all from 2 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
}

impl Span {
    /// All numbers.
    pub const ALL: Self = Self { first: 0, last: u64::MAX };

    /// Whether `number` is in the range.
    #[must_use]
    pub fn contains(self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

impl Default for Span {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| {
            digits.parse::<u64>().map_err(|_| format!("`{text}` is not a range such as 3, 2-4 or 2-"))
        };
        let span = match text.split_once('-') {
            None => Self { first: number(text)?, last: number(text)? },
            Some((first, "")) => Self { first: number(first)?, last: u64::MAX },
            Some((first, last)) => Self { first: number(first)?, last: number(last)? },
        };
        if span.first > span.last { Err(format!("the range `{text}` is empty")) } else { Ok(span) }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self { first, last } if first == last => write!(f, "{first}"),
            Self { first, last: u64::MAX } => write!(f, "{first} or more"),
            Self { first, last } => write!(f, "{first} to {last}"),
        }
    }
}

/// A part of the content that all cases share: the bytes `first-last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Section(Span);

impl Section {
    /// The bytes of the part.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        content(self.0.first, self.0.last - self.0.first + 1)
    }
}

impl TryFrom<String> for Section {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        /// A longer part would have to be in memory as a whole.
        const BYTES_MAX: u64 = 64 * 1024 * 1024;
        let span: Span = text.parse()?;
        if span.last - span.first >= BYTES_MAX {
            return Err(format!("`{text}` is more than {BYTES_MAX} bytes"));
        }
        Ok(Self(span))
    }
}

/// `len` bytes of the content that all cases share, from offset `from` on.
#[must_use]
pub fn content(from: u64, len: u64) -> Vec<u8> {
    let whole = Content::new(CONTENT_KEY, u64::MAX, 0);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
    whole.fill(from, &mut bytes);
    bytes
}

/// A time: `500ms` or `2s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Time(pub Duration);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number =
            |digits: &str| digits.parse().map_err(|_| format!("`{text}` is not a time such as 500ms or 2s"));
        let time = match text.strip_suffix("ms") {
            Some(digits) => Duration::from_millis(number(digits)?),
            None => Duration::from_secs(number(text.strip_suffix('s').unwrap_or("none"))?),
        };
        Ok(Self(time))
    }
}

/// A number of bytes: `500`, `64k`, `2M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (digits, unit) = match text.as_bytes() {
            [.., b'k'] => (&text[..text.len() - 1], 1024),
            [.., b'M'] => (&text[..text.len() - 1], 1024 * 1024),
            _ => (&text[..], 1),
        };
        let number: u64 =
            digits.parse().map_err(|_| format!("`{text}` is not a size such as 500, 64k or 2M"))?;
        number.checked_mul(unit).map(Self).ok_or_else(|| format!("`{text}` is too large"))
    }
}

/// Bytes in hexadecimal digits, with optional spaces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Bytes(pub Vec<u8>);

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
        let pair = |pair: &[u8]| {
            let text =
                std::str::from_utf8(pair).ok().filter(|text| text.len() == 2 && !text.starts_with('+'));
            text.and_then(|text| u8::from_str_radix(text, 16).ok())
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
        bytes.map(Self).ok_or_else(|| format!("`{text}` is not bytes in pairs of hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_numbers() {
        for (text, first, last) in [("0", 0, 0), ("3", 3, 3), ("2-4", 2, 4), ("2-", 2, u64::MAX)] {
            assert_eq!(text.parse(), Ok(Span { first, last }), "{text}");
        }
        for text in ["", "-", "4-2", "-3", "a", "1-2-3"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_sizes_and_bytes() {
        let time = |text: &str| Time::try_from(text.to_owned()).map(|time| time.0.as_millis());
        assert_eq!((time("500ms"), time("2s")), (Ok(500), Ok(2_000)));
        assert!(time("2").is_err() && time("s").is_err() && time("-1s").is_err());
        let size = |text: &str| Size::try_from(text.to_owned()).map(|size| size.0);
        assert_eq!((size("7"), size("2k"), size("1M")), (Ok(7), Ok(2_048), Ok(1_048_576)));
        assert!(size("").is_err() && size("k").is_err() && size("99999999999999999999").is_err());
        let bytes = |text: &str| Bytes::try_from(text.to_owned()).map(|bytes| bytes.0);
        assert_eq!(bytes("00 ff0a"), Ok(vec![0, 255, 10]));
        assert!(bytes("0").is_err() && bytes("+1").is_err() && bytes("zz").is_err());
    }

    #[test]
    fn a_section_is_a_part_of_one_content() {
        let section = |text: &str| Section::try_from(text.to_owned()).map(Section::bytes);
        let whole = section("0-99").expect("a section");
        assert_eq!(section("10-19").expect("a section"), whole[10..20]);
        assert!(section("0-").is_err());
    }
}
