//! Files that are larger than they may be: by the user's limit, or by the room on the disk.

mod world;

use std::time::Duration;

use longhaul::Class;
use longhaul_origin::{FaultMix, Site};
use world::{Crash, End, EventKind, ORIGIN, Reply, Run, World, list, paths, simulate};

const LIMIT: u64 = 1_000_000;
/// The disk of these tests: above the least room with which a file can be too large.
const DISK_BYTES: u64 = 24_000_000;
const OTHERS: usize = 30;

fn class_of(run: &Run, url: &str) -> Option<Class> {
    run.outcome(url).fault.as_ref().and_then(|fault| fault.class.parse().ok())
}

fn url(path: &str) -> String {
    format!("http://{ORIGIN}{path}")
}

fn limited(settings: &mut longhaul::Settings) {
    settings.file_bytes_max = Some(LIMIT);
}

/// A size that the head announces, one that the list gives, and one that shows as the bytes arrive.
#[test]
fn a_file_over_the_limit_fails_as_soon_as_that_is_known() {
    simulate(async {
        let world = World::new(1);
        let large = vec![7; usize::try_from(LIMIT).expect("it fits") + 1];
        let just = large[1..].to_vec();
        let host = world.scripted(ORIGIN, move |request| match request.path.as_str() {
            "/announced" => Reply::status(200).body(large.clone()),
            "/unannounced" => Reply::status(200).chunked(&large),
            "/closes" => Reply::status(200).field("Connection", "close").raw(large.clone()).end(End::Fin),
            "/just" => Reply::status(200).body(just.clone()),
            "/just-unannounced" => Reply::status(200).chunked(&just),
            _ => Reply::status(200).body("small"),
        });
        let paths = ["/announced", "/unannounced", "/closes", "/just", "/just-unannounced", "/small"];
        let listed = format!("{}\tsize={}\n", url("/listed"), LIMIT + 1);
        let lines: String = paths.iter().map(|path| url(path) + "\n").collect();
        let run = world.haul(lines + &listed).settings(limited).run().await;
        assert_eq!(run.counts(), (3, 4, 0, 0), "{:#?}", run.events);
        for path in ["/announced", "/unannounced", "/closes", "/listed"] {
            assert_eq!(class_of(&run, &url(path)), Some(Class::TooLarge), "{path}");
        }
        assert_eq!(host.requests().iter().filter(|request| request.path == "/listed").count(), 0);
        assert_eq!(host.requests().len(), paths.len(), "none is tried again");
        let announced = run.outcome(&url("/announced"));
        let received = run.events_of(EventKind::Received).filter(|event| event.row == announced.row);
        assert_eq!(received.map(|event| event.bytes).sum::<u64>(), 0);
        assert_eq!(world.parts(), [""; 0]);
        assert_eq!(world.file("origin.test/just").expect("it is done").len() as u64, LIMIT);
    });
}

/// A part of a file whose whole is over the limit: the rest is not requested again and again, and the part stays for a run with a
/// larger limit.
#[test]
fn a_part_of_a_file_over_the_limit_is_kept_for_a_larger_one() {
    simulate(async {
        let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
        let large = "/large?size=9000000";
        let line = url(large) + "\n";
        let mut bytes = 0;
        let crash = move |event: &world::RecordedEvent| {
            bytes += if event.kind == EventKind::Received { event.bytes } else { 0 };
            bytes >= 6_000_000
        };
        let _ = world.haul(&line).crash_when(Crash::Kill, crash).run().await;
        let run = world.haul(&line).settings(limited).run().await;
        assert_eq!(class_of(&run, &url(large)), Some(Class::TooLarge));
        assert_eq!(run.report().bytes_received, 0);
        assert_eq!(world.parts(), ["0"]);
        assert_eq!(longhaul_reopen(&world), 1);
        let run = world.haul(&line).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        assert!(run.report().bytes_received < 4_000_000, "{}", run.report().bytes_received);
        world.assert_file_is_right(origin.site(), large);
    });
}

/// Opens the failed rows again, as `retry` does.
fn longhaul_reopen(world: &World) -> u64 {
    use std::sync::Arc;
    let storage = Arc::new(world.storage());
    let mut opened = longhaul_journal::Journal::open(storage, 1, world.boot_id(), "a test").expect("a haul");
    let rows = [longhaul_journal::RowId(0)];
    for row in rows {
        opened.log.record(&longhaul_journal::Record::Reopened(row)).expect("memory");
    }
    opened.log.commit().expect("memory");
    rows.len() as u64
}

/// The disk has less room than the head announces, or the body has no end. Either row fails; the others need no room that it took.
#[test]
fn a_file_that_the_disk_has_no_room_for_fails_alone() {
    for announced in [false, true] {
        simulate(async {
            let world = World::new(1);
            let length = if announced { "Content-Length" } else { "X-Other" };
            let endless = move || {
                Reply::status(200)
                    .field(length, 1_000_000_000_u64)
                    .field("Connection", "close")
                    .raw(vec![7; 40_000_000])
                    .end(End::Silence)
            };
            let _host = world.scripted("large.test", move |_| endless());
            let origin = world.host(ORIGIN, Site::new(1), FaultMix::none());
            world.storage().set_capacity(Some(DISK_BYTES));
            let large = "http://large.test/endless";
            let run = world.haul(format!("{large}\n{}", list(OTHERS))).run().await;
            assert_eq!(run.counts(), (OTHERS as u64, 1, 0, 0), "{:#?}", run.events);
            assert_eq!(class_of(&run, large), Some(Class::TooLarge));
            assert!(run.elapsed < Duration::from_mins(5), "{:?}", run.elapsed);
            assert_eq!(world.parts(), [""; 0]);
            world.assert_every_file_is_right(origin.site(), &paths(OTHERS));
        });
    }
}

/// Several endless bodies fill the disk together, each below what one file may take. They give their room back, one after the other.
#[test]
fn endless_bodies_that_fill_the_disk_together_give_their_room_back() {
    simulate(async {
        let world = World::new(1);
        let _hosts = ["a.test", "b.test", "c.test"].map(|name| {
            world.scripted(name, |_| {
                let reply = Reply::status(200).field("Connection", "close");
                reply.raw(vec![7; 20_000_000]).end(End::Silence)
            })
        });
        let site = Site::new(1).with_sizes(longhaul_origin::Sizes::between(100_000, 200_000));
        let origin = world.host_with(
            ORIGIN,
            site,
            FaultMix::none(),
            longhaul_origin::Options { latency: Duration::from_secs(1), ..Default::default() },
        );
        world.storage().set_capacity(Some(DISK_BYTES));
        let endless: Vec<String> =
            ["a.test", "b.test", "c.test"].iter().map(|name| format!("http://{name}/endless")).collect();
        let run = world.haul(endless.join("\n") + "\n" + &list(OTHERS)).run().await;
        assert_eq!(run.report().counts.done, OTHERS as u64, "{:#?}", run.events);
        let too_large = endless.iter().filter(|url| class_of(&run, url) == Some(Class::TooLarge)).count();
        assert!(too_large >= 2, "{too_large}");
        assert!(run.elapsed < Duration::from_mins(30), "{:?}", run.elapsed);
        world.assert_every_file_is_right(origin.site(), &paths(OTHERS));
    });
}

/// A disk that is full for another reason is no file's fault: every row waits, as before.
#[test]
fn a_disk_that_others_have_filled_is_waited_for() {
    simulate(async {
        let site = Site::new(2).with_sizes(longhaul_origin::Sizes::between(100_000, 300_000));
        let (world, origin) = World::serving(2, site, FaultMix::none());
        let storage = world.storage();
        world.put_file("theirs", &vec![1; 20_000_000]);
        storage.set_capacity(Some(21_000_000));
        let janitor = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_mins(5)).await;
            storage.set_capacity(None);
        });
        let run = world.haul(list(OTHERS)).run().await;
        janitor.await.expect("the janitor comes");
        assert_eq!(run.counts(), (OTHERS as u64, 0, 0, 0), "{:#?}", run.events);
        assert_eq!(run.events_of(EventKind::Paused).count(), 1);
        world.assert_every_file_is_right(origin.site(), &paths(OTHERS));
    });
}
