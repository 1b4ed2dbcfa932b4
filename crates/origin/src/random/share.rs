//! Shares of a whole.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::draw::scale;

/// A part of a whole, between none and all, in steps of a millionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    const MILLION: u32 = 1_000_000;

    /// None of the whole.
    pub const NONE: Self = Self(0);
    /// All of the whole.
    pub const ALL: Self = Self(Self::MILLION);

    /// A share in percent; more than 100 is [`ALL`](Self::ALL).
    pub const fn percent(percent: u32) -> Self {
        Self::per_million(percent.saturating_mul(10_000))
    }

    /// A share in millionths; more than a million is [`ALL`](Self::ALL).
    pub const fn per_million(parts: u32) -> Self {
        if parts > Self::MILLION { Self::ALL } else { Self(parts) }
    }

    /// The share in millionths.
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }

    /// Whether a draw falls into this share.
    pub(crate) fn covers(self, drawn: u64) -> bool {
        scale(drawn, Self::MILLION.into()) < self.0.into()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} %", f64::from(self.0) / 10_000.0)
    }
}

/// Parses `4%`, `4 %` or the fraction `0.04`, with at most six decimal places.
///
/// ```
/// use longhaul_origin::Share;
///
/// assert_eq!("4 %".parse(), Ok(Share::percent(4)));
/// assert_eq!("0.04".parse(), Ok(Share::percent(4)));
/// assert!("1.5".parse::<Share>().is_err());
/// ```
impl FromStr for Share {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, InvalidShare> {
        let (number, parts_per_one) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), Self::MILLION / 100),
            None => (text, Self::MILLION),
        };
        let number: f64 = number.parse().map_err(|_| InvalidShare)?;
        let parts = (number * f64::from(parts_per_one)).round();
        if !(0.0..=f64::from(Self::MILLION)).contains(&parts) {
            return Err(InvalidShare);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        Ok(Self(parts as u32))
    }
}

/// The text is not a share between none and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidShare;

impl fmt::Display for InvalidShare {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a share between 0 and 1, nor one between 0 % and 100 %")
    }
}

impl Error for InvalidShare {}
