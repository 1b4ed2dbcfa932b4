//! Power lost, processes killed and calls failing at every operation of a scripted run: what was acknowledged is there.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use common::{all_rows, append_rows, done, failed, open, part, row, try_all_rows, waiting};
use longhaul_journal::storage::{MemoryStorage, Storage};
use longhaul_journal::{Opened, Record, RowId, RowState};

/// What the world outside was told. It is not lost in any crash.
#[derive(Default)]
struct Told {
    /// Rows whose durability was acknowledged.
    durable_rows: u64,
    /// Outcomes whose commit returned.
    committed: BTreeMap<RowId, RowState>,
    /// Files that got their final name, after their record was prepared.
    renamed: BTreeSet<RowId>,
}

/// A run from whatever it finds: settles doubts, adds rows, and brings each row that is pending one step further.
fn run(storage: &MemoryStorage, told: &mut Told) -> io::Result<()> {
    let mut opened = open(storage).map_err(io::Error::other)?;
    check(&opened, told)?;
    // What a recovery says is told to the world too, and must hold from then on.
    told.durable_rows = opened.rows.published();
    for row in (0..told.durable_rows).map(RowId) {
        let state = opened.recovery.states.state(row);
        if state != RowState::Pending {
            told.committed.insert(row, state);
        }
    }
    for (row, done) in std::mem::take(&mut opened.recovery.in_doubt) {
        if told.renamed.contains(&row) {
            opened.log.record(&Record::Done(row, done))?;
        } else {
            opened.log.record(&Record::Reopened(row))?;
        }
    }
    opened.log.commit()?;
    append_rows(&mut opened, 12)?;
    let mut group = Vec::new();
    for number in 0..opened.rows.published() {
        let row = RowId(number);
        if opened.recovery.states.state(row) != RowState::Pending || number % 10 == 3 || number % 10 == 6 {
            continue;
        }
        match number % 4 {
            0 | 1 => {
                opened.log.record(&Record::Part(row, part()))?;
                opened.log.record(&Record::PartSynced(row, number))?;
                opened.log.record(&Record::Done(row, done(number)))?;
                group.push((row, RowState::Done));
            }
            2 => {
                opened.log.record(&Record::Failed(row, failed()))?;
                group.push((row, RowState::Failed));
            }
            _ => opened.log.record(&Record::Waiting(row, waiting(2)))?,
        }
        if group.len() == 3 {
            commit(&mut opened, &mut group, told)?;
        }
    }
    commit(&mut opened, &mut group, told)
}

fn commit(opened: &mut Opened, group: &mut Vec<(RowId, RowState)>, told: &mut Told) -> io::Result<()> {
    opened.log.flush()?;
    opened.log.prepare()?;
    told.renamed.extend(group.iter().filter(|(_, state)| *state == RowState::Done).map(|(row, _)| *row));
    opened.log.commit()?;
    if let Some((row, _)) = group.last() {
        told.durable_rows = told.durable_rows.max(row.0 + 1);
    }
    told.committed.extend(group.drain(..));
    Ok(())
}

fn check(opened: &Opened, told: &Told) -> io::Result<()> {
    let recovery = &opened.recovery;
    assert!(recovery.damage.is_empty(), "an ordinary crash is not damage: {:?}", recovery.damage);
    assert!(opened.rows.published() >= told.durable_rows);
    for (id, found) in try_all_rows(&opened.rows)? {
        assert_eq!(found, row(id.0), "{id} changed");
    }
    for (row, state) in &told.committed {
        assert_eq!(recovery.states.state(*row), *state, "{row} was acknowledged");
    }
    for row in &told.renamed {
        let known = recovery.states.state(*row) == RowState::Done
            || recovery.in_doubt.iter().any(|(doubtful, found)| doubtful == row && *found == done(row.0));
        assert!(known, "the log knows nothing of the file of {row}");
    }
    let counts = recovery.states.counts();
    assert_eq!(counts.done + counts.failed + counts.skipped + counts.pending, counts.rows);
    Ok(())
}

/// Operations of a whole run on an empty file system.
fn operations() -> u64 {
    let storage = MemoryStorage::new(0);
    run(&storage, &mut Told::default()).unwrap();
    storage.operation_count()
}

#[test]
fn power_is_lost_at_every_operation() {
    for at in 0..=operations() {
        for seed in 0..6 {
            let storage = MemoryStorage::new(seed * 1000 + at);
            let mut told = Told::default();
            storage.halt_after(at);
            let _ = run(&storage, &mut told);
            // And again in the run that recovers, at an operation of its own.
            let storage = storage.crash();
            storage.halt_after((at * 7 + seed * 13) % 60);
            let _ = run(&storage, &mut told);
            let storage = storage.crash();
            run(&storage, &mut told).unwrap();
            check(&open(&storage.crash()).unwrap(), &told).unwrap();
        }
    }
}

#[test]
fn the_process_is_killed_at_every_operation() {
    for at in 0..=operations() {
        let storage = MemoryStorage::new(at);
        let mut told = Told::default();
        storage.halt_after(at);
        let _ = run(&storage, &mut told);
        // The next run is killed as well, and the power goes with it.
        let storage = storage.process_crash();
        storage.halt_after(12 + at % 40);
        let _ = run(&storage, &mut told);
        let storage = storage.crash();
        run(&storage, &mut told).unwrap();
        check(&open(&storage.process_crash()).unwrap(), &told).unwrap();
    }
}

#[test]
fn every_call_fails_once() {
    for at in 0..=operations() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            let storage = MemoryStorage::new(at);
            let mut told = Told::default();
            storage.fail_after(at, kind);
            let _ = run(&storage, &mut told);
            // Whether the run went on or gave up: what it acknowledged is there, with and without power.
            let storage = if at % 2 == 0 { storage.crash() } else { storage.process_crash() };
            run(&storage, &mut told).unwrap();
            check(&open(&storage.crash()).unwrap(), &told).unwrap();
        }
    }
}

#[test]
fn a_failed_sync_of_the_log_is_mended_by_a_new_segment() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 5).unwrap();
    opened.rows.ensure_durable(RowId(4)).unwrap();
    opened.log.record(&Record::Done(RowId(0), done(0))).unwrap();
    opened.log.flush().unwrap();
    // The marker's write succeeds, the sync after it fails.
    storage.fail_after(1, io::ErrorKind::Other);
    opened.log.commit().unwrap();
    opened.log.record(&Record::Done(RowId(1), done(1))).unwrap();
    opened.log.commit().unwrap();
    for storage in [storage.crash(), storage.process_crash()] {
        let recovery = open(&storage).unwrap().recovery;
        assert_eq!(recovery.states.counts().done, 2);
        assert!(recovery.damage.is_empty() && recovery.in_doubt.is_empty());
    }
}

#[test]
fn rows_whose_sync_failed_are_written_again_by_the_next_run() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 5).unwrap();
    storage.fail_after(0, io::ErrorKind::Other);
    opened.rows.ensure_durable(RowId(4)).unwrap_err();
    opened.rows.ensure_durable(RowId(4)).unwrap_err();
    drop(opened);
    // The system has marked the pages clean: another sync of that file would succeed and mean nothing.
    let storage = storage.process_crash();
    let opened = open(&storage).unwrap();
    opened.rows.ensure_durable(RowId(4)).unwrap();
    let rows = all_rows(&open(&storage.crash()).unwrap().rows);
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|(id, found)| *found == row(id.0)));
}

#[test]
fn a_full_disk_leaves_the_group_whole() {
    let storage = MemoryStorage::new(1);
    let mut opened = open(&storage).unwrap();
    append_rows(&mut opened, 5).unwrap();
    storage.set_capacity(Some(0));
    opened.log.record(&Record::Done(RowId(0), done(0))).unwrap();
    assert_eq!(opened.log.commit().unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(storage.free_bytes().unwrap(), 0);
    storage.set_capacity(None);
    opened.log.commit().unwrap();
    assert_eq!(open(&storage.crash()).unwrap().recovery.states.counts().done, 1);
}
