//! What holds for any bytes in the files of a journal. The fuzz targets and the property tests share these entry points.

use std::sync::Arc;

use longhaul_journal::storage::{MemoryStorage, RelativePath, Storage};
use longhaul_journal::{
    Counts, Done, Entry, Expectation, Fields, HOSTS_MAX, Journal, Location, Record, Row, RowId,
    STATE_DIRECTORY, Verification, read_hosts,
};

/// A record of the log with a correct checksum can name any row up to 2^32, and the table of states then takes up to 1 GiB until the
/// spool has been read. Nobody outside knows the salt of the checksum, so records of later rows than this are left out of the log.
const LOG_ROW_MAX: u64 = 10_000;
/// The checksums of the file `hosts` start from this number (docs/journal-format.md).
const HOSTS_SALT: u32 = 0x686f_7374;
const ROWS: u64 = 3;

/// Appends the bytes to the last segment of the log: whatever they are, every row has an outcome, and the committed ones stay.
pub(crate) fn log(bytes: &[u8]) {
    append_to_last_segment("log-", bytes, LOG_ROW_MAX);
}

/// The same with the last segment of the spool.
pub(crate) fn spool(bytes: &[u8]) {
    append_to_last_segment("spool-", bytes, u64::MAX);
}

/// Reads the bytes as the file of the hosts' paces.
pub(crate) fn hosts(bytes: &[u8]) {
    let memory = MemoryStorage::new(1);
    memory.create_dir_all(&path(STATE_DIRECTORY)).expect("it is in memory");
    let mut file = memory.create(&path(&format!("{STATE_DIRECTORY}/hosts"))).expect("it is in memory");
    file.write_all_at(&with_frames(bytes, HOSTS_SALT, u64::MAX), 0).expect("it is in memory");
    let storage: Arc<dyn Storage> = Arc::new(memory);
    let hosts = read_hosts(&storage);
    assert!(hosts.len() <= HOSTS_MAX);
    let is_usable = |rate: f64| rate.is_finite() && rate > 0.0;
    assert!(hosts.iter().filter_map(|host| host.rate).all(|(now, limit)| is_usable(now) && is_usable(limit)));
}

fn append_to_last_segment(prefix: &str, bytes: &[u8], row_max: u64) {
    let storage = haul();
    let directory = path(STATE_DIRECTORY);
    let names = storage.list(&directory).expect("it is in memory");
    let name = names.iter().rfind(|name| name.starts_with(prefix)).expect("a segment");
    let mut file = storage.open(&directory.join(name).expect("a valid path")).expect("it is in memory");
    let mut header = [0; 64];
    file.read_at(&mut header, 0).expect("it is in memory");
    let salt = u32::from_le_bytes([header[24], header[25], header[26], header[27]]);
    let end = file.len().expect("it is in memory");
    file.write_all_at(&with_frames(bytes, salt, row_max), end).expect("it is in memory");
    drop(file);

    assert_adds_up(&storage);
    for _ in 0..2 {
        let Ok(opened) = open(&storage) else { panic!("bytes behind the header cannot refuse the journal") };
        let counts = opened.recovery.states.counts();
        drop(opened);
        assert_eq!(assert_adds_up(&storage).rows, counts.rows, "opening changes no row");
    }
}

/// Every row has one outcome, and the committed ones are there.
fn assert_adds_up(storage: &MemoryStorage) -> Counts {
    let journal = Journal::read(Arc::new(storage.clone())).expect("a journal that can be read");
    let counts = journal.counts();
    assert_eq!(counts.done + counts.failed + counts.skipped + counts.pending, counts.rows);
    assert!(counts.rows >= ROWS, "durable rows stay");
    let mut visited = 0;
    journal.for_each_outcome(|_, _, _| visited += 1).expect("readable");
    assert_eq!(visited, counts.rows);
    let failures = journal.failures().expect("readable");
    assert_eq!(failures.counts().values().sum::<u64>(), failures.rows().count() as u64);
    counts
}

fn haul() -> MemoryStorage {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).expect("a new journal");
    let source = opened.spool.append_source("list").expect("it is in memory");
    for line in 1..=ROWS {
        let entry = Entry::Fetch {
            url: format!("https://example.org/{line}"),
            name: None,
            expected: Expectation::default(),
        };
        opened
            .spool
            .append(&Row { source, line, entry, fields: Fields::default() })
            .expect("it is in memory");
    }
    opened.spool.sync().expect("it is in memory");
    opened.log.record(&Record::Done(RowId(0), done())).expect("it is in memory");
    opened.log.commit().expect("it is in memory");
    storage
}

fn done() -> Done {
    Done {
        status: 200,
        size: 1,
        blake3: [7; 32],
        validator: None,
        verification: Verification::Length,
        attempts: 1,
        started_unix_ms: 1,
        finished_unix_ms: 2,
        name: None,
        final_url: None,
        location: Location::File,
        format: longhaul_journal::ContentFormat::default(),
        redirect_statuses: Vec::new(),
        modified_unix_ms: None,
        is_adopted: false,
    }
}

fn open(storage: &MemoryStorage) -> Result<longhaul_journal::Opened, longhaul_journal::JournalError> {
    Journal::open(Arc::new(storage.clone()), 1, *b"one boot........", "pid 1")
}

/// The bytes in pieces, each of which begins with its kind and its length: the even kinds get a frame with a correct checksum, so
/// that the decoders behind it are reached; the others stay raw.
fn with_frames(bytes: &[u8], salt: u32, row_max: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let [kind, len, tail @ ..] = rest {
        let (piece, next) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = next;
        if kind % 2 == 0 && names_row_up_to(row_max, piece) {
            let len = u32::try_from(piece.len()).expect("at most 255").to_le_bytes();
            let mut sum = crc32fast::Hasher::new_with_initial(salt);
            sum.update(&len);
            sum.update(piece);
            out.extend_from_slice(&len);
            out.extend_from_slice(&sum.finalize().to_le_bytes());
        }
        out.extend_from_slice(piece);
    }
    out
}

/// Whether the number behind the kind of a payload, if there is one, is at most this.
fn names_row_up_to(row_max: u64, payload: &[u8]) -> bool {
    let Some((_kind, number)) = payload.split_first() else { return false };
    if row_max == u64::MAX {
        return true;
    }
    let digits = number.iter().take_while(|byte| **byte >= 0x80).count();
    let value =
        number.iter().take(digits + 1).rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    digits < 9 && value <= row_max
}

fn path(text: &str) -> RelativePath {
    text.parse().expect("a valid path")
}
