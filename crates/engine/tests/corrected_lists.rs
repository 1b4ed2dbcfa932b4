//! Lists that are corrected, sorted, shortened and renamed between two runs: the outcome of a haul is that of its lists as they are.

mod world;

use std::io::{self, Cursor};
use std::sync::Arc;

use longhaul::{Item, ListIdentity, ListReader, Source, TextList};
use longhaul_http::digest::{DigestAlgorithm, Hasher};
use longhaul_journal::{Journal, RecordedOutcome};
use world::{Crash, EventKind, Reply, Run, Scripted, World, simulate};

const HOST: &str = "files.test";

/// A list file: text with an identity.
struct ListFile {
    text: TextList<Cursor<String>>,
    identity: ListIdentity,
}

impl ListFile {
    fn new(text: &str) -> Self {
        let identity = ListIdentity::of_bytes(text.as_bytes());
        Self { text: TextList::new(Cursor::new(text.to_owned())), identity }
    }
}

impl ListReader for ListFile {
    fn next(&mut self) -> io::Result<Option<Item>> {
        self.text.next()
    }

    fn position(&self) -> u64 {
        self.text.position()
    }

    fn identity(&self) -> Option<ListIdentity> {
        Some(self.identity)
    }

    fn ignored(&self) -> u64 {
        self.text.ignored()
    }

    fn would_block(&self) -> bool {
        self.text.would_block()
    }
}

/// A world with a host whose every file holds its own path, except `/absent`.
fn world() -> (World, Scripted) {
    let world = World::new(3);
    let host = world.scripted(HOST, |request| match request.path.as_str() {
        "/absent" => Reply::status(404).body(""),
        path => Reply::status(200).body(path.as_bytes()),
    });
    (world, host)
}

fn url(path: &str) -> String {
    format!("http://{HOST}{path}\n")
}

fn line_with_digest(path: &str, content: &str) -> String {
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    hasher.update(content.as_bytes());
    format!("http://{HOST}{path} sha256={}\n", hasher.digest())
}

/// A run of several lists, by their names.
async fn run_lists(world: &World, lists: &[(&str, &str)]) -> Run {
    let (first, rest) = lists.split_first().expect("a list");
    let plan = world.haul("").items_of(first.0, ListFile::new(first.1)).builder(|builder| {
        rest.iter().fold(builder, |builder, (label, text)| {
            let reader = Box::new(ListFile::new(text));
            builder.source(Source::Items { label: (*label).to_owned(), reader })
        })
    });
    plan.run().await
}

async fn run(world: &World, list: &str) -> Run {
    world.haul("").items(ListFile::new(list)).run().await
}

fn forgotten(world: &World) -> Vec<u64> {
    let mut rows = Vec::new();
    let journal = Journal::read(Arc::new(world.storage())).expect("a journal");
    let visited = journal.for_each_outcome(|id, _, outcome| {
        if outcome == RecordedOutcome::Forgotten {
            rows.push(id.0);
        }
    });
    visited.expect("a readable journal");
    rows
}

#[test]
fn a_corrected_line_takes_the_place_of_a_refused_one() {
    simulate(async {
        let (world, _host) = world();
        let wrong = url("/a") + "no url\n" + &url("/b");
        assert_eq!(run(&world, &wrong).await.counts(), (2, 1, 0, 0));
        let right = url("/a") + &url("/c") + &url("/b");
        let corrected = run(&world, &right).await;
        // The refused line is forgotten, and `/b` is a duplicate of itself.
        assert_eq!(corrected.counts(), (3, 0, 2, 0));
        assert_eq!((corrected.report().forgotten, corrected.report().requests), (1, 1));
        assert!(corrected.report().failures.is_empty(), "{:?}", corrected.report());
        assert_eq!(forgotten(&world), [1]);
        let again = run(&world, &right).await;
        assert_eq!((again.counts(), again.report().forgotten), ((3, 0, 2, 0), 0));
    });
}

#[test]
fn a_corrected_digest_takes_the_name_of_the_wrong_one() {
    simulate(async {
        let (world, _host) = world();
        let wrong = line_with_digest("/a", "something else") + &url("/b");
        assert_eq!(run(&world, &wrong).await.counts(), (1, 1, 0, 0));
        let right = line_with_digest("/a", "/a") + &url("/b");
        assert_eq!(run(&world, &right).await.counts(), (2, 0, 2, 0));
        assert_eq!(world.file(&format!("{HOST}/a")).as_deref(), Some(&b"/a"[..]), "under its usual name");
        // Another line for the same URL and digest is a duplicate of the corrected one.
        let longer = right + &line_with_digest("/a", "/a");
        let run = run(&world, &longer).await;
        assert_eq!((run.counts(), run.report().requests), ((2, 0, 3, 0), 0));
    });
}

#[test]
fn a_sorted_list_is_the_same_list() {
    simulate(async {
        let (world, _host) = world();
        let lines = ["/b", "/absent", "/a", "/c"].map(url);
        assert_eq!(run(&world, &lines.concat()).await.counts(), (3, 1, 0, 0));
        let mut sorted = lines;
        sorted.sort();
        let run = run(&world, &sorted.concat()).await;
        assert_eq!(run.counts(), (3, 1, 4, 0), "what failed is still on the list");
        assert_eq!((run.report().requests, run.report().forgotten), (0, 0));
    });
}

#[test]
fn what_is_no_longer_on_a_list_is_forgotten() {
    simulate(async {
        let (world, _host) = world();
        assert_eq!(run(&world, &(url("/a") + &url("/absent"))).await.counts(), (1, 1, 0, 0));
        // Shorter, without any line that differs.
        let run_1 = run(&world, &url("/a")).await;
        assert_eq!((run_1.counts(), run_1.report().forgotten), ((1, 0, 1, 0), 1));
        // It comes back with its line.
        assert_eq!(run(&world, &(url("/a") + &url("/absent"))).await.counts(), (1, 1, 1, 0));
        // Done rows stay.
        assert_eq!(run(&world, &url("/other")).await.counts(), (2, 0, 2, 0));
    });
}

#[test]
fn what_is_piped_takes_nothing_back() {
    simulate(async {
        let (world, _host) = world();
        assert_eq!(world.haul(url("/absent")).run().await.counts(), (0, 1, 0, 0));
        assert_eq!(world.haul(url("/a")).run().await.counts(), (1, 1, 0, 0));
        assert_eq!(forgotten(&world), Vec::<u64>::new());
    });
}

#[test]
fn a_renamed_list_is_recognised() {
    simulate(async {
        let (world, _host) = world();
        let text = url("/a") + "no url\n";
        assert_eq!(run(&world, &text).await.counts(), (1, 1, 0, 0));
        let renamed = world.haul("").items_of("another name", ListFile::new(&text)).run().await;
        assert_eq!((renamed.counts(), renamed.report().requests), ((1, 1, 0, 0), 0));
        let other = world.haul("").items_of("a third name", ListFile::new(&url("/b"))).run().await;
        assert_eq!(other.counts(), (2, 1, 0, 0));
    });
}

/// `mv urls old; (write new) urls; get -i old -i urls`, in either order of the lists.
#[test]
fn a_list_that_was_renamed_and_written_anew_keeps_its_rows() {
    for is_old_first in [true, false] {
        simulate(async {
            let (world, _host) = world();
            let old = url("/absent") + "no url\n" + &url("/a");
            let new = url("/b");
            assert_eq!(run_lists(&world, &[("urls", &old)]).await.counts(), (1, 2, 0, 0));
            let mut lists = [("old", old.as_str()), ("urls", new.as_str())];
            if !is_old_first {
                lists.reverse();
            }
            let both = run_lists(&world, &lists).await;
            assert_eq!((both.counts(), both.report().forgotten), ((2, 2, 0, 0), 0), "{is_old_first}");
            // The list has been read under its old name, so it takes its rows back under the new one.
            let corrected = url("/c") + &url("/a");
            let last = run_lists(&world, &[("old", &corrected), ("urls", &new)]).await;
            assert_eq!((last.counts(), last.report().forgotten), ((3, 0, 3, 0), 2), "{:#?}", last.report());
        });
    }
}

#[test]
fn a_copy_keeps_its_rows_when_the_original_is_corrected() {
    simulate(async {
        let (world, _host) = world();
        let text = url("/a") + "no url\n" + &url("/absent");
        assert_eq!(run_lists(&world, &[("original", &text)]).await.counts(), (1, 2, 0, 0));
        let copied = run_lists(&world, &[("original", &text), ("copy", &text)]).await;
        assert_eq!((copied.counts(), copied.report().requests), ((1, 2, 0, 0), 0), "nothing fails once more");
        let right = url("/a") + &url("/b");
        let corrected = run_lists(&world, &[("original", &right), ("copy", &text)]).await;
        assert_eq!((corrected.counts(), corrected.report().forgotten), ((2, 2, 0, 0), 0));
        let both = run_lists(&world, &[("original", &right), ("copy", &right)]).await;
        assert_eq!((both.counts(), both.report().forgotten), ((2, 0, 3, 0), 2), "{:#?}", both.report());
    });
}

#[test]
fn a_renamed_list_takes_its_rows_back() {
    simulate(async {
        let (world, _host) = world();
        let wrong = url("/a") + "no url\n";
        assert_eq!(run_lists(&world, &[("urls", &wrong)]).await.counts(), (1, 1, 0, 0));
        assert_eq!(run_lists(&world, &[("renamed", &wrong)]).await.counts(), (1, 1, 0, 0));
        let right = url("/a") + &url("/b");
        let corrected = run_lists(&world, &[("renamed", &right)]).await;
        assert_eq!((corrected.counts(), corrected.report().forgotten), ((2, 0, 1, 0), 1));
    });
}

/// A row that failed does not leave its name to a corrected line while another list still asks for it.
#[test]
fn a_row_that_another_list_repeats_keeps_its_name() {
    simulate(async {
        let (world, _host) = world();
        let wrong = line_with_digest("/a", "something else");
        let lists = [("one", wrong.as_str()), ("two", wrong.as_str())];
        assert_eq!(run_lists(&world, &lists).await.counts(), (0, 1, 1, 0));
        let right = line_with_digest("/a", "/a");
        let corrected = run_lists(&world, &[("one", &right), ("two", &wrong)]).await;
        assert_eq!((corrected.counts(), corrected.report().forgotten), ((1, 1, 1, 0), 0));
        assert_eq!(world.file(&format!("{HOST}/a")), None, "the first row has that name");
    });
}

/// A line that repeats a row after the first difference keeps the row's name, too.
#[test]
fn a_row_that_a_new_line_repeats_keeps_its_name() {
    simulate(async {
        let (world, _host) = world();
        let wrong = line_with_digest("/a", "something else");
        assert_eq!(run(&world, &wrong).await.counts(), (0, 1, 0, 0));
        let lines = url("/b") + &wrong + &line_with_digest("/a", "/a");
        let corrected = run(&world, &lines).await;
        assert_eq!((corrected.counts(), corrected.report().forgotten), ((2, 1, 1, 0), 0));
    });
}

/// The unchanged lines of a list that has changed are told from its new ones.
#[test]
fn counts_tell_unchanged_lines_from_new_ones() {
    simulate(async {
        let (world, _host) = world();
        let lines: String = (0..10).map(|number| url(&format!("/{number}"))).collect();
        run(&world, &lines).await;
        let edited = url("/new") + &lines;
        let run = run(&world, &edited).await;
        assert_eq!((run.counts(), run.report().duplicates), ((11, 0, 10, 0), 10));
        let read: Vec<_> = run.events_of(EventKind::ListRead).map(|event| event.reason.as_str()).collect();
        assert_eq!(read, ["11 new rows, 10 duplicates"]);
    });
}

/// A line is corrected twice: whatever was killed meanwhile, what repeats the last correction is a duplicate.
#[test]
fn a_name_that_was_given_away_is_known_after_a_kill() {
    let wrong = line_with_digest("/a", "something else");
    let other = line_with_digest("/a", "another thing");
    let right = line_with_digest("/a", "/a");
    for is_killed in [false, true] {
        simulate(async {
            let (world, _host) = world();
            assert_eq!(run(&world, &wrong).await.counts(), (0, 1, 0, 0));
            if is_killed {
                let plan = world.haul("").items(ListFile::new(&other));
                plan.crash_when(Crash::Kill, |event| event.kind == EventKind::ListRead).run().await;
            } else {
                run(&world, &other).await;
            }
            let longer = right.clone() + &url("/b") + &right;
            let last = run(&world, &longer).await;
            let (done, failed, _, pending) = last.counts();
            assert_eq!((done, failed, pending), (2, 0, 0), "killed: {is_killed}: {:#?}", last.report());
            // The row that was killed waited when its line was corrected, and kept its name.
            assert_eq!(world.file(&format!("{HOST}/a")).is_some(), !is_killed);
            let again = run(&world, &(longer.clone() + &right)).await;
            assert_eq!((again.counts().0, again.report().requests), (done, 0), "killed: {is_killed}");
        });
    }
}

/// A crash at any call of the storage while a corrected list is read and its old rows are forgotten: the next run ends as one without a
/// crash does.
#[test]
fn a_correction_survives_a_crash_at_any_call() {
    let wrong = url("/a") + "no url\n" + &line_with_digest("/b", "something else") + &url("/absent");
    let right = url("/a") + &url("/c") + &line_with_digest("/b", "/b");
    let calls = simulate(async {
        let (world, _host) = world();
        run(&world, &wrong).await;
        let before = world.storage().operation_count();
        // The duplicate of none, three forgotten rows, and two new files.
        assert_eq!(run(&world, &right).await.counts(), (3, 0, 3, 0));
        world.storage().operation_count() - before
    });
    for crash in [Crash::Kill, Crash::PowerLoss] {
        for call in 0..calls {
            simulate(async {
                let (world, _host) = world();
                run(&world, &wrong).await;
                world.haul("").items(ListFile::new(&right)).halt_storage_at(call).run().await;
                let left = crash.of(&world.storage());
                world.crashed(crash, left);
                let last = run(&world, &right).await;
                let (done, failed, _, pending) = last.counts();
                assert_eq!(
                    (done, failed, pending),
                    (3, 0, 0),
                    "{crash:?} at call {call}: {:#?}",
                    last.report()
                );
                assert_eq!(forgotten(&world), [1, 2, 3], "{crash:?} at call {call}");
                for (name, content) in [("a", "/a"), ("b", "/b"), ("c", "/c")] {
                    let found = world.file(&format!("{HOST}/{name}"));
                    assert_eq!(
                        found.as_deref(),
                        Some(content.as_bytes()),
                        "{crash:?} at call {call}: {name}"
                    );
                }
            });
        }
    }
}
