//! What the tests of the journal share: a list, its outcomes, and ways to look at what was recovered.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io;
use std::sync::Arc;

use longhaul_journal::storage::{File, MemoryStorage, RelativePath, Storage};
use longhaul_journal::{
    BlockId, Done, Entry, Expectation, Failed, FaultRecord, Fields, Journal, JournalError, Opened, Part,
    RecordedDigest, Row, RowId, SourceId, SpoolReader, Validator, Verification, Waiting,
};

pub(crate) const BOOT_ID: [u8; 16] = *b"the first boot..";
pub(crate) const NOW_UNIX_MS: u64 = 1_800_000_000_000;

pub(crate) fn path(path: &str) -> RelativePath {
    path.parse().unwrap()
}

pub(crate) fn open(storage: &MemoryStorage) -> Result<Opened, JournalError> {
    Journal::open(Arc::new(storage.clone()), NOW_UNIX_MS, BOOT_ID, "pid 1")
}

/// The row that stands at a number of every test list: mostly addresses, now and then the other kinds.
pub(crate) fn row(number: u64) -> Row {
    let url = format!("https://example.org/{number}");
    let expected = Expectation::default();
    let entry = match number % 10 {
        3 => Entry::Duplicate { url, of: RowId(number - 1) },
        6 => Entry::Refused { text: format!("line {number}"), reason: "no scheme".to_owned() },
        8 => Entry::Fetch { url, name: Some(format!("dir/{number}.bin")), expected: Expectation::default() },
        9 => Entry::Fetch {
            url,
            name: None,
            expected: Expectation {
                size: Some(number),
                digests: vec![digest("md5", 16), digest("sha-256", 32)],
                media_type: (number % 20 == 9).then(|| "text/csv".to_owned()),
            },
        },
        _ => Entry::Fetch { url, name: None, expected },
    };
    Row { source: SourceId(0), line: number + 1, entry, fields: fields(number) }
}

fn digest(algorithm: &str, bytes: usize) -> RecordedDigest {
    RecordedDigest { algorithm: algorithm.to_owned(), value: vec![9; bytes] }
}

/// Now and then a row has columns that are not interpreted.
fn fields(number: u64) -> Fields {
    let columns = (number % 7 == 5).then(|| ("id", number.to_string()));
    columns.into_iter().chain((number % 14 == 5).then(|| ("empty", String::new()))).collect()
}

pub(crate) fn done(number: u64) -> Done {
    Done {
        status: 200,
        size: 1000 + number,
        blake3: [u8::try_from(number % 251).unwrap(); 32],
        validator: Some(Validator { etag: Some(format!("\"{number}\"")), last_modified: None }),
        verification: Verification::Length,
        attempts: 2,
        started_unix_ms: NOW_UNIX_MS,
        finished_unix_ms: NOW_UNIX_MS + number,
        name: None,
        final_url: None,
        location: longhaul_journal::Location::File,
        format: longhaul_journal::ContentFormat::default(),
        redirect_statuses: Vec::new(),
        modified_unix_ms: None,
        is_adopted: false,
    }
}

pub(crate) fn fault() -> FaultRecord {
    FaultRecord {
        class: "timeout".to_owned(),
        phase: "connect".to_owned(),
        endpoint: "192.0.2.1:443".to_owned(),
        elapsed_ms: 10_000,
        message: "no answer within 10 s".to_owned(),
    }
}

pub(crate) fn failed() -> Failed {
    Failed { fault: fault(), status: Some(404), attempts: 1, started_unix_ms: 5, finished_unix_ms: 3 }
}

pub(crate) fn waiting(attempts: u32) -> Waiting {
    Waiting { attempts, until_unix_ms: NOW_UNIX_MS + 60_000, parked: attempts > 5, fault: fault() }
}

pub(crate) fn part() -> Part {
    Part { validator: None, is_date_weak: false, total: Some(1 << 20), resumable: true }
}

pub(crate) fn append_rows(opened: &mut Opened, count: u64) -> io::Result<()> {
    let first = opened.spool.rows();
    if first == 0 {
        opened.spool.append_source("list.txt")?;
    }
    for number in first..first + count {
        assert_eq!(opened.spool.append(&row(number))?, RowId(number));
    }
    opened.spool.flush()
}

pub(crate) fn all_rows(rows: &SpoolReader) -> Vec<(RowId, Row)> {
    try_all_rows(rows).unwrap()
}

pub(crate) fn try_all_rows(rows: &SpoolReader) -> io::Result<Vec<(RowId, Row)>> {
    let mut all = Vec::new();
    let mut block = Vec::new();
    for number in 0..rows.published().div_ceil(256) {
        rows.read_block(BlockId(number), &mut block)?;
        all.append(&mut block);
    }
    Ok(all)
}

pub(crate) fn read_file(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    let file = storage.open_read(&path(name)).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), bytes.len());
    bytes
}

/// Replaces the contents of a file, durably.
pub(crate) fn write_file(storage: &MemoryStorage, name: &str, bytes: &[u8]) {
    let mut file: Box<dyn File> = storage.open(&path(name)).unwrap();
    file.truncate(bytes.len() as u64).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync().unwrap();
}

pub(crate) fn state_files(storage: &MemoryStorage, prefix: &str) -> Vec<String> {
    let names = storage.list(&path(".longhaul")).unwrap();
    names
        .into_iter()
        .filter(|name| name.starts_with(prefix))
        .map(|name| format!(".longhaul/{name}"))
        .collect()
}
