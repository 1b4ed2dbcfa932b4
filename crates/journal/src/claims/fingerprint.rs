//! What the index stores instead of a key.

/// The upper half of a BLAKE3 hash of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fingerprint(pub(super) u128);

impl Fingerprint {
    pub(super) fn of(key: &[u8]) -> Self {
        let hash = blake3::hash(key);
        let half: [u8; 16] = hash.as_bytes().first_chunk().copied().expect("a hash has 32 bytes");
        // 0 marks a free slot.
        Self(u128::from_be_bytes(half).max(1))
    }
}
