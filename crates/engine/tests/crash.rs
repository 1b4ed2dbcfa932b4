//! Hauls that are killed, lose power or meet a failing disk at any moment, and are resumed. Every reported outcome stays true, every
//! file under a final name is complete, and in the end every line has exactly one outcome.

mod world;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longhaul::{HaulError, Settings};
use longhaul_journal::storage::Failure;
use longhaul_journal::{Done, Entry, Expectation, Fields, Journal, Opened, Record, Row, RowId};
use longhaul_origin::{FaultMix, HostileServer, Options, Site, Sizes};
use world::{Crash, EventKind, ORIGIN, Run, World, name, simulate};

const FILES: usize = 60;
/// `EIO` on every system that the project knows.
const EIO: i32 = 5;

/// The file of a number: every tenth is too large for one piece.
fn path(number: usize) -> String {
    let path = world::path(number);
    if number % 10 == 1 { path + "?size=400000" } else { path }
}

/// One line in so many cannot be fetched, and one repeats an earlier line.
const LINES_PER_ODD_LINE: usize = 12;

/// A haul that is run through crashes, and the checks after each run.
struct CrashTest {
    world: World,
    origin: HostileServer,
    files: usize,
    /// The URL of each row with a reported outcome, and the requests for it until then, if there were any.
    settled: BTreeMap<u64, (String, Option<u64>)>,
    /// Whether several crashes follow each other, a power failure among them.
    lost_power: bool,
}

impl CrashTest {
    /// Some paths do not exist.
    fn new(seed: u64, files: usize, faults: FaultMix) -> Self {
        let site = Site::new(seed).with_sizes(Sizes::between(0, 40_000));
        let (world, origin) = World::serving(seed, site, faults);
        for number in (0..files).step_by(17) {
            origin.site().set_exists(&path(number), false);
        }
        Self { world, origin, files, settled: BTreeMap::new(), lost_power: false }
    }

    fn list(&self) -> String {
        let line = |number| format!("http://{ORIGIN}{}\n", path(number));
        let file = |number| match number % LINES_PER_ODD_LINE {
            3 => line(number) + "ftp://example.test/\n",
            5 => line(number) + &line(number - 1),
            _ => line(number),
        };
        (0..self.files).map(file).collect()
    }

    fn paths(&self) -> Vec<String> {
        (0..self.files).map(path).collect()
    }

    async fn run(&mut self, crash: Option<(usize, Crash)>) -> Run {
        let plan = self.world.haul(self.list());
        let plan = match crash {
            Some((events, crash)) => plan.crash_at_event(events, crash),
            None => plan,
        };
        let run = plan.run().await;
        let changed = run.events_of(EventKind::PartChanged).count();
        assert!(changed == 0 || self.lost_power, "{changed} unfinished bodies were changed");
        self.check(&run);
        run
    }

    /// Checks what must hold after every run, however it ended.
    fn check(&mut self, run: &Run) {
        for event in run.events.iter().filter(|event| event.is_outcome()) {
            let row = event.row.expect("an outcome is that of a row");
            let requests = event.status.map(|_| self.origin.requests_of(&path_of(&event.url)));
            let earlier = self.settled.insert(row, (event.url.clone(), requests));
            assert_eq!(earlier, None, "row {row} has two outcomes");
            if event.kind == EventKind::Done {
                assert!(self.world.file(&name(&path_of(&event.url))).is_some(), "{} is not there", event.url);
            }
        }
        for (url, requests) in self.settled.values() {
            if let Some(requests) = requests {
                assert_eq!(self.origin.requests_of(&path_of(url)), *requests, "{url} was asked for again");
            }
        }
        self.world.assert_no_file_is_wrong(self.origin.site(), &self.paths());
    }

    /// Runs to the end, and checks every file and count.
    async fn finish(mut self) {
        let run = self.run(None).await;
        let absent = self.files.div_ceil(17) as u64;
        let odd = (self.files / LINES_PER_ODD_LINE) as u64;
        let expected = (self.files as u64 - absent, absent + odd, odd, 0);
        assert_eq!(run.counts(), expected, "{:#?}", run.report());
        for path in self.paths() {
            let (is_there, exists) =
                (self.world.file(&name(&path)).is_some(), self.origin.site().exists(&path));
            assert_eq!(is_there, exists, "{path}");
        }
        assert_eq!(self.world.parts(), Vec::<String>::new(), "nothing is left of bodies under way");
        let again = self.world.haul(self.list()).run().await;
        assert_eq!(again.counts(), expected);
        assert_eq!(again.report().requests, 0, "a haul that is finished asks for nothing");
    }
}

fn path_of(url: &str) -> String {
    url.replacen("http://origin.test", "", 1)
}

/// The number of events of a run without a crash.
fn events_of(seed: u64, files: usize, faults: FaultMix) -> usize {
    simulate(async {
        let test = CrashTest::new(seed, files, faults);
        test.world.haul(test.list()).run().await.events.len()
    })
}

fn crash_at_many_moments(crash: Crash) {
    let seed = 5;
    let events = events_of(seed, FILES, FaultMix::rehearsal());
    let moments = 60;
    for moment in 0..moments {
        simulate(async {
            let mut test = CrashTest::new(seed, FILES, FaultMix::rehearsal());
            test.run(Some((1 + moment * events / moments, crash))).await;
            test.finish().await;
        });
    }
}

#[test]
fn a_haul_that_is_killed_at_any_moment_is_resumed() {
    crash_at_many_moments(Crash::Kill);
}

#[test]
fn a_haul_that_loses_power_at_any_moment_is_resumed() {
    crash_at_many_moments(Crash::PowerLoss);
}

/// A run that resumes after a crash crashes again, three times in a row.
#[test]
fn crashes_while_resuming_lose_nothing() {
    for seed in 0..20 {
        simulate(async {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut test = CrashTest::new(seed, FILES, FaultMix::rehearsal());
            for _ in 0..3 {
                let crash = if random.bool() { Crash::Kill } else { Crash::PowerLoss };
                // A run that is stopped at once does not record what a power failure took from a part.
                test.lost_power |= matches!(crash, Crash::PowerLoss);
                test.run(Some((random.usize(1..120), crash))).await;
            }
            test.finish().await;
        });
    }
}

/// The machine loses power in the middle of large bodies, and the process that resumes them is killed at each of its
/// first calls of the storage: bytes that the power failure tore are never taken for bytes that the kill left.
#[test]
fn a_kill_after_a_power_failure_does_not_make_torn_bytes_good() {
    let size = 6_000_000;
    for call in (0..60).step_by(2) {
        simulate(async {
            let (world, origin) = World::serving(call, Site::new(3), FaultMix::none());
            let path = format!("/large?size={size}");
            let url = format!("http://{ORIGIN}{path}\n");
            let first = world.haul(&url).settings(|settings| settings.rate_limit = Some(1_000_000));
            first.crash_at_event(24, Crash::PowerLoss).run().await;
            let second = world.haul(&url).halt_storage_at(call).run().await;
            assert!(matches!(second.report, Some(Err(_))), "call {call} is one of the first");
            world.crashed(Crash::Kill, Crash::Kill.of(&world.storage()));
            assert_eq!(world.haul(&url).run().await.counts(), (1, 0, 0, 0));
            world.assert_file_is_right(origin.site(), &path);
        });
    }
}

/// Any one call of the storage fails: the run succeeds, or it ends with an error and the next run succeeds. Nothing is lost,
/// nothing is wrong, nothing panics.
fn one_call_fails(failure: impl Into<Failure> + Copy, step: usize) {
    let (seed, files) = (9, 12);
    let calls = simulate(async {
        let test = CrashTest::new(seed, files, FaultMix::rehearsal());
        test.world.haul(test.list()).run().await;
        test.world.storage().operation_count()
    });
    for call in (0..calls).step_by(step) {
        simulate(async {
            let mut test = CrashTest::new(seed, files, FaultMix::rehearsal());
            let plan = test.world.haul(test.list()).fail_storage_call(call, failure);
            let run = plan.run().await;
            test.check(&run);
            test.finish().await;
        });
    }
}

#[test]
fn an_input_output_error_at_any_call_costs_at_most_the_run() {
    one_call_fails(Failure::Errno(EIO), 3);
}

#[test]
fn a_full_disk_at_any_call_costs_nothing() {
    one_call_fails(ErrorKind::StorageFull, 3);
}

/// The disk fails from some call on, and then the power fails: earlier reports stay true, and the next run, on a disk that
/// works, succeeds. These crashes fall between any two calls of a commit, where no event is reported.
#[test]
fn a_disk_that_goes_away_ends_the_run_with_an_error() {
    for crash in [Crash::Kill, Crash::PowerLoss] {
        for call in (20..400).step_by(3) {
            simulate(async {
                let mut test = CrashTest::new(call, 12, FaultMix::none());
                let run = test.world.haul(test.list()).halt_storage_at(call).run().await;
                test.check(&run);
                let left = crash.of(&test.world.storage());
                test.world.crashed(crash, left);
                test.finish().await;
            });
        }
    }
}

/// A disk on which no sync of a file succeeds ends the run with an error.
#[test]
fn a_disk_that_never_syncs_ends_the_run() {
    simulate(async {
        let (world, origin) = World::serving(1, Site::new(1), FaultMix::none());
        let never = |call: &str, path: &str| match call {
            "sync" if path.contains("/parts/") => Err(io::Error::from_raw_os_error(EIO)),
            _ => Ok(()),
        };
        let run = world.haul(world::list(20)).trap(never).run().await;
        assert!(matches!(run.report, Some(Err(HaulError::Disk(_)))), "{:?}", run.report);
        assert_eq!(run.events_of(EventKind::Done).count(), 0);
        assert!(origin.stats().requests <= 40, "{:?}", origin.stats());
        assert_eq!(world.haul(world::list(20)).run().await.counts(), (20, 0, 0, 0));
    });
}

/// An unfinished body cannot be synced: it is fetched again, and no other body is affected.
#[test]
fn a_body_that_cannot_be_synced_begins_again() {
    simulate(async {
        let (world, origin) = World::serving(1, Site::new(1), FaultMix::none());
        let large = "/large?size=9000000".to_owned();
        let is_first = AtomicBool::new(true);
        let once = move |call: &str, path: &str| match call {
            "sync" if path.contains("/parts/") && is_first.swap(false, Ordering::Relaxed) => {
                Err(io::Error::from_raw_os_error(EIO))
            }
            _ => Ok(()),
        };
        let plan = world.haul(format!("http://{ORIGIN}{large}\n")).trap(once);
        let run = plan.settings(|settings| settings.rate_limit = Some(2_000_000)).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        assert_eq!(origin.requests_of(&large), 2);
        world.assert_file_is_right(origin.site(), &large);
    });
}

/// A large body that arrives without a pause is synced at intervals: a power failure costs about a second of it.
#[test]
fn a_body_without_a_pause_is_made_durable() {
    simulate(async {
        let options = Options { latency: Duration::from_millis(1), ..Options::default() };
        let world = World::new(1);
        let origin = world.host_with(ORIGIN, Site::new(1), FaultMix::none(), options);
        let large = "/large?size=30000000".to_owned();
        let url = format!("http://{ORIGIN}{large}\n");
        let limited = |settings: &mut Settings| settings.rate_limit = Some(8_000_000);
        let first = world.haul(&url).settings(limited).crash_at_event(100, Crash::PowerLoss).run().await;
        let received: u64 = first.events_of(EventKind::Received).map(|event| event.bytes).sum();
        let run = world.haul(&url).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        world.assert_file_is_right(origin.site(), &large);
        let repeated = received + run.report().bytes_received - 30_000_000;
        assert!(repeated < 14_000_000, "{repeated} of {received} bytes came twice");
    });
}

/// A file is in doubt and the disk does not give it back: its row waits for a later run, and no other row waits for it.
#[test]
fn a_file_in_doubt_that_cannot_be_read_is_its_rows_trouble() {
    let mut left_in_doubt = 0;
    for call in 0..60 {
        simulate(async {
            let (world, origin) = World::serving(3, Site::new(3), FaultMix::none());
            let content = origin.site().content(&path(0)).to_vec();
            let Opened { mut spool, mut log, lock, .. } =
                Journal::open(Arc::new(world.storage()), 1, world.boot_id(), "test").expect("a journal");
            let source = spool.append_source("list").expect("a source");
            for (number, line) in (0..2).zip(1..) {
                let url = format!("http://{ORIGIN}{}", path(number));
                let entry = Entry::Fetch { url, name: None, expected: Expectation::default() };
                spool.append(&Row { source, line, entry, fields: Fields::default() }).expect("a row");
            }
            spool.sync().expect("a sync");
            let done = Done::of_file(content.len() as u64, blake3::hash(&content).into());
            log.record(&Record::Doubt(RowId(0), done)).expect("a record");
            log.commit().expect("a commit");
            drop((spool, log, lock));
            world.put_file(&name(&path(0)), &content);
            let first = world.haul("").fail_storage_call(call, Failure::Errno(EIO)).run().await;
            if let Some(Ok(report)) = &first.report
                && report.counts.pending > 0
            {
                assert_eq!(
                    (first.counts(), report.parked, report.requests),
                    ((1, 0, 0, 1), 1, 1),
                    "call {call}"
                );
                assert_eq!(first.events_of(EventKind::Parked).count(), 1);
                left_in_doubt += 1;
            }
            world.storage().heal();
            let second = world.haul("").run().await;
            assert_eq!(second.counts(), (2, 0, 0, 0), "call {call}");
            assert!(origin.stats().requests <= 2, "call {call}: the file was there");
            assert_eq!(world.file(&name(&path(0))), Some(content), "call {call}");
        });
    }
    assert!(left_in_doubt > 0);
}
