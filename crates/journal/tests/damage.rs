//! Logs that were cut or changed: never a panic, never an outcome that was not recorded, never a loss without a word.

mod common;

use std::sync::Arc;

use common::{append_rows, done, failed, open, part, read_file, state_files, waiting, write_file};
use longhaul_journal::storage::MemoryStorage;
use longhaul_journal::{Checkpoint, Journal, JournalError, Record, RecordedPart, Recovery, RowId, RowState};

const ROWS: u64 = 20;
const MARK: Checkpoint = Checkpoint { len: 4096, digest: *b"sixteen bytes..." };

/// A haul with three committed groups and a tail: the third group was prepared first, the tail is only flushed.
fn haul() -> MemoryStorage {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, ROWS).unwrap();
    let log = &mut opened.log;
    log.record(&Record::Done(RowId(0), done(0))).unwrap();
    log.record(&Record::Waiting(RowId(1), waiting(3))).unwrap();
    log.commit().unwrap();
    log.record(&Record::Failed(RowId(2), failed())).unwrap();
    log.record(&Record::Part(RowId(4), part())).unwrap();
    log.record(&Record::PartCheckpoint(RowId(4), MARK)).unwrap();
    log.record(&Record::PartSynced(RowId(4), MARK.len)).unwrap();
    log.commit().unwrap();
    log.record(&Record::Skipped(RowId(5), "not wanted".to_owned())).unwrap();
    log.record(&Record::Done(RowId(7), done(7))).unwrap();
    log.prepare().unwrap();
    log.commit().unwrap();
    log.record(&Record::Done(RowId(9), done(9))).unwrap();
    log.record(&Record::Waiting(RowId(10), waiting(1))).unwrap();
    log.flush().unwrap();
    drop(opened);
    storage.process_crash()
}

fn log_name(storage: &MemoryStorage) -> String {
    state_files(storage, "log-").pop().unwrap()
}

/// No row is in a state, in doubt, waiting or under way that was never recorded as such.
fn check_nothing_is_invented(recovery: &Recovery, case: &str) {
    for number in 0..ROWS {
        let state = recovery.states.state(RowId(number));
        let recorded = match number {
            0 | 7 => RowState::Done,
            2 | 6 | 16 => RowState::Failed,
            3 | 5 | 13 => RowState::Skipped,
            _ => RowState::Pending,
        };
        assert!(state == recorded || state == RowState::Pending, "{case}: row {number} is {state:?}");
    }
    for (row, doubt) in &recovery.in_doubt {
        assert!([0, 7, 9].contains(&row.0) && *doubt == done(row.0), "{case}: {row} in doubt");
    }
    for (row, found) in &recovery.waiting {
        let attempts = if row.0 == 1 { 3 } else { 1 };
        assert!([1, 10].contains(&row.0) && *found == waiting(attempts), "{case}: {row} waiting");
    }
    for (row, RecordedPart { part: found, checkpoints, synced_len }) in &recovery.parts {
        assert!(
            row.0 == 4 && *found == part() && [0, MARK.len].contains(synced_len),
            "{case}: {row} under way"
        );
        assert!(checkpoints.is_empty() || *checkpoints == [MARK], "{case}: {checkpoints:?}");
    }
    let counts = recovery.states.counts();
    assert_eq!(counts.done + counts.failed + counts.skipped + counts.pending, counts.rows, "{case}");
    assert_eq!(counts.rows, ROWS, "{case}");
}

#[test]
fn an_intact_log_says_everything() {
    let recovery = open(&haul()).unwrap().recovery;
    check_nothing_is_invented(&recovery, "intact");
    assert!(recovery.damage.is_empty() && recovery.torn.is_empty() && recovery.same_boot);
    assert_eq!(recovery.states.state(RowId(0)), RowState::Done);
    assert_eq!(recovery.states.state(RowId(7)), RowState::Done);
    assert_eq!(recovery.in_doubt, [(RowId(9), done(9))]);
    assert_eq!(recovery.waiting.keys().copied().collect::<Vec<_>>(), [RowId(1), RowId(10)]);
    let kept = RecordedPart { part: part(), checkpoints: vec![MARK], synced_len: MARK.len };
    assert_eq!(recovery.parts[&RowId(4)], kept);
}

#[test]
fn a_log_cut_at_any_byte_is_recovered_and_goes_on() {
    let pristine = haul();
    let name = log_name(&pristine);
    let bytes = read_file(&pristine, &name);
    for len in 0..bytes.len() {
        let storage = pristine.process_crash();
        write_file(&storage, &name, &bytes[..len]);
        let mut opened = open(&storage).unwrap();
        check_nothing_is_invented(&opened.recovery, &format!("{len} bytes"));
        // What follows the recovery is as good as if nothing had happened.
        opened.log.record(&Record::Done(RowId(11), done(11))).unwrap();
        opened.log.commit().unwrap();
        let before = opened.recovery.clone();
        drop(opened);
        let opened = open(&storage.crash()).unwrap();
        assert_eq!(opened.recovery.states.state(RowId(11)), RowState::Done, "{len} bytes");
        assert_eq!(opened.recovery.in_doubt, before.in_doubt, "{len} bytes");
        assert_eq!(opened.recovery.waiting, before.waiting, "{len} bytes");
        assert_eq!(opened.recovery.parts, before.parts, "{len} bytes");
        assert_eq!(opened.recovery.states.counts().done, before.states.counts().done + 1, "{len} bytes");
    }
}

#[test]
fn a_flipped_bit_is_reported_or_changes_nothing() {
    let pristine = haul();
    let name = log_name(&pristine);
    let bytes = read_file(&pristine, &name);
    let intact = open(&pristine.process_crash()).unwrap().recovery;
    for position in 0..bytes.len() * 8 {
        let storage = pristine.process_crash();
        let mut damaged = bytes.clone();
        damaged[position / 8] ^= 1 << (position % 8);
        write_file(&storage, &name, &damaged);
        let recovery = open(&storage).unwrap().recovery;
        let case = format!("bit {} of byte {}", position % 8, position / 8);
        check_nothing_is_invented(&recovery, &case);
        let reported = !recovery.damage.is_empty() || !recovery.torn.is_empty();
        let same = recovery.states == intact.states
            && recovery.in_doubt == intact.in_doubt
            && recovery.waiting == intact.waiting
            && recovery.parts == intact.parts;
        assert!(reported || same, "{case}");
        // What a later marker proves to have been durable costs no more than the record that was hit.
        if position / 8 < bytes.len() / 4 {
            assert_eq!(recovery.states.state(RowId(7)), RowState::Done, "{case}");
        }
    }
}

#[test]
fn damage_in_a_finished_session_is_reported_and_the_rest_saved() {
    let storage = haul();
    let first = log_name(&storage);
    drop(open(&storage).unwrap());
    let bytes = read_file(&storage, &first);
    let mut lost = 0;
    for position in 64..bytes.len() {
        let storage = storage.process_crash();
        let mut damaged = bytes.clone();
        damaged[position] ^= 0xff;
        write_file(&storage, &first, &damaged);
        let recovery = open(&storage).unwrap().recovery;
        check_nothing_is_invented(&recovery, &format!("byte {position}"));
        lost += u64::from(recovery.states.counts().done < 2);
        let settled = recovery.states.counts().done + recovery.states.counts().failed;
        assert!(settled >= 4, "byte {position}: more than one outcome is gone");
    }
    assert!(lost > 0);
}

#[test]
fn bytes_of_a_server_never_pass_for_records() {
    // The name of a file ends in what a frame of another log looked like; then the record around it is damaged.
    let other = haul();
    let frames = read_file(&other, &log_name(&other));
    let storage = MemoryStorage::new(2);
    let mut opened = Journal::open(Arc::new(storage.clone()), 17, [9; 16], "").unwrap();
    append_rows(&mut opened, ROWS).unwrap();
    let mut record = done(0);
    record.name = Some(frames[64..].iter().map(|byte| char::from(byte & 0x7f)).collect());
    opened.log.record(&Record::Done(RowId(0), record)).unwrap();
    opened.log.prepare().unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    let name = log_name(&storage);
    let mut bytes = read_file(&storage, &name);
    let len = bytes.len();
    bytes[len / 2..len / 2 + 64].copy_from_slice(&frames[64..128]);
    write_file(&storage, &name, &bytes);
    let recovery = open(&storage).unwrap().recovery;
    assert_eq!(recovery.states.counts().done, 0);
    assert!(!recovery.damage.is_empty());
}

#[test]
fn random_files_are_never_a_panic() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..200 {
        let storage = haul();
        for prefix in ["log-", "spool-"] {
            for name in state_files(&storage, prefix) {
                let mut bytes = read_file(&storage, &name);
                let start = random.usize(..bytes.len());
                let len = random.usize(..4000);
                bytes.truncate(start);
                bytes.extend(std::iter::repeat_with(|| random.u8(..)).take(len));
                write_file(&storage, &name, &bytes);
            }
        }
        let recovery = open(&storage).unwrap().recovery;
        let counts = recovery.states.counts();
        assert_eq!(counts.done + counts.failed + counts.skipped + counts.pending, counts.rows);
    }
}

/// Makes a file one of another version.
fn write_version(storage: &MemoryStorage, name: &str, version: u16) {
    let mut bytes = read_file(storage, name);
    for copy in 0..2 {
        let copy = &mut bytes[copy * 32..][..32];
        copy[10..12].copy_from_slice(&version.to_le_bytes());
        let mut sum = crc32fast::Hasher::new();
        sum.update(&copy[..28]);
        copy[28..].copy_from_slice(&sum.finalize().to_le_bytes());
    }
    write_file(storage, name, &bytes);
}

/// Earlier versions lack some kinds of records and fields. Their outcomes are read as they are; a part without checkpoints cannot be
/// checked.
#[test]
fn a_journal_of_an_earlier_version_is_read() {
    for version in [1, 2, 3] {
        read_a_journal_of_version(version);
    }
}

fn read_a_journal_of_version(version: u16) {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, ROWS).unwrap();
    opened.log.record(&Record::Done(RowId(0), done(0))).unwrap();
    opened.log.record(&Record::Part(RowId(4), part())).unwrap();
    opened.log.record(&Record::PartSynced(RowId(4), 4096)).unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    for name in state_files(&storage, "log-").iter().chain(&state_files(&storage, "spool-")) {
        write_version(&storage, name, version);
    }
    for _ in 0..2 {
        let opened = open(&storage).unwrap();
        assert_eq!(opened.recovery.damage, []);
        assert_eq!(opened.recovery.states.state(RowId(0)), RowState::Done);
        let kept = RecordedPart { part: part(), checkpoints: Vec::new(), synced_len: 4096 };
        assert_eq!(opened.recovery.parts[&RowId(4)], kept);
    }
}

/// Up to version 3 a failure ended the part, whose file was removed. It stays so when the record is written again in version 4, which a
/// start does with the last group.
#[test]
fn a_failure_of_an_earlier_version_ends_the_part() {
    for version in 1..=4 {
        for is_last_group in [true, false] {
            let storage = MemoryStorage::new(1);
            let mut opened = open(&storage).unwrap();
            append_rows(&mut opened, ROWS).unwrap();
            opened.log.record(&Record::Part(RowId(4), part())).unwrap();
            opened.log.record(&Record::Failed(RowId(4), failed())).unwrap();
            opened.log.commit().unwrap();
            if !is_last_group {
                opened.log.record(&Record::Done(RowId(0), done(0))).unwrap();
                opened.log.commit().unwrap();
            }
            drop(opened);
            write_version(&storage, &log_name(&storage), version);
            for _ in 0..2 {
                let mut opened = open(&storage).unwrap();
                assert_eq!(opened.recovery.damage, []);
                assert_eq!(opened.recovery.states.state(RowId(4)), RowState::Failed);
                let is_kept = opened.recovery.parts.contains_key(&RowId(4));
                assert_eq!(is_kept, version > 3, "version {version}, in the last group: {is_last_group}");
                opened.log.commit().unwrap();
            }
            let mut opened = open(&storage).unwrap();
            opened.log.record(&Record::Reopened(RowId(4))).unwrap();
            opened.log.commit().unwrap();
            drop(opened);
            let recovery = open(&storage).unwrap().recovery;
            assert_eq!(recovery.states.state(RowId(4)), RowState::Pending);
            assert_eq!(recovery.parts.contains_key(&RowId(4)), version > 3, "version {version}, reopened");
        }
    }
}

#[test]
fn another_version_is_refused_with_its_file() {
    for prefix in ["log-", "spool-"] {
        let storage = haul();
        let name = state_files(&storage, prefix).pop().unwrap();
        write_version(&storage, &name, 7);
        let Err(JournalError::OtherVersion { path, found: 7, known: 4 }) = open(&storage) else {
            panic!("version 7 of {name} was opened");
        };
        assert_eq!(path, name);
        assert!(matches!(Journal::read(Arc::new(storage)), Err(JournalError::OtherVersion { found: 7, .. })));
    }
}
