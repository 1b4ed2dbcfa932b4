//! What a list says of a content besides its size: several digests, and a media type.

mod world;

use std::sync::Arc;

use longhaul_http::digest::{DigestAlgorithm, Hasher};
use longhaul_journal::{
    Done, Entry, Expectation, Fields, Journal, Opened, RecordedDigest, RecordedOutcome, Row, RowId,
    Verification,
};
use world::{EventKind, Reply, Scripted, World, simulate};

const HOST: &str = "files.test";
const BODY: &[u8] = b"a,b\n1,2\n";

/// A world with a host whose every file is the same table; `/login` is a page, and `/moved` redirects twice.
fn world() -> (World, Scripted) {
    let world = World::new(3);
    let host = world.scripted(HOST, |request| match request.path.as_str() {
        "/login" => {
            Reply::status(200).field("Content-Type", "text/html; charset=utf-8").body(vec![b'x'; 5_000_000])
        }
        "/moved" => Reply::status(302).field("Location", "/moved/again").body(""),
        "/moved/again" => Reply::status(307).field("Location", "/table").body(""),
        "/untyped" => Reply::status(200).body(BODY),
        _ => Reply::status(200).field("Content-Type", "Text/CSV; header=present").body(BODY),
    });
    (world, host)
}

fn url(path: &str) -> String {
    format!("http://{HOST}{path}")
}

fn hexadecimal(algorithm: DigestAlgorithm) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(BODY);
    hasher.digest().to_string()
}

/// The outcome that the journal has of a row that is done.
fn recorded(world: &World, row: RowId) -> Done {
    let mut found = None;
    let journal = Journal::read(Arc::new(world.storage())).expect("a journal");
    let visited = journal.for_each_outcome(|id, _, outcome| {
        if let (true, RecordedOutcome::Done(done)) = (id == row, outcome) {
            found = Some(done.clone());
        }
    });
    visited.expect("a readable journal");
    found.unwrap_or_else(|| panic!("{row} is not done"))
}

#[test]
fn every_digest_of_a_line_is_compared() {
    simulate(async {
        let (world, _host) = world();
        let fields = [
            ("md5", DigestAlgorithm::Md5),
            ("sha1", DigestAlgorithm::Sha1),
            ("sha256", DigestAlgorithm::Sha256),
            ("sha512", DigestAlgorithm::Sha512),
            ("blake3", DigestAlgorithm::Blake3),
            ("crc32c", DigestAlgorithm::Crc32c),
        ];
        let right = fields.map(|(name, algorithm)| format!("{name}={}", hexadecimal(algorithm)));
        let mut lines = vec![format!("{}\t{}\n", url("/all"), right.join(" "))];
        for (number, (name, algorithm)) in fields.iter().enumerate() {
            let mut fields = right.clone();
            fields[number] = format!("{name}={}", "0".repeat(2 * algorithm.digest_bytes()));
            lines.push(format!("{}\t{}\n", url(&format!("/{name}")), fields.join("\t")));
        }
        lines.push(format!("{}\tcrc32c={}\n", url("/one"), hexadecimal(DigestAlgorithm::Crc32c)));
        let run = world.haul(lines.concat()).run().await;
        assert_eq!(run.counts(), (2, 6, 0, 0));
        for (name, algorithm) in fields {
            let outcome = run.outcome(&url(&format!("/{name}")));
            assert_eq!(outcome.class(), "mismatch");
            let message = &outcome.fault.as_ref().expect("a failure").message;
            assert!(
                message.contains(&format!("its {algorithm} digest is {}", hexadecimal(algorithm))),
                "{message}"
            );
            assert_eq!(world.file(&format!("{HOST}/{name}")), None);
        }
        assert_eq!(recorded(&world, RowId(0)).verification, Verification::Digest("sha-512".to_owned()));
        assert_eq!(recorded(&world, RowId(7)).verification, Verification::Digest("crc32c".to_owned()));
    });
}

#[test]
fn another_media_type_is_refused_before_its_body_is_read() {
    simulate(async {
        let (world, host) = world();
        let list = format!(
            "{}\ttype=text/csv\n{} type=text/csv\n{} type=TEXT/*\n{}\ttype=text/csv\n",
            url("/table"),
            url("/login"),
            url("/moved"),
            url("/untyped")
        );
        let run = world.haul(list).run().await;
        assert_eq!(run.counts(), (2, 2, 0, 0));
        assert!(run.report().bytes_received < 1_000, "{} bytes", run.report().bytes_received);
        let message = |path| run.outcome(&url(path)).fault.clone().expect("a failure").message;
        let page = "not what the list expects: its media type is text/html; charset=utf-8 and not text/csv";
        assert_eq!(message("/login"), page);
        let untyped = "not what the list expects: it has no media type, and text/csv is expected";
        assert_eq!(message("/untyped"), untyped);
        let requests = host.requests().iter().filter(|request| request.path == "/login").count();
        assert_eq!(requests, 3, "a page in place of the file may be gone in a moment");
    });
}

#[test]
fn a_run_expects_types_of_rows_without_one() {
    simulate(async {
        let (world, _host) = world();
        let list = format!("{}\n{}\n{} type=text/html\n", url("/table"), url("/login?a"), url("/login"));
        let types = ["image/*", "text/csv"].map(|range| range.parse().expect("a media type"));
        let run = world.haul(list).settings(|settings| settings.expected_types = types.to_vec()).run().await;
        assert_eq!(run.outcome(&url("/table")).kind, EventKind::Done);
        assert_eq!(run.outcome(&url("/login")).kind, EventKind::Done);
        // `/login?a` is a table.
        assert_eq!(run.counts(), (3, 0, 0, 0));
        let list = format!("{}\n", url("/login?b"));
        let types = vec!["image/*".parse().expect("a media type")];
        let run = world.haul(list).settings(|settings| settings.expected_types = types).run().await;
        assert_eq!(run.outcome(&url("/login?b")).class(), "mismatch");
    });
}

#[test]
fn the_statuses_of_redirects_are_recorded() {
    simulate(async {
        let (world, _host) = world();
        let run = world.haul(format!("{}\n{}\n", url("/moved"), url("/table"))).run().await;
        assert_eq!(run.counts(), (2, 0, 0, 0));
        let done = recorded(&world, RowId(0));
        assert_eq!((done.redirect_statuses, done.status), (vec![302, 307], 200));
        assert_eq!(recorded(&world, RowId(1)).redirect_statuses, Vec::<u16>::new());
    });
}

/// A row that another version of the program has written and this one cannot check: its failure is recorded, and reported once.
#[test]
fn a_row_that_cannot_be_checked_fails_once() {
    simulate(async {
        let world = World::new(3);
        let opened = Journal::open(Arc::new(world.storage()), 1, world.boot_id(), "test");
        let Opened { mut spool, lock, .. } = opened.expect("a journal");
        let source = spool.append_source("list").expect("a source");
        let digest = RecordedDigest { algorithm: "of-tomorrow".to_owned(), value: vec![0; 32] };
        let expected = Expectation { digests: vec![digest], ..Expectation::default() };
        let entry = Entry::Fetch { url: "http://host.test/a".to_owned(), name: None, expected };
        spool.append(&Row { source, line: 1, entry, fields: Fields::default() }).expect("a row");
        spool.sync().expect("a sync");
        drop((spool, lock));
        let first = world.haul("").run().await;
        assert_eq!((first.counts(), first.events_of(EventKind::Failed).count()), ((0, 1, 0, 0), 1));
        let second = world.haul("").run().await;
        assert_eq!((second.counts(), second.events_of(EventKind::Failed).count()), ((0, 1, 0, 0), 0));
    });
}
