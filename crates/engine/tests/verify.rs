//! Verification and repair of finished hauls: what is found, and crashes at every call of the storage.

mod world;

use std::sync::Arc;

use longhaul::verify::{Finding, Verify, VerifyReport};
use longhaul_journal::storage::{MemoryStorage, RelativePath, Storage as _};
use longhaul_origin::{FaultMix, HostileServer, Site};
use world::{Crash, EventKind, ORIGIN, World, list, name, path, simulate};

const FILES: usize = 12;

fn verify(world: &World, storage: &MemoryStorage) -> Verify {
    Verify::of_storage(Arc::new(storage.clone()), world.clock.unix_ms(), world.boot_id())
}

fn names_of(world: &World) -> (Vec<String>, VerifyReport) {
    let mut names = Vec::new();
    let report = verify(world, &world.storage()).run(|finding| {
        names.push(match finding {
            Finding::Missing { name, .. } => format!("missing {name}"),
            Finding::Changed { name, difference, .. } => format!("changed {name}: {difference}"),
            Finding::Foreign { name } => format!("foreign {name}"),
            other => panic!("{other:?}"),
        });
    });
    (names, report.expect("a readable haul"))
}

fn relative(name: &str) -> RelativePath {
    name.parse().expect("a valid name")
}

/// The bytes that somebody has written over the third file, which has as many.
fn overwritten() -> Vec<u8> {
    vec![0; Site::new(7).content(&path(3)).to_vec().len()]
}

/// A finished haul in which one file is missing, two are changed, and beside which lies a foreign one. All of this is durable.
async fn damaged_world() -> (World, HostileServer) {
    let (world, origin) = World::serving(7, Site::new(7), FaultMix::none());
    assert_eq!(world.haul(list(FILES)).run().await.counts(), (FILES as u64, 0, 0, 0));
    let storage = world.storage();
    for number in [1, 2, 3] {
        storage.remove(&relative(&name(&path(number)))).expect("a finished file");
    }
    world.put_file(&name(&path(2)), b"mine");
    world.put_file(&name(&path(3)), &overwritten());
    world.put_file(&format!("{ORIGIN}/other"), b"of somebody else");
    for directory in [ORIGIN.to_owned(), format!("{ORIGIN}/files")] {
        storage.sync_dir(Some(&relative(&directory))).expect("a directory");
    }
    for file in [name(&path(2)), name(&path(3)), format!("{ORIGIN}/other")] {
        storage.open(&relative(&file)).expect("a file").sync().expect("a sync");
    }
    (world, origin)
}

/// Everything of the user's is still there, under its name or moved aside.
fn assert_nothing_foreign_is_touched(world: &World) {
    assert_eq!(world.file(&format!("{ORIGIN}/other")).as_deref(), Some(&b"of somebody else"[..]));
    for (number, content) in [(2, b"mine".to_vec()), (3, overwritten())] {
        let places = ["", "~changed"].map(|moved| name(&path(number)) + moved);
        let found = places.iter().filter(|place| world.file(place).as_ref() == Some(&content)).count();
        assert_eq!(found, 1, "{places:?}");
    }
}

#[test]
fn what_is_not_as_recorded_is_found() {
    simulate(async {
        let (world, _) = damaged_world().await;
        let (names, report) = names_of(&world);
        let expected = [
            format!("missing {}", name(&path(1))),
            format!(
                "changed {}: it has 4 bytes and not {}",
                name(&path(2)),
                Site::new(7).content(&path(2)).len()
            ),
            format!("changed {}: its digest is not the recorded one", name(&path(3))),
            format!("foreign {ORIGIN}/other"),
        ];
        assert_eq!(names, expected);
        assert_eq!((report.files, report.intact, report.foreign), (FILES as u64, FILES as u64 - 3, Some(1)));
        assert!(!report.is_intact());
        let mut quick = Vec::new();
        let report =
            verify(&world, &world.storage()).quick(true).run(|finding| quick.push(format!("{finding:?}")));
        let read = report.expect("a readable haul").bytes_read;
        assert_eq!(
            (quick.len(), read),
            (4, overwritten().len() as u64),
            "only a file of the same size and another time"
        );
    });
}

/// A power failure or a kill between any two calls of the storage during a repair: the next repair and the next run lead to the same
/// files and outcomes as a repair without a crash, and nothing of the user's is touched.
#[test]
fn a_repair_survives_a_crash_at_any_call() {
    let calls = simulate(async {
        let (world, _) = damaged_world().await;
        let before = world.storage().operation_count();
        verify(&world, &world.storage()).repair(true).run(|_| {}).expect("a repair");
        world.storage().operation_count() - before
    });
    assert!(calls > 20, "{calls}");
    for crash in [Crash::Kill, Crash::PowerLoss] {
        for call in 0..calls {
            simulate(async {
                let (world, origin) = damaged_world().await;
                let storage = world.storage();
                let requests = origin.stats().requests;
                storage.halt_after(call);
                let _ = verify(&world, &storage).repair(true).run(|_| {});
                storage.heal();
                world.crashed(crash, crash.of(&storage));
                assert_nothing_foreign_is_touched(&world);
                verify(&world, &world.storage()).repair(true).run(|_| {}).expect("the storage works again");
                assert_nothing_foreign_is_touched(&world);
                let run = world.haul(list(FILES)).run().await;
                assert_eq!(run.counts(), (FILES as u64, 0, 0, 0), "call {call}");
                assert_eq!(run.events_of(EventKind::Done).count(), 3, "call {call}");
                assert_eq!(origin.stats().requests - requests, 3, "call {call}");
                world.assert_every_file_is_right(origin.site(), &world::paths(FILES));
                let (names, report) = names_of(&world);
                assert!(report.is_intact(), "call {call}: {names:?}");
            });
        }
    }
}

#[test]
fn a_run_says_that_files_are_missing() {
    simulate(async {
        let (world, _) = damaged_world().await;
        let run = world.haul(list(FILES)).run().await;
        let missing: Vec<_> = run.events_of(EventKind::FilesMissing).collect();
        assert_eq!(missing.len(), 1);
        assert_eq!(
            (missing[0].bytes, &missing[0].reason),
            (1, &name(&path(1))),
            "what stands at a name counts as there"
        );
        assert_eq!(run.report().requests, 0);
        let intact = World::serving(7, Site::new(7), FaultMix::none());
        intact.0.haul(list(2)).run().await;
        assert_eq!(intact.0.haul(list(2)).run().await.events_of(EventKind::FilesMissing).count(), 0);
    });
}

/// Each call of the storage fails in turn during a repair: one row can suffer, and the others are repaired all the same.
#[test]
fn one_file_that_cannot_be_moved_hinders_no_other() {
    simulate(async {
        let (world, _origin) = damaged_world().await;
        let before = world.storage().operation_count();
        let mut count = 0;
        let first = verify(&world, &world.storage()).run(|_| count += 1).expect("a readable haul");
        let calls = world.storage().operation_count() - before;
        assert_eq!((first.missing, first.changed), (1, 2));
        let mut failures = 0;
        for call in calls..calls + 60 {
            let (world, _origin) = damaged_world().await;
            world.storage().fail_after(call, std::io::ErrorKind::PermissionDenied);
            let mut not_repaired = Vec::new();
            let repaired = verify(&world, &world.storage()).repair(true).run(|finding| {
                if let Finding::NotRepaired { name, error, .. } = finding {
                    not_repaired.push(((*name).to_owned(), (*error).to_owned()));
                }
            });
            world.storage().heal();
            let Ok(report) = repaired else { continue };
            assert_eq!(report.not_repaired, not_repaired.len() as u64, "call {call}");
            let broken = report.missing + report.changed;
            assert_eq!(report.repaired + report.not_repaired, broken, "call {call}: {report:?}");
            failures += report.not_repaired;
        }
        assert!(failures > 0, "no call was that of a rename");
    });
}
