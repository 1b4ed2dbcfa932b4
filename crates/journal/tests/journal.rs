//! The journal as its users see it: opened, held, read from outside, and summed up.

mod common;

use std::sync::Arc;

use common::{
    BOOT_ID, NOW_UNIX_MS, append_rows, done, failed, open, part, path, read_file, row, state_files, waiting,
    write_file,
};
use longhaul_journal::storage::{MemoryStorage, Storage};
use longhaul_journal::{
    Checkpoint, ContentFormat, Done, Entry, Expectation, Failed, FaultRecord, Journal, JournalError,
    Location, Part, Record, RecordedOutcome, RecordedPart, RowId, RowState, Validator, Verification, Waiting,
};
use proptest::prelude::*;

/// The size of a log segment, with a margin.
const SEGMENT_BYTES: usize = 17 << 20;

#[test]
fn a_second_process_is_told_who_holds_the_haul() {
    let storage = MemoryStorage::new(1);
    let first = open(&storage).unwrap();
    let second = Journal::open(Arc::new(storage.clone()), NOW_UNIX_MS, BOOT_ID, "pid 2");
    assert!(matches!(second, Err(JournalError::Held { holder }) if holder == "pid 1"));
    drop(first);
    open(&storage).unwrap();
}

#[test]
fn a_directory_without_a_haul_is_said_to_be_one() {
    assert!(matches!(Journal::read(Arc::new(MemoryStorage::new(1))), Err(JournalError::Missing { .. })));
}

#[test]
fn another_boot_is_noticed() {
    let storage = MemoryStorage::new(1);
    assert!(!open(&storage).unwrap().recovery.same_boot);
    assert!(open(&storage).unwrap().recovery.same_boot);
    let later = Journal::open(Arc::new(storage), NOW_UNIX_MS, [3; 16], "").unwrap();
    assert!(!later.recovery.same_boot);
}

#[test]
fn leftovers_of_a_dead_process_are_removed_and_nothing_else() {
    let storage = MemoryStorage::new(1);
    drop(open(&storage).unwrap());
    for name in
        ["log-0000000009.seg.new", "summary-0000000009.new", "claims", "claims.grown", "notes.new", "x"]
    {
        storage.create(&path(&format!(".longhaul/{name}"))).unwrap();
    }
    drop(open(&storage).unwrap());
    let names = storage.list(&path(".longhaul")).unwrap();
    assert!(names.contains(&"notes.new".to_owned()) && names.contains(&"x".to_owned()));
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("claims") || name.ends_with("9.seg.new") || name.ends_with("9.new"))
    );
}

#[test]
fn a_running_haul_is_read_without_disturbing_it() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 20).unwrap();
    opened.log.record(&Record::Done(RowId(0), done(0))).unwrap();
    opened.log.record(&Record::Failed(RowId(1), failed())).unwrap();
    opened.log.record(&Record::Skipped(RowId(2), "too large".to_owned())).unwrap();
    opened.log.record(&Record::Waiting(RowId(4), waiting(9))).unwrap();
    opened.log.record(&Record::Done(RowId(5), done(5))).unwrap();
    opened.log.record(&Record::Reopened(RowId(5))).unwrap();
    opened.log.commit().unwrap();
    opened.log.record(&Record::Done(RowId(7), done(7))).unwrap();
    opened.log.flush().unwrap();

    let written = storage.operation_count();
    let haul = Journal::read(Arc::new(storage.clone())).unwrap();
    assert!(storage.operation_count() > written);
    assert_eq!(haul.running(), Some("pid 1"));
    let counts = haul.counts();
    assert_eq!((counts.rows, counts.done, counts.failed, counts.skipped, counts.pending), (20, 1, 3, 3, 13));
    assert_eq!(
        (counts.refused, counts.duplicates, counts.parked, counts.in_doubt, counts.lost),
        (2, 2, 1, 1, 0)
    );
    assert_eq!(haul.sources()[0].label, "list.txt");

    let mut visited = 0;
    haul.for_each_outcome(|id, found, outcome| {
        assert_eq!((id, found), (RowId(visited), &row(visited)));
        match visited {
            0 => assert_eq!(outcome, RecordedOutcome::Done(&done(0))),
            1 => assert_eq!(outcome, RecordedOutcome::Failed(&failed())),
            2 => assert_eq!(outcome, RecordedOutcome::Skipped("too large")),
            3 | 13 => assert_eq!(outcome, RecordedOutcome::Duplicate(RowId(visited - 1))),
            4 => assert_eq!(outcome, RecordedOutcome::Waiting(&waiting(9))),
            6 | 16 => assert_eq!(outcome, RecordedOutcome::Refused("no scheme")),
            7 => assert_eq!(outcome, RecordedOutcome::InDoubt(&done(7))),
            _ => assert_eq!(outcome, RecordedOutcome::Pending),
        }
        visited += 1;
    })
    .unwrap();
    assert_eq!(visited, 20);

    // The running process was not disturbed, and the doubt that the reader saw is settled by its commit.
    opened.log.commit().unwrap();
    drop(opened);
    let haul = Journal::read(Arc::new(storage)).unwrap();
    assert_eq!((haul.running(), haul.counts().done, haul.counts().in_doubt), (None, 2, 0));
}

#[test]
fn a_doubt_lasts_until_it_is_settled() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 3).unwrap();
    opened.log.record(&Record::Done(RowId(1), done(1))).unwrap();
    opened.log.flush().unwrap();
    drop(opened);
    for _ in 0..30 {
        let mut opened = open(&storage).unwrap();
        assert_eq!(opened.recovery.in_doubt, [(RowId(1), done(1))]);
        assert_eq!(opened.recovery.states.state(RowId(1)), RowState::Pending);
        opened.log.record(&Record::Skipped(RowId(2), String::new())).unwrap();
        opened.log.commit().unwrap();
    }
    let mut opened = open(&storage).unwrap();
    opened.log.record(&Record::Done(RowId(1), done(1))).unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    let recovery = open(&storage).unwrap().recovery;
    assert!(recovery.in_doubt.is_empty());
    assert_eq!(recovery.states.state(RowId(1)), RowState::Done);
}

/// Three finished segments, each of which leaves a summary.
fn long_haul() -> MemoryStorage {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 100).unwrap();
    let mut large = failed();
    large.fault.message = "x".repeat(500_000);
    let mut written = 0;
    let mut number = 0;
    while written < 3 * SEGMENT_BYTES {
        opened.log.record(&Record::Failed(RowId(number % 50), large.clone())).unwrap();
        opened.log.record(&Record::Waiting(RowId(50 + number % 50), waiting(1))).unwrap();
        opened.log.commit().unwrap();
        written += large.fault.message.len();
        number += 1;
    }
    storage
}

#[test]
fn finished_segments_leave_summaries_and_bad_ones_are_passed_over() {
    let pristine = long_haul().process_crash();
    let expected = open(&pristine.process_crash()).unwrap().recovery;
    assert!(expected.damage.is_empty());
    assert_eq!(expected.waiting.len(), 50);
    let summaries = state_files(&pristine, "summary-");
    assert_eq!(summaries.len(), 2);
    let bytes = read_file(&pristine, &summaries[1]);
    for (round, position) in (0..bytes.len()).step_by(bytes.len() / 15).enumerate() {
        let storage = pristine.process_crash();
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        write_file(&storage, &summaries[1], &damaged);
        match round % 3 {
            0 => {}
            1 => write_file(&storage, &summaries[0], &bytes[..position]),
            _ => storage.remove(&path(&summaries[0])).unwrap(),
        }
        assert_eq!(Journal::read(Arc::new(storage)).unwrap().states(), &expected.states, "byte {position}");
    }
    let storage = pristine.process_crash();
    for summary in &summaries {
        storage.remove(&path(summary)).unwrap();
    }
    assert_eq!(open(&storage).unwrap().recovery, expected);
}

#[test]
fn a_missing_segment_is_damage() {
    let storage = long_haul().process_crash();
    for name in state_files(&storage, "summary-").iter().chain(&state_files(&storage, "log-")[1..2]) {
        storage.remove(&path(name)).unwrap();
    }
    let recovery = open(&storage).unwrap().recovery;
    assert!(recovery.damage.iter().any(|damage| damage.what.contains("missing")));
}

#[test]
fn many_starts_leave_a_summary_too() {
    let storage = MemoryStorage::new(1);
    for _ in 0..30 {
        drop(open(&storage).unwrap());
    }
    assert!(!state_files(&storage, "summary-").is_empty());
    assert!(open(&storage).unwrap().recovery.damage.is_empty());
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,30}"
}

fn any_validator() -> impl Strategy<Value = Option<Validator>> {
    prop::option::of(
        (prop::option::of(text()), prop::option::of(text()))
            .prop_map(|(etag, last_modified)| Validator { etag, last_modified }),
    )
}

fn any_fault() -> impl Strategy<Value = FaultRecord> {
    (text(), text(), text(), any::<u64>(), text()).prop_map(
        |(class, phase, endpoint, elapsed_ms, message)| FaultRecord {
            class,
            phase,
            endpoint,
            elapsed_ms,
            message,
        },
    )
}

fn any_location() -> impl Strategy<Value = Location> {
    prop_oneof![
        Just(Location::File),
        (text(), any::<u64>(), any::<u64>()).prop_map(|(file, offset, length)| Location::Record {
            file: file.into(),
            offset,
            length
        }),
        text().prop_map(|key| Location::Object { key: key.into() }),
    ]
}

fn any_done() -> impl Strategy<Value = Done> {
    let verification = prop_oneof![
        Just(Verification::Length),
        text().prop_map(Verification::Digest),
        Just(Verification::LengthUnverified)
    ];
    let numbers = (any::<u16>(), any::<u64>(), any::<[u8; 32]>(), any::<u32>(), any::<u64>(), any::<u64>());
    let texts = (prop::option::of(text()), prop::option::of(text()));
    let format = (prop::option::of(text()), prop::option::of(text()))
        .prop_map(|(content_type, content_encoding)| ContentFormat { content_type, content_encoding });
    let end = (prop::collection::vec(any::<u16>(), 0..3), any::<Option<u64>>(), any::<bool>());
    (numbers, any_validator(), verification, texts, any_location(), format, end).prop_map(
        |(
            (status, size, blake3, attempts, started_unix_ms, finished_unix_ms),
            validator,
            verification,
            (name, final_url),
            location,
            format,
            (redirect_statuses, modified_unix_ms, is_adopted),
        )| {
            Done {
                status,
                size,
                blake3,
                validator,
                verification,
                attempts,
                started_unix_ms,
                finished_unix_ms,
                name,
                final_url,
                location,
                format,
                redirect_statuses,
                modified_unix_ms,
                is_adopted,
            }
        },
    )
}

/// What a part file holds is recorded with every piece: of a long body a bounded number of checkpoints is left, the newest among
/// them, and the one that a power failure leaves.
#[test]
fn a_long_body_leaves_a_few_marks() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 5).unwrap();
    let row = RowId(4);
    let checkpoint = |len: u64| Checkpoint { len, digest: [len.to_le_bytes()[0]; 16] };
    opened.log.record(&Record::Part(row, part())).unwrap();
    for len in 1..=10_000 {
        opened.log.record(&Record::PartCheckpoint(row, checkpoint(len))).unwrap();
        if len == 9_001 {
            opened.log.record(&Record::PartSynced(row, len)).unwrap();
        }
    }
    opened.log.commit().unwrap();
    drop(opened);
    let mut opened = open(&storage).unwrap();
    let kept = opened.recovery.parts[&row].clone();
    assert_eq!((kept.checkpoints.last(), kept.synced_len), (Some(&checkpoint(10_000)), 9_001));
    assert!(
        kept.checkpoints.contains(&checkpoint(9_001)) && kept.checkpoints.len() <= 64,
        "{:?}",
        kept.checkpoints
    );
    let lens = || kept.checkpoints.iter().map(|checkpoint| checkpoint.len);
    let widest = lens().zip(lens().skip(1)).map(|(one, next)| next - one).max();
    assert!(widest.is_some_and(|widest| widest <= 400), "{:?}", kept.checkpoints);
    // What holds less now has no checkpoints behind it.
    opened.log.record(&Record::PartCheckpoint(row, checkpoint(5_000))).unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    let kept = &open(&storage).unwrap().recovery.parts[&row];
    assert_eq!((kept.checkpoints.last(), kept.synced_len), (Some(&checkpoint(5_000)), 5_000));
}

/// A row that is begun again from nothing has nothing of before.
#[test]
fn a_row_that_is_reopened_keeps_no_part() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 5).unwrap();
    let row = RowId(4);
    opened.log.record(&Record::Part(row, part())).unwrap();
    opened.log.record(&Record::PartCheckpoint(row, Checkpoint { len: 1, digest: [1; 16] })).unwrap();
    opened.log.record(&Record::Reopened(row)).unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    assert_eq!(open(&storage).unwrap().recovery.parts.get(&row), None);
}

/// A forgotten row counts as skipped, whatever its line was; it stays forgotten through a summary, until another record.
#[test]
fn a_forgotten_row_stays_forgotten() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 10).unwrap();
    // Row 6 is a refused line, row 3 a duplicate.
    for row in [1, 3, 6, 7] {
        opened.log.record(&Record::Forgotten(RowId(row))).unwrap();
    }
    opened.log.record(&Record::Reopened(RowId(7))).unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    // More openings than are read without a summary.
    for _ in 0..12 {
        let recovery = open(&storage).unwrap().recovery;
        let forgotten: Vec<_> = recovery.forgotten.ranges().collect();
        assert_eq!(forgotten, [(RowId(1), 1), (RowId(3), 1), (RowId(6), 1)]);
        let counts = recovery.states.counts();
        assert_eq!((counts.skipped, counts.failed, counts.refused, counts.duplicates), (3, 0, 0, 0));
    }
    let mut outcomes = Vec::new();
    Journal::read(Arc::new(storage))
        .unwrap()
        .for_each_outcome(|id, _, outcome| {
            if outcome == RecordedOutcome::Forgotten {
                outcomes.push(id.0);
            }
        })
        .unwrap();
    assert_eq!(outcomes, [1, 3, 6]);
}

/// The rate of a running haul counts what was finished within the time that is asked for, whatever else the log holds.
#[test]
fn recent_outcomes_are_those_of_the_last_while() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 50).unwrap();
    // Row n was finished n milliseconds after the start.
    for number in 0..40 {
        opened.log.record(&Record::Doubt(RowId(number), done(number))).unwrap();
        opened.log.record(&Record::Done(RowId(number), done(number))).unwrap();
    }
    let adopted = Done { is_adopted: true, ..done(45) };
    opened.log.record(&Record::Done(RowId(45), adopted)).unwrap();
    opened.log.record(&Record::Waiting(RowId(46), waiting(1))).unwrap();
    opened.log.commit().unwrap();
    let journal = Journal::read(Arc::new(storage.clone())).unwrap();
    let seen = |now, window| {
        let recent = journal.recent(NOW_UNIX_MS + now, window).unwrap();
        (recent.rows, recent.bytes, recent.elapsed_ms)
    };
    let bytes = (30..40).map(|number| 1000 + number).sum();
    assert_eq!(seen(40, 10), (10, bytes, 10));
    assert_eq!(seen(5_000, 10), (0, 0, 10));
    let all = (0..40).map(|number| 1000 + number).sum();
    assert_eq!(seen(100, 60_000), (40, all, 100), "the run is younger than the time that is asked for");
}

proptest! {
    #[test]
    fn any_record_is_read_back(
        done in any_done(),
        doubt in any_done(),
        fault in any_fault(),
        status in any::<Option<u16>>(),
        times in any::<(u32, u64, u64, bool)>(),
        validator in any_validator(),
        total in any::<Option<u64>>(),
        reason in text(),
    ) {
        let storage = MemoryStorage::new(1);
        let mut opened = open(&storage).unwrap();
        let source = opened.spool.append_source("list").unwrap();
        for line in 1..=7 {
            let entry = Entry::Fetch { url: "https://example.org/".to_owned(), name: None, expected: Expectation::default() };
            let fields = longhaul_journal::Fields::default();
            opened.spool.append(&longhaul_journal::Row { source, line, entry, fields }).unwrap();
        }
        opened.spool.flush().unwrap();
        let (attempts, started_unix_ms, finished_unix_ms, flag) = times;
        let failed = Failed { fault: fault.clone(), status, attempts, started_unix_ms, finished_unix_ms };
        let waiting = Waiting { attempts, until_unix_ms: started_unix_ms, parked: flag, fault };
        let part = Part { validator, is_date_weak: total.is_some() != flag, total, resumable: flag };
        let [digest, _] = *done.blake3.as_chunks::<16>().0 else { unreachable!() };
        let checkpoint = Checkpoint { len: finished_unix_ms, digest };
        for record in [
            Record::Done(RowId(0), done.clone()),
            Record::Failed(RowId(1), failed.clone()),
            Record::Waiting(RowId(2), waiting.clone()),
            Record::Skipped(RowId(3), reason.clone()),
            Record::Forgotten(RowId(6)),
            Record::Part(RowId(4), part.clone()),
            Record::PartCheckpoint(RowId(4), checkpoint),
            Record::PartSynced(RowId(4), checkpoint.len),
        ] {
            opened.log.record(&record).unwrap();
        }
        opened.log.commit().unwrap();
        opened.log.record(&Record::Done(RowId(5), doubt.clone())).unwrap();
        opened.log.prepare().unwrap();
        drop(opened);
        let storage = storage.crash();
        let recovery = open(&storage).unwrap().recovery;
        prop_assert_eq!(&recovery.in_doubt, &[(RowId(5), doubt.clone())]);
        prop_assert_eq!(&recovery.waiting[&RowId(2)], &waiting);
        let kept = RecordedPart { part, checkpoints: vec![checkpoint], synced_len: checkpoint.len };
        prop_assert_eq!(&recovery.parts[&RowId(4)], &kept);
        Journal::read(Arc::new(storage)).unwrap().for_each_outcome(|id, _, outcome| match id.0 {
            0 => assert_eq!(outcome, RecordedOutcome::Done(&done)),
            1 => assert_eq!(outcome, RecordedOutcome::Failed(&failed)),
            2 => assert_eq!(outcome, RecordedOutcome::Waiting(&waiting)),
            3 => assert_eq!(outcome, RecordedOutcome::Skipped(&reason)),
            4 => assert_eq!(outcome, RecordedOutcome::Pending),
            6 => assert_eq!(outcome, RecordedOutcome::Forgotten),
            _ => assert_eq!(outcome, RecordedOutcome::InDoubt(&doubt)),
        }).unwrap();
    }
}
