//! Seeded draws.
//!
//! A draw is a hash of what it decides and not the next number of a generator, so it does not depend on anything that
//! happened before, nor on the order of requests.

/// What a draw decides. Its number goes into the hash, so that two decisions about one path are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DrawPurpose {
    /// The bytes and the entity tag of a path.
    Content,
    /// The length of a path's content.
    Size,
    /// Whether a path exists.
    Absence,
    /// Which fault an attempt meets.
    Fault,
    /// Where in the body a fault strikes, or how many bytes it leaves out.
    FaultOffset,
    /// The key under which the counts of a path are kept.
    PathKey,
    /// Whether a toxic affects a connection of a proxy.
    Toxicity,
    /// The random choices of a toxic on a connection.
    ToxicChoices,
}

/// A pure function of `seed`, `purpose`, `path` and `turn`, evenly distributed over all of `u64`.
pub(crate) fn draw(seed: u64, purpose: DrawPurpose, path: &str, turn: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&turn.to_le_bytes());
    hasher.update(&[purpose as u8]);
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
