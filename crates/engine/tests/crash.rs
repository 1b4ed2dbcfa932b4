//! Killed, cut from power, let down by the disk: at any moment, and resumed. What was told stays true, what is under a
//! final name is complete, and in the end every line has exactly one outcome.

mod world;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longhaul::{HaulError, Settings};
use longhaul_journal::storage::Failure;
use longhaul_origin::{FaultMix, HostileServer, Options, Site, Sizes};
use world::{Crash, ORIGIN, Run, What, World, name, simulate};

const FILES: usize = 60;
/// `EIO` on every system that the project knows.
const EIO: i32 = 5;

/// The file of a number: every tenth is too large for one piece.
fn path(number: usize) -> String {
    let path = world::path(number);
    if number % 10 == 1 { path + "?size=400000" } else { path }
}

/// After so many files there is a line that cannot be fetched, and one that has been there before.
const LINES_PER_ODD_LINE: usize = 12;

/// A haul that goes through crashes, and what must hold through all of them.
struct Ordeal {
    world: World,
    origin: HostileServer,
    files: usize,
    /// The URL of each row whose outcome was told, and the requests for it until then, if it was asked for at all.
    settled: BTreeMap<u64, (String, Option<u64>)>,
}

impl Ordeal {
    /// Some paths do not exist.
    fn new(seed: u64, files: usize, faults: FaultMix) -> Self {
        let site = Site::new(seed).with_sizes(Sizes::between(0, 40_000));
        let (world, origin) = World::serving(seed, site, faults);
        for number in (0..files).step_by(17) {
            origin.site().set_exists(&path(number), false);
        }
        Self { world, origin, files, settled: BTreeMap::new() }
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
        assert_eq!(run.all(What::PartChanged).count(), 0, "nobody has touched anything");
        self.check(&run);
        run
    }

    /// What holds after every run, however it ended.
    fn check(&mut self, run: &Run) {
        for told in run.told.iter().filter(|told| told.is_outcome()) {
            let row = told.row.expect("an outcome is that of a row");
            let requests = told.status.map(|_| self.origin.requests_of(&path_of(&told.url)));
            let earlier = self.settled.insert(row, (told.url.clone(), requests));
            assert_eq!(earlier, None, "row {row} has two outcomes");
            if told.what == What::Done {
                assert!(self.world.file(&name(&path_of(&told.url))).is_some(), "{} is not there", told.url);
            }
        }
        for (url, requests) in self.settled.values() {
            if let Some(requests) = requests {
                assert_eq!(self.origin.requests_of(&path_of(url)), *requests, "{url} was asked for again");
            }
        }
        self.world.assert_no_file_is_wrong(self.origin.site(), &self.paths());
    }

    /// Runs to the end, and looks at everything.
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

/// The events that an undisturbed run tells.
fn events_of(seed: u64, files: usize, faults: FaultMix) -> usize {
    simulate(async {
        let ordeal = Ordeal::new(seed, files, faults);
        ordeal.world.haul(ordeal.list()).run().await.told.len()
    })
}

fn crash_at_many_moments(crash: Crash) {
    let seed = 5;
    let events = events_of(seed, FILES, FaultMix::rehearsal());
    let moments = 60;
    for moment in 0..moments {
        simulate(async {
            let mut ordeal = Ordeal::new(seed, FILES, FaultMix::rehearsal());
            ordeal.run(Some((1 + moment * events / moments, crash))).await;
            ordeal.finish().await;
        });
    }
}

#[test]
fn killed_at_any_moment_it_goes_on() {
    crash_at_many_moments(Crash::Kill);
}

#[test]
fn cut_from_power_at_any_moment_it_goes_on() {
    crash_at_many_moments(Crash::PowerLoss);
}

/// A crash while the run resumes from a crash, three deep.
#[test]
fn crashes_while_resuming_lose_nothing() {
    for seed in 0..20 {
        simulate(async {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut ordeal = Ordeal::new(seed, FILES, FaultMix::rehearsal());
            for _ in 0..3 {
                let crash = if random.bool() { Crash::Kill } else { Crash::PowerLoss };
                ordeal.run(Some((random.usize(1..120), crash))).await;
            }
            ordeal.finish().await;
        });
    }
}

/// The machine loses power in the middle of large bodies, and the process that resumes them is killed at each of its
/// first calls of the storage: what the power failure tore is never taken for what the kill left.
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

/// One call of the storage fails, whichever it is: the run ends right, or it ends with an error and the next one ends
/// right. Nothing is lost, nothing is wrong, nothing panics.
fn one_call_fails(failure: impl Into<Failure> + Copy, step: usize) {
    let (seed, files) = (9, 12);
    let calls = simulate(async {
        let ordeal = Ordeal::new(seed, files, FaultMix::rehearsal());
        ordeal.world.haul(ordeal.list()).run().await;
        ordeal.world.storage().operation_count()
    });
    for call in (0..calls).step_by(step) {
        simulate(async {
            let mut ordeal = Ordeal::new(seed, files, FaultMix::rehearsal());
            let plan = ordeal.world.haul(ordeal.list()).fail_storage_call(call, failure);
            let run = plan.run().await;
            ordeal.check(&run);
            ordeal.finish().await;
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

/// The disk is gone from some call on, and then the power: what was told before is true, and the next run, on a disk that
/// works, ends right. These crashes fall between any two calls of a commit, where no event is told.
#[test]
fn a_disk_that_goes_away_ends_the_run_with_an_error() {
    for crash in [Crash::Kill, Crash::PowerLoss] {
        for call in (20..400).step_by(3) {
            simulate(async {
                let mut ordeal = Ordeal::new(call, 12, FaultMix::none());
                let run = ordeal.world.haul(ordeal.list()).halt_storage_at(call).run().await;
                ordeal.check(&run);
                let left = crash.of(&ordeal.world.storage());
                ordeal.world.crashed(crash, left);
                ordeal.finish().await;
            });
        }
    }
}

/// A disk on which no sync of a file succeeds is said to be broken, rather than written to for ever.
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
        assert_eq!(run.all(What::Done).count(), 0);
        assert!(origin.stats().requests <= 40, "{:?}", origin.stats());
        assert_eq!(world.haul(world::list(20)).run().await.counts(), (20, 0, 0, 0));
    });
}

/// One body cannot be made durable while it is under way: it is fetched again, and nothing else is touched by it.
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

/// A large body that never pauses is made durable all the same: a power failure costs about a second of it.
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
        let received: u64 = first.all(What::Received).map(|told| told.bytes).sum();
        let run = world.haul(&url).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        world.assert_file_is_right(origin.site(), &large);
        let repeated = received + run.report().bytes_received - 30_000_000;
        assert!(repeated < 14_000_000, "{repeated} of {received} bytes came twice");
    });
}
