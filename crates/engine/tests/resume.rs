//! Bodies that break off go on where they broke, and bytes of two versions are never joined.

mod world;

use std::sync::atomic::{AtomicBool, Ordering};

use longhaul::Settings;
use longhaul_origin::{FaultKind, FaultMix, Share, Site};
use world::{Crash, End, ORIGIN, Reply, Request, Run, What, World, simulate, urls};

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

/// What a host answers after its first answer has broken off, and what has to come of it.
struct Case {
    name: &'static str,
    /// What the first answer says about the version.
    fields: &'static [(&'static str, &'static str)],
    /// Answers what is asked next; the offset is that of the range, if one was asked for.
    next: fn(Option<usize>, &Request) -> Reply,
    /// Whether the rest may be asked for.
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
            part(1, from.unwrap_or(0))
        },
        resumes: true,
        requests: 2,
        version: 1,
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

/// Runs a case: the first answer breaks off like this, and if the process is killed then, another goes on.
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
        let killed = world.haul(&url).crash_when(Crash::Kill, |told| told.what == What::Retrying).run().await;
        assert!(killed.report.is_none());
    }
    let run = world.haul(&url).run().await;
    let name = case.name;
    assert_eq!(run.counts(), (1, 0, 0, 0), "{name}: {:#?}", run.told);
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
fn nor_are_they_joined_by_another_process() {
    for case in CASES {
        simulate(check(case, End::Reset, true));
    }
}

/// A host that changes its mind at every request, and back again, with ranges honoured whatever the condition says.
#[test]
fn a_host_with_two_faces_gives_one_of_them() {
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
                    let when = move |told: &world::Told| {
                        seen += usize::from(told.what == What::Retrying);
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

fn bytes_served_twice(faults: FaultMix, files: usize, kills: u64) -> (u64, u64) {
    simulate(async {
        let (world, origin) = World::serving(3, Site::new(3), faults);
        let paths: Vec<String> = (0..files).map(|file| format!("/large/{file}?size=3000000")).collect();
        let list = urls(ORIGIN, &paths);
        let limit = |settings: &mut Settings| settings.rate_limit = Some(20_000_000);
        for _ in 0..kills {
            world.haul(&list).settings(limit).crash_at_event(60, Crash::Kill).run().await;
        }
        let run = world.haul(&list).settings(limit).run().await;
        assert_eq!(run.counts(), (files as u64, 0, 0, 0));
        world.assert_every_file_is_right(origin.site(), &paths);
        (origin.stats().bytes_served, origin.stats().bytes_served_twice)
    })
}

/// Large files that are cut again and again, at any place: nearly every byte is asked for once.
#[test]
fn large_files_resume_by_range() {
    let cuts = FaultMix::none()
        .with(FaultKind::ResetInBody, Share::percent(40))
        .with(FaultKind::FinInBody, Share::percent(20));
    let (served, twice) = bytes_served_twice(cuts, 12, 0);
    assert!(served >= 36_000_000);
    // What is lost is what was under way when a reset overtook it.
    assert!(twice < served / 20, "{twice} of {served} bytes were served twice");
}

/// A process that is killed had handed to the system all but the piece under way of each body, and what its connection
/// held in buffers.
#[test]
fn large_files_go_on_after_kills() {
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
                .with(FaultKind::ResetInBody, Share::percent(30))
                .with(FaultKind::FinInBody, Share::percent(20))
                .with(FaultKind::CutChunkedBody, Share::percent(10));
            let (world, origin) = World::serving(seed, Site::new(seed), mix);
            let path = |file: usize| format!("/large/{file}?size=500000");
            let list = urls(ORIGIN, (0..10).map(path));
            let generations =
                |origin: &longhaul_origin::Origin, path: &str| origin.site().content(path).to_vec();
            let mut versions: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 10];
            let mut remember = || {
                for (file, versions) in versions.iter_mut().enumerate() {
                    versions.push(generations(&origin, &path(file)));
                }
            };
            remember();
            let site = std::sync::Arc::clone(origin.site());
            let mut retries = 0;
            let change = move |told: &world::Told, _: &longhaul::Stopper| {
                retries += usize::from(told.what == What::Retrying);
                if told.what == What::Retrying && retries == 4 {
                    site.next_generation();
                }
            };
            let crash = |told: &world::Told| told.what == What::Done;
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

/// A large body has been made durable in part, comes anew from its beginning, and the power fails in the middle of that:
/// what was known to be durable of the old bytes is not believed of the new ones.
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
                        .field("Content-Range", range(from, LARGE, LARGE))
                        .body(&served[from..]),
                }
            });
            let url = format!("http://{ORIGIN}/file\n");
            let mut received = None;
            let in_second_body = move |told: &world::Told| {
                if told.what == What::Retrying {
                    received = Some(0);
                }
                received = received.map(|received| received + told.bytes);
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
