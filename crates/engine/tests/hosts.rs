//! Several hosts in one haul: each gets the pause that it asks for, and none waits for another.

mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::retry::Tries;
use longhaul::{Settings, Stopper};
use longhaul_journal::storage::Storage;
use longhaul_origin::{FaultMix, InjectedFault, Options, Site, Sizes};
use longhaul_socket::LookupError;
use longhaul_socket::clock::WallClock;
use world::{End, EventKind, ORIGIN, RecordedEvent, Reply, World, list, list_of, path, paths, simulate};

/// During a pause that a host asked for, no row of the host is sent.
#[test]
fn a_retry_after_holds_the_whole_host() {
    simulate(async {
        let world = World::new(1);
        let clock = world.clock;
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&times);
        let host = world.scripted(ORIGIN, move |request| {
            seen.lock().expect("no script panics").push(clock.unix_ms());
            match request.number {
                10 => Reply::status(503).field("Retry-After", 90).body("later"),
                _ => Reply::status(200).body("a"),
            }
        });
        let run = world.haul(list(60)).run().await;
        assert_eq!(run.counts(), (60, 0, 0, 0));
        assert_eq!(host.requests().len(), 61);
        let times = times.lock().expect("no script panics");
        let told_at = times[9];
        // Requests in flight when the response arrives do not count.
        let round_trip_ms = 30;
        let within = times.iter().filter(|&&at| at > told_at + round_trip_ms && at < told_at + 90_000);
        assert_eq!(within.count(), 0, "{times:?}");
        assert!(run.elapsed < Duration::from_secs(90 + 10), "{:?}", run.elapsed);
    });
}

/// An announced quota is respected: nothing is refused, and the limiter of the host is the announcement.
#[test]
fn an_announced_quota_is_not_exceeded() {
    for is_unix_time in [false, true] {
        simulate(async {
            let world = World::new(1);
            let clock = world.clock;
            let refused = Arc::new(Mutex::new(0));
            let (count, used) = (Arc::clone(&refused), Mutex::new((0, 0)));
            let _host = world.scripted(ORIGIN, move |_| {
                let now_ms = clock.unix_ms();
                let mut used = used.lock().expect("no script panics");
                if used.0 != now_ms / 60_000 {
                    *used = (now_ms / 60_000, 0);
                }
                used.1 += 1;
                let is_served = used.1 <= 100;
                *count.lock().expect("no script panics") += u32::from(!is_served);
                let end_ms = (used.0 + 1) * 60_000;
                let (left, seconds) = (100_u64.saturating_sub(used.1), (end_ms - now_ms).div_ceil(1_000));
                let reply = if is_served { Reply::status(200) } else { Reply::status(429) };
                if is_unix_time {
                    let reply = reply.field("X-RateLimit-Remaining", left);
                    reply.field("X-RateLimit-Reset", end_ms / 1_000).body("a")
                } else {
                    reply.field("RateLimit", format!("\"default\";r={left};t={seconds}")).body("a")
                }
            });
            let run = world.haul(list(350)).run().await;
            assert_eq!(run.counts(), (350, 0, 0, 0));
            assert_eq!(*refused.lock().expect("no script panics"), 0);
            assert!(run.elapsed < Duration::from_secs(3 * 60 + 20), "{:?}", run.elapsed);
            let words: Vec<_> = run.events_of(EventKind::Paced).map(|event| event.reason.clone()).collect();
            assert!(words.iter().any(|why| why == "announces a limit"), "{words:?}");
        });
    }
}

/// Rows of a host that asks for a pause of two days are left for a later run; those of others are not.
#[test]
fn a_retry_after_of_days_parks_the_rows_of_the_host() {
    simulate(async {
        let world = World::new(1);
        let is_open = Arc::new(AtomicBool::new(false));
        let door = Arc::clone(&is_open);
        let busy = world.scripted("busy.test", move |_| {
            if door.load(Ordering::Relaxed) {
                return Reply::status(200).body("a");
            }
            Reply::status(503).field("Retry-After", 2 * 24 * 3600).body("later")
        });
        let origin = world.host(ORIGIN, Site::new(1), FaultMix::none());
        let lines = list_of("busy.test", 2_000) + &list(50);
        let run = world.haul(&lines).run().await;
        assert_eq!(run.counts(), (50, 0, 0, 2_000));
        assert_eq!(run.report().parked, 2_000);
        assert!(run.elapsed < Duration::from_secs(10), "{:?}", run.elapsed);
        world.assert_every_file_is_right(origin.site(), &paths(50));
        let asked = busy.requests().len();
        assert!(asked <= 8, "{asked} requests");

        let soon = world.haul(&lines).run().await;
        assert_eq!(soon.counts(), (50, 0, 0, 2_000));
        assert_eq!(busy.requests().len(), asked, "the host was asked during its pause");

        tokio::time::sleep(Duration::from_hours(49)).await;
        is_open.store(true, Ordering::Relaxed);
        let later = world.haul(&lines).run().await;
        assert_eq!(later.counts(), (2_050, 0, 0, 0));
    });
}

/// A host that asks for a century once, for one URL, serves the others; and it is asked for that one again after a day.
#[test]
fn a_retry_after_of_a_century_parks_one_row_for_a_day() {
    for (seed, number) in [(1, 0), (2, 14), (3, 49)] {
        simulate(async {
            let world = World::new(seed);
            let odd = path(number);
            let busy = world.scripted(ORIGIN, move |request| {
                if request.path == odd {
                    return Reply::status(429).field("Retry-After", 3_153_600_000_u64).body("no");
                }
                Reply::status(200).body("a")
            });
            let run = world.haul(list(50)).run().await;
            assert_eq!(run.counts(), (49, 0, 0, 1));
            assert!(run.elapsed < Duration::from_secs(30), "{:?}", run.elapsed);
            let asked = busy.requests().len();
            assert_eq!(asked, 50);
            world.haul(list(50)).run().await;
            assert_eq!(busy.requests().len(), asked, "not within the day");
            tokio::time::sleep(Duration::from_hours(24)).await;
            world.haul(list(50)).run().await;
            assert_eq!(busy.requests().len(), asked + 1);
        });
    }
}

/// A row that was parked while the clock was years ahead is requested once the clock is right again.
#[test]
fn a_clock_that_was_wrong_parks_nothing_for_ever() {
    simulate(async {
        let mut world = World::new(1);
        let busy = world.scripted(ORIGIN, |request| match request.number {
            1 => Reply::status(503).field("Retry-After", 2 * 3600).body("later"),
            _ => Reply::status(200).body("a"),
        });
        let right = world.clock;
        world.clock = WallClock::starting_at(right.unix_ms() + 20 * 365 * 24 * 3_600_000);
        assert_eq!(world.haul(list(1)).run().await.report().parked, 1);
        world.clock = right;
        assert_eq!(world.haul(list(1)).run().await.counts(), (1, 0, 0, 0));
        assert_eq!(busy.requests().len(), 2);
    });
}

/// Hosts that refuse, do not exist or are silent do not delay a healthy host, and the run ends by itself.
#[test]
fn failing_hosts_do_not_delay_a_healthy_one() {
    let site = || Site::new(4);
    let alone = simulate(async {
        let (world, _) = World::serving(1, site(), FaultMix::none());
        let run = world.haul(list(200)).run().await;
        run.events_of(EventKind::Done).last().expect("200 files").at
    });
    simulate(async {
        let (world, origin) = World::serving(1, site(), FaultMix::none());
        world.endpoint("refused.test");
        world.network.silence(world.endpoint("silent.test"));
        world.network.name_fails("lost.test", LookupError::Silent);
        let sick = ["refused.test", "silent.test", "lost.test", "unknown.test"];
        let lines = sick.map(|host| list_of(host, 40)).concat() + &list(200);
        let run = world.haul(lines).run().await;
        assert_eq!(run.counts(), (200, 160, 0, 0));
        world.assert_every_file_is_right(origin.site(), &paths(200));
        let last = run.events_of(EventKind::Done).last().expect("200 files").at;
        assert!(last <= alone.mul_f64(1.05), "{last:?} beside sick hosts, {alone:?} alone");
        for failure in run.events_of(EventKind::Failed) {
            let fault = failure.fault.as_ref().expect("a failure has a fault");
            assert!(!fault.message.is_empty() && !fault.phase.is_empty(), "{failure:?}");
        }
    });
}

/// A host with thousands of rows listed first does not delay one with few.
#[test]
fn a_slow_host_with_many_rows_does_not_delay_a_fast_one() {
    simulate(async {
        let world = World::new(1);
        let slow = Options { latency: Duration::from_millis(500), clock: world.clock, ..Options::default() };
        let small = || Site::new(1).with_sizes(Sizes::fixed(100));
        world.host_with("slow.test", small(), FaultMix::none(), slow);
        world.host(ORIGIN, small(), FaultMix::none());
        let run = world.haul(list_of("slow.test", 3_000) + &list(50)).run().await;
        assert_eq!(run.counts(), (3_050, 0, 0, 0));
        let of_fast = run.events_of(EventKind::Done).filter(|event| event.url.contains(ORIGIN));
        let last = of_fast.last().expect("50 files").at;
        assert!(last < Duration::from_secs(3), "the fast host was done after {last:?}");
    });
}

/// A host that throttles for ever, without a Retry-After, is given up in the end, after few requests.
#[test]
fn a_host_that_throttles_for_ever_is_given_up() {
    simulate(async {
        let mix = FaultMix::none().under("/", 1.., InjectedFault::Status503);
        let (world, origin) = World::serving(1, Site::new(1), mix);
        let run = world.haul(list(30)).run().await;
        assert_eq!(run.counts(), (0, 30, 0, 0), "{:#?}", run.report());
        assert!(run.elapsed >= Duration::from_mins(1) && run.elapsed < Duration::from_hours(1));
        assert!(origin.stats().requests < 200, "{:?}", origin.stats());
    });
}

/// Many 403 in a row from a host that served before concern the pace: no row fails because of them.
#[test]
fn a_storm_of_403_is_waited_out() {
    simulate(async {
        let world = World::new(1);
        let clock = world.clock;
        let budget = Arc::new(Mutex::new((20.0, 0)));
        let host = world.scripted(ORIGIN, move |_| {
            let now_ms = clock.unix_ms();
            let mut budget = budget.lock().expect("no script panics");
            let (tokens, at_ms) = *budget;
            let filled: f64 = if at_ms == 0 { 20.0 } else { tokens + 0.01 * (now_ms - at_ms) as f64 };
            let is_served = filled >= 1.0;
            *budget = (filled.min(20.0) - f64::from(u8::from(is_served)), now_ms);
            if is_served { Reply::status(200).body("a") } else { Reply::status(403).body("too fast") }
        });
        let run = world.haul(list(300)).run().await;
        assert_eq!(run.counts(), (300, 0, 0, 0), "{:#?}", run.report());
        assert!(host.requests().len() < 360, "{} requests", host.requests().len());
    });
}

/// A 403 for one URL while others are served concerns the URL: it is requested once more, between two requests that the
/// host serves, and then it is final.
#[test]
fn a_single_403_concerns_its_url() {
    simulate(async {
        let world = World::new(1);
        let host = world.scripted(ORIGIN, move |request| {
            let is_denied = request.path.contains("7.");
            if is_denied { Reply::status(403).body("no") } else { Reply::status(200).body("a") }
        });
        let run = world.haul(list(100)).run().await;
        let denied = paths(100).iter().filter(|path| path.contains("7.")).count() as u64;
        assert_eq!(run.counts(), (100 - denied, denied, 0, 0), "{:#?}", run.report());
        for done in run.events_of(EventKind::Done) {
            let started = run.events_of(EventKind::Started).filter(|event| event.row == done.row).count();
            assert_eq!(started, 1, "{} starts only once, although it may be a witness", done.url);
        }
        let witnesses = 4;
        assert!(
            host.requests().len() as u64 <= 100 + denied + witnesses,
            "{} requests",
            host.requests().len()
        );
    });
}

/// A URL that is denied once and then fails in another way ends as any other that fails so.
#[test]
fn a_denied_url_that_fails_in_another_way_ends() {
    simulate(async {
        let world = World::new(1);
        let asked = Mutex::new(0);
        let host = world.scripted(ORIGIN, move |request| {
            if !request.path.contains("07.") {
                return Reply::status(200).body("a");
            }
            let mut asked = asked.lock().expect("no script panics");
            *asked += 1;
            if *asked == 1 { Reply::status(403).body("no") } else { Reply::status(500).body("out of order") }
        });
        let run = world.haul(list(40)).run().await;
        assert_eq!(run.counts(), (39, 1, 0, 0), "{:#?}", run.report());
        assert!(host.requests().len() < 150, "{} requests", host.requests().len());
    });
}

/// A row that is held counts each request once: the user's tries are left for what follows a denial.
#[test]
fn a_denied_url_has_all_of_its_tries() {
    simulate(async {
        let world = World::new(1);
        let asked = Mutex::new(0);
        let _host = world.scripted(ORIGIN, move |request| {
            if !request.path.contains("07.") {
                return Reply::status(200).body("a");
            }
            let mut asked = asked.lock().expect("no script panics");
            *asked += 1;
            Reply::status([403, 500, 500, 200][*asked - 1]).body("a")
        });
        let four = |settings: &mut Settings| settings.tries = Tries::AtMost(4);
        let run = world.haul(list(40)).settings(four).run().await;
        assert_eq!(run.counts(), (40, 0, 0, 0), "{:#?}", run.report());
    });
}

/// A host that breaks each body after a byte is out of order like one that breaks each connection before it: it is asked seldom, and
/// its rows are there when it is well again.
#[test]
fn a_host_that_cuts_every_body_is_waited_for() {
    for (kept, is_tagged) in [(0, false), (1, false), (1, true), (20_000, false), (20_000, true)] {
        simulate(async {
            let world = World::new(1);
            let clock = world.clock;
            let well_at_ms = clock.unix_ms() + 4_000;
            let host = world.scripted(ORIGIN, move |request| {
                let body = vec![b'a'; 100_000];
                let from = request.range_from().filter(|_| is_tagged).unwrap_or(0);
                let reply = match from {
                    0 => Reply::status(200),
                    _ => Reply::status(206).field("Content-Range", format!("bytes {from}-99999/100000")),
                };
                let reply = if is_tagged { reply.field("ETag", "\"a\"") } else { reply };
                let reply = reply.body(&body[from..]);
                if clock.unix_ms() < well_at_ms { reply.cut(kept, End::Fin) } else { reply }
            });
            let run = world.haul(list(50)).run().await;
            assert_eq!(run.counts(), (50, 0, 0, 0), "{kept} {is_tagged}: {:#?}", run.report());
            let requests = host.requests().len();
            assert!(requests < 500, "{kept} {is_tagged}: {requests} requests");
        });
    }
}

/// A ban of a minute, restarted by each request during it, costs a pause and no row.
#[test]
fn a_ban_is_waited_out() {
    simulate(async {
        let world = World::new(1);
        let clock = world.clock;
        let state = Arc::new(Mutex::new((Vec::new(), 0)));
        let host = world.scripted(ORIGIN, move |_| {
            let now_ms = clock.unix_ms();
            let mut state = state.lock().expect("no script panics");
            let (recent, banned_until_ms) = &mut *state;
            recent.retain(|&at_ms| at_ms + 1_000 > now_ms);
            recent.push(now_ms);
            if recent.len() > 20 || now_ms < *banned_until_ms {
                *banned_until_ms = now_ms + 60_000;
                return Reply::status(200).body("a").cut(0, End::Reset);
            }
            Reply::status(200).body("a")
        });
        let run = world.haul(list(400)).run().await;
        assert_eq!(run.counts(), (400, 0, 0, 0), "{:#?}", run.report());
        assert!(host.requests().len() < 440, "{} requests", host.requests().len());
        assert!(run.elapsed < Duration::from_mins(3), "{:?}", run.elapsed);
    });
}

/// A run that is stopped during a pause that a host asked for leaves the pause to the next run, for all rows of the host.
#[test]
fn a_pause_outlives_the_run() {
    simulate(async {
        let world = World::new(1);
        let clock = world.clock;
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&times);
        let _host = world.scripted(ORIGIN, move |request| {
            seen.lock().expect("no script panics").push(clock.unix_ms());
            match request.number {
                1 => Reply::status(503).field("Retry-After", 300).body("later"),
                _ => Reply::status(200).body("a"),
            }
        });
        let one_at_a_time = |settings: &mut Settings| settings.jobs_per_host_max = Some(1);
        let stop = |event: &RecordedEvent, stopper: &Stopper| {
            if event.kind == EventKind::Retrying {
                stopper.stop();
            }
        };
        let first = world.haul(list(20)).settings(one_at_a_time).watch(stop).run().await;
        assert!(first.report().stopped);
        let second = world.haul(list(20)).settings(one_at_a_time).run().await;
        assert_eq!(second.counts(), (20, 0, 0, 0));
        let times = times.lock().expect("no script panics");
        assert!(times[1] >= times[0] + 300_000, "{times:?}");
    });
}

/// The next run begins at the rate that was found.
#[test]
fn a_run_starts_at_the_rate_that_the_last_one_found() {
    simulate(async {
        let world = World::new(1);
        let clock = world.clock;
        let bucket = Arc::new(Mutex::new((20.0, 0)));
        let refused = Arc::new(Mutex::new(0));
        let count = Arc::clone(&refused);
        let _host = world.scripted(ORIGIN, move |_| {
            let now_ms = clock.unix_ms();
            let mut bucket = bucket.lock().expect("no script panics");
            let (tokens, at_ms) = *bucket;
            let filled: f64 = if at_ms == 0 { 20.0 } else { tokens + 0.01 * (now_ms - at_ms) as f64 };
            let is_served = filled >= 1.0;
            *bucket = (filled.min(20.0) - f64::from(u8::from(is_served)), now_ms);
            *count.lock().expect("no script panics") += u32::from(!is_served);
            if is_served { Reply::status(200).body("a") } else { Reply::status(429).body("too fast") }
        });
        let mut refusals = Vec::new();
        for files in [300, 600] {
            let before = *refused.lock().expect("no script panics");
            assert_eq!(world.haul(list(files)).run().await.counts().0, files as u64);
            refusals.push(*refused.lock().expect("no script panics") - before);
        }
        assert!(refusals[0] >= 5 && 2 * refusals[1] <= refusals[0], "{refusals:?}");
    });
}

/// A host that broke one connection and has no rows left is not recorded as slow.
#[test]
fn a_passing_failure_is_not_remembered() {
    simulate(async {
        let world = World::new(1);
        let _host = world.scripted(ORIGIN, |request| match request.number {
            1 => Reply::status(200).body("a").cut(0, End::Reset),
            _ => Reply::status(200).body("a"),
        });
        assert_eq!(world.haul(list(1)).run().await.counts(), (1, 0, 0, 0));
        let storage: Arc<dyn Storage> = Arc::new(world.storage().clone());
        assert_eq!(longhaul_journal::read_hosts(&storage), Vec::new());
    });
}

/// A ban by 403 is detected even where the host has denied many URLs before.
#[test]
fn a_ban_after_forbidden_rows_is_waited_out() {
    simulate(async {
        let world = World::new(1);
        let clock = world.clock;
        let (mut budget, mut at_ms) = (20.0_f64, 0);
        let answer = Mutex::new(move |number: usize| {
            let now_ms = clock.unix_ms();
            budget = if at_ms == 0 { 20.0 } else { (budget + 0.01 * (now_ms - at_ms) as f64).min(20.0) };
            at_ms = now_ms;
            let is_served = number < 300 || budget >= 1.0;
            budget -= f64::from(u8::from(is_served && number >= 300));
            is_served && !(100..160).contains(&number)
        });
        let _host = world.scripted(ORIGIN, move |request| {
            let digits: String = request.path.chars().filter(char::is_ascii_digit).collect();
            let number = digits.parse().expect("a numbered file");
            let is_served = answer.lock().expect("no script panics")(number);
            if is_served { Reply::status(200).body("a") } else { Reply::status(403).body("too fast") }
        });
        let run = world.haul(list(700)).run().await;
        assert_eq!(run.counts(), (640, 60, 0, 0));
    });
}

/// Fetches from a host that forbids some files: how long that takes, and how many requests.
fn forbidding(is_forbidden: impl Fn(usize) -> bool + Clone + Send + Sync + 'static) -> (Duration, u64) {
    simulate(async {
        let world = World::new(1);
        let forbids = is_forbidden.clone();
        let _host = world.scripted(ORIGIN, move |request| {
            let digits: String = request.path.chars().filter(char::is_ascii_digit).collect();
            if digits.parse().is_ok_and(&forbids) {
                Reply::status(403).body("not for you")
            } else {
                Reply::status(200).body("a")
            }
        });
        let run = world.haul(list(1_000)).run().await;
        let forbidden = (0..1_000).filter(|&number| is_forbidden(number)).count() as u64;
        assert_eq!(run.counts(), (1_000 - forbidden, forbidden, 0, 0));
        (run.elapsed, run.report().requests)
    })
}

/// Many forbidden rows in a list are not a storm: those rows fail after a second request, with a witness for each eight of
/// them, and the pace hardly slows down.
#[test]
fn many_forbidden_rows_are_not_a_storm() {
    for share in [1, 2, 3, 5, 8, 9] {
        let (took, requests) = forbidding(move |number| (number * 7919 + 13) % 10 < share);
        let denied = 100 * share as u64;
        assert!(requests <= 1_000 + denied + denied / 4 + 10, "{share} of 10: {requests} requests");
        assert!(took < Duration::from_secs(20), "{share} of 10: {took:?}");
    }
}

/// A host that has served well and then forbids hundreds of rows is taken for one that bans, but not for ever: the rows
/// after those are fetched.
#[test]
fn consecutive_forbidden_rows_fail_no_others() {
    let (took, requests) = forbidding(|number| (200..700).contains(&number));
    assert!(took < Duration::from_mins(15), "{took:?}");
    assert!(requests < 1_000 + 500 + 500 / 4, "{requests}");
}
