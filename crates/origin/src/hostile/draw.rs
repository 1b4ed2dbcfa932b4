//! Seeded draws: the one source of chance.
//!
//! A draw is a hash of what it is about and not the next number of a generator, so it depends on nothing that
//! happened before.

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
    /// Whether a toxic works on a connection of a proxy.
    Toxicity,
    /// What a toxic does by chance on a connection.
    Course,
}

/// A pure function of `seed`, the decision, `path` and `turn`, evenly spread over all of `u64`.
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
