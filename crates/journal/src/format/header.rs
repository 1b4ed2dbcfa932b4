//! The first 64 bytes of every file: the same 32 bytes twice, so that one bad sector or bit does not cost a segment.
//!
//! These bytes keep their form in every version of the format: a program can always tell which version it has before it.

use super::frame::crc;
use crate::error::JournalError;
use crate::files::Kind;
use crate::storage::RelativePath;

/// The version of everything after the header, as it is written. Version 1 had no marks of part files and no expectations.
/// Version 2 had no locations and no fields. Version 3 had no formats of bodies and no rows without content.
pub(crate) const VERSION: u16 = 4;
/// The oldest version that is read. Its records mean the same today, except a `failed` up to [`VERSION_FAILURE_ENDS_PART`].
const VERSION_MIN: u16 = 1;
/// The last version in which every `failed` ended the part of its row, and the engine removed the part file.
pub(crate) const VERSION_FAILURE_ENDS_PART: u16 = 3;
/// Both copies together.
pub(crate) const HEADER_BYTES: usize = 2 * COPY_BYTES;

const COPY_BYTES: usize = 32;
const MAGIC: &[u8; 8] = b"longhaul";

/// What a file says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) number: u32,
    /// Spool: the number of the first row. Log: up to which byte the segment before counts. `RowStates`: up to which byte of the
    /// log segment of the same number was folded.
    pub(crate) base: u64,
    /// Where the checksums of the file's frames start from.
    pub(crate) salt: u32,
    /// The version of everything after the header. A new file has [`VERSION`].
    pub(crate) version: u16,
}

/// What could be made of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderRead {
    Intact(Header),
    /// One copy is damaged, the other is not.
    Repaired(Header),
    /// Neither copy could be read. The salt was found in the records; the base is not known.
    Salvaged(Header),
    Unreadable,
}

impl HeaderRead {
    /// The header, if either copy could be read.
    pub(crate) fn readable(self) -> Option<Header> {
        match self {
            Self::Intact(header) | Self::Repaired(header) => Some(header),
            Self::Salvaged(_) | Self::Unreadable => None,
        }
    }

    /// Where the checksums of the frames start from, and their version, if the records can be read.
    pub(crate) fn of_records(self) -> Option<Header> {
        match self {
            Self::Salvaged(header) => Some(header),
            _ => self.readable(),
        }
    }
}

impl Header {
    /// The header of a file that is about to be written.
    pub(crate) fn new(kind: Kind, number: u32, base: u64, seed: SaltSeed) -> Self {
        Self { kind, number, base, salt: seed.salt(kind, number), version: VERSION }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut copy = [0; COPY_BYTES];
        copy[..8].copy_from_slice(MAGIC);
        copy[8] = kind_code(self.kind);
        copy[10..12].copy_from_slice(&self.version.to_le_bytes());
        copy[12..16].copy_from_slice(&self.number.to_le_bytes());
        copy[16..24].copy_from_slice(&self.base.to_le_bytes());
        copy[24..28].copy_from_slice(&self.salt.to_le_bytes());
        let sum = crc(0, &copy[..28]);
        copy[28..].copy_from_slice(&sum.to_le_bytes());
        let mut both = [0; HEADER_BYTES];
        both[..COPY_BYTES].copy_from_slice(&copy);
        both[COPY_BYTES..].copy_from_slice(&copy);
        both
    }

    /// Reads a header and checks that it belongs to the file it stands in. Another version is an error; anything else that
    /// is wrong makes the header unreadable.
    pub(crate) fn decode(
        bytes: &[u8],
        kind: Kind,
        number: u32,
        path: &RelativePath,
    ) -> Result<HeaderRead, JournalError> {
        let mut copies = [None; 2];
        for (copy, raw) in copies.iter_mut().zip(bytes.chunks_exact(COPY_BYTES)) {
            let Some((version, header)) = decode_copy(raw) else { continue };
            if !(VERSION_MIN..=VERSION).contains(&version) {
                return Err(JournalError::OtherVersion {
                    path: path.to_string(),
                    found: version,
                    known: VERSION,
                });
            }
            *copy = header.filter(|header| header.kind == kind && header.number == number);
        }
        Ok(match copies {
            [Some(first), Some(second)] if first == second => HeaderRead::Intact(first),
            [Some(header), None] | [None, Some(header)] => HeaderRead::Repaired(header),
            _ => HeaderRead::Unreadable,
        })
    }
}

/// The version, and the header where the version is ours and the kind is known.
fn decode_copy(raw: &[u8]) -> Option<(u16, Option<Header>)> {
    let raw: &[u8; COPY_BYTES] = raw.try_into().ok()?;
    if &raw[..8] != MAGIC || crc(0, &raw[..28]) != u32_at(raw, 28) {
        return None;
    }
    let version = u16::from_le_bytes([raw[10], raw[11]]);
    let base = u64::from(u32_at(raw, 16)) | u64::from(u32_at(raw, 20)) << 32;
    let kind = [Kind::Spool, Kind::Log, Kind::Summary].into_iter().find(|kind| kind_code(*kind) == raw[8]);
    let header =
        kind.map(|kind| Header { kind, number: u32_at(raw, 12), base, salt: u32_at(raw, 24), version });
    Some((version, header))
}

fn u32_at(raw: &[u8; COPY_BYTES], offset: usize) -> u32 {
    u32::from_le_bytes([raw[offset], raw[offset + 1], raw[offset + 2], raw[offset + 3]])
}

const fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Spool => 1,
        Kind::Log => 2,
        Kind::Summary => 3,
    }
}

/// What makes the salts of one run: nobody outside the machine can guess them, so no server can put bytes into a field that
/// would pass for a frame of ours when a search for the next good frame comes across them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SaltSeed {
    pub(crate) boot_id: [u8; 16],
    pub(crate) now_unix_ms: u64,
}

impl SaltSeed {
    fn salt(&self, kind: Kind, number: u32) -> u32 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.boot_id);
        hasher.update(&self.now_unix_ms.to_le_bytes());
        hasher.update(&[kind_code(kind)]);
        hasher.update(&number.to_le_bytes());
        let hash = hasher.finalize();
        let [first, second, third, fourth, ..] = *hash.as_bytes();
        u32::from_le_bytes([first, second, third, fourth])
    }
}
