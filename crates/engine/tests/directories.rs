//! One directory below the haul's that cannot be used: its rows fail, and no other row waits for it.

mod world;

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};

use longhaul::HaulError;
use longhaul_journal::storage::{RelativePath, Storage as _};
use longhaul_origin::{FaultMix, Site};
use world::{Crash, EventKind, ORIGIN, World, list, list_of, name, path, paths, simulate};

/// The host whose directory is in a bad state.
const CLOSED: &str = "closed.test";
const FILES: usize = 5;
/// A symbolic link on the way, on Linux and on the BSDs.
const ELOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };

/// [`ORIGIN`] and [`CLOSED`], which has a directory already.
fn world() -> World {
    let (world, _) = World::serving(4, Site::new(4), FaultMix::none());
    world.host(CLOSED, Site::new(4), FaultMix::none());
    world.put_file(&format!("{CLOSED}/of-somebody-else"), b"mine");
    world
}

fn both() -> String {
    list_of(CLOSED, FILES) + &list(FILES)
}

#[test]
fn a_directory_that_cannot_be_used_fails_its_rows_only() {
    let errors: [fn() -> io::Error; 5] = [
        || ErrorKind::PermissionDenied.into(),
        || ErrorKind::ReadOnlyFilesystem.into(),
        || ErrorKind::CrossesDevices.into(),
        || ErrorKind::NotADirectory.into(),
        || io::Error::from_raw_os_error(ELOOP),
    ];
    for error in errors {
        for at in ["create_dir_all", "rename_noreplace"] {
            simulate(async {
                let world = world();
                let closed = move |call: &str, path: &str| {
                    if call == at && path.starts_with(CLOSED) { Err(error()) } else { Ok(()) }
                };
                let run = world.haul(both()).trap(closed).run().await;
                let count = FILES as u64;
                assert_eq!(run.counts(), (count, count, 0, 0), "{at}: {:?}", error());
                world.assert_every_file_is_right(&Site::new(4), &paths(FILES));
                let failed = run.outcome(&format!("http://{CLOSED}{}", path(0)));
                assert_eq!(failed.class(), "file");
                let message = &failed.fault.as_ref().expect("a failure").message;
                let of_row = format!("cannot write {CLOSED}{}: ", path(0));
                assert!(message.starts_with(&of_row), "{message}");
                assert_eq!(world.parts(), Vec::<String>::new(), "what failed is not kept");
                let again = world.haul(both()).run().await;
                assert_eq!((again.counts(), again.report().requests), ((count, count, 0, 0), 0));
            });
        }
    }
}

/// A new host cannot have a directory: then the haul's own directory may not be written to, which concerns every host to come.
#[test]
fn a_haul_without_permission_in_its_own_directory_ends() {
    for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
        simulate(async {
            let world = world();
            let closed = move |call: &str, path: &str| {
                if call == "create_dir_all" && path.starts_with(ORIGIN) { Err(kind.into()) } else { Ok(()) }
            };
            let run = world.haul(list(FILES)).trap(closed).run().await;
            let Some(Err(HaulError::Disk(error))) = run.report else { panic!("{:?}", run.report) };
            assert!(error.to_string().starts_with(&format!("cannot create {ORIGIN}: ")), "{error}");
            assert_eq!(run.events.iter().filter(|event| event.is_outcome()).count(), 0);
            world.crashed(Crash::Kill, Crash::Kill.of(&world.storage()));
            assert_eq!(world.haul(list(FILES)).run().await.counts(), (FILES as u64, 0, 0, 0));
        });
    }
}

/// So does one whose records or unfinished bodies cannot be written.
#[test]
fn a_haul_that_cannot_keep_its_records_ends() {
    for place in [".longhaul/log", ".longhaul/parts"] {
        simulate(async {
            let world = world();
            let closed = move |call: &str, path: &str| {
                let is_there = path.starts_with(place) && matches!(call, "create" | "write_all_at");
                if is_there { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
            };
            let run = world.haul(list(FILES)).trap(closed).run().await;
            assert!(matches!(run.report, Some(Err(_))), "{place}: {:?}", run.report);
            assert_eq!(run.events.iter().filter(|event| event.is_outcome()).count(), 0, "{place}");
        });
    }
}

/// Somebody removes files that are published, with their directory, before that is durable: their rows begin again.
#[test]
fn files_that_disappear_before_they_are_durable_are_fetched_again() {
    simulate(async {
        let world = world();
        let (storage, is_removed) = (world.storage(), AtomicBool::new(false));
        let remove = move |call: &str, path: &str| {
            if call != "sync_dir" || !path.starts_with(ORIGIN) || is_removed.swap(true, Ordering::Relaxed) {
                return Ok(());
            }
            for number in 0..FILES {
                let file: RelativePath = name(&world::path(number)).parse().expect("a path");
                if storage.metadata(&file)?.is_some() {
                    storage.remove(&file)?;
                }
            }
            Err(ErrorKind::NotFound.into())
        };
        let run = world.haul(both()).trap(remove).run().await;
        assert_eq!(run.counts(), (2 * FILES as u64, 0, 0, 0), "{:#?}", run.events);
        assert!(run.report().requests > 2 * FILES as u64, "some were fetched twice");
        assert_eq!(run.events_of(EventKind::Done).count(), 2 * FILES);
        world.assert_every_file_is_right(&Site::new(4), &paths(FILES));
    });
}
