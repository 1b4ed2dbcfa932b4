//! Seeded draws: the one source of chance.
//!
//! A draw is a hash of what it is about and not the next number of a generator, so it depends on nothing that happened before.

use std::fmt;

/// What a draw decides. The name goes into the hash, so that no two decisions about one path are related.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About {
    /// The bytes and the entity tag of a path.
    Content,
    /// The length of a path's content.
    Size,
    /// Whether a path exists.
    Absence,
    /// Which fault an attempt meets.
    Fault,
    /// Where in the body a fault strikes, or how much is missing from it.
    Place,
    /// The key under which a path is remembered.
    Memory,
}

/// A number that is a pure function of `seed`, the decision, `path` and `turn`, evenly spread over all of `u64`.
pub(crate) fn draw(seed: u64, about: About, path: &str, turn: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&turn.to_le_bytes());
    hasher.update(&[about as u8]);
    hasher.update(path.as_bytes());
    let mut drawn = [0; 8];
    hasher.finalize_xof().fill(&mut drawn);
    u64::from_le_bytes(drawn)
}

/// Scales a draw to `0..bound` (to 0 for a bound of 0), without the bias of a remainder.
pub(crate) fn scale(drawn: u64, bound: u64) -> u64 {
    let scaled = (u128::from(drawn) * u128::from(bound)) >> 64;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// A part of a whole, between none and all, in steps of a millionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    const MILLION: u32 = 1_000_000;

    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(Self::MILLION);

    /// So many of a hundred; more than a hundred counts as [`ALL`](Self::ALL).
    pub const fn percent(percent: u32) -> Self {
        Self::per_million(percent.saturating_mul(10_000))
    }

    /// So many of a million; more than a million counts as [`ALL`](Self::ALL).
    pub const fn per_million(parts: u32) -> Self {
        if parts > Self::MILLION { Self::ALL } else { Self(parts) }
    }

    /// How many of a million.
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }

    /// Whether a drawn number falls into this share.
    pub(crate) fn covers(self, drawn: u64) -> bool {
        scale(drawn, Self::MILLION.into()) < self.0.into()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} %", f64::from(self.0) / 10_000.0)
    }
}
