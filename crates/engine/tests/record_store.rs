//! The engine over another store than one file for each body: every complete body is a WARC record in one archive file, and
//! unfinished bodies are held in memory. A whole haul goes through crashes over it.

mod warc;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use longhaul::Location;
use longhaul::store::{Content, Store as _};
use longhaul_journal::storage::Storage;
use longhaul_journal::{Entry, Journal, RecordedOutcome};
use longhaul_origin::{FaultMix, Site, Sizes};
use warc::{ARCHIVE, WarcStore, archive, body_of, head_of};
use world::{Crash, End, EventKind, ORIGIN, Plan, Reply, World, list, path, simulate};

const FILES: usize = 60;

fn over_records(plan: Plan<'_>) -> Plan<'_> {
    plan.store(|storage| Arc::new(WarcStore::open(storage)))
}

/// Every row is done, at a location where the archive holds the site's bytes; and there is no file but the archive.
fn assert_every_record_is_right(world: &World, site: &Site) {
    let storage: Arc<dyn Storage> = Arc::new(world.storage());
    let store = WarcStore::open(Arc::clone(&storage));
    let mut rows = 0;
    let journal = Journal::read(Arc::clone(&storage)).expect("a journal");
    journal
        .for_each_outcome(|row, read, outcome| {
            let (Entry::Fetch { url, .. }, RecordedOutcome::Done(done)) = (&read.entry, &outcome) else {
                panic!("row {row} is {outcome:?}");
            };
            let path = url.replacen("http://origin.test", "", 1);
            let expected = site.content(&path).to_vec();
            assert_eq!(*blake3::hash(&expected).as_bytes(), done.blake3, "{path}");
            let content = Content { size: done.size, blake3: done.blake3 };
            let is_right = store.verify(&done.location, &archive(), &content).expect("a readable archive");
            assert!(is_right, "{path} is not at {:?}", done.location);
            let record = warc::read(&*storage, &done.location).expect("readable").expect("a record");
            assert_eq!(record.field("WARC-Target-URI"), url);
            assert!(head_of(&record).starts_with(b"HTTP/1.") && head_of(&record).ends_with(b"\r\n\r\n"));
            rows += 1;
        })
        .expect("a readable journal");
    assert_eq!(rows, FILES);
    let root = storage.metadata(&ORIGIN.parse().expect("a valid name")).expect("readable");
    assert_eq!(root, None, "no body has a file of its own");
    assert_eq!(world.parts(), Vec::<String>::new(), "no body is under way in a file of its own");
}

#[test]
fn a_haul_into_one_archive_survives_crashes() {
    let new_world = |seed| {
        let site = Site::new(seed).with_sizes(Sizes::between(0, 600_000));
        World::serving(seed, site, FaultMix::rehearsal())
    };
    for seed in 0..12 {
        simulate(async {
            let (world, origin) = new_world(seed);
            let mut random = fastrand::Rng::with_seed(seed);
            let mut settled: BTreeMap<String, u64> = BTreeMap::new();
            for _ in 0..2 {
                let crash = if random.bool() { Crash::Kill } else { Crash::PowerLoss };
                let plan = world.haul(list(FILES)).crash_at_event(random.usize(60..240), crash);
                let run = over_records(plan).run().await;
                for event in run.events_of(EventKind::Done) {
                    let path = event.url.replacen("http://origin.test", "", 1);
                    settled.insert(path.clone(), origin.requests_of(&path));
                }
            }
            assert!(!settled.is_empty(), "the crashes come too early to show anything");
            let run = over_records(world.haul(list(FILES))).run().await;
            assert_eq!(run.counts(), (FILES as u64, 0, 0, 0), "{:#?}", run.report());
            for (path, requests) in settled {
                assert_eq!(origin.requests_of(&path), requests, "{path} was requested again");
            }
            assert_every_record_is_right(&world, origin.site());
            let again = over_records(world.haul(list(FILES))).run().await;
            assert_eq!(again.report().requests, 0, "a complete haul sends no request");
        });
    }
}

/// A crash at each event of a commit: the body is in the archive, or it is fetched again; it is never reported twice.
#[test]
fn a_crash_after_any_outcome_loses_no_record() {
    for outcome in 1..20 {
        simulate(async {
            let site = Site::new(3).with_sizes(Sizes::between(0, 40_000));
            let (world, origin) = World::serving(3, site, FaultMix::none());
            let mut outcomes = 0;
            let plan = world.haul(list(FILES)).crash_when(Crash::PowerLoss, move |event| {
                outcomes += usize::from(event.is_outcome());
                outcomes == outcome
            });
            over_records(plan).run().await;
            let run = over_records(world.haul(list(FILES))).run().await;
            assert_eq!(run.counts(), (FILES as u64, 0, 0, 0));
            assert_every_record_is_right(&world, origin.site());
            assert!(origin.requests_of(&path(0)) <= 2, "a body is fetched again at most once");
        });
    }
}

const HOST: &str = "archived.test";

/// What an archive needs of a response: its URL and the row's, both heads as they went over the connection, the time and the peer.
/// The body is redirected, cut after its first bytes, and continued.
#[test]
fn a_record_holds_what_an_archive_needs() {
    const SPLIT: usize = 300_000;
    let body: Vec<u8> = (0..400_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    simulate(async {
        let world = World::new(1);
        let content = body.clone();
        let host = world.scripted(HOST, move |request| match (&*request.path, request.range_from()) {
            ("/start", _) => Reply::status(302).field("Location", "/file?of=it"),
            (_, None) => Reply::status(200)
                .field("ETag", "\"v1\"")
                .field("X-Odd", "  a\tB ")
                .body(content.as_slice())
                .cut(SPLIT, End::Fin),
            (_, Some(from)) => Reply::status(206)
                .field("ETag", "\"v1\"")
                .field("Content-Range", format!("bytes {from}-{}/{}", content.len() - 1, content.len()))
                .body(&content[from..]),
        });
        let run = over_records(world.haul(format!("http://{HOST}/start\n"))).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.report());
        let storage: Arc<dyn Storage> = Arc::new(world.storage());
        let journal = Journal::read(Arc::clone(&storage)).expect("a journal");
        let mut location = Location::File;
        journal
            .for_each_outcome(|_, _, outcome| {
                let RecordedOutcome::Done(done) = outcome else { panic!("it is {outcome:?}") };
                location = done.location.clone();
            })
            .expect("a readable journal");
        let record = warc::read(&*storage, &location).expect("readable").expect("a record");
        assert_eq!(record.field("WARC-Type"), "response");
        assert_eq!(record.field("WARC-Target-URI"), format!("http://{HOST}/file?of=it"));
        assert_eq!(record.field("Longhaul-Row-URI"), format!("http://{HOST}/start"));
        assert_eq!(record.field("WARC-IP-Address"), "10.0.0.1");
        assert_eq!(record.field("Longhaul-Port"), "80");
        assert!(
            record.field("WARC-Date").starts_with("2026-01-01T00:00:00."),
            "{}",
            record.field("WARC-Date")
        );
        assert_eq!(record.field("Longhaul-Continuations"), "1");
        let head =
            "HTTP/1.1 200 scripted\r\nETag: \"v1\"\r\nX-Odd:   a\tB \r\nContent-Length: 400000\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(head_of(&record)), head);
        assert!(body_of(&record) == body, "the body is whole");

        let Location::Record { file, offset, length } = &location else { panic!("it is at {location:?}") };
        assert_eq!(&**file, ARCHIVE);
        let request =
            warc::read_at(&*storage, offset + length).expect("readable").expect("the request's record");
        assert_eq!(request.field("WARC-Type"), "request");
        let sent = String::from_utf8_lossy(&request.block).into_owned();
        assert!(sent.starts_with("GET /file?of=it HTTP/1.1\r\n") && sent.ends_with("\r\n\r\n"), "{sent}");
        assert_eq!(sent.lines().count(), host.requests()[1].fields.len() + 2, "every field that was sent");
    });
}

/// A part that no validator joins: the bytes that were requested again and compared are in the response, and the store has them already.
#[test]
fn a_record_tells_which_bytes_of_a_response_are_repeated() {
    const LARGE: usize = 400_000;
    simulate(async {
        let world = World::new(1);
        let content: Vec<u8> = (1..=251).cycle().take(LARGE).collect();
        let served = content.clone();
        let host = world.scripted(HOST, move |request| match request.range_from() {
            None => Reply::status(200).body(&served[..]).cut(300_000, End::Reset),
            Some(from) => Reply::status(206)
                .field("Content-Range", format_args!("bytes {from}-{}/{LARGE}", LARGE - 1))
                .body(&served[from..]),
        });
        let run = over_records(world.haul(format!("http://{HOST}/file\n"))).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        let requests = host.requests();
        assert_eq!(requests.len(), 2, "the rest is joined: {requests:#?}");
        let storage: Arc<dyn Storage> = Arc::new(world.storage());
        let record = warc::read_at(&*storage, 0).expect("readable").expect("a record");
        assert!(body_of(&record) == content);
    });
}
