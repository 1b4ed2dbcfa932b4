//! What becomes of lists: repeated lines, names that are in each other's way, lists that are read again, grown or changed.

mod world;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use longhaul::{Expectation, Fields, Item, ListReader};
use longhaul_journal::{Journal, RowId};
use world::{Reply, Run, Scripted, What, World, simulate};

const HOST: &str = "files.test";

/// A world with a host whose every file holds its own path.
fn world() -> (World, Scripted) {
    let world = World::new(3);
    let host = world.scripted(HOST, |request| Reply::status(200).body(request.path.as_bytes()));
    (world, host)
}

fn list(paths: &[&str]) -> String {
    let lines: Vec<String> = paths.iter().map(|path| format!("http://{HOST}{path}")).collect();
    lines.join("\n") + "\n"
}

fn requested(host: &Scripted) -> Vec<String> {
    let mut paths: Vec<String> = host.requests().into_iter().map(|request| request.path).collect();
    paths.sort();
    paths
}

/// Rows that have their outcome, by kind.
fn outcomes(run: &Run) -> (usize, usize, usize) {
    (run.all(What::Done).count(), run.all(What::Failed).count(), run.all(What::Skipped).count())
}

/// One file for each of these paths, somewhere, and no other.
fn assert_files(world: &World, names: &[(&str, &str)]) {
    for &(name, path) in names {
        let found = world.file(&format!("{HOST}/{name}")).unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!(String::from_utf8_lossy(&found), path, "{name}");
    }
}

#[test]
fn what_is_asked_for_twice_is_fetched_once_and_each_line_is_reported() {
    simulate(async {
        let (world, host) = world();
        let spellings =
            format!("{}HTTP://FILES.test:80/a#part\nhttp://files.test/x/../a\n", list(&["/a", "/b", "/a"]));
        let run = world.haul(spellings).run().await;
        assert_eq!(requested(&host), ["/a", "/b"]);
        assert_eq!(run.report().counts.rows(), 5);
        assert_eq!(outcomes(&run).0 + outcomes(&run).2, 5, "{:#?}", run.told);
        assert_files(&world, &[("a", "/a"), ("b", "/b")]);
    });
}

#[test]
fn every_url_has_a_file_of_its_own() {
    simulate(async {
        let (world, host) = world();
        let paths =
            ["/a", "/a/b", "/c/d", "/c", "/README", "/readme", "/Readme/x", "/q?1", "/q@1", "/e//f", "/e/f"];
        let run = world.haul(list(&paths)).run().await;
        assert_eq!(run.counts(), (11, 0, 0, 0), "{:#?}", run.report());
        assert_eq!(requested(&host).len(), 11);
        assert_files(
            &world,
            &[
                ("a", "/a"),
                ("a~d/b", "/a/b"),
                ("c/d", "/c/d"),
                ("README", "/README"),
                ("q@1", "/q?1"),
                ("e/f", "/e//f"),
            ],
        );
    });
}

#[test]
fn names_are_the_same_whichever_run_makes_them() {
    let paths = ["/a", "/a/b", "/README", "/readme", "/a/b/c", "/A/x"];
    let files = |cut: usize| {
        simulate(async {
            let (world, _host) = world();
            for count in [cut, paths.len()] {
                world.haul(list(&paths[..count])).run().await;
            }
            let mut names = Vec::new();
            for directory in ["", "/a~d", "/a~d/b~d", "/A~d"] {
                let directory = format!("{HOST}{directory}").parse().expect("a valid name");
                names.push(
                    longhaul_journal::storage::Storage::list(&world.storage(), &directory)
                        .unwrap_or_default(),
                );
            }
            names
        })
    };
    let at_once = files(paths.len());
    for cut in 1..paths.len() {
        assert_eq!(files(cut), at_once, "with {cut} lines in the first run");
    }
}

#[test]
fn a_list_read_again_makes_no_request_and_no_rows() {
    simulate(async {
        let (world, host) = world();
        let lines = format!("# a comment\n\n{}no URL\n{}", list(&["/a", "/b"]), list(&["/a", "/c"]));
        let first = world.haul(lines.as_str()).run().await;
        assert_eq!(requested(&host), ["/a", "/b", "/c"]);
        for _ in 0..2 {
            let again = world.haul(lines.as_str()).run().await;
            assert_eq!(requested(&host).len(), 3);
            assert_eq!(again.report().counts, first.report().counts);
            assert_eq!(outcomes(&again), (0, 0, 0), "it was reported before");
        }
    });
}

#[test]
fn a_list_that_grew_adds_rows() {
    simulate(async {
        let (world, host) = world();
        let paths = ["/a", "/b", "/c", "/d", "/e", "/a"];
        for count in [1, 3, 3, 6] {
            let run = world.haul(list(&paths[..count])).run().await;
            assert_eq!(run.report().counts.rows(), count as u64);
        }
        assert_eq!(requested(&host), ["/a", "/b", "/c", "/d", "/e"]);
    });
}

#[test]
fn a_list_without_its_last_line_end_grew_all_the_same() {
    simulate(async {
        let (world, host) = world();
        world.haul(list(&["/a", "/b"]).trim_end()).run().await;
        let run = world.haul(list(&["/a", "/b", "/c"])).run().await;
        assert_eq!(run.report().counts.rows(), 3);
        assert_eq!(requested(&host), ["/a", "/b", "/c"]);
    });
}

#[test]
fn a_list_that_changed_asks_for_what_is_new_only() {
    simulate(async {
        let (world, host) = world();
        world.haul(list(&["/a", "/b", "/c"])).run().await;
        let changed = list(&["/a", "/new", "/c"]);
        for _ in 0..3 {
            world.haul(changed.as_str()).run().await;
            assert_eq!(requested(&host), ["/a", "/b", "/c", "/new"]);
        }
    });
}

#[test]
fn the_rows_of_a_changed_list_are_known_from_then_on() {
    simulate(async {
        let (world, host) = world();
        let readings: [(&[&str], u64); 7] = [
            (&["/a", "/b", "/c"], 3),
            // The second and third lines are new rows, the third one a duplicate ...
            (&["/a", "/new", "/c"], 5),
            (&["/a", "/new", "/c"], 5),
            // ... and go on being known when the list grows, changes again, and gets shorter.
            (&["/a", "/new", "/c", "/d"], 6),
            (&["/x", "/new", "/c", "/d"], 10),
            (&["/x", "/new", "/c", "/d"], 10),
            (&["/x", "/new"], 10),
        ];
        for (paths, rows) in readings {
            let run = world.haul(list(paths)).run().await;
            assert_eq!(run.report().counts.rows(), rows, "{paths:?}");
        }
        assert_eq!(requested(&host), ["/a", "/b", "/c", "/d", "/new", "/x"]);
    });
}

/// The same address with the same expectation, or with none, is fetched once. With another one it is something else: one of
/// the two is right, and the other says what came.
#[test]
fn an_expectation_belongs_to_the_row() {
    simulate(async {
        let (world, host) = world();
        let url = format!("http://{HOST}/a");
        let list = format!("{url}\tsize=2\n{url}\n{url}\tsize=2\n{url}\tsize=3\n");
        let run = world.haul(&list).run().await;
        assert_eq!(outcomes(&run), (1, 1, 2), "{:#?}", run.told);
        let fault = run.all(What::Failed).next().and_then(|told| told.fault.clone()).expect("a failure");
        assert_eq!(fault.class, "mismatch");
        assert_files(&world, &[("a", "/a")]);
        let requests = host.requests().len();
        let again = world.haul(&list).run().await;
        assert_eq!((again.counts(), host.requests().len()), ((1, 1, 2, 0), requests));
    });
}

/// An expectation that a list gets later, on a line that was a duplicate, is held to.
#[test]
fn an_expectation_that_comes_to_a_duplicate_is_not_skipped() {
    simulate(async {
        let (world, host) = world();
        let url = format!("http://{HOST}/a");
        let lists = [format!("{url}\n{url}\n"), format!("{url}\n{url}\tsize=3\n"), format!("{url}\n{url}\n")];
        let counts = [(1, 0, 1, 0), (1, 1, 1, 0), (1, 1, 2, 0)];
        for (list, counts) in lists.iter().zip(counts) {
            let mut requests = 0;
            for _ in 0..2 {
                let run = world.haul(list).run().await;
                assert_eq!(run.counts(), counts, "{list}: {:#?}", run.told);
                assert!(requests == 0 || requests == host.requests().len(), "{list}");
                requests = host.requests().len();
            }
        }
        // What the row that fetches it is held to anyway makes no further row.
        let (world, _host) = self::world();
        let first = world.haul(format!("{url}\tsize=2\n{url}\n")).run().await;
        assert_eq!(first.counts(), (1, 0, 1, 0));
        let second = world.haul(format!("{url}\tsize=2\n{url}\tsize=2\n")).run().await;
        assert_eq!(second.counts(), (1, 0, 1, 0));
    });
}

/// A list of URLs in memory, each with a column that the engine does not know.
struct Catalogue {
    entries: VecDeque<(String, Option<&'static str>)>,
    position: u64,
}

impl Catalogue {
    fn new(entries: &[(&str, Option<&'static str>)]) -> Self {
        let entry = |&(path, title): &(&str, _)| (format!("http://{HOST}{path}"), title);
        Self { entries: entries.iter().map(entry).collect(), position: 0 }
    }
}

impl ListReader for Catalogue {
    fn next(&mut self) -> io::Result<Option<Item>> {
        let Some((url, title)) = self.entries.pop_front() else { return Ok(None) };
        self.position += 1;
        let fields = title.into_iter().map(|title| ("title", title)).collect();
        Ok(Some(Item::new(self.position, &url, Expectation::default(), fields)))
    }

    fn position(&self) -> u64 {
        self.position
    }
}

#[test]
fn a_column_that_the_engine_does_not_know_travels_with_its_row() {
    simulate(async {
        let world = World::new(3);
        let host = world.scripted(HOST, |request| match &*request.path {
            "/absent" => Reply::status(404),
            path => Reply::status(200).body(path.as_bytes()),
        });
        let entries = [
            ("/a", Some("first")),
            ("/absent", Some("second")),
            ("/a", Some("third, the same URL")),
            ("/b", None),
        ];
        let columns =
            |title: Option<&str>| title.into_iter().map(|title| ("title", title)).collect::<Fields>();
        let run = world.haul("").items(Catalogue::new(&entries)).run().await;
        assert_eq!(run.counts(), (2, 1, 1, 0));
        for (row, (_, title)) in (0_u64..).zip(entries) {
            let told = run.told.iter().find(|told| told.is_outcome() && told.row == Some(row));
            assert_eq!(told.expect("every row has an outcome").fields, columns(title), "row {row}");
        }
        let journal = Journal::read(Arc::new(world.storage())).expect("a journal");
        assert!(journal.rows().has_fields());
        let mut rows = Vec::new();
        journal.for_each_outcome(|id, row, _| rows.push((id, row.fields.clone()))).expect("readable");
        let expected = (0..).map(RowId).zip(entries.map(|(_, title)| columns(title)));
        assert_eq!(rows, expected.collect::<Vec<_>>());

        let again = world.haul("").items(Catalogue::new(&entries)).run().await;
        assert_eq!(again.counts(), (2, 1, 1, 0), "the same items add no rows");
        let changed = [("/a", Some("another title"))];
        let renamed = world.haul("").items(Catalogue::new(&changed)).run().await;
        assert_eq!(renamed.counts(), (2, 1, 2, 0), "another value makes another row");
        assert_eq!(host.requests().len(), 3, "no URL is fetched twice");
    });
}

#[test]
fn what_a_reader_cannot_hand_over_whole_is_a_failed_row() {
    simulate(async {
        let world = World::new(3);
        let _host = world.scripted(HOST, |request| Reply::status(200).body(request.path.as_bytes()));
        let long: &'static str = Box::leak("x".repeat(Fields::BYTES_MAX).into_boxed_str());
        let entries = [("/a", Some(long)), ("/b", Some("short"))];
        let run = world.haul("").items(Catalogue::new(&entries)).run().await;
        assert_eq!(run.counts(), (1, 1, 0, 0));
        let failed = run.all(What::Failed).next().expect("one row fails");
        let message = &failed.fault.as_ref().expect("a fault").message;
        assert!(message.contains("the other columns are longer than 64 KiB"), "{message}");
    });
}
