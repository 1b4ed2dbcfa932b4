//! The bytes of one path, in one generation.
//!
//! They come from a generator in counter mode: the eight bytes at offset `8 * n` are a mix of a key and of `n`, so a range
//! in the middle of a terabyte costs no more than its own length.

use std::time::{Duration, SystemTime};

/// Each step of the counter moves the state by this odd number: 2^64 divided by the golden ratio (Steele, Lea
/// and Flood, "Fast splittable pseudorandom number generators", 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Bytes per value of the counter.
const WORD_BYTES: usize = size_of::<u64>();

/// Bytes that are hashed at a time.
const HASH_PIECE_BYTES: usize = 64 * 1024;

/// The first generation was last modified on 2020-01-01 at 00:00:00 UTC: long enough ago to be a strong
/// validator (RFC 9110 section 8.8.2.2).
const FIRST_MODIFIED_UNIX_SECONDS: u64 = 1_577_836_800;

/// Each generation is a minute younger than the one before: dates have a resolution of a second, and all of them are in the
/// past.
const GENERATION_SECONDS: u64 = 60;

/// The content of a path: its length, its validators, and its bytes from any offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    key: u64,
    len: u64,
    generation: u16,
}

impl Content {
    pub(crate) fn new(key: u64, len: u64, generation: u16) -> Self {
        Self { key, len, generation }
    }

    /// Identifies this content: another path, seed, size or generation has another key.
    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    /// The length, in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the length is zero.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The strong entity tag, with its quotes. Another path, seed, size or generation has another tag.
    pub fn etag(&self) -> String {
        format!("\"{:016x}-{:x}\"", self.key, self.len)
    }

    /// The time of `Last-Modified`: fixed, in whole seconds.
    pub fn last_modified(&self) -> SystemTime {
        let seconds = FIRST_MODIFIED_UNIX_SECONDS + GENERATION_SECONDS * u64::from(self.generation);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Fills `buffer` with the bytes from `offset` on. Returns their number, which is smaller than the buffer only at the end
    /// of the content.
    pub fn fill(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let filled = buffer.len().min(left);
        let buffer = &mut buffer[..filled];

        let mut counter = offset / WORD_BYTES as u64;
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of eight is small")]
        let into_word = (offset % WORD_BYTES as u64) as usize;
        let (head, rest) = buffer.split_at_mut(((WORD_BYTES - into_word) % WORD_BYTES).min(filled));
        if !head.is_empty() {
            let word = self.word(counter);
            head.copy_from_slice(&word[into_word..into_word + head.len()]);
            counter += 1;
        }
        let mut words = rest.chunks_exact_mut(WORD_BYTES);
        for word in &mut words {
            word.copy_from_slice(&self.word(counter));
            counter += 1;
        }
        let tail = words.into_remainder();
        tail.copy_from_slice(&self.word(counter)[..tail.len()]);
        filled
    }

    /// All bytes.
    ///
    /// # Panics
    /// When the content does not fit into memory.
    pub fn to_vec(&self) -> Vec<u8> {
        let len = usize::try_from(self.len).expect("the content fits into memory");
        let mut bytes = vec![0; len];
        self.fill(0, &mut bytes);
        bytes
    }

    /// The BLAKE3 digest of all bytes, computed piece by piece.
    pub fn blake3(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut piece = vec![0; HASH_PIECE_BYTES];
        let mut offset = 0;
        loop {
            let filled = self.fill(offset, &mut piece);
            if filled == 0 {
                return *hasher.finalize().as_bytes();
            }
            hasher.update(&piece[..filled]);
            offset += filled as u64;
        }
    }

    fn word(&self, counter: u64) -> [u8; WORD_BYTES] {
        let mut mixed = self.key.wrapping_add(counter.wrapping_mul(STEP));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    }
}
