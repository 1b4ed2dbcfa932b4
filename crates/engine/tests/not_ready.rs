//! Files that a host makes while they are waited for, the places that redirects lead to meanwhile, and the clocks of both.

mod world;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longhaul::Settings;
use longhaul::retry::Tries;
use longhaul_socket::clock;
use world::{End, EventKind, ORIGIN, Reply, Request, Run, Scripted, World, simulate};

const LARGE: usize = 900_000;

fn url(path: &str) -> String {
    format!("http://{ORIGIN}{path}\n")
}

fn requests_of(host: &Scripted, path: &str) -> usize {
    host.requests().iter().filter(|request| request.path == path).count()
}

fn later(retry_after: u64) -> Reply {
    Reply::status(202).field("Retry-After", retry_after).body("later")
}

/// A file of [`LARGE`] bytes, or the rest of it.
fn large(request: &Request) -> Reply {
    let content: Vec<u8> = (1..=251).cycle().take(LARGE).collect();
    let reply = Reply::status(if request.range_from().is_some() { 206 } else { 200 }).field("ETag", "\"v1\"");
    match request.range_from() {
        Some(from) => reply
            .field("Content-Range", format_args!("bytes {from}-{}/{LARGE}", LARGE - 1))
            .body(&content[from..]),
        None => reply.body(content),
    }
}

/// Each request for the export starts another job, which takes three minutes: the place of the first is asked until it has the file.
#[test]
fn the_place_of_an_export_is_asked_until_it_is_ready() {
    for retry_after in [20, 90] {
        simulate(async {
            let world = World::new(1);
            let begun = clock::now();
            let jobs = AtomicUsize::new(16);
            let host = world.scripted(ORIGIN, move |request| match request.path.as_str() {
                "/export" => {
                    let job = jobs.fetch_add(1, Ordering::Relaxed) + 1;
                    Reply::status(303).field("Location", format_args!("/jobs/{job}")).body("")
                }
                "/jobs/17" if begun.elapsed() >= Duration::from_mins(3) => {
                    Reply::status(200).body("the export")
                }
                _ => later(retry_after),
            });
            let run = world.haul(url("/export")).run().await;
            assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
            assert_eq!(requests_of(&host, "/export"), 1, "{:#?}", host.requests());
            assert!(run.elapsed < Duration::from_mins(5), "{:?}", run.elapsed);
        });
    }
}

/// A redirect that says when its place will be ready: the age of the place counts from then on.
#[test]
fn a_place_is_young_when_its_redirect_lets_it_be_asked() {
    simulate(async {
        let world = World::new(1);
        let host = world.scripted(ORIGIN, |request| match (request.path.as_str(), request.number) {
            ("/a", _) => Reply::status(302).field("Location", "/b").field("Retry-After", 90).body(""),
            (_, 2) => Reply::nothing(End::Reset),
            _ => Reply::status(200).body("ready"),
        });
        let run = world.haul(url("/a")).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        assert_eq!(requests_of(&host, "/a"), 1, "{:#?}", host.requests());
        assert!(run.elapsed < Duration::from_secs(100), "{:?}", run.elapsed);
    });
}

/// A place that fails for more than a minute may have expired: the row's own URL is requested again, and not before.
#[test]
fn a_place_that_fails_for_a_minute_is_left() {
    simulate(async {
        let world = World::new(1);
        let begun = clock::now();
        let host = world.scripted(ORIGIN, move |request| match request.path.as_str() {
            "/a" if begun.elapsed() < Duration::from_mins(1) => {
                Reply::status(302).field("Location", "/signed/1").body("")
            }
            "/a" => Reply::status(302).field("Location", "/signed/2").body(""),
            "/signed/1" => Reply::status(500).body(""),
            _ => Reply::status(200).body("ready"),
        });
        let patient = |settings: &mut Settings| settings.host_patience = Duration::from_mins(5);
        let run = world.haul(url("/a")).settings(patient).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        assert_eq!(requests_of(&host, "/a"), 2, "{:#?}", host.requests());
        assert!(requests_of(&host, "/signed/1") > 5, "{:#?}", host.requests());
        assert!(run.elapsed > Duration::from_mins(1), "{:?}", run.elapsed);
    });
}

fn patience(settings: &mut Settings) {
    settings.ready_patience = Duration::from_secs(5);
    settings.jobs_per_host_max = Some(1);
    settings.rate_limit = Some(50_000);
}

/// The classes of the failures after which a row was tried again.
fn retried(run: &Run) -> Vec<String> {
    run.events_of(EventKind::Retrying).map(|event| event.class().to_owned()).collect()
}

/// Bytes of the file end the wait for it: if the host says later that the rest is not ready, the wait begins anew.
#[test]
fn a_body_ends_the_wait_for_the_file() {
    simulate(async {
        let world = World::new(1);
        let host = world.scripted(ORIGIN, |request| match request.number {
            // Together longer than the patience.
            1 | 3 => later(3),
            2 => large(request).cut(600_000, End::Reset),
            _ => large(request),
        });
        let run = world.haul(url("/a")).settings(patience).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        assert_eq!(retried(&run), ["not-ready", "reset", "not-ready"]);
        assert_eq!(host.requests().len(), 4);
    });
}

/// The time that a row spends in the queue behind others is no wait for its host.
#[test]
fn a_row_in_its_queue_does_not_wait_for_its_file() {
    simulate(async {
        let world = World::new(1);
        let asked = AtomicUsize::new(0);
        let host = world.scripted(ORIGIN, move |request| match request.path.as_str() {
            "/a" if asked.fetch_add(1, Ordering::Relaxed) < 2 => later(1),
            _ => large(request),
        });
        let run = world.haul(url("/a") + &url("/b")).settings(patience).run().await;
        assert_eq!(run.counts(), (2, 0, 0, 0), "{:#?}", run.events);
        assert_eq!(requests_of(&host, "/a"), 3);
        assert!(run.elapsed > Duration::from_secs(15), "one row waited for the other: {:?}", run.elapsed);
    });
}

/// Heads that were waited for before bytes came do not count against a host that sends bytes.
#[test]
fn a_body_ends_the_wait_for_a_head() {
    simulate(async {
        let world = World::new(1);
        // With deadlines from 20 s to 5 min, the first five last for ten minutes, and the two others for ten more. A quarter of an hour
        // without a body would end it.
        let host = world.scripted(ORIGIN, |request| match request.number {
            1..=5 | 7..=8 => Reply::nothing(End::Silence),
            6 => large(request).cut(600_000, End::Reset),
            _ => large(request),
        });
        let growing = |settings: &mut Settings| {
            settings.timeouts.head = Duration::from_secs(20);
            settings.head_timeout_max = Duration::from_mins(5);
        };
        let run = world.haul(url("/a")).settings(growing).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        assert!(run.elapsed > Duration::from_mins(19), "{:?}", run.elapsed);
        assert_eq!(host.requests().len(), 9);
    });
}

/// What the failure of a file that is not ready says: the limit that ended the wait, and no other.
#[test]
fn a_file_that_is_not_ready_fails_with_the_limit_that_was_met() {
    let message = |retry_after: u64, settings: fn(&mut Settings)| {
        simulate(async move {
            let world = World::new(1);
            let _host = world.scripted(ORIGIN, move |_| later(retry_after));
            let run = world.haul(url("/a")).settings(settings).run().await;
            assert_eq!(run.counts(), (0, 1, 0, 0), "{:#?}", run.events);
            let failure =
                run.events_of(EventKind::Failed).next().expect("a failure that is counted is reported");
            failure.fault.as_ref().expect("it has a fault").message.clone()
        })
    };
    let one_try = message(1, |settings| settings.tries = Tries::AtMost(1));
    assert!(!one_try.contains("--ready-within"), "{one_try}");
    let too_long = message(7200, |_| {});
    assert!(
        too_long.contains("Retry-After of 7200s") && too_long.contains("3600s (--ready-within)"),
        "{too_long}"
    );
    let waited = message(2, |settings| settings.ready_patience = Duration::from_secs(5));
    assert!(waited.contains("after a wait of 4.") && waited.contains("5s (--ready-within)"), "{waited}");
}
