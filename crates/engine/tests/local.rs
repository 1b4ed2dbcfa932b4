//! Failures of our own machine are charged to no URL and no host: a full disk, a network that is down. Also stops and rate limits.

mod world;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::retry::Tries;
use longhaul::{Settings, Stopper};
use longhaul_origin::{FaultMix, InjectedFault, Options, Share, Site, Sizes};
use longhaul_socket::clock;
use world::{Crash, EventKind, ORIGIN, RecordedEvent, Reply, Run, World, list, paths, simulate, urls};

/// Room that is soon used up by the files of these tests.
const SMALL_DISK_BYTES: u64 = 400_000;
/// With so many connections no descriptor is left for a file.
const CONNECTIONS_MAX: usize = 4;
/// Too many open files: the same number on every Unix.
const EMFILE: i32 = 24;

fn small_tries(settings: &mut Settings) {
    settings.tries = Tries::AtMost(2);
}

/// The disk is full; somebody makes room after a while, and the run continues. No attempt is charged, although the host timed out
/// meanwhile.
#[test]
fn a_full_disk_pauses_the_run() {
    simulate(async {
        let site = Site::new(2).with_sizes(Sizes::between(10_000, 60_000));
        let options = Options { write_time: Duration::from_secs(20), ..Options::default() };
        let world = World::new(2);
        let origin = world.host_with(ORIGIN, site, FaultMix::none(), options);
        let storage = world.storage();
        storage.set_capacity(Some(SMALL_DISK_BYTES));
        let janitor = tokio::spawn({
            let storage = storage.clone();
            async move {
                tokio::time::sleep(Duration::from_mins(5)).await;
                storage.set_capacity(None);
            }
        });
        let run = world.haul(list(100)).settings(small_tries).run().await;
        janitor.await.expect("the janitor comes");
        assert_eq!(run.counts(), (100, 0, 0, 0), "{:#?}", run.report());
        world.assert_every_file_is_right(origin.site(), &paths(100));
        let pauses: Vec<&RecordedEvent> = run.events_of(EventKind::Paused).collect();
        assert_eq!(pauses.len(), 1, "{pauses:#?}");
        assert_eq!(pauses[0].reason, "no space left on the disk");
        let resumed: Vec<&RecordedEvent> = run.events_of(EventKind::Resumed).collect();
        assert_eq!(resumed.len(), 1);
        assert!(resumed[0].at >= Duration::from_mins(5) && resumed[0].at < Duration::from_secs(302));
        assert!(
            run.events_of(EventKind::Done).all(|event| event.attempts == 1),
            "a full disk is charged to no URL"
        );
        let during =
            run.events.iter().filter(|event| event.at > Duration::from_mins(1) && event.at < resumed[0].at);
        assert!(
            during.clone().all(|event| event.kind != EventKind::Done),
            "{:#?}",
            during.collect::<Vec<_>>()
        );
    });
}

/// Idle connections hold the descriptors that files need: they are closed at once, and not when their idle time ends.
#[test]
fn a_lack_of_descriptors_is_not_waited_out() {
    simulate(async {
        let world = World::new(2);
        let host = world.scripted(ORIGIN, |_| Reply::status(200).body("hello"));
        let connections = host.connections();
        let shared = move |call: &str, path: &str| match call {
            "create" if path.contains("/parts/") && connections() >= CONNECTIONS_MAX => {
                Err(std::io::Error::from_raw_os_error(EMFILE))
            }
            _ => Ok(()),
        };
        let run = world.haul(list(200)).trap(shared).settings(small_tries).run().await;
        assert_eq!(run.counts(), (200, 0, 0, 0), "{:#?}", run.report());
        let paused: Vec<&RecordedEvent> = run.events_of(EventKind::Paused).collect();
        assert!(paused.iter().all(|event| event.reason == "too many open files"), "{paused:#?}");
        assert!(!paused.is_empty(), "it never lacked any");
        assert!(run.elapsed < Duration::from_secs(10), "{:?}", run.elapsed);
        assert!(
            run.events_of(EventKind::Done).all(|event| event.attempts == 1),
            "a lack of descriptors is charged to no URL"
        );
    });
}

/// Only the rows of the list find no room, which is reported as a pause too.
#[test]
fn a_full_disk_that_only_the_list_meets_is_a_pause() {
    simulate(async {
        let (world, _origin) = World::serving(2, Site::new(2), FaultMix::none());
        let begun = clock::now();
        let full = move |call: &str, path: &str| {
            let is_row = call == "write_all_at" && path.contains("/spool-");
            if is_row && begun.elapsed() < Duration::from_mins(2) {
                return Err(ErrorKind::StorageFull.into());
            }
            Ok(())
        };
        let run = world.haul(list(10)).trap(full).run().await;
        assert_eq!(run.counts(), (10, 0, 0, 0));
        let pauses: Vec<&str> = run.events_of(EventKind::Paused).map(|event| event.reason.as_str()).collect();
        assert_eq!(pauses, ["no space left on the disk"]);
        assert_eq!(run.events_of(EventKind::Resumed).count(), 1);
    });
}

/// An exchange that waits for our own disk keeps its slot, so the host gets no further requests meanwhile, whose responses a kill
/// would lose.
#[test]
fn a_full_disk_starts_no_further_requests() {
    simulate(async {
        let site = Site::new(2).with_sizes(Sizes::fixed(4_000));
        let (world, origin) = World::serving(2, site, FaultMix::none());
        world.storage().set_capacity(Some(SMALL_DISK_BYTES));
        let mut paused_at = None;
        let after_a_minute = move |event: &RecordedEvent| {
            paused_at = paused_at.or((event.kind == EventKind::Paused).then_some(event.at));
            paused_at.is_some_and(|at| event.at > at + Duration::from_mins(1))
        };
        let storage = world.storage();
        let janitor = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_mins(2)).await;
            storage.set_capacity(None);
        });
        let first = world.haul(list(400)).crash_when(Crash::Kill, after_a_minute).run().await;
        janitor.await.expect("the janitor comes");
        assert!(first.report.is_none(), "it was killed");
        let second = world.haul(list(400)).run().await;
        assert_eq!(second.counts(), (400, 0, 0, 0));
        world.assert_every_file_is_right(origin.site(), &paths(400));
        let repeated = origin.stats().requests - 400;
        assert!(
            repeated <= 32,
            "{repeated} requests for 16 exchanges and 16 bodies on their way to the disk"
        );
    });
}

/// A run that waits for room can be stopped, and the next one has lost nothing.
#[test]
fn a_stop_ends_a_run_that_waits_for_room() {
    simulate(async {
        let site = Site::new(2).with_sizes(Sizes::between(10_000, 60_000));
        let (world, origin) = World::serving(2, site, FaultMix::none());
        world.storage().set_capacity(Some(SMALL_DISK_BYTES));
        let stopper: Arc<Mutex<Option<Stopper>>> = Arc::default();
        let borrowed = Arc::clone(&stopper);
        let lend = move |_: &RecordedEvent, stopper: &Stopper| {
            borrowed.lock().expect("nobody panics").get_or_insert_with(|| stopper.clone());
        };
        let after_a_while = async {
            tokio::time::sleep(Duration::from_mins(2)).await;
            stopper.lock().expect("nobody panics").as_ref().expect("it runs").stop();
            clock::now()
        };
        let (stopped_at, first) = tokio::join!(after_a_while, world.haul(list(100)).watch(lend).run());
        assert!(clock::now() - stopped_at < Duration::from_secs(2), "the stop took too long");
        assert!(first.report().stopped);
        let (done, failed, _, pending) = first.counts();
        assert_eq!((done + pending, failed), (100, 0), "{:#?}", first.report());
        assert_eq!(first.events_of(EventKind::Done).count() as u64, done);
        world.storage().set_capacity(None);
        let second = world.haul(list(100)).run().await;
        assert_eq!(second.counts(), (100, 0, 0, 0));
        world.assert_every_file_is_right(origin.site(), &paths(100));
    });
}

fn stop_after(outcomes: usize) -> impl FnMut(&RecordedEvent, &Stopper) + Send + 'static {
    let mut seen = 0;
    move |event, stopper| {
        seen += usize::from(event.kind == EventKind::Done);
        if seen >= outcomes {
            stopper.stop();
        }
    }
}

/// A stop keeps the bytes that have arrived. The run ends at once, and the next one resumes there.
#[test]
fn a_stop_keeps_the_bytes_that_have_arrived() {
    simulate(async {
        let (world, origin) = World::serving(2, Site::new(2), FaultMix::rehearsal());
        let paths: Vec<String> = (0..60).map(|file| format!("/{file}?size=300000")).collect();
        let lines = urls(ORIGIN, &paths);
        let slowly = |settings: &mut Settings| settings.rate_limit = Some(3_000_000);
        let mut received = 0;
        let mut runs = 0;
        loop {
            let run = world.haul(&lines).settings(slowly).watch(stop_after(10)).run().await;
            let (done, failed, _, pending) = run.counts();
            assert_eq!((done + pending, failed), (60, 0));
            assert_eq!(run.report().stopped, run.events_of(EventKind::Stopping).count() == 1);
            received += run.report().bytes_received;
            runs += 1;
            assert!(runs < 20, "each run ends ten files");
            if pending == 0 {
                break;
            }
            let stopping = run
                .events
                .iter()
                .position(|event| event.kind == EventKind::Stopping)
                .expect("it was stopped");
            let late: Vec<_> =
                run.events[stopping..].iter().filter(|event| event.kind == EventKind::Started).collect();
            assert!(late.is_empty(), "started after the stop: {late:#?}");
        }
        assert!(received >= 18_000_000 * 9 / 10);
        world.assert_every_file_is_right(origin.site(), &paths);
    });
}

#[test]
fn a_haul_that_is_stopped_before_it_runs_does_nothing() {
    simulate(async {
        let (world, origin) = World::serving(2, Site::new(2), FaultMix::none());
        let run = world.haul(list(10)).watch(|_, stopper| stopper.stop()).run().await;
        assert!(run.report().stopped);
        assert_eq!(origin.stats().requests, 0);
        assert_eq!(world.haul(list(10)).run().await.counts(), (10, 0, 0, 0));
    });
}

/// Our own network is away for ten minutes in the middle. No file is wrong and no row is lost: it is done, or it has
/// failed with a class that says why, and the same list with more tries finishes.
#[test]
fn a_network_that_is_away_loses_nothing() {
    for is_silent in [false, true] {
        simulate(async {
            let (world, origin) = World::serving(2, Site::new(2), FaultMix::none());
            let network = world.network.clone();
            let mut seen = 0;
            let cut = move |event: &RecordedEvent, _: &Stopper| {
                seen += usize::from(event.kind == EventKind::Done);
                if event.kind == EventKind::Done && seen == 40 {
                    let network = network.clone();
                    if is_silent {
                        network.blackout()
                    } else {
                        network.down()
                    };
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_mins(10)).await;
                        network.up();
                    });
                }
            };
            let unlimited = |settings: &mut Settings| settings.tries = Tries::Unlimited;
            let run = world.haul(list(100)).settings(unlimited).watch(cut).run().await;
            assert_eq!(run.counts(), (100, 0, 0, 0));
            assert!(
                run.elapsed < Duration::from_mins(13),
                "{:?} after ten minutes without a network",
                run.elapsed
            );
            world.assert_every_file_is_right(origin.site(), &paths(100));
        });
    }
}

/// The limit holds over the whole of a run, for many small files as for few large ones.
#[test]
fn a_rate_limit_holds() {
    let hold = |files: usize, size: u64, rate: u64| {
        simulate(async {
            let site = Site::new(2).with_sizes(Sizes::fixed(size));
            let (world, _) = World::serving(2, site, FaultMix::none());
            let limit = |settings: &mut Settings| settings.rate_limit = Some(rate);
            let run = world.haul(list(files)).settings(limit).run().await;
            assert_eq!(run.counts(), (files as u64, 0, 0, 0));
            let expected = (files as u64 * size) as f64 / rate as f64;
            let last = run.events_of(EventKind::Done).last().expect("files").at.as_secs_f64();
            assert!((last / expected - 1.0).abs() < 0.05, "{last} s instead of {expected} s");
        });
    };
    hold(200, 10_000, 50_000);
    hold(4, 2_000_000, 500_000);
    hold(8, 20_000, 1_000);
}

/// What a run needs to the end, with this share of every fault.
fn time_of(faults: FaultMix, files: usize) -> Run {
    simulate(async {
        let site = Site::new(6).with_sizes(Sizes::between(100, 20_000));
        let (world, origin) = World::serving(6, site, faults);
        let run = world.haul(list(files)).run().await;
        assert_eq!(run.counts(), (files as u64, 0, 0, 0), "{:#?}", run.report());
        world.assert_every_file_is_right(origin.site(), &paths(files));
        run
    })
}

/// A few requests without a response cost no deadline: they are aborted and sent again.
#[test]
fn stalls_do_not_hold_up_the_others() {
    let stalls = FaultMix::none()
        .with(InjectedFault::StallBeforeHead, Share::percent(3))
        .with(InjectedFault::StallInBody, Share::percent(2));
    let run = time_of(stalls, 200);
    assert!(run.elapsed < Duration::from_secs(8), "{:?} with a timeout of ten", run.elapsed);
    assert!(
        run.events_of(EventKind::Retrying).all(|event| event.attempts == 1),
        "a first silence is not charged"
    );
    let retried: BTreeSet<_> = run.events_of(EventKind::Retrying).map(|event| event.row).collect();
    let healthy = run
        .events_of(EventKind::Done)
        .filter(|event| !retried.contains(&event.row))
        .last()
        .expect("most are")
        .at;
    assert!(healthy < Duration::from_secs(4), "the last healthy file was done after {healthy:?}");
}

/// A URL that never responds is not aborted for ever: each attempt lasts twice as long as the one before, until one has its
/// whole deadline.
#[test]
fn a_url_that_is_always_silent_is_cut_short_a_few_times() {
    let silent = "/files/00005";
    let run = time_of(FaultMix::none().under(silent, 1..=5, InjectedFault::StallBeforeHead), 200);
    let lasted: Vec<_> =
        run.events_of(EventKind::Retrying).map(|event| event.fault.as_ref().map(|f| f.elapsed_ms)).collect();
    let lasted: Vec<u64> = lasted.into_iter().map(|lasted| lasted.expect("a fault")).collect();
    let (cut, whole) = lasted.split_at(4);
    assert!(cut[0] < 1_500 && cut.windows(2).all(|two| two[1] < 3 * two[0]), "{lasted:?}");
    assert!(matches!(*whole, [last] if last >= 10_000), "{lasted:?}");
    let charged =
        run.events_of(EventKind::Done).find(|event| event.url.contains(silent)).map(|event| event.attempts);
    assert_eq!(charged, Some(2), "only the last silence is charged");
}

/// Where a host supports no ranges, an aborted body would have to be sent again from its start.
#[test]
fn a_long_body_that_pauses_is_not_cut_short() {
    simulate(async {
        let site = Site::new(6).with_sizes(Sizes::fixed(8_000_000));
        let pause = FaultMix::none().under("/files/00001", 1..=1, InjectedFault::StallInBody);
        let (world, _) = World::serving(6, site, pause);
        let run = world.haul(list(3)).run().await;
        let lasted: Vec<_> =
            run.events_of(EventKind::Retrying).filter_map(|event| event.fault.as_ref()).collect();
        assert_eq!(lasted.len(), 1);
        assert!(lasted[0].elapsed_ms >= 10_000, "{lasted:?}");
    });
}

#[test]
fn a_drip_does_not_hold_up_the_others() {
    let run = time_of(FaultMix::none().under("/files/00005", 1..=1, InjectedFault::Drip), 200);
    let second_to_last = run.events_of(EventKind::Done).nth(198).expect("200 files").at;
    assert!(second_to_last < Duration::from_secs(4), "the others were done after {second_to_last:?}");
    assert!(run.elapsed < Duration::from_secs(15), "{:?}", run.elapsed);
}

/// A host that drips for ever is given up like one that does not answer.
#[test]
fn a_host_that_drips_for_ever_is_given_up() {
    simulate(async {
        let drips = FaultMix::none().under("/", 1.., InjectedFault::Drip);
        let (world, _) = World::serving(6, Site::new(6), drips);
        let run = world.haul(list(3)).run().await;
        assert_eq!(run.counts(), (0, 3, 0, 0), "{:#?}", run.report());
        assert!(
            run.events_of(EventKind::Failed).all(|event| event.class() == "slow"),
            "{:#?}",
            run.events.last()
        );
    });
}

/// The sink fails while the only row left waits for a host that asked for an hour: the run ends with the error at once.
#[test]
fn a_disk_that_breaks_is_reported_at_once() {
    simulate(async {
        let mix = FaultMix::none().on("/files/00001.bin", 1..=1, InjectedFault::Status429RetryAfter(3_000));
        let (world, _) = World::serving(6, Site::new(6), mix);
        let broken = |call: &str, path: &str| match call {
            "rename_noreplace" if !path.starts_with(".longhaul") => Err(std::io::Error::from_raw_os_error(5)),
            _ => Ok(()),
        };
        let run = world.haul(list(2)).trap(broken).run().await;
        assert!(matches!(run.report, Some(Err(_))), "{:?}", run.report);
        assert!(run.elapsed < Duration::from_secs(5), "{:?}", run.elapsed);
        world.crashed(Crash::Kill, Crash::Kill.of(&world.storage()));
        assert_eq!(world.haul(list(2)).run().await.counts(), (2, 0, 0, 0));
    });
}
