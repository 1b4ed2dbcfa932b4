//! The algorithms, and running hashes of them.

use std::fmt;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};

use super::Digest;

/// An algorithm of a digest, strongest first. A checksum detects accidents only, which is what corrupts transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// BLAKE3, 32 bytes. Lists have it; it is not registered for fields, and is not read there.
    Blake3,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-1 (FIPS 180-4), deprecated by RFC 9530.
    Sha1,
    /// MD5 (RFC 1321), deprecated by RFC 9530.
    Md5,
    /// CRC-32C (RFC 9260 appendix A), most significant byte first.
    Crc32c,
    /// CRC-32 as gzip has it (RFC 1952), most significant byte first.
    Crc32,
    /// Adler-32 (RFC 1950), most significant byte first.
    Adler32,
}

impl DigestAlgorithm {
    /// Its name: that of RFC 9530 where it is registered there.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha512 => "sha-512",
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha-256",
            Self::Sha1 => "sha",
            Self::Md5 => "md5",
            Self::Crc32c => "crc32c",
            Self::Crc32 => "crc32",
            Self::Adler32 => "adler",
        }
    }

    /// The algorithm of a name, in either case, as it stands in `Repr-Digest`, `Content-Digest`, `Digest`, `x-goog-hash` or behind
    /// `x-amz-checksum-`, or as tools write it (`sha256`).
    pub fn of_name(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        Some(match () {
            () if is("sha-512") || is("sha512") => Self::Sha512,
            () if is("blake3") => Self::Blake3,
            () if is("sha-256") || is("sha256") => Self::Sha256,
            () if is("sha") || is("sha-1") || is("sha1") => Self::Sha1,
            () if is("md5") => Self::Md5,
            () if is("crc32c") => Self::Crc32c,
            () if is("crc32") => Self::Crc32,
            () if is("adler") || is("adler32") => Self::Adler32,
            () => return None,
        })
    }

    /// Bytes of a digest.
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Sha512 => 64,
            Self::Blake3 | Self::Sha256 => 32,
            Self::Sha1 => 20,
            Self::Md5 => 16,
            Self::Crc32c | Self::Crc32 | Self::Adler32 => 4,
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A running hash.
#[derive(Clone)]
pub struct Hasher {
    algorithm: DigestAlgorithm,
    state: State,
}

#[derive(Clone)]
enum State {
    Sha(Context),
    Blake3(Box<blake3::Hasher>),
    Md5(md5::Context),
    Crc32c(u32),
    Crc32(crc32fast::Hasher),
    Adler32(adler2::Adler32),
}

impl Hasher {
    /// The hash of no bytes.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        let state = match algorithm {
            DigestAlgorithm::Sha512 => State::Sha(Context::new(&SHA512)),
            DigestAlgorithm::Blake3 => State::Blake3(Box::default()),
            DigestAlgorithm::Sha256 => State::Sha(Context::new(&SHA256)),
            DigestAlgorithm::Sha1 => State::Sha(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            DigestAlgorithm::Md5 => State::Md5(md5::Context::new()),
            DigestAlgorithm::Crc32c => State::Crc32c(0),
            DigestAlgorithm::Crc32 => State::Crc32(crc32fast::Hasher::new()),
            DigestAlgorithm::Adler32 => State::Adler32(adler2::Adler32::new()),
        };
        Self { algorithm, state }
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha(context) => context.update(bytes),
            State::Blake3(hasher) => {
                hasher.update(bytes);
            }
            State::Md5(context) => context.consume(bytes),
            State::Crc32c(crc) => *crc = crc32c::crc32c_append(*crc, bytes),
            State::Crc32(hasher) => hasher.update(bytes),
            State::Adler32(adler) => adler.write_slice(bytes),
        }
    }

    /// The digest of the bytes so far.
    pub fn digest(&self) -> Digest {
        let value: Box<[u8]> = match &self.state {
            State::Sha(context) => context.clone().finish().as_ref().into(),
            State::Blake3(hasher) => Box::new(*hasher.finalize().as_bytes()),
            State::Md5(context) => Box::new(context.clone().finalize().0),
            State::Crc32c(crc) => Box::new(crc.to_be_bytes()),
            State::Crc32(hasher) => Box::new(hasher.clone().finalize().to_be_bytes()),
            State::Adler32(adler) => Box::new(adler.checksum().to_be_bytes()),
        };
        Digest::of_hash(self.algorithm, value)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published check values of each algorithm.
    #[test]
    fn digests_are_those_that_are_published() {
        for (algorithm, text, expected) in [
            (
                DigestAlgorithm::Sha512,
                "abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (
                DigestAlgorithm::Blake3,
                "abc",
                "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
            ),
            (
                DigestAlgorithm::Sha256,
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (DigestAlgorithm::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (DigestAlgorithm::Md5, "abc", "900150983cd24fb0d6963f7d28e17f72"),
            (DigestAlgorithm::Crc32c, "123456789", "e3069283"),
            (DigestAlgorithm::Crc32, "123456789", "cbf43926"),
            (DigestAlgorithm::Adler32, "123456789", "091e01de"),
        ] {
            let mut hasher = Hasher::new(algorithm);
            for byte in text.as_bytes() {
                hasher.update(&[*byte]);
            }
            let digest = hasher.digest();
            assert_eq!(digest.to_string(), expected, "{algorithm}");
            assert_eq!(digest.value().len(), algorithm.digest_bytes());
        }
    }
}
