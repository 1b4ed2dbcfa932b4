//! Writes a summary when a segment is finished.

use super::replay::replay;
use super::summary::encode;
use crate::error::JournalError;
use crate::files::{CreateError, Kind, create_complete, state_directory};
use crate::format::{Header, SaltSeed};
use crate::storage::Storage;

/// How many summaries are kept: the newest, and one to fall back to.
const KEPT: usize = 2;

/// Writes the summary of the segments up to a number, the last of them up to a byte, and removes the oldest ones. Where the
/// segments are damaged there is none: the damage is then found, and reported, whenever the haul is opened.
pub(crate) fn write_summary(
    storage: &dyn Storage,
    seed: SaltSeed,
    number: u32,
    base: u64,
) -> Result<(), JournalError> {
    let names = storage.list(&state_directory()).map_err(JournalError::io("list", state_directory()))?;
    let replay = replay(storage, &names, Some((number, base)))?;
    if !replay.damage.is_empty() {
        return Ok(());
    }
    let header = Header::new(Kind::Summary, number, base, seed);
    let path = Kind::Summary.path(number);
    let write = |bytes: Vec<u8>| create_complete(storage, &path, &bytes).map_err(CreateError::into_io);
    encode(&replay.state, &header).and_then(write).map_err(JournalError::io("write", &path))?;
    let old = Kind::Summary.numbers(&names).into_iter().filter(|&old| old != number).rev().skip(KEPT - 1);
    for old in old {
        let path = Kind::Summary.path(old);
        storage.remove(&path).map_err(JournalError::io("remove", path))?;
    }
    Ok(())
}
