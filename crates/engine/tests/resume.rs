//! Bodies that break off are resumed where they broke off, after cuts, kills and power failures.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use longhaul::Settings;
use longhaul_journal::storage::Storage as _;
use longhaul_journal::{Done, Journal, Opened, Record, RecordedPart, RowId};
use longhaul_origin::{FaultMix, InjectedFault, Share, Site};
use longhaul_socket::clock;
use world::{Crash, End, EventKind, ORIGIN, Reply, Run, World, simulate, urls};

/// Pieces that arrive before the kill.
const PIECES: u64 = 40;

fn bytes_served_twice(faults: FaultMix, files: usize, kills: u64) -> (u64, u64) {
    simulate(async {
        let (world, origin) = World::serving(3, Site::new(3), faults);
        let paths: Vec<String> = (0..files).map(|file| format!("/large/{file}?size=3000000")).collect();
        let list = urls(ORIGIN, &paths);
        let limit = |settings: &mut Settings| settings.rate_limit = Some(20_000_000);
        for _ in 0..kills {
            let mut pieces = 0;
            let after_some_pieces = move |event: &world::RecordedEvent| {
                pieces += u64::from(event.kind == EventKind::Received);
                pieces == PIECES
            };
            world.haul(&list).settings(limit).crash_when(Crash::Kill, after_some_pieces).run().await;
        }
        let run = world.haul(&list).settings(limit).run().await;
        assert_eq!(run.counts(), (files as u64, 0, 0, 0));
        world.assert_every_file_is_right(origin.site(), &paths);
        (origin.stats().bytes_served, origin.stats().bytes_served_twice)
    })
}

/// Large files are cut repeatedly at random offsets: nearly every byte is requested once.
#[test]
fn large_files_resume_by_range() {
    let cuts = FaultMix::none()
        .with(InjectedFault::ResetInBody, Share::percent(40))
        .with(InjectedFault::FinInBody, Share::percent(20));
    let (served, twice) = bytes_served_twice(cuts, 12, 0);
    assert!(served >= 36_000_000);
    // A reset discards the bytes that were in flight.
    assert!(twice < served / 20, "{twice} of {served} bytes were served twice");
}

/// A killed process loses of each body no more than the piece that was not written yet and what its connection had buffered.
#[test]
fn large_files_are_resumed_after_kills() {
    const KILLS: u64 = 4;
    const BODIES_UNDER_WAY: u64 = 8;
    const BYTES_UNDER_WAY: u64 = 750_000;
    let (_, twice) = bytes_served_twice(FaultMix::none(), 12, KILLS);
    assert!(twice < KILLS * BODIES_UNDER_WAY * BYTES_UNDER_WAY, "{twice} bytes were served twice");
}

/// The site changes while it is fetched, between attempts and between runs: each file is of one generation.
#[test]
fn a_site_that_changes_is_never_mixed() {
    for seed in 0..6 {
        simulate(async {
            let mix = FaultMix::none()
                .with(InjectedFault::ResetInBody, Share::percent(30))
                .with(InjectedFault::FinInBody, Share::percent(20))
                .with(InjectedFault::CutChunkedBody, Share::percent(10));
            let (world, origin) = World::serving(seed, Site::new(seed), mix);
            let path = |file: usize| format!("/large/{file}?size=500000");
            let list = urls(ORIGIN, (0..10).map(path));
            let generations =
                |origin: &longhaul_origin::HostileServer, path: &str| origin.site().content(path).to_vec();
            let mut versions: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 10];
            let mut remember = || {
                for (file, versions) in versions.iter_mut().enumerate() {
                    versions.push(generations(&origin, &path(file)));
                }
            };
            remember();
            let site = std::sync::Arc::clone(origin.site());
            let mut retries = 0;
            let change = move |event: &world::RecordedEvent, _: &longhaul::Stopper| {
                retries += usize::from(event.kind == EventKind::Retrying);
                if event.kind == EventKind::Retrying && retries == 4 {
                    site.next_generation();
                }
            };
            let crash = |event: &world::RecordedEvent| event.kind == EventKind::Done;
            let first: Run = world.haul(&list).watch(change).crash_when(Crash::Kill, crash).run().await;
            assert!(first.report.is_none());
            remember();
            origin.site().next_generation();
            remember();
            let second = world.haul(&list).run().await;
            assert_eq!(second.counts(), (10, 0, 0, 0));
            for (file, versions) in versions.iter().enumerate() {
                let found = world.file(&world::name(&path(file))).expect("the file is there");
                assert!(versions.contains(&found), "{} is of no generation", path(file));
            }
        });
    }
}

/// A large body has been made durable in part, begins again from its start, and the power fails in the middle of that: the record
/// of the old bytes' durability does not count for the new ones.
#[test]
fn a_power_failure_over_a_durable_part_does_not_make_torn_bytes_good() {
    const LARGE: usize = 9_000_000;
    for seed in 0..12 {
        simulate(async {
            let world = World::new(seed);
            // No zeros, which is what torn bytes look like.
            let content: Vec<u8> = (1..=251).cycle().take(LARGE).collect();
            let served = content.clone();
            let _host = world.scripted(ORIGIN, move |request| {
                let reply = Reply::status(200).field("ETag", "\"v1\"");
                match (request.number, request.range_from()) {
                    (1, _) => reply.body(&served[..]).cut(7_000_000, End::Reset),
                    (2, _) | (_, None) => reply.body(&served[..]),
                    (_, Some(from)) => Reply::status(206)
                        .field("ETag", "\"v1\"")
                        .field("Content-Range", format_args!("bytes {from}-{}/{LARGE}", LARGE - 1))
                        .body(&served[from..]),
                }
            });
            let url = format!("http://{ORIGIN}/file\n");
            let mut received = None;
            let in_second_body = move |event: &world::RecordedEvent| {
                if event.kind == EventKind::Retrying {
                    received = Some(0);
                }
                received = received.map(|received| received + event.bytes);
                received.is_some_and(|received| received > 1_000_000)
            };
            let first = world.haul(&url).settings(|settings| settings.rate_limit = Some(3_000_000));
            first.crash_when(Crash::PowerLoss, in_second_body).run().await;
            assert_eq!(world.haul(&url).run().await.counts(), (1, 0, 0, 0));
            assert!(
                world.file("origin.test/file").as_ref() == Some(&content),
                "torn bytes, with seed {seed}"
            );
        });
    }
}

/// Somebody changes an unfinished body while its row waits for the second attempt, and keeps its length.
#[test]
fn a_part_that_is_changed_between_two_attempts_is_not_built_upon() {
    const LARGE: usize = 900_000;
    simulate(async {
        let world = World::new(1);
        let content: Vec<u8> = (1..=251).cycle().take(LARGE).collect();
        let served = content.clone();
        let host = world.scripted(ORIGIN, move |request| {
            let reply = Reply::status(200).field("ETag", "\"v1\"");
            match (request.number, request.range_from()) {
                (1, _) => reply.body(&served[..]).cut(600_000, End::Reset),
                (_, None) => reply.body(&served[..]),
                (_, Some(from)) => Reply::status(206)
                    .field("ETag", "\"v1\"")
                    .field("Content-Range", format_args!("bytes {from}-{}/{LARGE}", LARGE - 1))
                    .body(&served[from..]),
            }
        });
        let storage = world.storage();
        let change = move |event: &world::RecordedEvent, _: &longhaul::Stopper| {
            if event.kind == EventKind::Retrying {
                let path = ".longhaul/parts/0".parse().expect("a path");
                let mut part = storage.open(&path).expect("it is kept");
                part.write_all_at(b"changed", 1000).expect("written");
            }
        };
        let run = world.haul(format!("http://{ORIGIN}/file\n")).watch(change).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        assert_eq!(run.events_of(EventKind::PartChanged).count(), 1);
        assert!(world.file("origin.test/file").as_ref() == Some(&content), "{:#?}", host.requests());
    });
}

/// The same between two runs, near the end of the body, so that the bytes before the change are kept.
#[test]
fn the_beginning_of_a_part_that_is_changed_between_two_runs_is_kept() {
    simulate(async {
        let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
        let path = "/large?size=9000000".to_owned();
        let url = format!("http://{ORIGIN}{path}\n");
        killed_at_six_megabytes(&world, &url).await;
        let part = ".longhaul/parts/0".parse().expect("a path");
        world
            .storage()
            .open(&part)
            .and_then(|mut part| part.write_all_at(b"changed", 4_000_000))
            .expect("written");
        let run = world.haul(&url).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        world.assert_file_is_right(origin.site(), &path);
        let kept: Vec<u64> = run.events_of(EventKind::PartChanged).map(|event| event.bytes).collect();
        assert!(matches!(kept[..], [3_000_000..=4_000_000]), "{kept:?}");
        assert!(run.report().bytes_received <= 6_000_000, "{}", run.report().bytes_received);
    });
}

/// The unfinished body of a 9 MB file whose process was killed.
async fn killed_at_six_megabytes(world: &World, url: &str) {
    let limit = |settings: &mut Settings| settings.rate_limit = Some(4_000_000);
    let mut bytes = 0;
    let at_six_megabytes = move |event: &world::RecordedEvent| {
        bytes += event.bytes;
        bytes >= 6_000_000
    };
    world.haul(url).settings(limit).crash_when(Crash::Kill, at_six_megabytes).run().await;
}

/// EIO, ESTALE and EACCES say nothing about an unfinished body: it stays, it is not reported as changed, and it is resumed once it
/// can be read, in the same run or in a later one.
#[test]
fn a_part_that_cannot_be_read_is_not_taken_for_a_changed_one() {
    for (call, error) in [("metadata", 116), ("open_read", 13), ("read_at", 5)] {
        for lasts in [false, true] {
            simulate(async {
                let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
                let path = "/large?size=9000000".to_owned();
                let url = format!("http://{ORIGIN}{path}\n");
                killed_at_six_megabytes(&world, &url).await;
                let calls = AtomicU32::new(0);
                let trouble = move |name: &str, path: &str| {
                    let is_meant = name == call && path.contains("/parts/");
                    let fails = is_meant && (lasts || calls.fetch_add(1, Ordering::Relaxed) < 3);
                    if fails { Err(std::io::Error::from_raw_os_error(error)) } else { Ok(()) }
                };
                let others = world::list(3);
                let mut run = world.haul(format!("{url}{others}")).trap(trouble).run().await;
                if lasts {
                    assert_eq!(run.counts(), (3, 0, 0, 1), "{call}: {:#?}", run.events);
                    let parked: Vec<_> =
                        run.events_of(EventKind::Parked).filter_map(|event| event.fault.as_ref()).collect();
                    assert!(matches!(parked[..], [fault] if fault.message.contains(".longhaul/parts/0")));
                    assert_eq!(world.parts(), ["0"], "{call}");
                    assert_eq!(run.events_of(EventKind::PartChanged).count(), 0, "{call}");
                    run = world.haul(format!("{url}{others}")).run().await;
                }
                assert_eq!(run.counts(), (4, 0, 0, 0), "{call}: {:#?}", run.events);
                assert_eq!(run.events_of(EventKind::PartChanged).count(), 0, "{call}");
                assert!(run.report().bytes_received < 4_000_000, "{}", run.report().bytes_received);
                world.assert_file_is_right(origin.site(), &path);
            });
        }
    }
}

/// The same where no validator proves that the rest belongs to the part, so that its end is read once more after it has been
/// verified.
#[test]
fn a_part_whose_end_cannot_be_read_is_kept() {
    const LARGE: usize = 400_000;
    for (error, lasts) in [(24, false), (5, false), (116, false), (5, true), (116, true)] {
        simulate(async {
            let world = World::new(1);
            let content: Vec<u8> = (1..=251).cycle().take(LARGE).collect();
            let served = content.clone();
            let host = world.scripted(ORIGIN, move |request| match (request.number, request.range_from()) {
                (1, _) => Reply::status(200).body(&served[..]).cut(300_000, End::Reset),
                (_, None) => Reply::status(200).body(&served[..]),
                (_, Some(from)) => Reply::status(206)
                    .field("Content-Range", format_args!("bytes {from}-{}/{LARGE}", LARGE - 1))
                    .body(&served[from..]),
            });
            let url = format!("http://{ORIGIN}/file\n");
            let killed = |event: &world::RecordedEvent| event.kind == EventKind::Retrying;
            world.haul(&url).crash_when(Crash::Kill, killed).run().await;
            let calls = AtomicU32::new(0);
            let trouble = move |name: &str, path: &str| {
                let is_meant = name == "open_read" && path.contains("/parts/");
                // The first call verifies the part.
                let call = calls.fetch_add(u32::from(is_meant), Ordering::Relaxed);
                let fails = is_meant && (1..if lasts { u32::MAX } else { 4 }).contains(&call);
                if fails { Err(std::io::Error::from_raw_os_error(error)) } else { Ok(()) }
            };
            let mut run = world.haul(&url).trap(trouble).run().await;
            if lasts {
                assert_eq!(run.counts(), (0, 0, 0, 1), "{error}: {:#?}", run.events);
                assert_eq!(run.events_of(EventKind::Parked).count(), 1);
                assert_eq!(world.parts(), ["0"], "{error}");
                run = world.haul(&url).run().await;
            }
            assert_eq!(run.counts(), (1, 0, 0, 0), "{error}: {:#?}", run.events);
            assert_eq!(host.requests().len(), 2, "{error}: the rest is requested, and nothing else");
            assert!(world.file("origin.test/file").as_ref() == Some(&content), "{error}");
        });
    }
}

/// An error of the disk when a part is closed between two attempts does not lose the part.
#[test]
fn a_part_whose_state_cannot_be_read_is_kept() {
    simulate(async {
        let world = World::new(1);
        let content: Vec<u8> = (1..=251).cycle().take(900_000).collect();
        let served = content.clone();
        let host = world.scripted(ORIGIN, move |request| match request.range_from() {
            None => Reply::status(200).field("ETag", "\"v1\"").body(&served[..]).cut(600_000, End::Reset),
            Some(from) => Reply::status(206)
                .field("ETag", "\"v1\"")
                .field("Content-Range", format_args!("bytes {from}-{}/{}", served.len() - 1, served.len()))
                .body(&served[from..]),
        });
        let stale = |call: &str, path: &str| {
            let fails = call == "metadata" && path.contains("/parts/");
            if fails { Err(std::io::Error::from_raw_os_error(116)) } else { Ok(()) }
        };
        let run = world.haul(format!("http://{ORIGIN}/file\n")).trap(stale).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        assert_eq!(run.events_of(EventKind::PartChanged).count(), 0);
        assert_eq!(host.requests().len(), 2, "the rest is requested, and nothing else");
        assert!(world.file("origin.test/file").as_ref() == Some(&content));
    });
}

/// A file was published when the run ended, and its row is in doubt. While the file cannot be read, nothing is decided about it, and the
/// run continues with other rows.
#[test]
fn a_published_file_that_cannot_be_read_is_not_taken_for_a_missing_one() {
    simulate(async {
        let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
        let url = world::list(1);
        let broken = |call: &str, path: &str| {
            let fails = call == "sync_dir" && path.starts_with(ORIGIN);
            if fails { Err(std::io::Error::from_raw_os_error(5)) } else { Ok(()) }
        };
        let first = world.haul(&url).trap(broken).run().await;
        assert!(matches!(first.report, Some(Err(_))), "{:?}", first.report);
        let published = world::name(&world::path(0));
        assert!(world.file(&published).is_some());
        let stale = |_: &str, path: &str| {
            let fails = path.starts_with(ORIGIN) && path.contains("/files/");
            if fails { Err(std::io::Error::from_raw_os_error(116)) } else { Ok(()) }
        };
        let second = world.haul(&url).trap(stale).run().await;
        assert_eq!(second.counts(), (0, 0, 0, 1), "{:?}", second.report);
        assert_eq!((second.report().requests, second.report().parked), (0, 1), "{:?}", second.report);
        let third = world.haul(&url).run().await;
        assert_eq!((third.report().requests, third.counts().1), (0, 0), "{:#?}", third.events);
        assert_eq!(origin.requests_of(&world::path(0)), 1, "the file was downloaded once");
        world.assert_file_is_right(origin.site(), &world::path(0));
    });
}

/// A run was killed between the record of a complete body and its final name, and then somebody put a file where its folder or the file
/// itself was to be. That row fails; the others are downloaded, and the file stays as it is.
#[test]
fn a_name_that_is_taken_after_a_kill_concerns_its_row_only() {
    let published = world::name(&world::path(0));
    for taken in [ORIGIN.to_owned(), format!("{ORIGIN}/files"), published] {
        simulate(async {
            let world = World::new(3);
            world.host(ORIGIN, Site::new(3), FaultMix::none());
            let other = world.host("other.test", Site::new(4), FaultMix::none());
            let killed = |call: &str, path: &str| {
                let fails = call == "create_dir_all" && path.starts_with(ORIGIN);
                if fails { Err(std::io::Error::from_raw_os_error(5)) } else { Ok(()) }
            };
            let first = world.haul(world::list(1)).trap(killed).run().await;
            assert!(matches!(first.report, Some(Err(_))), "{:?}", first.report);
            world.put_file(&taken, b"mine");
            let lines = world::list(1) + &world::list_of("other.test", 3);
            let second = world.haul(&lines).run().await;
            assert_eq!(second.counts(), (3, 1, 0, 0), "{taken}: {:#?}", second.events);
            assert_eq!(other.stats().requests, 3);
            let third = world.haul(&lines).run().await;
            assert_eq!((third.counts(), third.report().requests), ((3, 1, 0, 0), 0), "{taken}");
            assert_eq!(world.file(&taken).as_deref(), Some(&b"mine"[..]));
        });
    }
}

/// The same where the file under the name may not be read: it may have the length of ours.
#[test]
fn a_file_without_permission_after_a_kill_concerns_its_row_only() {
    simulate(async {
        let (world, _) = World::serving(3, Site::new(3), FaultMix::none());
        let published = world::name(&world::path(0));
        let broken = |call: &str, path: &str| {
            let fails = call == "sync_dir" && path.starts_with(ORIGIN);
            if fails { Err(std::io::Error::from_raw_os_error(5)) } else { Ok(()) }
        };
        let first = world.haul(world::list(1)).trap(broken).run().await;
        assert!(matches!(first.report, Some(Err(_))), "{:?}", first.report);
        let forbidden = move |call: &str, path: &str| {
            let fails = call == "open_read" && path == published;
            if fails { Err(std::io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
        };
        let second = world.haul(world::list(3)).trap(forbidden).run().await;
        assert_eq!(second.counts(), (2, 1, 0, 0), "{:#?}", second.events);
    });
}

/// A disk on which no part can be read costs its few seconds of attempts once, and not for each part. A lack of descriptors is
/// reported as a pause.
#[test]
fn a_disk_that_cannot_be_read_is_waited_for_once() {
    const FILES: usize = 40;
    let examined_within = |errno: i32, lasts: Option<Duration>| {
        simulate(async {
            let (world, _origin) = World::serving(3, Site::new(3), FaultMix::none());
            let paths: Vec<String> = (0..FILES).map(|file| format!("/large/{file}?size=900000")).collect();
            let list = urls(ORIGIN, &paths);
            let slow = |settings: &mut Settings| settings.rate_limit = Some(4_000_000);
            let mut bytes = 0;
            let at_eight_megabytes = move |event: &world::RecordedEvent| {
                bytes += event.bytes;
                bytes >= 8_000_000
            };
            world.haul(&list).settings(slow).crash_when(Crash::Kill, at_eight_megabytes).run().await;
            assert!(world.parts().len() >= 4, "{:?}", world.parts());
            let begun = clock::now();
            let trouble = move |name: &str, path: &str| {
                let is_meant = name == "open_read" && path.contains("/parts/");
                let fails = is_meant && lasts.is_none_or(|lasts| begun.elapsed() < lasts);
                if fails { Err(std::io::Error::from_raw_os_error(errno)) } else { Ok(()) }
            };
            world.haul(&list).trap(trouble).run().await
        })
    };
    let unreadable = examined_within(5, None);
    assert!(unreadable.events_of(EventKind::Parked).count() >= 4);
    assert!(unreadable.elapsed < Duration::from_secs(8), "{:?}", unreadable.elapsed);

    let without_descriptors = examined_within(24, Some(Duration::from_secs(30)));
    assert_eq!(without_descriptors.counts(), (FILES as u64, 0, 0, 0));
    assert_eq!(without_descriptors.events_of(EventKind::PartChanged).count(), 0);
    assert!(
        without_descriptors.events_of(EventKind::Paused).any(|event| event.reason == "too many open files")
    );
    assert!(without_descriptors.events_of(EventKind::Resumed).count() > 0);
}

/// A row that is skipped keeps nothing.
#[test]
fn a_skipped_row_leaves_no_part() {
    simulate(async {
        let (world, _origin) = World::serving(3, Site::new(3), FaultMix::none());
        let url = format!("http://{ORIGIN}/large?size=9000000\n");
        killed_at_six_megabytes(&world, &url).await;
        assert_eq!(world.parts(), ["0"]);
        let name = world::name("/large?size=9000000");
        world.put_file(&name, b"mine");
        let run = world.haul(&url).settings(|settings| settings.no_clobber = true).run().await;
        assert_eq!(run.counts(), (0, 0, 1, 0), "{:#?}", run.events);
        assert_eq!(world.parts(), Vec::<String>::new());
    });
}

/// A haul that fails while a large part is verified ends then, not when the whole part has been read.
#[test]
fn a_haul_that_has_ended_stops_verifying_parts() {
    const SLICE_READS: u32 = 64;
    simulate(async {
        let (world, _origin) = World::serving(3, Site::new(3), FaultMix::none());
        let url = format!("http://{ORIGIN}/large?size=200000000\n");
        let mut bytes = 0;
        let at_sixty_megabytes = move |event: &world::RecordedEvent| {
            bytes += event.bytes;
            bytes >= 60_000_000
        };
        world.haul(&url).crash_when(Crash::Kill, at_sixty_megabytes).run().await;
        let reads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&reads);
        // The disk fails as soon as reading has begun: the sink cannot record that the other row's file stands there
        // already.
        world.put_file(&world::name("/taken"), b"of somebody else");
        let trouble = move |call: &str, path: &str| {
            let is_read = call == "read_at" && path.contains("/parts/");
            let reads = counted.fetch_add(u32::from(is_read), Ordering::Relaxed);
            let fails = reads > 0 && call == "write_all_at" && path.contains("/log-");
            if fails { Err(std::io::Error::from_raw_os_error(5)) } else { Ok(()) }
        };
        let run = world.haul(format!("{url}http://{ORIGIN}/taken\n")).trap(trouble).run().await;
        assert!(matches!(run.report, Some(Err(_))), "{:?}", run.report);
        let reads = reads.load(Ordering::Relaxed);
        assert!((1..=2 * SLICE_READS).contains(&reads), "{reads}");
    });
}

/// The synced bytes of an unfinished body are found by name after a power failure.
#[test]
fn the_synced_bytes_of_a_part_survive_a_power_failure() {
    const LARGE: u64 = 9_000_000;
    for seed in 0..12 {
        simulate(async {
            let (world, origin) = World::serving(seed, Site::new(seed), FaultMix::none());
            let path = format!("/large?size={LARGE}");
            let url = format!("http://{ORIGIN}{path}\n");
            let is_received = Arc::new(AtomicBool::new(false));
            let received = Arc::clone(&is_received);
            let mut bytes = 0;
            let watch = move |event: &world::RecordedEvent, _: &longhaul::Stopper| {
                bytes += event.bytes;
                received.store(bytes >= LARGE, Ordering::Relaxed);
            };
            let is_dead = AtomicBool::new(false);
            let dead = move |call: &str, path: &str| {
                let is_last_sync =
                    call == "sync" && path.contains("/parts/") && is_received.load(Ordering::Relaxed);
                let fails = is_dead.fetch_or(is_last_sync, Ordering::Relaxed) || is_last_sync;
                if fails { Err(std::io::Error::from_raw_os_error(5)) } else { Ok(()) }
            };
            let limit = |settings: &mut Settings| settings.rate_limit = Some(3_000_000);
            let first = world.haul(&url).settings(limit).watch(watch).trap(dead).run().await;
            assert!(matches!(first.report, Some(Err(_))), "{:?}", first.report);
            world.crashed(Crash::PowerLoss, Crash::PowerLoss.of(&world.storage()));
            let run = world.haul(&url).run().await;
            assert_eq!(run.counts(), (1, 0, 0, 0));
            assert_eq!(run.events_of(EventKind::PartChanged).count(), 0, "with seed {seed}");
            world.assert_file_is_right(origin.site(), &path);
            assert!(run.report().bytes_received < LARGE / 2, "{}", run.report().bytes_received);
        });
    }
}

/// Commits these records to the log, given the recorded part of the one row.
fn append_to_log(world: &World, records: impl FnOnce(&RecordedPart) -> Vec<Record>) {
    let opened = Journal::open(Arc::new(world.storage()), 0, world.boot_id(), "a test");
    let Opened { lock, mut log, recovery, .. } = opened.expect("a journal");
    for record in records(&recovery.parts[&RowId(0)]) {
        log.record(&record).expect("recorded");
    }
    log.commit().expect("committed");
    drop((lock, log));
}

/// The log was made durable between the last byte of a body and its sync, and then the power failed: the part is in doubt,
/// and it is shorter than the log says. But nobody has changed anything.
#[test]
fn a_part_that_was_in_doubt_is_not_reported_as_changed() {
    simulate(async {
        let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
        let path = "/large?size=9000000".to_owned();
        let url = format!("http://{ORIGIN}{path}\n");
        killed_at_six_megabytes(&world, &url).await;
        let done = Done::of_file(9_000_000, [1; 32]);
        append_to_log(&world, |_| vec![Record::Doubt(RowId(0), done)]);
        let run = world.haul(&url).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        assert_eq!(run.events_of(EventKind::PartChanged).count(), 0);
        world.assert_file_is_right(origin.site(), &path);
    });
}

/// A log of a version that made no checkpoints: the part cannot be verified and is fetched again, but nobody has changed it.
#[test]
fn a_part_without_checkpoints_is_not_reported_as_changed() {
    simulate(async {
        let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
        let path = "/large?size=9000000".to_owned();
        let url = format!("http://{ORIGIN}{path}\n");
        killed_at_six_megabytes(&world, &url).await;
        append_to_log(&world, |kept| {
            vec![Record::Part(RowId(0), kept.part.clone()), Record::PartSynced(RowId(0), 4_500_000)]
        });
        world.crashed(Crash::PowerLoss, Crash::Kill.of(&world.storage()));
        let run = world.haul(&url).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        assert_eq!(run.events_of(EventKind::PartChanged).count(), 0);
        assert_eq!(run.report().bytes_received, 9_000_000);
        world.assert_file_is_right(origin.site(), &path);
    });
}
