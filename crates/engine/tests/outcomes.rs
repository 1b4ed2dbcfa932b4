//! Every line gets one outcome, and it says what happened, where, in which phase, and after how long.

mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::retry::Tries;
use longhaul::{Class, Stopper};
use longhaul_origin::{FaultKind, FaultMix, Options, Site, Sizes};
use longhaul_socket::LookupError;
use world::{End, ORIGIN, Reply, Run, Told, What, World, list, list_of, path, paths, simulate, urls};

fn url(path: &str) -> String {
    format!("http://{ORIGIN}{path}")
}

/// The one failure of a run of one URL.
fn only_failure(run: &Run) -> &Told {
    assert_eq!(run.counts(), (0, 1, 0, 0), "{:#?}", run.report());
    run.all(What::Failed).next().expect("a failure that is counted is told")
}

/// Runs one URL against a host that always gives this answer; returns the run and the requests that came.
async fn always(reply: Reply) -> (Run, usize) {
    let world = World::new(1);
    let host = world.scripted(ORIGIN, move |_| reply.clone());
    let plan = world.haul(url("/a")).settings(|settings| settings.tries = Tries::AtMost(5));
    let run = plan.run().await;
    (run, host.requests().len())
}

#[test]
fn what_a_host_says_for_good_is_believed_at_once() {
    for (status, class) in [
        (400, Class::ClientError),
        (401, Class::Auth),
        (403, Class::ClientError),
        (404, Class::ClientError),
        (407, Class::Auth),
        (410, Class::ClientError),
        (451, Class::ClientError),
        (501, Class::ServerError),
        (505, Class::ServerError),
    ] {
        simulate(async {
            let (run, requests) = always(Reply::status(status).body("no")).await;
            let failure = only_failure(&run);
            assert_eq!((failure.class(), failure.status), (class.as_str(), Some(status)));
            assert_eq!((failure.attempts, requests), (1, 1), "status {status}");
        });
    }
}

#[test]
fn what_may_pass_is_tried_as_often_as_allowed() {
    for (reply, class) in [
        (Reply::status(500).body("no"), Class::ServerError),
        (Reply::status(502).body("no"), Class::ServerError),
        (Reply::status(408).body("no"), Class::ClientError),
        (Reply::status(200).body(vec![1; 9]).cut(3, End::Fin), Class::Closed),
        (Reply::status(200).body(vec![1; 9]).cut(3, End::Reset), Class::Reset),
        (Reply::status(200).body(vec![1; 9]).cut(3, End::Silence), Class::Timeout),
    ] {
        simulate(async {
            let (run, requests) = always(reply).await;
            let failure = only_failure(&run);
            assert_eq!(failure.class(), class.as_str(), "{failure:?}");
            assert_eq!((failure.attempts, requests), (5, 5), "{class}");
            assert_eq!(run.all(What::Retrying).count(), 4);
        });
    }
}

#[test]
fn a_failure_says_what_where_in_which_phase_and_after_how_long() {
    simulate(async {
        let world = World::new(1);
        world.endpoint("refused.test");
        world.network.silence(world.endpoint("silent.test"));
        world.network.name_fails("lost.test", LookupError::Silent);
        let silence = world.scripted("late.test", |_| Reply::status(200).body("a").cut(0, End::Silence));
        let hosts = ["refused.test", "silent.test", "lost.test", "unknown.test", "late.test"];
        let lines = hosts.map(|host| urls(host, ["/a"])).concat();
        let plan = world.haul(lines).timeout(Duration::from_secs(4));
        let run = plan.settings(|settings| settings.tries = Tries::AtMost(2)).run().await;
        assert_eq!(run.counts(), (0, 5, 0, 0));
        let fault = |host: &str| run.outcome(&format!("http://{host}/a")).fault.clone().expect("a failure");
        for (host, class, phase, endpoint, elapsed_ms) in [
            ("refused.test", "refused", "connect", "tcp://10.0.0.1:80", 10..=20),
            ("silent.test", "timeout", "connect", "tcp://10.0.0.2:80", 4_000..=4_010),
            ("lost.test", "timeout", "resolve", "", 4_000..=4_010),
            ("unknown.test", "dns", "resolve", "", 0..=10),
            ("late.test", "timeout", "body", "tcp://10.0.0.3:80", 4_000..=4_040),
        ] {
            let fault = fault(host);
            assert_eq!((fault.class.as_str(), fault.phase.as_str()), (class, phase), "{fault:?}");
            assert_eq!(fault.endpoint, endpoint, "{fault:?}");
            assert!(elapsed_ms.contains(&fault.elapsed_ms), "{fault:?}");
            assert!(fault.message.contains(host) || endpoint.is_empty(), "{fault:?}");
        }
        drop(silence);
    });
}

/// While a host asks for room, nothing is sent to it, whichever of its rows was told so.
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
        // What was under way when the answer came is no disobedience.
        let round_trip_ms = 30;
        let within = times.iter().filter(|&&at| at > told_at + round_trip_ms && at < told_at + 90_000);
        assert_eq!(within.count(), 0, "{times:?}");
        assert!(run.elapsed < Duration::from_secs(90 + 10), "{:?}", run.elapsed);
    });
}

/// A host that asks for two days is left to a later run; the others are not.
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
        assert_eq!(busy.requests().len(), asked, "the host was asked before its time");

        tokio::time::sleep(Duration::from_hours(49)).await;
        is_open.store(true, Ordering::Relaxed);
        let later = world.haul(&lines).run().await;
        assert_eq!(later.counts(), (2_050, 0, 0, 0));
    });
}

/// Hosts that refuse, do not exist or say nothing cost a healthy host nothing, and the run ends by itself.
#[test]
fn sick_hosts_cost_a_healthy_one_nothing() {
    let site = || Site::new(4);
    let alone = simulate(async {
        let (world, _) = World::serving(1, site(), FaultMix::none());
        let run = world.haul(list(200)).run().await;
        run.all(What::Done).last().expect("200 files").at
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
        let last = run.all(What::Done).last().expect("200 files").at;
        assert!(last <= alone.mul_f64(1.05), "{last:?} beside sick hosts, {alone:?} alone");
        for failure in run.all(What::Failed) {
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
        let of_fast = run.all(What::Done).filter(|told| told.url.contains(ORIGIN));
        let last = of_fast.last().expect("50 files").at;
        assert!(last < Duration::from_secs(3), "the fast host was done after {last:?}");
    });
}

#[test]
fn redirects_within_a_host_and_to_another_are_followed() {
    simulate(async {
        let (world, origin) = World::serving(1, Site::new(1), FaultMix::none());
        let _other = world.scripted("other.test", |request| match request.path.as_str() {
            "/away" => Reply::status(301).field("Location", "http://origin.test/files/00001.bin").body(""),
            _ => Reply::status(404).body(""),
        });
        let lines = format!("{}\nhttp://other.test/away\nhttp://other.test/none\n", url("/redirect/3/deep"));
        let run = world.haul(lines).settings(|settings| settings.shards = 3).run().await;
        assert_eq!(run.counts(), (2, 1, 0, 0), "{:#?}", run.told);
        assert_eq!(origin.requests_of("/redirect/1/deep"), 1);
        assert_eq!(world.file("origin.test/redirect/3/deep"), Some(origin.site().content("/deep").to_vec()));
        assert_eq!(world.file("other.test/away"), Some(origin.site().content(&path(1)).to_vec()));
        assert_eq!(run.outcome("http://other.test/away").attempts, 1);
    });
}

#[test]
fn redirects_that_lead_nowhere_good_are_not_followed() {
    for location in [
        "http://origin.test/a",
        "file:///etc/passwd",
        "ftp://origin.test/a",
        "data:text/plain,a",
        "http://",
        "",
    ] {
        simulate(async {
            let (run, requests) = always(Reply::status(302).field("Location", location).body("")).await;
            let failure = only_failure(&run);
            assert_eq!((failure.class(), requests), ("redirect", 1), "{location}");
        });
    }
    simulate(async {
        let world = World::new(1);
        let host = world.scripted(ORIGIN, |request| {
            Reply::status(302).field("Location", format_args!("/{}", request.number)).body("")
        });
        let run = world.haul(url("/a")).run().await;
        assert_eq!(only_failure(&run).class(), "redirect");
        assert_eq!(host.requests().len(), 11, "ten redirects are followed");
    });
    simulate(async {
        let (run, requests) = always(Reply::status(302).body("")).await;
        assert_eq!((only_failure(&run).class(), requests), ("redirect", 1), "no location");
    });
    simulate(async {
        let world = World::new(1);
        let _first =
            world.scripted("a.test", |_| Reply::status(302).field("Location", "http://b.test/").body(""));
        let _second =
            world.scripted("b.test", |_| Reply::status(302).field("Location", "http://a.test/").body(""));
        let run = world.haul("http://a.test/\n").settings(|settings| settings.shards = 2).run().await;
        assert_eq!(only_failure(&run).class(), "redirect");
    });
}

/// What the user gave for the hosts of the list, and what stands in a URL, does not follow a redirect to another origin.
#[test]
fn credentials_stay_with_their_host() {
    simulate(async {
        let world = World::new(1);
        let home = world.scripted("home.test", |request| match request.path.as_str() {
            "/a" => Reply::status(302).field("Location", "/b").body(""),
            _ => Reply::status(302).field("Location", "http://away.test/c").body(""),
        });
        let away = world.scripted("away.test", |_| Reply::status(200).body("a"));
        let fields = [("authorization", "Bearer 1"), ("cookie", "id=2"), ("x-client", "3")];
        let plan = world.haul("http://home.test/a\nhttp://user:word@home.test/a?2\n").settings(|settings| {
            settings.headers = fields
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
                .collect();
        });
        let run = plan.run().await;
        assert_eq!(run.counts(), (2, 0, 0, 0), "{:#?}", run.told);
        for request in home.requests() {
            assert!(request.field("authorization").is_some(), "{request:?}");
            assert_eq!(request.field("cookie"), Some("id=2"));
            assert_eq!(request.field("x-client"), Some("3"));
        }
        let basic: Vec<_> = home
            .requests()
            .iter()
            .filter_map(|request| request.field("authorization").map(str::to_owned))
            .collect();
        assert!(basic.iter().any(|value| value.starts_with("Basic ")), "{basic:?}");
        assert_eq!(away.requests().len(), 2);
        for request in away.requests() {
            assert_eq!((request.field("authorization"), request.field("cookie")), (None, None));
            assert_eq!(request.field("x-client"), Some("3"));
        }
        assert!(run.told.iter().all(|told| !told.url.contains("word")), "a password was told");
    });
}

#[test]
fn lines_that_are_no_urls_and_lines_that_come_again_have_outcomes_too() {
    simulate(async {
        let (world, origin) = World::serving(1, Site::new(1), FaultMix::none());
        let lines = format!(
            "# a comment\n\n{}\nftp://{ORIGIN}/x\n{}\nnot a url\n{}\n",
            url("/a"),
            url("/a"),
            url("/b")
        );
        let run = world.haul(&lines).run().await;
        assert_eq!(run.counts(), (2, 2, 1, 0), "{:#?}", run.told);
        assert_eq!(origin.requests_of("/a"), 1);
        let refused: Vec<_> =
            run.all(What::Failed).map(|told| (told.class().to_owned(), told.attempts)).collect();
        assert_eq!(refused, [("list".to_owned(), 0), ("list".to_owned(), 0)]);
        assert_eq!(run.all(What::Skipped).count(), 1);
        let again = world.haul(&lines).run().await;
        assert_eq!(
            (again.counts(), again.told.iter().filter(|told| told.is_outcome()).count()),
            ((2, 2, 1, 0), 0)
        );
    });
}

/// What somebody else put where a file belongs stays as it is, whether it was there before or came meanwhile.
#[test]
fn a_file_of_somebody_elses_is_never_changed() {
    simulate(async {
        let (world, origin) = World::serving(1, Site::new(1), FaultMix::none());
        world.put_file("origin.test/files/00001.bin", b"mine");
        world.put_file("origin.test/files/00002.bin/inside", b"mine too");
        world.put_file("origin.test/a", b"and this");
        let lines = list(4) + &url("/a/b") + "\n";
        let run = world.haul(&lines).run().await;
        assert_eq!(run.counts(), (2, 3, 0, 0), "{:#?}", run.told);
        for failure in run.all(What::Failed) {
            assert_eq!(failure.class(), "file", "{failure:?}");
        }
        assert_eq!(origin.requests_of(&path(1)), 0, "what cannot be kept is not fetched");
        assert_eq!(world.file("origin.test/files/00001.bin").as_deref(), Some(&b"mine"[..]));
        assert_eq!(world.file("origin.test/files/00002.bin/inside").as_deref(), Some(&b"mine too"[..]));
        assert_eq!(world.file("origin.test/a").as_deref(), Some(&b"and this"[..]));
        assert_eq!(world.parts(), Vec::<String>::new());
    });
    simulate(async {
        let (world, _) = World::serving(1, Site::new(1), FaultMix::none());
        world.put_file("origin.test/files/00001.bin", b"mine");
        let run = world.haul(list(4)).settings(|settings| settings.no_clobber = true).run().await;
        assert_eq!(run.counts(), (3, 0, 1, 0));
        assert_eq!(world.file("origin.test/files/00001.bin").as_deref(), Some(&b"mine"[..]));
    });
    for no_clobber in [false, true] {
        simulate(async {
            let (world, _) = World::serving(1, Site::new(1), FaultMix::none());
            let storage = world.storage();
            let put = move |told: &Told, _: &Stopper| {
                if told.what == What::Started && told.url.ends_with("00003.bin") {
                    world::put_file(&storage, "origin.test/files/00003.bin", b"just now");
                }
            };
            let plan = world.haul(list(6)).watch(put);
            let run = plan.settings(|settings| settings.no_clobber = no_clobber).run().await;
            let expected = if no_clobber { (5, 0, 1, 0) } else { (5, 1, 0, 0) };
            assert_eq!(run.counts(), expected, "{:#?}", run.told);
            assert_eq!(world.file("origin.test/files/00003.bin").as_deref(), Some(&b"just now"[..]));
        });
    }
}

/// A host that throttles for ever, without saying for how long, is given up in the end, and without being pestered.
#[test]
fn a_host_that_throttles_for_ever_is_given_up() {
    simulate(async {
        let mix = FaultMix::none().under("/", 1.., FaultKind::Status503);
        let (world, origin) = World::serving(1, Site::new(1), mix);
        let run = world.haul(list(30)).run().await;
        assert_eq!(run.counts(), (0, 30, 0, 0), "{:#?}", run.report());
        assert!(run.elapsed >= Duration::from_mins(1) && run.elapsed < Duration::from_hours(1));
        assert!(origin.stats().requests < 200, "{:?}", origin.stats());
    });
}
