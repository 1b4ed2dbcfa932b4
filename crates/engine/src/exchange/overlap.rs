//! Proof that the rest of a body belongs to a kept part although no validator says so: the last bytes of the part are requested again
//! and compared.
//!
//! It is no proof of the bytes before: a version that differs only there, with the same length, would pass. So the outcome says
//! that the file was joined like this, and a validator that contradicts refuses the join before any byte is compared.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes at the end of a part that are requested again. Two versions of compressed or encrypted content differ everywhere behind
/// the first difference, and logs and tables grow at their ends.
pub(crate) const OVERLAP_BYTES: u64 = 64 * 1024;
/// A shorter part is not kept to be joined like this: it costs less to request the whole.
pub(super) const PART_BYTES_MIN: u64 = 2 * OVERLAP_BYTES;

/// The digest of the last [`OVERLAP_BYTES`] of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail(blake3::Hash);

impl Tail {
    /// The tail that these last bytes of a part make up; `None` if they are not [`OVERLAP_BYTES`].
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        (bytes.len() as u64 == OVERLAP_BYTES).then(|| Self(blake3::hash(bytes)))
    }
}

/// The last bytes of a body that is being received.
#[derive(Debug, Default)]
pub(super) struct RecentBytes {
    chunks: VecDeque<Bytes>,
    bytes: u64,
}

impl RecentBytes {
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len() as u64;
        self.chunks.push_back(chunk);
        while let Some(first) = self.chunks.front()
            && self.bytes - first.len() as u64 >= OVERLAP_BYTES
        {
            self.bytes -= first.len() as u64;
            self.chunks.pop_front();
        }
    }

    /// The digest of the last bytes, if there are enough.
    pub(super) fn tail(&self) -> Option<Tail> {
        let mut surplus = usize::try_from(self.bytes.checked_sub(OVERLAP_BYTES)?).ok()?;
        let mut hasher = blake3::Hasher::new();
        for chunk in &self.chunks {
            let skipped = surplus.min(chunk.len());
            surplus -= skipped;
            hasher.update(&chunk[skipped..]);
        }
        Some(Tail(hasher.finalize()))
    }
}

/// The comparison of the bytes that were requested again.
#[derive(Debug)]
pub(super) struct OverlapCheck {
    expected: Tail,
    hasher: blake3::Hasher,
    bytes_left: u64,
}

/// What a comparison has found so far.
pub(super) enum Compared {
    /// More bytes are to be compared.
    NotYet,
    /// The bytes are the same; these follow them.
    Same(Bytes),
    /// They differ.
    Different,
}

impl OverlapCheck {
    pub(super) fn new(expected: Tail) -> Self {
        Self { expected, hasher: blake3::Hasher::new(), bytes_left: OVERLAP_BYTES }
    }

    /// Compares the next bytes; those of the overlap go to `recent`.
    pub(super) fn take(&mut self, mut chunk: Bytes, recent: &mut RecentBytes) -> Compared {
        let wanted = usize::try_from(self.bytes_left).map_or(chunk.len(), |left| left.min(chunk.len()));
        let overlap = chunk.split_to(wanted);
        self.bytes_left -= overlap.len() as u64;
        self.hasher.update(&overlap);
        recent.push(overlap);
        match self.bytes_left {
            0 if self.hasher.finalize() == self.expected.0 => Compared::Same(chunk),
            0 => Compared::Different,
            _ => Compared::NotYet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|place| u8::try_from(place * 7 % 251).expect("below 251")).collect()
    }

    #[test]
    fn the_tail_of_a_body_does_not_depend_on_its_chunks() {
        let overlap = usize::try_from(OVERLAP_BYTES).expect("small");
        let whole = content(3 * overlap + 17);
        let expected = Tail::of(&whole[whole.len() - overlap..]);
        assert!(expected.is_some() && Tail::of(&whole).is_none());
        for size in [1, 1000, overlap - 1, overlap, overlap + 1, whole.len()] {
            let mut recent = RecentBytes::default();
            for chunk in whole.chunks(size) {
                recent.push(Bytes::copy_from_slice(chunk));
            }
            assert_eq!(recent.tail(), expected, "chunks of {size}");
            assert!(recent.bytes < 2 * OVERLAP_BYTES + size as u64);
        }
        let mut short = RecentBytes::default();
        short.push(Bytes::from(content(overlap - 1)));
        assert_eq!(short.tail(), None);
    }

    #[test]
    fn every_byte_of_the_overlap_counts() {
        let overlap = usize::try_from(OVERLAP_BYTES).expect("small");
        let same = content(overlap);
        for (place, size) in [(None, 1000), (None, overlap + 5), (Some(0), 1000), (Some(overlap - 1), 1000)] {
            let mut sent = same.clone();
            if let Some(place) = place {
                sent[place] ^= 1;
            }
            sent.extend_from_slice(b"after");
            let mut check = OverlapCheck::new(Tail::of(&same).expect("long enough"));
            let mut recent = RecentBytes::default();
            let mut found = Compared::NotYet;
            for chunk in sent.chunks(size) {
                if matches!(found, Compared::NotYet) {
                    found = check.take(Bytes::copy_from_slice(chunk), &mut recent);
                }
            }
            match (place, found) {
                (None, Compared::Same(rest)) => assert_eq!(&rest[..], &b"after"[..rest.len()]),
                (Some(_), Compared::Different) => {}
                (place, _) => panic!("a change at {place:?} in chunks of {size}"),
            }
        }
    }
}
