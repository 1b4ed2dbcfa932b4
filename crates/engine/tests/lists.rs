//! Lists: repeated lines, names that collide, lists that are read again after they have grown or changed.

mod world;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use longhaul::{Expectation, Fields, Item, ListFormat, ListIdentity, ListReader};
use longhaul_journal::{Journal, RowId};
use world::{Crash, EventKind, Reply, Run, Scripted, World, simulate};

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
    (
        run.events_of(EventKind::Done).count(),
        run.events_of(EventKind::Failed).count(),
        run.events_of(EventKind::Skipped).count(),
    )
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
        assert_eq!(outcomes(&run).0 + outcomes(&run).2, 5, "{:#?}", run.events);
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
        assert_eq!(outcomes(&run), (1, 1, 2), "{:#?}", run.events);
        let fault =
            run.events_of(EventKind::Failed).next().and_then(|event| event.fault.clone()).expect("a failure");
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
                assert_eq!(run.counts(), counts, "{list}: {:#?}", run.events);
                assert!(requests == 0 || requests == host.requests().len(), "{list}");
                requests = host.requests().len();
            }
        }
        // An expectation that the row which fetches the URL has already makes no further row.
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
    identity: Option<ListIdentity>,
    /// Items that were read, by this reader and by those that share the count.
    items_read: Arc<AtomicU64>,
}

impl Catalogue {
    fn new(entries: &[(&str, Option<&'static str>)]) -> Self {
        let entry = |&(path, title): &(&str, _)| (format!("http://{HOST}{path}"), title);
        Self {
            entries: entries.iter().map(entry).collect(),
            position: 0,
            identity: None,
            items_read: Arc::default(),
        }
    }

    /// Numbered files, in a version of the catalogue. Counts the items that are read.
    fn numbered(count: usize, version: &str, items_read: &Arc<AtomicU64>) -> Self {
        let entry = |number| (format!("http://{HOST}{}", world::path(number)), Some("a title"));
        Self {
            entries: (0..count).map(entry).collect(),
            identity: Some(ListIdentity::of_bytes(version.as_bytes())),
            items_read: Arc::clone(items_read),
            ..Self::new(&[])
        }
    }
}

impl ListReader for Catalogue {
    fn next(&mut self) -> io::Result<Option<Item>> {
        let Some((url, title)) = self.entries.pop_front() else { return Ok(None) };
        self.position += 1;
        self.items_read.fetch_add(1, Ordering::Relaxed);
        let fields = title.into_iter().map(|title| ("title", title)).collect();
        Ok(Some(Item::new(self.position, &url, Expectation::default(), fields)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn identity(&self) -> Option<ListIdentity> {
        self.identity
    }
}

#[test]
fn a_killed_run_over_a_reader_of_another_format_is_resumed() {
    const ITEMS: usize = 40;
    simulate(async {
        let (world, host) = world();
        let items_read = Arc::default();
        let catalogue = |count, version| Catalogue::numbered(count, version, &items_read);
        let read = || items_read.swap(0, Ordering::Relaxed);

        let mut outcomes = 0;
        let killed =
            world.haul("").items(catalogue(ITEMS, "version 1")).crash_when(Crash::Kill, move |event| {
                outcomes += usize::from(event.is_outcome());
                outcomes == 5
            });
        let killed = killed.run().await;
        let settled: Vec<String> = killed.events_of(EventKind::Done).map(|event| event.url.clone()).collect();
        assert_eq!(settled.len(), 5);
        let resumed = world.haul("").items(catalogue(ITEMS, "version 1")).run().await;
        assert_eq!(resumed.counts(), (ITEMS as u64, 0, 0, 0));
        let again = requested(&host).into_iter().filter(|path| settled.iter().any(|url| url.ends_with(path)));
        assert_eq!(again.count(), settled.len(), "what was settled is not requested again");

        read();
        let complete = world.haul("").items(catalogue(ITEMS, "version 1")).run().await;
        assert_eq!((complete.report().requests, read()), (0, 0), "the same content is not read again");
        let grown = world.haul("").items(catalogue(ITEMS + 2, "version 2")).run().await;
        assert_eq!(read(), ITEMS as u64 + 2, "other content is read, and compared with the rows");
        assert_eq!((grown.report().counts.rows(), grown.report().requests), (ITEMS as u64 + 2, 2));
    });
}

/// A run is killed before it has read the whole list: the next one reads it again, and knows the rows that are there.
#[test]
fn a_reader_that_was_not_read_to_its_end_is_read_again() {
    const ITEMS: usize = 40;
    simulate(async {
        let (world, _host) = world();
        let items_read = Arc::default();
        let catalogue = || Catalogue::numbered(ITEMS, "version 1", &items_read);
        let killed = world.haul("").items(catalogue());
        let killed = killed.crash_when(Crash::Kill, |event| event.kind == EventKind::Started).run().await;
        assert_eq!(
            killed.events_of(EventKind::ListRead).count(),
            0,
            "the kill comes too late to show anything"
        );
        let resumed = world.haul("").items(catalogue()).run().await;
        assert_eq!(resumed.events_of(EventKind::ListRead).count(), 1);
        assert_eq!(resumed.counts(), (ITEMS as u64, 0, 0, 0));
    });
}

/// A format that takes every source file for a catalogue of three numbered files.
struct SourceFiles(Arc<AtomicU64>);

impl ListFormat for SourceFiles {
    fn open(&self, path: &Path) -> io::Result<Option<Box<dyn ListReader>>> {
        let is_ours = path.extension().is_some_and(|extension| extension == "rs");
        let reader = Catalogue { identity: None, ..Catalogue::numbered(3, "", &self.0) };
        Ok(is_ours.then(|| Box::new(reader) as Box<dyn ListReader>))
    }
}

#[test]
fn a_list_file_of_another_format_is_recognised_by_its_format() {
    simulate(async {
        let (world, _host) = world();
        let items_read: Arc<AtomicU64> = Arc::default();
        for read in [3, 0] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("lists.rs");
            let format = Arc::new(SourceFiles(Arc::clone(&items_read)));
            let plan = world.haul("").builder(|builder| builder.list(file).list_format(format));
            assert_eq!(plan.run().await.counts(), (3, 0, 0, 0));
            assert_eq!(items_read.swap(0, Ordering::Relaxed), read, "the file has not changed");
        }
    });
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
            let event = run.events.iter().find(|event| event.is_outcome() && event.row == Some(row));
            assert_eq!(event.expect("every row has an outcome").fields, columns(title), "row {row}");
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
        let failed = run.events_of(EventKind::Failed).next().expect("one row fails");
        let message = &failed.fault.as_ref().expect("a fault").message;
        assert!(message.contains("the other columns are longer than 64 KiB"), "{message}");
    });
}

#[test]
fn a_hash_that_cuts_a_path_is_reported_once_for_a_list() {
    simulate(async {
        let (world, _host) = world();
        let cut = list(&["/a", "/Report #1.pdf", "/Report #2.pdf", "/page#top"]);
        let run = world.haul(cut).run().await;
        assert_eq!(run.counts(), (3, 0, 1, 0), "what is fetched is the URL without it");
        let events: Vec<_> = run.events_of(EventKind::FragmentsCut).collect();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!((events[0].bytes, events[0].url.as_str()), (3, "http://files.test/Report%20"));
        let run = world.haul(list(&["/page#a", "/page#b", "/Report%20%231.pdf"])).run().await;
        assert_eq!(run.events_of(EventKind::FragmentsCut).count(), 0, "a few anchors are no reason");
    });
}
