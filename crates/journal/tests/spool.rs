//! Rows: what is appended is read back, whatever happens in between.

mod common;

use common::{BOOT_ID, NOW_UNIX_MS, all_rows, append_rows, open, read_file, row, state_files, write_file};
use longhaul_journal::storage::MemoryStorage;
use longhaul_journal::{
    BlockId, Entry, Expectation, Fields, FileIdentity, Journal, RecordedDigest, Row, RowId, RowState,
    SourceEnd, SourceId,
};
use proptest::prelude::*;
use std::io;
use std::sync::Arc;

#[test]
fn rows_are_read_back_by_block_and_by_number() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 1000).unwrap();
    let rows = all_rows(&opened.rows);
    assert_eq!(rows.len(), 1000);
    for (number, (id, found)) in (0..).zip(&rows) {
        assert_eq!((*id, found), (RowId(number), &row(number)));
    }
    assert_eq!(opened.rows.row(RowId(777)).unwrap(), row(777));
    assert_eq!(opened.rows.row(RowId(1000)).unwrap_err().kind(), io::ErrorKind::NotFound);
    let mut block = vec![(RowId(0), row(0))];
    opened.rows.read_block(BlockId(99), &mut block).unwrap();
    assert!(block.is_empty());
}

#[test]
fn rows_are_seen_when_they_are_flushed() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    opened.spool.append_source("-").unwrap();
    opened.spool.append(&row(0)).unwrap();
    assert_eq!(opened.rows.published(), 0);
    assert_eq!(opened.rows.ensure_durable(RowId(0)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    opened.spool.flush().unwrap();
    assert_eq!(opened.rows.published(), 1);
    opened.rows.ensure_durable(RowId(0)).unwrap();
}

#[test]
fn many_short_sessions_make_one_list() {
    let mut storage = MemoryStorage::new(1);
    for session in 0..40 {
        let mut opened = open(&storage).unwrap();
        assert_eq!(opened.rows.published(), session * 37);
        append_rows(&mut opened, 37).unwrap();
        if session % 3 == 0 {
            opened.spool.sync().unwrap();
        }
        drop(opened);
        storage = storage.process_crash();
    }
    let opened = open(&storage).unwrap();
    assert!(opened.recovery.damage.is_empty() && opened.recovery.torn.is_empty());
    for (id, found) in all_rows(&opened.rows) {
        assert_eq!(found, row(id.0));
    }
}

#[test]
fn synced_rows_survive_the_loss_of_power() {
    for seed in 0..50 {
        let storage = MemoryStorage::new(seed);
        let mut opened = open(&storage).unwrap();
        append_rows(&mut opened, 300).unwrap();
        opened.rows.ensure_durable(RowId(299)).unwrap();
        append_rows(&mut opened, 300).unwrap();
        let opened = open(&storage.crash()).unwrap();
        let rows = all_rows(&opened.rows);
        assert!(rows.len() >= 300, "seed {seed}: {} rows", rows.len());
        assert!(rows.iter().all(|(id, found)| *found == row(id.0)));
    }
}

#[test]
fn sources_are_kept() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    let identity = FileIdentity { len: 10, modified_unix_ms: 20, inode: 30 };
    let first = opened.spool.append_source("list.txt").unwrap();
    opened.spool.append(&row(0)).unwrap();
    let content = Some([7; 16]);
    let end = SourceEnd { identity: Some(identity), content, lines: 7, ignored_lines: 2, copy_of: None };
    opened.spool.finish_source(first, end.clone()).unwrap();
    let second = opened.spool.append_source("-").unwrap();
    let third = opened.spool.append_source("copy.txt").unwrap();
    let copy = SourceEnd { copy_of: Some(first), ..end.clone() };
    opened.spool.finish_source(third, copy.clone()).unwrap();
    opened.spool.rename_source(first, "renamed.txt").unwrap();
    opened.spool.flush().unwrap();
    drop(opened);
    let storage = storage.process_crash();
    let mut opened = open(&storage).unwrap();
    let sources = opened.rows.sources();
    assert_eq!((first, second), (SourceId(0), SourceId(1)));
    assert_eq!((sources[0].label.as_str(), &sources[0].end), ("renamed.txt", &Some(end)));
    assert_eq!((sources[0].is_complete(), sources[0].identity()), (true, Some(identity)));
    assert_eq!((sources[1].label.as_str(), sources[1].is_complete()), ("-", false));
    assert_eq!((sources[2].label.as_str(), &sources[2].end), ("copy.txt", &Some(copy)));
    assert_eq!(opened.spool.append_source("more").unwrap(), SourceId(3));
}

#[test]
fn a_row_that_is_too_long_is_refused_and_harms_nothing() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 3).unwrap();
    let entry = Entry::Fetch { url: "x".repeat(2 << 20), name: None, expected: Expectation::default() };
    let long = Row { source: SourceId(0), line: 4, entry, fields: Fields::default() };
    assert_eq!(opened.spool.append(&long).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let lost = Row { source: SourceId(0), line: 4, entry: Entry::Lost, fields: Fields::default() };
    assert_eq!(opened.spool.append(&lost).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let fields = [("column", "x".repeat(Fields::BYTES_MAX))].into_iter().collect();
    let wide = Row { fields, ..row(4) };
    assert_eq!(opened.spool.append(&wide).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    append_rows(&mut opened, 3).unwrap();
    assert_eq!(all_rows(&opened.rows).len(), 6);
}

#[test]
fn a_full_disk_is_survived_and_appending_goes_on() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 10).unwrap();
    storage.set_capacity(Some(0));
    opened.spool.append(&row(10)).unwrap();
    assert_eq!(opened.spool.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(opened.rows.published(), 10);
    storage.set_capacity(None);
    opened.spool.flush().unwrap();
    assert_eq!(opened.rows.row(RowId(10)).unwrap(), row(10));
}

#[test]
fn segments_follow_each_other() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    let source = opened.spool.append_source("list.txt").unwrap();
    let long = |line| {
        let entry = Entry::Fetch {
            url: format!("https://example.org/{line}/{}", "x".repeat(100_000)),
            name: None,
            expected: Expectation::default(),
        };
        Row { source, line, entry, fields: Fields::default() }
    };
    for line in 0..600 {
        opened.spool.append(&long(line)).unwrap();
    }
    opened.spool.sync().unwrap();
    assert!(state_files(&storage, "spool-").len() >= 4);
    let check = |rows: Vec<(RowId, Row)>| {
        assert_eq!(rows.len(), 600);
        assert!(rows.iter().all(|(id, row)| *row == long(id.0)));
    };
    check(all_rows(&opened.rows));
    drop(opened);
    check(all_rows(&open(&storage.crash()).unwrap().rows));
}

/// Every bit of the spool is turned over once. The row that it belongs to may be lost, which is then reported; no row ever
/// changes.
#[test]
fn a_flipped_bit_costs_one_row_and_is_reported() {
    let pristine = MemoryStorage::new(1);
    let mut opened = open(&pristine).unwrap();
    append_rows(&mut opened, 12).unwrap();
    opened.rows.ensure_durable(RowId(11)).unwrap();
    opened.log.record(&longhaul_journal::Record::Failed(RowId(11), common::failed())).unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    let name = &state_files(&pristine, "spool-")[0];
    let bytes = read_file(&pristine, name);
    for position in 0..bytes.len() * 8 {
        let storage = pristine.process_crash();
        let mut damaged = bytes.clone();
        damaged[position / 8] ^= 1 << (position % 8);
        write_file(&storage, name, &damaged);
        let opened = open(&storage).unwrap();
        let rows = all_rows(&opened.rows);
        assert_eq!(rows.len(), 12, "bit {position}");
        let lost = rows.iter().filter(|(_, found)| found.entry == Entry::Lost).count();
        assert!(rows.iter().all(|(id, found)| *found == row(id.0) || found.entry == Entry::Lost));
        let reported = !opened.recovery.damage.is_empty() || !opened.recovery.torn.is_empty();
        assert!(lost <= 1 && reported, "bit {position}: {lost} lost, reported {reported}");
        let counts = opened.recovery.states.counts();
        assert_eq!(counts.done + counts.failed + counts.skipped + counts.pending, 12);
        assert_eq!(opened.recovery.states.state(RowId(11)), RowState::Failed);
    }
}

/// A spool cut at any length: the rows before the cut are there, those behind it are lost where the log vouched for them.
#[test]
fn a_spool_cut_anywhere_keeps_its_numbers() {
    let pristine = MemoryStorage::new(1);
    let mut opened = open(&pristine).unwrap();
    append_rows(&mut opened, 8).unwrap();
    opened.log.record(&longhaul_journal::Record::Failed(RowId(7), common::failed())).unwrap();
    opened.log.commit().unwrap();
    append_rows(&mut opened, 4).unwrap();
    drop(opened);
    let name = &state_files(&pristine, "spool-")[0];
    let bytes = read_file(&pristine, name);
    for len in 0..bytes.len() {
        let storage = pristine.process_crash();
        write_file(&storage, name, &bytes[..len]);
        let mut opened = open(&storage).unwrap();
        let count = opened.rows.published();
        assert!((8..=12).contains(&count), "{count} rows of {len} bytes");
        append_rows(&mut opened, 5).unwrap();
        drop(opened);
        let rows = all_rows(&open(&storage).unwrap().rows);
        assert_eq!(rows.len() as u64, count + 5);
        for (id, found) in rows {
            assert!(
                found == row(id.0) || (found.entry == Entry::Lost && id.0 < 8),
                "{id} of {len} bytes: {found:?}"
            );
        }
    }
}

/// A frame with a right checksum that names a row or a source far beyond those that are there. It is not believed: otherwise four
/// billion rows would count as lost, and counting them would take minutes.
#[test]
fn a_frame_that_skips_rows_behind_the_durable_ones_is_a_torn_tail() {
    const KIND_FETCH: u8 = 1;
    const KIND_SOURCE_BEGINS: u8 = 5;
    /// 2^32 - 2 as the format writes numbers, and 2^32 - 1.
    const FAR_ROW: [u8; 5] = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    const FAR_SOURCE: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let row_payload = [&[KIND_FETCH][..], &FAR_ROW, &[0, 1, 1, b'x']].concat();
    let source_payload = [&[KIND_SOURCE_BEGINS, 4][..], &FAR_SOURCE, &[1, b'x']].concat();
    for (payload, has_torn_tail) in [(row_payload, true), (source_payload, false)] {
        let storage = MemoryStorage::new(1);
        let mut opened = open(&storage).unwrap();
        append_rows(&mut opened, 4).unwrap();
        drop(opened);
        let name = &state_files(&storage, "spool-")[0];
        let mut bytes = read_file(&storage, name);
        let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
        let salt = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
        let mut sum = crc32fast::Hasher::new_with_initial(salt);
        sum.update(&len);
        sum.update(&payload);
        bytes.extend_from_slice(&[&len[..], &sum.finalize().to_le_bytes(), &payload].concat());
        write_file(&storage, name, &bytes);

        let mut opened = open(&storage).unwrap();
        assert_eq!(opened.rows.published(), 4);
        assert_eq!(opened.rows.sources().len(), 1);
        assert_eq!(opened.recovery.states.counts().lost, 0);
        let torn: Vec<u64> = opened.recovery.torn.iter().map(|torn| torn.len).collect();
        assert_eq!(torn, if has_torn_tail { vec![8 + payload.len() as u64] } else { Vec::new() });
        append_rows(&mut opened, 3).unwrap();
        drop(opened);
        let rows = all_rows(&open(&storage).unwrap().rows);
        assert_eq!(rows, (0..7).map(|number| (RowId(number), row(number))).collect::<Vec<_>>());
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (any::<String>(), any::<Option<String>>(), any_expectation())
            .prop_map(|(url, name, expected)| Entry::Fetch { url, name, expected }),
        (any::<String>(), any::<u64>()).prop_map(|(url, of)| Entry::Duplicate { url, of: RowId(of) }),
        ("\\PC{0,40}", any::<String>()).prop_map(|(text, reason)| Entry::Refused { text, reason }),
    ]
}

fn any_expectation() -> impl Strategy<Value = Expectation> {
    let digests = prop::collection::btree_map("(sha-256|md5|[a-z]{0,3})", any::<Vec<u8>>(), 0..4);
    let sha256 = any::<Option<[u8; 32]>>();
    (any::<Option<u64>>(), digests, sha256, any::<Option<String>>()).prop_map(
        |(size, mut digests, sha256, media_type)| {
            digests.extend(sha256.map(|value| ("sha-256".to_owned(), value.to_vec())));
            let digests =
                digests.into_iter().map(|(algorithm, value)| RecordedDigest { algorithm, value }).collect();
            Expectation { size, digests, media_type }
        },
    )
}

fn any_columns() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((any::<String>(), any::<String>()), 0..3)
}

proptest! {
    #[test]
    fn any_row_is_read_back(entries in prop::collection::vec((any::<u32>(), any::<u64>(), any_entry(), any_columns()), 1..20)) {
        let storage = MemoryStorage::new(1);
        let mut opened = Journal::open(Arc::new(storage.clone()), NOW_UNIX_MS, BOOT_ID, "").unwrap();
        let row = |(source, line, entry, columns): (u32, u64, Entry, Vec<(String, String)>)| {
            Row { source: SourceId(source), line, entry, fields: columns.into_iter().collect() }
        };
        let rows: Vec<Row> = entries.into_iter().map(row).collect();
        let has_fields = rows.iter().any(|row| !row.fields.is_empty());
        for row in &rows {
            opened.spool.append(row).unwrap();
        }
        opened.spool.sync().unwrap();
        drop(opened);
        let opened = open(&storage.crash()).unwrap();
        let found: Vec<Row> = all_rows(&opened.rows).into_iter().map(|(_, row)| row).collect();
        prop_assert_eq!(found, rows);
        prop_assert_eq!(opened.rows.has_fields(), has_fields);
    }
}
