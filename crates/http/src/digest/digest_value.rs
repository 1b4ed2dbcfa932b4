//! A digest with its algorithm.

use std::fmt;

use super::{DigestAlgorithm, Hasher};

/// A digest with its algorithm: what bytes must hash to. Displays as lower-case hexadecimal digits, without the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: DigestAlgorithm,
    value: Box<[u8]>,
}

impl Digest {
    /// A digest of as many bytes as its algorithm has; `None` for any other length.
    pub fn new(algorithm: DigestAlgorithm, value: impl Into<Box<[u8]>>) -> Option<Self> {
        let value = value.into();
        (value.len() == algorithm.digest_bytes()).then_some(Self { algorithm, value })
    }

    /// The digest that hexadecimal digits of either case describe; `None` if they are not exactly those of one digest.
    pub fn from_hexadecimal(algorithm: DigestAlgorithm, digits: &[u8]) -> Option<Self> {
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        if pairs.len() != algorithm.digest_bytes() {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let value: Option<Box<[u8]>> =
            pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        Some(Self { algorithm, value: value? })
    }

    /// The digest that a hash of this algorithm has given: it has the right length.
    pub(super) const fn of_hash(algorithm: DigestAlgorithm, value: Box<[u8]>) -> Self {
        Self { algorithm, value }
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// The digest itself: as many bytes as its algorithm has.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// Whether the bytes that were hashed have this digest; `None` if the hash is of another algorithm.
    pub fn matches(&self, hasher: &Hasher) -> Option<bool> {
        (hasher.algorithm() == self.algorithm).then(|| hasher.digest() == *self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_or_refused() {
        let digest = |digits: &str| Digest::from_hexadecimal(DigestAlgorithm::Crc32c, digits.as_bytes());
        let read = digest("E3069283").expect("eight digits");
        assert_eq!(
            (read.algorithm(), read.value()),
            (DigestAlgorithm::Crc32c, &[0xe3, 0x06, 0x92, 0x83][..])
        );
        assert_eq!(read.to_string(), "e3069283");
        for wrong in ["", "e306928", "e30692831", "e3069283ff", "g3069283", "+3069283"] {
            assert_eq!(digest(wrong), None, "{wrong}");
        }
        assert_eq!(Digest::new(DigestAlgorithm::Md5, vec![0; 15]), None);
    }

    #[test]
    fn a_digest_matches_what_was_hashed_with_its_algorithm() {
        let mut hasher = Hasher::new(DigestAlgorithm::Crc32c);
        hasher.update(b"123456789");
        let is_match = |algorithm, digits: &[u8]| {
            Digest::from_hexadecimal(algorithm, digits).expect("eight digits").matches(&hasher)
        };
        assert_eq!(is_match(DigestAlgorithm::Crc32c, b"e3069283"), Some(true));
        assert_eq!(is_match(DigestAlgorithm::Crc32c, b"e3069284"), Some(false));
        assert_eq!(is_match(DigestAlgorithm::Crc32, b"e3069283"), None);
    }
}
