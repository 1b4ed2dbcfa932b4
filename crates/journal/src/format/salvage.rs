//! Finds the salt of a file whose header cannot be read, so that its records are not lost with 64 bytes.
//!
//! The checksum of a frame starts from the salt, and CRC-32 can be computed backwards: from the bytes and the checksum of one frame
//! follows the only salt that it can have. That salt counts if most of the file then consists of good frames. A server whose text is
//! in the file cannot bring that about: its text would have to be most of the file, in frames of its own.

use super::frame::{FRAME_PREFIX_BYTES, Frames, Item, candidate};
use super::header::HEADER_BYTES;

/// Places that are tried: a damaged page, and the record that the damage cuts.
const PLACES_MAX: usize = 64 << 10;
/// The reflected polynomial of CRC-32 (IEEE 802.3).
const POLYNOMIAL: u32 = 0xedb8_8320;

/// The salt of a file, if most of what follows its header is frames with that salt.
pub(crate) fn find_salt(bytes: &[u8]) -> Option<u32> {
    let table = table();
    let end = bytes.len().min(HEADER_BYTES + PLACES_MAX);
    (HEADER_BYTES..end).find_map(|offset| {
        let payload = candidate(bytes, offset)?;
        let sum = u32::from_le_bytes(*bytes[offset + 4..].first_chunk()?);
        let framed = bytes[offset..offset + 4].iter().chain(&bytes[payload.clone()]);
        let salt = start_of(&table, sum, framed);
        // Chance finds a salt for any bytes; the next frame shows whether it is the file's.
        let next = Frames::new(bytes, payload.end, salt).next()?;
        matches!(next, Item::Frame { offset, .. } if offset == payload.end).then_some(())?;
        is_most_good(bytes, salt).then_some(salt)
    })
}

fn is_most_good(bytes: &[u8], salt: u32) -> bool {
    let good: usize = Frames::new(bytes, HEADER_BYTES, salt)
        .map(|item| match item {
            Item::Frame { payload, .. } => payload.len() + FRAME_PREFIX_BYTES,
            Item::Gap(_) => 0,
        })
        .sum();
    good > (bytes.len() - HEADER_BYTES) / 2
}

/// The value that the checksum of these bytes started from.
fn start_of<'a>(table: &[u32; 256], sum: u32, bytes: impl DoubleEndedIterator<Item = &'a u8>) -> u32 {
    // A table's entry is known by its highest byte: they are all different.
    let mut by_top = [0_u8; 256];
    for (index, entry) in (0..=u8::MAX).zip(table) {
        by_top[(entry >> 24) as usize] = index;
    }
    let state = bytes.rev().fold(!sum, |state, byte| {
        let index = by_top[(state >> 24) as usize];
        (state ^ table[usize::from(index)]) << 8 | u32::from(index ^ byte)
    });
    !state
}

fn table() -> [u32; 256] {
    std::array::from_fn(|index| {
        (0..8).fold(u32::try_from(index).unwrap_or(0), |entry, _| {
            if entry & 1 == 1 { entry >> 1 ^ POLYNOMIAL } else { entry >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::append_frame;

    fn file(salt: u32, payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        for payload in payloads {
            append_frame(&mut bytes, salt, |out| out.extend_from_slice(payload)).expect("a short payload");
        }
        bytes
    }

    proptest! {
        #[test]
        fn the_salt_of_a_file_is_found_without_its_header(
            salt: u32,
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 3..40),
            cut in 0_usize..100,
        ) {
            let mut bytes = file(salt, &payloads);
            // The first record is damaged, too.
            let cut = cut.min((bytes.len() - HEADER_BYTES) / 4);
            bytes[..HEADER_BYTES + cut].fill(0xff);
            let found = find_salt(&bytes);
            prop_assert!(found.is_none_or(|found| found == salt), "a wrong salt");
            if cut == 0 {
                prop_assert_eq!(found, Some(salt));
            }
        }

        #[test]
        fn other_bytes_have_no_salt(bytes in prop::collection::vec(any::<u8>(), 64..4_000)) {
            prop_assert_eq!(find_salt(&bytes), None);
        }
    }
}
