//! The states of hosts' paces, one small file, so that the next run does not learn them anew.
//!
//! Nothing depends on it. It is written whole and put in place of the old one without a sync, because a running haul does that
//! every few seconds; what a loss of power leaves of it is read up to the first frame that is not good.

use std::io;
use std::sync::Arc;

use crate::files::{HOSTS_FILE, fixed};
use crate::files::{read_file, replace_unsynced};
use crate::format::{append_frame, decode_host, encode_host, read_frame};
use crate::model::HostRecord;
use crate::storage::Storage;

/// Where the checksums of this file start from, so that no other file's frames are taken for its own.
const SALT: u32 = 0x686f_7374;
/// Hosts that are remembered; of more, the ones that come first in the order of their names.
pub const HOSTS_MAX: usize = 10_000;
/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What is remembered of hosts. Empty where there is nothing, or nothing that can be read.
pub fn read_hosts(storage: &Arc<dyn Storage>) -> Vec<HostRecord> {
    let mut bytes = Vec::new();
    if read_file(&**storage, &fixed(HOSTS_FILE), Some(FILE_BYTES_MAX), &mut bytes).is_err() {
        return Vec::new();
    }
    let (mut records, mut offset) = (Vec::new(), 0);
    while let Some(payload) = read_frame(&bytes, offset, SALT).filter(|_| records.len() < HOSTS_MAX) {
        offset = payload.end;
        records.extend(decode_host(&bytes[payload]));
    }
    records
}

/// Remembers these hosts and no others. Not durable: a loss of power may take some of it, or all.
///
/// # Errors
/// The system's. What was remembered before stays then.
pub fn write_hosts<'a>(
    storage: &Arc<dyn Storage>,
    hosts: impl IntoIterator<Item = &'a HostRecord>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    for host in hosts.into_iter().take(HOSTS_MAX) {
        append_frame(&mut bytes, SALT, |out| encode_host(host, out))?;
    }
    replace_unsynced(&**storage, &fixed(HOSTS_FILE), &bytes)
}
