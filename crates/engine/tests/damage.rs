//! The records of a haul are damaged at random between two runs: bytes flip, files are cut, zeroed, removed and exchanged.
//!
//! Whatever it is: nothing panics, no file is overwritten, no row disappears without a word, and a damage that changes what the haul
//! says of any row is reported, by a reader and by the next run.

mod world;

use std::sync::Arc;

use fastrand::Rng;
use longhaul_journal::storage::{File, MemoryStorage, RelativePath, Storage as _};
use longhaul_journal::{Journal, STATE_DIRECTORY};
use longhaul_origin::{FaultMix, Site};
use world::{Crash, EventKind, ORIGIN, World, list, path, paths, simulate};

const FILES: usize = 40;
/// Damages that are drawn for each haul.
const DAMAGES: u64 = 40;
/// Openings after the last outcome: none, so that the last segment has outcomes, and so many that a summary stands for the segments
/// that have.
const OPENINGS: [usize; 2] = [0, 12];
/// Bytes of a header, and before the payload of a frame (docs/journal-format.md).
const HEADER_BYTES: u64 = 64;
const FRAME_PREFIX_BYTES: u64 = 8;
const FOREIGN: &str = "origin.test/files/theirs";

fn relative(name: &str) -> RelativePath {
    name.parse().expect("a valid path")
}

/// What a reader says of each row; an error is an answer too.
fn answers(storage: &MemoryStorage) -> Result<(Vec<String>, Vec<String>), String> {
    let journal = Journal::read(Arc::new(storage.clone())).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    let read =
        journal.for_each_outcome(|row, entry, outcome| rows.push(format!("{row:?} {entry:?} {outcome:?}")));
    read.map_err(|error| error.to_string())?;
    rows.push(format!("{:?}", journal.counts()));
    Ok((rows, journal.damage().iter().map(ToString::to_string).collect()))
}

/// A file of the records, and what happened to it.
fn damage(storage: &MemoryStorage, random: &mut Rng) -> String {
    let names = storage.list(&relative(STATE_DIRECTORY)).expect("a haul");
    let mut names: Vec<String> =
        names.into_iter().filter(|name| name.contains('.') || name.contains('-')).collect();
    random.shuffle(&mut names);
    let at = |name: &str| relative(&format!("{STATE_DIRECTORY}/{name}"));
    let victim = at(&names[0]);
    let mut file = storage.open(&victim).expect("a file");
    let len = file.len().expect("a length");
    let offset = random.u64(..len.max(1));
    match random.u8(..7) {
        0 => {
            storage.remove(&victim).expect("it is there");
            format!("{victim} is removed")
        }
        1 => {
            file.truncate(offset).expect("memory");
            format!("{victim} of {len} bytes is cut at {offset}")
        }
        2 => {
            let zeros = vec![0; usize::try_from((len - offset).min(512)).expect("few")];
            file.write_all_at(&zeros, offset).expect("memory");
            format!("{victim} of {len} bytes is zeroed from {offset} on")
        }
        3 => {
            file.write_all_at(&[0; 64], 0).expect("memory");
            format!("the header of {victim} is zeroed")
        }
        4 => {
            let ends = frame_ends(&*file);
            let end = ends[random.usize(..ends.len())];
            file.truncate(end).expect("memory");
            format!("{victim} of {len} bytes is cut at {end}, where a record ends")
        }
        5 if names.len() > 1 => {
            let (other, between) = (at(&names[1]), at("between"));
            storage.rename(&victim, &between).expect("memory");
            storage.rename(&other, &victim).expect("memory");
            storage.rename(&between, &other).expect("memory");
            format!("{victim} and {other} are exchanged")
        }
        _ => {
            let mut byte = [0];
            file.read_at(&mut byte, offset).expect("memory");
            file.write_all_at(&[byte[0] ^ 1 << random.u8(..8)], offset).expect("memory");
            format!("a bit of {victim} flips at {offset} of {len}")
        }
    }
}

/// Where the frames of a file end, the header included.
fn frame_ends(file: &dyn File) -> Vec<u64> {
    let (mut end, mut ends, mut len) = (HEADER_BYTES, vec![HEADER_BYTES], [0; 4]);
    while file.read_at(&mut len, end).expect("memory") == len.len() {
        end += FRAME_PREFIX_BYTES + u64::from(u32::from_le_bytes(len));
        ends.push(end);
    }
    ends
}

/// A haul of two runs, the first of them killed, and of further openings.
async fn haul(world: &World, openings: usize) -> String {
    let lines = format!("{}not a url\nhttp://{ORIGIN}{}\n", list(FILES), path(0));
    let mut done = 0;
    let kill = move |event: &world::RecordedEvent| {
        done += usize::from(event.kind == EventKind::Done);
        done == FILES / 2
    };
    let _ = world.haul(&lines).crash_when(Crash::Kill, kill).run().await;
    let run = world.haul(&lines).run().await;
    assert_eq!(run.report().counts.done, FILES as u64, "{:#?}", run.report());
    for _ in 0..openings {
        assert_eq!(world.haul(&lines).run().await.report().counts.done, FILES as u64);
    }
    lines
}

#[test]
fn a_damage_that_changes_an_answer_is_reported_and_costs_no_file() {
    for (seed, openings) in [0, 1].into_iter().flat_map(|seed| OPENINGS.map(|openings| (seed, openings))) {
        simulate(async {
            let (world, origin) = World::serving(seed, Site::new(seed), FaultMix::none());
            world.put_file(FOREIGN, b"theirs");
            let lines = haul(&world, openings).await;
            let whole = world.storage();
            let (before, damage_before) = answers(&whole).expect("a good haul");
            assert_eq!(damage_before, [""; 0]);
            for number in 0..DAMAGES {
                let mut random = Rng::with_seed(seed << 32 | number);
                let storage = whole.process_crash();
                let what = damage(&storage, &mut random);
                let context = format!("seed {seed}, {openings} openings, damage {number}: {what}");
                let read = answers(&storage);
                let is_changed = read.as_ref().map_or(true, |(rows, _)| *rows != before);
                let is_reported = read.as_ref().map_or(true, |(_, damage)| !damage.is_empty());
                assert!(!is_changed || is_reported, "{context}: a reader says nothing");
                world.crashed(Crash::Kill, storage);
                let run = world.haul(&lines).run().await;
                let says =
                    run.events_of(EventKind::Damaged).count() > 0 || matches!(run.report, Some(Err(_)));
                assert!(!is_changed || says, "{context}: a run says nothing");
                assert_eq!(world.file(FOREIGN).as_deref(), Some(&b"theirs"[..]), "{context}");
                world.assert_every_file_is_right(origin.site(), &paths(FILES));
                if let Some(Ok(report)) = &run.report {
                    let counts = report.counts;
                    let rows = counts.done + counts.failed + counts.skipped + counts.pending;
                    assert!(rows >= FILES as u64 + 2, "{context}: rows have disappeared: {counts:?}");
                    assert_eq!(counts.pending, 0, "{context}");
                }
                if what.starts_with("the header of") && what.contains("log-") {
                    let counts = run.report().counts;
                    assert_eq!(counts.done, FILES as u64, "{context}: its records were not used: {counts:?}");
                }
            }
        });
    }
}
