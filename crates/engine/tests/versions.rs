//! Whatever a host answers to a range request, bytes of two versions are never joined.

mod world;

use std::sync::atomic::{AtomicBool, Ordering};

use world::{Crash, End, EventKind, ORIGIN, Reply, Request, World, simulate};

/// Where the first answer of a scripted host breaks off.
const CUT: usize = 100_000;
/// The length of the file of a scripted host, in both its versions.
const LEN: usize = 400_000;
/// Older than a minute, so strong (RFC 9110 section 8.8.2.2), and younger than that.
const OLD_DATE: &str = "Wed, 31 Dec 2025 00:00:00 GMT";
const FRESH_DATE: &str = "Wed, 31 Dec 2025 23:59:30 GMT";
const NOW: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

/// The file in its first or second version: every byte tells which.
fn version(number: u8) -> Vec<u8> {
    let first = (number - 1) * 100;
    (first..first + 100).cycle().take(LEN).collect()
}

fn rest(number: u8, from: usize) -> Vec<u8> {
    version(number)[from..].to_vec()
}

fn range(from: usize, end: usize, total: usize) -> String {
    format!("bytes {from}-{}/{total}", end - 1)
}

fn whole(number: u8) -> Reply {
    Reply::status(200).field("ETag", format!("\"v{number}\"")).body(version(number))
}

fn part(number: u8, from: usize) -> Reply {
    Reply::status(206)
        .field("ETag", format!("\"v{number}\""))
        .field("Content-Range", range(from, LEN, LEN))
        .body(rest(number, from))
}

/// How a host answers after its first response has broken off, and the expected result.
struct Case {
    name: &'static str,
    /// The validators of the first response.
    fields: &'static [(&'static str, &'static str)],
    /// Answers the next request; the offset is that of its range, if it has one.
    next: fn(Option<usize>, &Request) -> Reply,
    /// Whether a range request is allowed.
    resumes: bool,
    requests: usize,
    version: u8,
}

const ETAG: &[(&str, &str)] = &[("ETag", "\"v1\"")];

const CASES: &[Case] = &[
    Case {
        name: "a strong tag and the rest",
        fields: ETAG,
        next: |from, _| from.map_or_else(|| whole(1), |from| part(1, from)),
        resumes: true,
        requests: 2,
        version: 1,
    },
    Case {
        name: "a strong date and the rest",
        fields: &[("Last-Modified", OLD_DATE), ("Date", NOW)],
        next: |from, request| {
            assert_eq!(request.field("if-range"), Some(OLD_DATE));
            part(1, from.unwrap_or(0)).field("Last-Modified", OLD_DATE)
        },
        resumes: true,
        requests: 2,
        version: 1,
    },
    Case {
        name: "a strong date, and a rest that does not repeat it",
        fields: &[("Last-Modified", OLD_DATE), ("Date", NOW)],
        next: |from, _| from.map_or_else(|| whole(2), |from| part(2, from)),
        resumes: true,
        requests: 3,
        version: 2,
    },
    Case {
        name: "another version since, the condition ignored, and no name on the rest",
        fields: ETAG,
        next: |from, _| match from {
            Some(from) => {
                Reply::status(206).field("Content-Range", range(from, LEN, LEN)).body(rest(2, from))
            }
            None => whole(2),
        },
        resumes: true,
        requests: 3,
        version: 2,
    },
    Case {
        name: "another version since, the condition honoured",
        fields: ETAG,
        next: |_, _| whole(2),
        resumes: true,
        requests: 2,
        version: 2,
    },
    Case {
        name: "the range ignored",
        fields: ETAG,
        next: |_, _| whole(1),
        resumes: true,
        requests: 2,
        version: 1,
    },
    Case {
        name: "another version since, the condition ignored",
        fields: ETAG,
        next: |from, _| from.map_or_else(|| whole(2), |from| part(2, from)),
        resumes: true,
        requests: 3,
        version: 2,
    },
    Case {
        name: "another date since, the condition ignored",
        fields: &[("Last-Modified", OLD_DATE), ("Date", NOW)],
        next: |from, _| match from {
            Some(from) => Reply::status(206)
                .field("Last-Modified", "Wed, 31 Dec 2025 01:00:00 GMT")
                .field("Content-Range", range(from, LEN, LEN))
                .body(rest(2, from)),
            None => whole(2),
        },
        resumes: true,
        requests: 3,
        version: 2,
    },
    Case {
        name: "a weak tag",
        fields: &[("ETag", "W/\"v1\"")],
        next: |_, _| whole(2),
        resumes: false,
        requests: 2,
        version: 2,
    },
    Case {
        name: "a date too fresh to be strong",
        fields: &[("Last-Modified", FRESH_DATE), ("Date", NOW)],
        next: |_, _| whole(2),
        resumes: false,
        requests: 2,
        version: 2,
    },
    Case {
        name: "a date without the date of the answer",
        fields: &[("Last-Modified", OLD_DATE)],
        next: |_, _| whole(2),
        resumes: false,
        requests: 2,
        version: 2,
    },
    Case {
        name: "no name at all",
        fields: &[],
        next: |_, _| whole(2),
        resumes: false,
        requests: 2,
        version: 2,
    },
    Case {
        name: "another range than asked for",
        fields: ETAG,
        next: |from, _| from.map_or_else(|| whole(1), |from| part(1, from - 1)),
        resumes: true,
        requests: 3,
        version: 1,
    },
    Case {
        name: "a range without saying which",
        fields: ETAG,
        next: |from, _| match from {
            Some(from) => Reply::status(206).field("ETag", "\"v1\"").body(rest(1, from)),
            None => whole(1),
        },
        resumes: true,
        requests: 3,
        version: 1,
    },
    Case {
        name: "another total",
        fields: ETAG,
        next: |from, _| match from {
            Some(from) => Reply::status(206)
                .field("ETag", "\"v1\"")
                .field("Content-Range", range(from, LEN, LEN + 1))
                .body(rest(1, from)),
            None => whole(1),
        },
        resumes: true,
        requests: 3,
        version: 1,
    },
    Case {
        name: "several ranges at once",
        fields: ETAG,
        next: |from, _| match from {
            Some(_) => Reply::status(206)
                .field("ETag", "\"v1\"")
                .field("Content-Type", "multipart/byteranges; boundary=x")
                .body("--x--"),
            None => whole(1),
        },
        resumes: true,
        requests: 3,
        version: 1,
    },
    Case {
        name: "nothing more, of a file that is shorter now",
        fields: ETAG,
        next: |from, _| match from {
            Some(_) => Reply::status(416).field("Content-Range", "bytes */50").body(""),
            None => whole(2),
        },
        resumes: true,
        requests: 3,
        version: 2,
    },
    Case {
        name: "nothing more, although there must be",
        fields: ETAG,
        next: |from, _| match from {
            Some(from) => Reply::status(416).field("Content-Range", format_args!("bytes */{from}")).body(""),
            None => whole(1),
        },
        resumes: true,
        requests: 3,
        version: 1,
    },
    Case {
        name: "less of the rest at a time",
        fields: ETAG,
        next: |from, _| {
            let from = from.unwrap_or(0);
            let end = LEN.min(from + 70_000);
            Reply::status(206)
                .field("ETag", "\"v1\"")
                .field("Content-Range", range(from, end, LEN))
                .body(&version(1)[from..end])
        },
        resumes: true,
        requests: 6,
        version: 1,
    },
    Case {
        name: "the rest in a range of a whole of unknown length",
        fields: ETAG,
        next: |from, _| match from {
            Some(LEN) => Reply::status(416).field("Content-Range", format_args!("bytes */{LEN}")).body(""),
            Some(from) => Reply::status(206)
                .field("ETag", "\"v1\"")
                .field("Content-Range", format_args!("bytes {from}-{}/*", LEN - 1))
                .body(rest(1, from)),
            None => whole(1),
        },
        resumes: true,
        requests: 2,
        version: 1,
    },
    Case {
        name: "more than the range it says, in chunks",
        fields: ETAG,
        next: |from, request| match (from, request.number) {
            (Some(from), 2) => Reply::status(206)
                .field("ETag", "\"v1\"")
                .field("Content-Range", range(from, LEN, LEN))
                .chunked(&[rest(1, from), vec![0; 10]].concat()),
            (Some(from), _) => part(1, from),
            (None, _) => whole(1),
        },
        resumes: true,
        requests: 3,
        version: 1,
    },
    Case {
        name: "less than the range it says, in chunks",
        fields: ETAG,
        next: |from, request| match (from, request.number) {
            (Some(from), 2) => Reply::status(206)
                .field("ETag", "\"v1\"")
                .field("Content-Range", range(from, LEN, LEN))
                .chunked(&rest(1, from)[..5_000]),
            (Some(from), _) => part(1, from),
            (None, _) => whole(1),
        },
        resumes: true,
        requests: 3,
        version: 1,
    },
];

/// Runs a case: the first answer breaks off like this, and if the process is killed then, the next run resumes.
async fn check(case: &'static Case, end: End, kill: bool) {
    let world = World::new(1);
    let host = world.scripted(ORIGIN, move |request| match request.number {
        1 => case
            .fields
            .iter()
            .fold(Reply::status(200), |reply, (name, value)| reply.field(name, value))
            .body(version(1))
            .cut(CUT, end),
        _ => (case.next)(request.range_from(), request),
    });
    let url = format!("http://{ORIGIN}/file\n");
    if kill {
        let killed =
            world.haul(&url).crash_when(Crash::Kill, |event| event.kind == EventKind::Retrying).run().await;
        assert!(killed.report.is_none());
    }
    let run = world.haul(&url).run().await;
    let name = case.name;
    assert_eq!(run.counts(), (1, 0, 0, 0), "{name}: {:#?}", run.events);
    let found = world.file("origin.test/file").expect("the file is there");
    assert!(found == version(case.version), "{name}: the file is not version {}", case.version);
    let requests = host.requests();
    assert_eq!(requests.len(), case.requests, "{name}: {requests:#?}");
    assert_eq!(requests[1].range_from(), case.resumes.then_some(CUT), "{name}");
}

#[test]
fn whatever_a_host_answers_two_versions_are_never_joined() {
    for case in CASES {
        for end in [End::Reset, End::Fin, End::Silence] {
            simulate(check(case, end, false));
        }
    }
}

#[test]
fn two_versions_are_not_joined_by_the_next_run_either() {
    for case in CASES {
        simulate(check(case, End::Reset, true));
    }
}

/// A host that serves two versions in turn, and honours ranges whatever the condition says.
#[test]
fn a_host_that_serves_two_versions_in_turn_gives_one_of_them() {
    for kill in [false, true] {
        simulate(async {
            let world = World::new(1);
            let host = world.scripted(ORIGIN, |request| {
                let number = if request.number.is_multiple_of(2) { 1 } else { 2 };
                match request.range_from() {
                    Some(from) => part(number, from),
                    None if request.number < 6 => whole(number).cut(CUT * request.number.min(3), End::Reset),
                    None => whole(number),
                }
            });
            let url = format!("http://{ORIGIN}/file\n");
            if kill {
                for retries in 1..4 {
                    let mut seen = 0;
                    let when = move |event: &world::RecordedEvent| {
                        seen += usize::from(event.kind == EventKind::Retrying);
                        seen >= retries
                    };
                    world.haul(&url).crash_when(Crash::Kill, when).run().await;
                }
            }
            let run = world.haul(&url).run().await;
            assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", host.requests());
            let found = world.file("origin.test/file").expect("the file is there");
            assert!(found == version(1) || found == version(2), "bytes of both versions in one file");
        });
    }
}

/// A body in one piece follows one that was kept, and the process is killed: the record of the kept one is void, or the
/// third process would join the bytes of the second to it.
#[test]
fn a_short_body_over_a_kept_one_voids_its_record() {
    simulate(async {
        let world = World::new(1);
        let short = |number| version(number)[..CUT + 50_000].to_vec();
        let host = world.scripted(ORIGIN, move |request| match (request.number, request.range_from()) {
            (1, _) => whole(1).cut(CUT, End::Reset),
            (2, _) => Reply::status(200).field("ETag", "\"v2\"").body(short(2)),
            (_, Some(from)) => part(1, from),
            (_, None) => whole(1),
        });
        let url = format!("http://{ORIGIN}/file\n");
        // The log cannot be written any more from where the second body takes the place of the first.
        let is_replaced = AtomicBool::new(false);
        let no_log = move |call: &str, path: &str| {
            is_replaced.fetch_or(call == "truncate" && path.contains("/parts/"), Ordering::Relaxed);
            let fails = is_replaced.load(Ordering::Relaxed) && path.contains("/log-");
            if fails { Err(std::io::Error::from_raw_os_error(5)) } else { Ok(()) }
        };
        let first = world.haul(&url).trap(no_log).run().await;
        assert!(matches!(first.report, Some(Err(_))), "{:?}", first.report);
        world.crashed(Crash::Kill, Crash::Kill.of(&world.storage()));
        assert_eq!(world.haul(&url).run().await.counts(), (1, 0, 0, 0));
        let found = world.file("origin.test/file").expect("the file is there");
        assert!(found == version(1) || found == short(2), "bytes of both versions: {:#?}", host.requests());
    });
}
