//! Errors that look like success: they are named once, and fail if the user wants that.

mod world;

use std::sync::Arc;

use longhaul::verify::{Finding, Verify};
use longhaul::{SuspectPattern, SuspectPolicy};
use longhaul_http::digest::{DigestAlgorithm, Hasher};
use longhaul_journal::read_suspicions;
use longhaul_journal::storage::Storage;
use world::{EventKind, Plan, Reply, Scripted, World, simulate, urls};

const HOST: &str = "data.test";
/// Longer than a file of which many honest copies exist.
const PAGE: &[u8] = &[b'p'; 3000];
/// So many copies of a web page under names of data are needed.
const PAGES: usize = 5;
/// So many copies of any other body are needed.
const COPIES: usize = 20;

/// A world with a host whose `/data` files are one login page each, whose `/same` files have one body of their type, and whose other
/// files are all different.
fn world() -> (World, Scripted) {
    let world = World::new(11);
    let host = world.scripted(HOST, |request| {
        let reply = Reply::status(200);
        let path = request.path.as_str();
        if path.starts_with("/data") {
            return reply.field("Content-Type", "text/html").body(PAGE);
        }
        let reply = reply.field("Content-Type", "application/octet-stream");
        match path {
            path if path.starts_with("/same") => reply.body(PAGE),
            path if path.starts_with("/empty") => reply.body(""),
            path => reply.body(path.repeat(200)),
        }
    });
    (world, host)
}

fn paths(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("/{prefix}/{number}.nc4")).collect()
}

/// One request at a time, in the order of the list.
fn in_order(world: &World, list: String, policy: SuspectPolicy) -> Plan<'_> {
    world.haul(list).settings(move |settings| {
        settings.suspect = policy;
        settings.jobs_max = 1;
        settings.shards = 1;
    })
}

#[test]
fn a_login_page_in_place_of_files_is_named_once() {
    simulate(async {
        let (world, _host) = world();
        let list = urls(HOST, paths("data", COPIES).into_iter().chain(paths("good", 10)));
        let run = in_order(&world, list, SuspectPolicy::Warn).run().await;
        assert_eq!(run.counts(), (30, 0, 0, 0), "every row is done");
        let events: Vec<_> = run.events_of(EventKind::Suspect).collect();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!((events[0].reason.as_str(), events[0].bytes), ("http://data.test", PAGES as u64));
        let [found] = &run.report().suspicions[..] else { panic!("{:?}", run.report().suspicions) };
        let SuspectPattern::SameBody { size, blake3 } = found.pattern else { panic!("{found:?}") };
        assert_eq!((found.rows, size), (COPIES as u64, PAGE.len() as u64));
        assert_eq!(blake3, *blake3::hash(PAGE).as_bytes());
        assert!(found.example.starts_with("http://data.test/data/"), "{found:?}");
        assert_eq!(run.report().suspect_done, 0, "nothing fails, so nothing is looked for");
    });
}

#[test]
fn suspect_rows_fail_from_the_one_on_that_shows_the_pattern() {
    simulate(async {
        let (world, _host) = world();
        let list = urls(HOST, paths("data", COPIES).into_iter().chain(paths("good", 10)));
        let run = in_order(&world, list, SuspectPolicy::Fail).run().await;
        let failed = (COPIES - PAGES + 1) as u64;
        assert_eq!(run.counts(), (30 - failed, failed, 0, 0));
        assert!(run.events_of(EventKind::Failed).all(|event| event.class() == "suspect"));
        for event in run.events_of(EventKind::Failed) {
            let name = event.url.trim_start_matches("http://");
            assert_eq!(world.file(name), None, "{name} failed");
        }
        assert!(world.parts().is_empty());
        let done: Vec<_> =
            run.events_of(EventKind::Done).filter(|event| event.url.contains("/data/")).collect();
        assert_eq!(done.len(), PAGES - 1, "an outcome that was reported is not taken back");
        assert_eq!(run.report().suspect_done, done.len() as u64);
        assert_eq!(run.report().suspect_names.len(), done.len());

        let storage: Arc<dyn Storage> = Arc::new(world.storage());
        let mut named = Vec::new();
        let report = Verify::of_storage(storage, 0, [0; 16]).run(|finding| {
            if let Finding::Suspect { name, suspicion, .. } = finding {
                assert_eq!(suspicion.host, "http://data.test");
                named.push((*name).to_owned());
            }
        });
        let report = report.expect("a haul");
        assert!(report.is_intact());
        assert_eq!((report.suspect, &named), (done.len() as u64, &run.report().suspect_names));
    });
}

#[test]
fn a_later_run_knows_the_pattern() {
    simulate(async {
        let (world, _host) = world();
        let list = urls(HOST, paths("data", PAGES));
        let run = in_order(&world, list.clone(), SuspectPolicy::Warn).run().await;
        assert_eq!(run.events_of(EventKind::Suspect).count(), 1);
        let storage: Arc<dyn Storage> = Arc::new(world.storage());
        assert_eq!(read_suspicions(&storage).len(), 1);

        let more = list + &urls(HOST, paths("data/more", 3));
        let run = in_order(&world, more, SuspectPolicy::Fail).run().await;
        assert_eq!(run.counts(), (PAGES as u64, 3, 0, 0), "each of the new rows fails");
        assert_eq!(run.events_of(EventKind::Suspect).count(), 0, "it was named before");
        assert_eq!(run.report().suspicions[0].rows, PAGES as u64 + 3);
        assert_eq!(run.report().suspect_done, PAGES as u64);
    });
}

#[test]
fn honest_duplicates_are_no_pattern() {
    simulate(async {
        let (world, _host) = world();
        let digest = {
            let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
            hasher.update(PAGE);
            hasher.digest().to_string()
        };
        let with_digest =
            paths("data", 40).into_iter().map(|path| format!("http://{HOST}{path}\tsha256={digest}\n"));
        let with_type =
            paths("data/typed", 4).into_iter().map(|path| format!("http://{HOST}{path}\ttype=text/html\n"));
        let few = urls(HOST, paths("same", COPIES - 5).into_iter().chain(paths("empty", 60)));
        let list = with_digest.chain(with_type).collect::<String>() + &few;
        let run = in_order(&world, list, SuspectPolicy::Fail).run().await;
        assert_eq!(run.counts(), (40 + 4 + COPIES as u64 - 5 + 60, 0, 0, 0));
        assert_eq!(run.events_of(EventKind::Suspect).count(), 0);
    });
}

#[test]
fn many_copies_of_one_body_are_a_pattern_whatever_their_type() {
    simulate(async {
        let (world, _host) = world();
        let run = in_order(&world, urls(HOST, paths("same", 50)), SuspectPolicy::Fail).run().await;
        assert_eq!(run.counts(), (COPIES as u64 - 1, 50 - COPIES as u64 + 1, 0, 0));
    });
}
