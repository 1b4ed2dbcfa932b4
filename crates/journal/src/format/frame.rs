//! The frame around every record: length, checksum, payload. And the search for the next good frame after a bad one.
//!
//! The checksum is CRC-32 (IEEE), started from the file's salt, over the four bytes of the length and the payload.

use std::io;
use std::ops::Range;

/// The longest payload in bytes: far more than any row or record needs, and little enough to hold in memory.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Bytes before the payload.
pub(crate) const FRAME_PREFIX_BYTES: usize = 8;
/// How many bytes the search for good frames may put through the checksum in one file. Random or text bytes cost a few times
/// their length; only bytes made for the purpose reach this limit, and then the rest of the file counts as damaged.
const SEARCH_BYTES_MAX: usize = 2 << 30;

pub(super) fn crc(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

fn frame_crc(salt: u32, len: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(&len);
    hasher.update(payload);
    hasher.finalize()
}

/// Appends a frame whose payload `write` appends. On an error `out` is as it was.
pub(crate) fn append_frame(out: &mut Vec<u8>, salt: u32, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_PREFIX_BYTES]);
    write(out);
    let payload_len = out.len() - start - FRAME_PREFIX_BYTES;
    let len = match u32::try_from(payload_len) {
        Ok(len) if payload_len > 0 && payload_len <= PAYLOAD_BYTES_MAX => len.to_le_bytes(),
        _ => {
            out.truncate(start);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a record does not fit into a frame"));
        }
    };
    let sum = frame_crc(salt, len, &out[start + FRAME_PREFIX_BYTES..]);
    out[start..start + 4].copy_from_slice(&len);
    out[start + 4..start + FRAME_PREFIX_BYTES].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

/// The payload of the frame at an offset, if a good one stands there.
pub(crate) fn read_frame(bytes: &[u8], offset: usize, salt: u32) -> Option<Range<usize>> {
    candidate(bytes, offset).filter(|payload| is_good(bytes, payload, salt))
}

/// The payload that a frame at an offset would have, its checksum not yet looked at.
pub(super) fn candidate(bytes: &[u8], offset: usize) -> Option<Range<usize>> {
    let prefix = bytes.get(offset..)?.first_chunk::<FRAME_PREFIX_BYTES>()?;
    let len = usize::try_from(u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]])).ok()?;
    let start = offset + FRAME_PREFIX_BYTES;
    (len > 0 && len <= PAYLOAD_BYTES_MAX && len <= bytes.len() - start).then(|| start..start + len)
}

fn is_good(bytes: &[u8], payload: &Range<usize>, salt: u32) -> bool {
    let prefix = &bytes[payload.start - FRAME_PREFIX_BYTES..payload.start];
    let len = [prefix[0], prefix[1], prefix[2], prefix[3]];
    let sum = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]);
    frame_crc(salt, len, &bytes[payload.clone()]) == sum
}

/// What comes next in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A good frame: where it begins, and its payload.
    Frame { offset: usize, payload: Range<usize> },
    /// Bytes that are no frame, up to the next good one or the end.
    Gap(Range<usize>),
}

/// Goes over the frames of a file, from an offset to the end.
pub(crate) struct Frames<'a> {
    bytes: &'a [u8],
    offset: usize,
    salt: u32,
    search_bytes_left: usize,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(bytes: &'a [u8], offset: usize, salt: u32) -> Self {
        Self { bytes, offset, salt, search_bytes_left: SEARCH_BYTES_MAX }
    }

    /// The next good frame at or after an offset, or the end.
    fn search(&mut self, from: usize) -> usize {
        (from..self.bytes.len())
            .find(|&offset| {
                let Some(payload) = candidate(self.bytes, offset) else { return false };
                let Some(left) = self.search_bytes_left.checked_sub(payload.len()) else { return false };
                self.search_bytes_left = left;
                is_good(self.bytes, &payload, self.salt)
            })
            .unwrap_or(self.bytes.len())
    }
}

impl Iterator for Frames<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let offset = self.offset;
        if offset >= self.bytes.len() {
            return None;
        }
        if let Some(payload) = read_frame(self.bytes, offset, self.salt) {
            self.offset = payload.end;
            return Some(Item::Frame { offset, payload });
        }
        self.offset = self.search(offset + 1);
        Some(Item::Gap(offset..self.offset))
    }
}
