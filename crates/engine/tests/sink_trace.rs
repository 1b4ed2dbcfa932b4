//! The trace tells what the sink has done: bodies begun and resumed, commits with their counts and durations, names that were occupied,
//! waits for the disk, and what became of rows that a crash had left in doubt.

mod trace_recorder;
mod world;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use longhaul_journal::PARTS_DIRECTORY;
use trace_recorder::Recorder;
use world::{End, ORIGIN, Plan, Reply, Run, World, list, path, simulate};

/// `EIO` on every system that the project knows.
const EIO: i32 = 5;
const SINK: &str = "longhaul::sink";
const LARGE_BYTES: usize = 400_000;
/// The files 0 to 3: the second is larger than a piece, and comes in two responses.
const FILES: usize = 4;

/// A world whose second file is cut once and can be continued.
fn world() -> (World, world::Scripted) {
    let world = World::new(1);
    let host = world.scripted(ORIGIN, |request| {
        let content = if request.path == path(1) { vec![b'x'; LARGE_BYTES] } else { b"small".to_vec() };
        let tagged = |status| Reply::status(status).field("ETag", "\"v1\"");
        match request.range_from() {
            Some(from) => tagged(206)
                .field("Content-Range", format!("bytes {from}-{}/{}", content.len() - 1, content.len()))
                .body(&content[from..]),
            None if content.len() == LARGE_BYTES => tagged(200).body(content).cut(LARGE_BYTES / 2, End::Fin),
            None => tagged(200).body(content),
        }
    });
    (world, host)
}

/// What the sink writes to the trace during the run.
async fn traced(plan: Plan<'_>) -> (Run, Vec<String>) {
    let recorder = Recorder::default();
    let guard = tracing::subscriber::set_default(recorder.clone());
    let run = plan.run().await;
    drop(guard);
    (run, recorder.of(SINK).into_iter().map(|line| line.text).collect())
}

/// The lines that have all of these words.
fn count(lines: &[String], words: &[&str]) -> usize {
    lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

#[test]
fn the_trace_follows_a_body_to_its_commit() {
    simulate(async {
        let (world, _host) = world();
        let (run, lines) = traced(world.haul(list(FILES))).await;
        assert_eq!(run.counts(), (FILES as u64, 0, 0, 0));
        assert_eq!(
            count(&lines, &["a body begins", "row=1 ", "is_resumable=true", "length=400000"]),
            1,
            "{lines:#?}"
        );
        assert_eq!(count(&lines, &["a body is resumed", "row=1 ", "offset=200000"]), 1, "{lines:#?}");
        assert_eq!(count(&lines, &["a body is published", "location=File"]), FILES, "{lines:#?}");
        assert!(
            count(&lines, &["a group is committed", "outcomes=", "bodies=", "settled=", "elapsed="]) > 0,
            "{lines:#?}"
        );
    });
}

#[test]
fn the_trace_tells_why_a_body_did_not_get_its_name() {
    simulate(async {
        let (world, _host) = world();
        let occupied = |call: &str, _path: &str| match call {
            "rename_noreplace" => Err(io::ErrorKind::AlreadyExists.into()),
            _ => Ok(()),
        };
        let (run, lines) = traced(world.haul(list(1)).trap(occupied)).await;
        assert_eq!(run.counts(), (0, 1, 0, 0));
        assert_eq!(count(&lines, &["a body is not published", "row=0 ", "error="]), 1, "{lines:#?}");
    });
}

#[test]
fn the_trace_tells_what_recovery_has_found() {
    simulate(async {
        let (world, _host) = world();
        let broken = |call: &str, _path: &str| match call {
            "rename_noreplace" => Err(io::Error::from_raw_os_error(EIO)),
            _ => Ok(()),
        };
        let (run, _) = traced(world.haul(list(1)).trap(broken)).await;
        assert!(matches!(run.report, Some(Err(_))), "the disk breaks before the body has its name");
        let (run, lines) = traced(world.haul(list(1))).await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        let found = ["a doubt is resolved", "row=0 ", "location=Some(File)", "is_done=true"];
        assert_eq!(count(&lines, &found), 1, "{lines:#?}");
    });
}

#[test]
fn the_trace_tells_when_the_disk_is_full() {
    simulate(async {
        let (world, _host) = world();
        let is_full = AtomicBool::new(true);
        let full_once = move |call: &str, path: &str| {
            let is_body = call == "write_all_at" && path.starts_with(PARTS_DIRECTORY);
            if is_body && is_full.swap(false, Ordering::Relaxed) {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(())
            }
        };
        let (run, lines) = traced(world.haul(list(FILES)).trap(full_once)).await;
        assert_eq!(run.counts(), (FILES as u64, 0, 0, 0));
        let waits = ["an operation waits for the disk", "no space left on the disk"];
        assert_eq!(count(&lines, &waits), 1, "{lines:#?}");
    });
}
