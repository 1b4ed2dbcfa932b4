//! Small files of things that one run tells the next, and on which nothing depends.
//!
//! Such a file is written whole and put in place of the old one without a sync, because a running haul does that every few
//! seconds; what a loss of power leaves of it is read up to the first frame that is not good.

use std::io;
use std::sync::Arc;

use crate::files::{HOSTS_FILE, SUSPICIONS_FILE, fixed, read_file, replace_unsynced};
use crate::format::{append_frame, decode_host, decode_suspicion, encode_host, encode_suspicion, read_frame};
use crate::model::{HostRecord, Suspicion};
use crate::storage::Storage;

/// Hosts that are remembered; of more, the ones that come first in the order of their names.
pub const HOSTS_MAX: usize = 10_000;
/// Suspicions that are remembered, the first ones. So many errors that look like success mean that the list needs a person.
pub const SUSPICIONS_MAX: usize = 256;
/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// One kind of file.
#[derive(Clone, Copy)]
struct Kind {
    path: &'static str,
    /// Where the checksums of this file start from, so that no other file's frames are taken for its own.
    salt: u32,
    records_max: usize,
}

const HOSTS: Kind = Kind { path: HOSTS_FILE, salt: 0x686f_7374, records_max: HOSTS_MAX };
const SUSPICIONS: Kind = Kind { path: SUSPICIONS_FILE, salt: 0x7375_7370, records_max: SUSPICIONS_MAX };

/// What is remembered of hosts. Empty where there is nothing, or nothing that can be read.
pub fn read_hosts(storage: &Arc<dyn Storage>) -> Vec<HostRecord> {
    HOSTS.read(storage, decode_host)
}

/// Remembers these hosts and no others. Not durable: a loss of power may take some of it, or all.
///
/// # Errors
/// The system's. What was remembered before stays then.
pub fn write_hosts<'a>(
    storage: &Arc<dyn Storage>,
    hosts: impl IntoIterator<Item = &'a HostRecord>,
) -> io::Result<()> {
    HOSTS.write(storage, hosts, encode_host)
}

/// The suspicions of earlier runs. Empty where there are none, or none that can be read.
pub fn read_suspicions(storage: &Arc<dyn Storage>) -> Vec<Suspicion> {
    SUSPICIONS.read(storage, decode_suspicion)
}

/// Remembers these suspicions and no others. Not durable: a loss of power may take some of them, or all.
///
/// # Errors
/// The system's. What was remembered before stays then.
pub fn write_suspicions<'a>(
    storage: &Arc<dyn Storage>,
    suspicions: impl IntoIterator<Item = &'a Suspicion>,
) -> io::Result<()> {
    SUSPICIONS.write(storage, suspicions, encode_suspicion)
}

impl Kind {
    fn read<T>(self, storage: &Arc<dyn Storage>, decode: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
        let mut bytes = Vec::new();
        if read_file(&**storage, &fixed(self.path), Some(FILE_BYTES_MAX), &mut bytes).is_err() {
            return Vec::new();
        }
        let (mut records, mut offset) = (Vec::new(), 0);
        while let Some(payload) =
            read_frame(&bytes, offset, self.salt).filter(|_| records.len() < self.records_max)
        {
            offset = payload.end;
            records.extend(decode(&bytes[payload]));
        }
        records
    }

    fn write<'a, T: 'a>(
        self,
        storage: &Arc<dyn Storage>,
        records: impl IntoIterator<Item = &'a T>,
        encode: impl Fn(&T, &mut Vec<u8>),
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in records.into_iter().take(self.records_max) {
            append_frame(&mut bytes, self.salt, |out| encode(record, out))?;
        }
        replace_unsynced(&**storage, &fixed(self.path), &bytes)
    }
}
