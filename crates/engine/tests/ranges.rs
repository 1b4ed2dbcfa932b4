//! Hosts that refuse ranges, break on them, or are out of order for a moment.

mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use longhaul_socket::clock;
use world::{End, EventKind, ORIGIN, Reply, Request, Run, Scripted, World, simulate, urls};

const LARGE: usize = 900_000;
const CUT: usize = 600_000;

fn content() -> Vec<u8> {
    (1..=251).cycle().take(LARGE).collect()
}

fn large(request: &Request) -> Reply {
    let reply = Reply::status(if request.range_from().is_some() { 206 } else { 200 }).field("ETag", "\"v1\"");
    match request.range_from() {
        Some(from) => reply
            .field("Content-Range", format_args!("bytes {from}-{}/{LARGE}", LARGE - 1))
            .body(&content()[from..]),
        None => reply.body(content()),
    }
}

/// Runs these paths, one at a time, against a host whose first response for each is cut, and whose other responses are these; the
/// number is that of the request with a range for the same path, from 1. The file of `/late` is made for half a minute.
fn run(paths: &[&str], next: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> (Run, Scripted) {
    simulate(async {
        let world = World::new(1);
        let begun = clock::now();
        let seen: Mutex<BTreeMap<String, usize>> = Mutex::default();
        let host = world.scripted(ORIGIN, move |request| {
            if request.path == "/late" && begun.elapsed() < Duration::from_secs(30) {
                return Reply::status(202).field("Retry-After", 30).body("later");
            }
            let mut seen = seen.lock().expect("no script panics");
            let Some(ranges) = seen.get_mut(&request.path) else {
                seen.insert(request.path.clone(), 0);
                return large(request).cut(CUT, End::Reset);
            };
            *ranges += usize::from(request.range_from().is_some());
            next(request, *ranges)
        });
        let run = world
            .haul(urls(ORIGIN, paths))
            .settings(|settings| settings.jobs_per_host_max = Some(1))
            .run()
            .await;
        assert_eq!(run.counts(), (paths.len() as u64, 0, 0, 0), "{:#?}", run.events);
        for path in paths {
            assert!(world.file(&world::name(path)) == Some(content()), "{path} is wrong");
        }
        (run, host)
    })
}

fn ranges_of(host: &Scripted, path: &str) -> Vec<Option<usize>> {
    host.requests().iter().filter(|request| request.path == path).map(Request::range_from).collect()
}

const REST: Option<usize> = Some(CUT);

fn failures() -> [Reply; 3] {
    [Reply::status(500).body(""), Reply::nothing(End::Fin), Reply::nothing(End::Reset)]
}

/// A few failures of any kind take a second. The part survives them: the whole is not taken before the range has failed again.
#[test]
fn a_host_that_fails_for_a_moment_does_not_cost_the_part() {
    for failure in failures() {
        let (run, host) = run(&["/a"], move |request, ranges| match (request.range_from(), ranges) {
            (Some(_), 1..=4) => failure.clone(),
            _ => large(request),
        });
        assert_eq!(ranges_of(&host, "/a"), [None, REST, REST, REST, REST, None, REST]);
        assert!(run.report().bytes_received <= LARGE as u64, "{}", run.report().bytes_received);
    }
}

/// A host that breaks on every range: a few failures, the whole, which is not taken yet, the range again, and the whole.
#[test]
fn a_host_that_breaks_on_ranges_is_asked_for_the_whole() {
    for failure in failures() {
        let (_, host) = run(&["/a"], move |request, _| match request.range_from() {
            Some(_) => failure.clone(),
            None => large(request),
        });
        assert_eq!(ranges_of(&host, "/a"), [None, REST, REST, REST, REST, None, REST, None]);
    }
}

/// Many parts of such a host: it is not given up before the whole of one has been requested. Nothing that fails without a status makes
/// it a host that is asked for no ranges.
#[test]
fn a_host_that_breaks_on_ranges_is_not_given_up() {
    let paths = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/late"];
    for failure in failures().into_iter().chain([Reply::nothing(End::Silence)]) {
        let (_, host) = run(&paths, move |request, _| match request.range_from() {
            Some(_) => failure.clone(),
            None => large(request),
        });
        for path in paths {
            assert!(ranges_of(&host, path).contains(&REST), "{path} is a file of its own");
        }
    }
}

/// A host that refuses ranges with a status that says so: two rows find it out, and no range is requested for the others.
#[test]
fn a_host_that_refuses_ranges_is_asked_for_none() {
    for status in [400, 403, 404, 405, 412, 501] {
        let (_, host) = run(&["/a", "/b", "/late"], move |request, _| match request.range_from() {
            Some(_) => Reply::status(status).body(""),
            None => large(request),
        });
        for path in ["/a", "/b"] {
            assert_eq!(ranges_of(&host, path), [None, REST, None, REST, None], "{status}: {path}");
        }
        // A witness may be requested where the host denies others.
        let late = ranges_of(&host, "/late");
        assert!(late.len() >= 3 && late.iter().all(Option::is_none), "{status}: {late:?}");
    }
}

/// A host that denies a request because of the pace (403): a range is not taken for the reason, and the denial reaches the pace as one
/// without a range does.
#[test]
fn a_denial_of_a_range_is_one_of_the_pace() {
    let paths = ["/a", "/b", "/c", "/late"];
    let (run, host) = run(&paths, |request, ranges| match (request.range_from(), ranges) {
        (Some(_), 1) => Reply::status(403).body(""),
        _ => large(request),
    });
    for path in paths {
        // Beside the requests for witnesses, which ask for the whole.
        let ranges = ranges_of(&host, path);
        assert_eq!(ranges.iter().flatten().count(), 2, "{path}: {ranges:?}");
        assert_eq!(ranges.last(), Some(&REST), "{path}: {ranges:?}");
    }
    let denied = run.events_of(EventKind::Retrying).filter(|event| event.class() == "4xx").count();
    assert_eq!(denied, paths.len(), "each is an attempt that failed");
}
