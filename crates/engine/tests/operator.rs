//! What somebody does to a haul's directory while the haul runs: locks, records and parts that are removed, replaced or shared.

mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use longhaul::HaulError;
use longhaul_journal::storage::{Failure, RelativePath, Storage as _};
use longhaul_journal::{Journal, LOCK_FILE};
use longhaul_origin::{FaultMix, Site};
use world::{EventKind, ORIGIN, World, list, paths, simulate};

const FILES: usize = 300;

fn path(name: &str) -> RelativePath {
    name.parse().expect("a valid path")
}

/// Somebody removes the lock file, and another process starts. The first one reports nothing any more, and every outcome that it
/// has reported stands.
#[test]
fn a_haul_that_has_lost_its_lock_stops_and_takes_nothing_back() {
    for takes_over in [false, true] {
        simulate(async {
            let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
            let storage = world.storage();
            let mut done = 0;
            let run = world
                .haul(list(FILES))
                .settings(|settings| settings.jobs_max = 4)
                .watch(move |event, _| {
                    done += usize::from(event.kind == EventKind::Done);
                    if event.kind == EventKind::Done && done == 20 {
                        storage.remove(&path(LOCK_FILE)).expect("it is there");
                        if takes_over {
                            let other = Arc::new(storage.clone());
                            // Held to the end of the test: the process runs on.
                            std::mem::forget(
                                Journal::open(other, 1, [0; 16], "pid 2").expect("nobody locks it"),
                            );
                        }
                    }
                })
                .run()
                .await;
            let Some(Err(error)) = &run.report else { panic!("{:?}", run.report) };
            assert!(matches!(error, HaulError::LockLost(_)), "{error:?}");
            let source = std::error::Error::source(error).expect("a source").to_string();
            assert!(source.contains(LOCK_FILE), "{source}");
            let reported: BTreeSet<_> =
                run.events_of(EventKind::Done).map(|event| event.url.clone()).collect();
            assert!((20..FILES).contains(&reported.len()), "{}", reported.len());
            assert!(run.elapsed < Duration::from_mins(1), "{:?}", run.elapsed);
            world.assert_no_file_is_wrong(origin.site(), &paths(FILES));
            // The next run continues: nothing that was reported is fetched again.
            world.crashed(world::Crash::Kill, world.storage().process_crash());
            let next = world.haul(list(FILES)).run().await;
            assert_eq!(next.counts(), (FILES as u64, 0, 0, 0), "{:#?}", next.report());
            assert!(next.events_of(EventKind::Done).all(|event| !reported.contains(&event.url)));
            world.assert_every_file_is_right(origin.site(), &paths(FILES));
        });
    }
}

/// Between two attempts, somebody gives a part a second name. The part is resumed, and the second name keeps what it had.
#[test]
fn a_part_with_a_second_name_is_resumed_in_a_copy() {
    simulate(async {
        let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
        let large = "/large?size=9000000";
        let url = format!("http://{ORIGIN}{large}\n");
        let mut bytes = 0;
        let _ = world
            .haul(&url)
            .crash_when(world::Crash::Kill, move |event| {
                bytes += if event.kind == EventKind::Received { event.bytes } else { 0 };
                bytes >= 6_000_000
            })
            .run()
            .await;
        let storage = world.storage();
        storage.link(&path(".longhaul/parts/0"), &path("snapshot")).expect("a second name");
        let before = world.file("snapshot").expect("the snapshot");
        let run = world.haul(&url).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.report());
        assert!(run.report().bytes_received < 5_000_000, "{}", run.report().bytes_received);
        assert!(world.file("snapshot").expect("the snapshot") == before, "it was written to");
        world.assert_file_is_right(origin.site(), large);
        assert_eq!(world.parts(), [""; 0]);
    });
}

/// The same while the body arrives, and where a foreign file has the name of a part before the part begins.
#[test]
fn a_part_that_gets_a_second_name_while_it_grows_leaves_that_alone() {
    for comes_first in [false, true] {
        simulate(async {
            let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
            let large = "/large?size=9000000";
            let url = format!("http://{ORIGIN}{large}\n");
            let storage = world.storage();
            let snapshot = Arc::new(std::sync::Mutex::new(Vec::new()));
            let mut received = 0;
            if comes_first {
                world.put_file("snapshot", b"precious");
                *snapshot.lock().expect("no test panics within") = b"precious".to_vec();
            }
            let noted = Arc::clone(&snapshot);
            let run = world
                .haul(&url)
                .watch(move |event, _| {
                    let part = path(".longhaul/parts/0");
                    if comes_first && event.kind == EventKind::Opened {
                        storage.link(&path("snapshot"), &part).expect("nothing stands there");
                    }
                    received += if event.kind == EventKind::Received { event.bytes } else { 0 };
                    if !comes_first && received >= 4_000_000 && storage.link(&part, &path("snapshot")).is_ok()
                    {
                        let file = storage.open_read(&part).expect("it is there");
                        let mut bytes = vec![0; 9_000_000];
                        let count = file.read_at(&mut bytes, 0).expect("readable");
                        bytes.truncate(count);
                        *noted.lock().expect("no test panics within") = bytes;
                    }
                })
                .run()
                .await;
            assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.report());
            assert_eq!(run.report().requests, 1);
            let expected = snapshot.lock().expect("no test panics within").clone();
            assert!(!expected.is_empty() && world.file("snapshot") == Some(expected), "it was written to");
            world.assert_file_is_right(origin.site(), large);
        });
    }
}

/// The file system can neither rename without replacing nor make hard links, or it ignores that it must not replace: the haul ends
/// before its first request.
#[test]
fn a_file_system_that_could_replace_foreign_files_is_refused() {
    for number in [1, 22, 38, 95] {
        simulate(async {
            let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
            world.storage().refuse_noreplace(Some(Failure::Errno(number)));
            let run = world.haul(list(3)).run().await;
            let Some(Err(error @ HaulError::Store(_))) = &run.report else { panic!("{:?}", run.report) };
            let reason = std::error::Error::source(error).expect("a reason").to_string();
            assert!(reason.contains("hard links") && reason.contains("another file system"), "{reason}");
            assert!(paths(3).iter().all(|path| origin.requests_of(path) == 0));
            // On another one, the same haul runs.
            world.storage().refuse_noreplace(None);
            assert_eq!(world.haul(list(3)).run().await.counts(), (3, 0, 0, 0));
            let left = world.storage().list(&path(".longhaul")).expect("a haul");
            assert!(left.iter().all(|name| !name.contains("prob")), "{left:?}");
        });
    }
}
