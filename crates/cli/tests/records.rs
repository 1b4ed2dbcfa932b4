//! `export` and `status`: the records of a haul, for machines and for people.

mod common;

use std::sync::Arc;

use common::{TestDirectory, TestServer, json_lines, text};
use longhaul_journal::storage::{DiskStorage, Storage};
use longhaul_journal::{Done, Entry, Expectation, Fields, Journal, Location, Record, Row};
use longhaul_origin::{FaultMix, InjectedFault, Options};
use rustix::process::{Signal, kill_process};

/// A haul with a row for every outcome.
fn haul() -> (TestDirectory, TestServer) {
    let place = TestDirectory::new();
    let server =
        TestServer::start(FaultMix::none().on("/absent", .., InjectedFault::NotFound), Options::default());
    let urls = ["/a", "/absent", "/a"].map(|path| server.url(path));
    place.file("list.txt", format!("# comment\n{}\n=1+1,\"x\"\n", urls.join("\n")));
    place.longhaul(&["get", "-q", "-i", "list.txt", "-d", "out"]).assert().code(2);
    (place, server)
}

const COLUMNS: &str = "row,list,line,url,outcome,class,status,size,blake3,etag,last_modified,verification,name,\
                       attempts,started,finished,phase,endpoint,elapsed_ms,message,final_url,\
                       location,location_offset,location_length,content_type,content_encoding,digests,status_chain,suspect";

#[test]
fn jsonl_has_every_row_with_every_column() {
    let (place, server) = haul();
    let output =
        place.longhaul(&["export", "out", "--format", "jsonl"]).output().expect("the program starts");
    let rows = json_lines(&output.stdout);
    assert_eq!(rows.len(), 4);
    for line in text(&output.stdout).lines() {
        let at = |name: &str| line.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}: {line}"));
        assert!(COLUMNS.split(',').map(at).is_sorted(), "{line}");
    }
    let done = &rows[0];
    let content = server.origin.site().content("/a");
    let digest = content.blake3().map(|byte| format!("{byte:02x}")).concat();
    assert_eq!((&done["outcome"], &done["status"]), (&"done".into(), &200.into()));
    assert_eq!((&done["blake3"], &done["size"]), (&digest.into(), &content.len().into()));
    assert_eq!((&done["etag"], &done["line"]), (&content.etag().into(), &2.into()));
    assert_eq!((&done["verification"], &done["name"]), (&"length".into(), &server.name("/a").into()));
    let finished = done["finished"].as_str().expect("a time");
    assert!(finished.len() == 24 && finished.ends_with('Z') && finished >= "2024", "{finished}");

    let failed = &rows[1];
    assert_eq!((&failed["outcome"], &failed["class"]), (&"failed".into(), &"4xx".into()));
    assert_eq!((&failed["status"], &failed["phase"]), (&404.into(), &"head".into()));
    assert_eq!(failed["message"], "the server answered 404 Not Found");
    assert_eq!(
        (&rows[2]["outcome"], &rows[2]["message"]),
        (&"skipped".into(), &"the same URL as row 0".into())
    );
    assert_eq!((&rows[3]["class"], &rows[3]["url"]), (&"list".into(), &"=1+1,\"x\"".into()));
}

#[test]
fn csv_is_data_to_a_spreadsheet() {
    let (place, _served) = haul();
    place.longhaul(&["export", "out", "--format", "csv", "-o", "report.csv"]).assert().code(0).stdout("");
    let csv = text(&place.read("report.csv"));
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!((lines.len(), lines[0]), (5, COLUMNS));
    assert!(lines[4].contains(",\"'=1+1,\"\"x\"\"\",failed,list,"), "{}", lines[4]);
}

#[test]
fn an_export_that_cannot_be_written_is_an_error() {
    let (place, _served) = haul();
    let output = place
        .longhaul(&["export", "out", "--format", "csv", "-o", "no/where.csv"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("cannot write no/where.csv: No such file"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_counts_of_status_add_up() {
    let (place, _served) = haul();
    let status = place.status("out").expect("a haul");
    let expected = serde_json::json!({
        "rows": 4, "done": 1, "failed": 2, "skipped": 1, "pending": 0,
        "failures": { "4xx": 1, "list": 1 },
        "lists": [{ "list": place.path("list.txt"), "complete": true, "lines": 5, "ignored_lines": 1 }],
        "running": null,
        "damage": [],
        "parked": 0,
        "files_per_second": null,
        "bytes_per_second": null,
        "left_seconds": null,
    });
    assert_eq!(status, expected);
    let output = place.longhaul(&["status", "out"]).output().expect("the program starts");
    let printed = text(&output.stdout).replace(&place.path("list.txt").display().to_string(), "LIST");
    insta::assert_snapshot!(printed, @r"
    4 rows: 1 done, 2 failed, 1 skipped, 0 to go
    failed by class: 1 4xx, 1 list
    list LIST: 5 lines, 1 ignored
    not running
    to retry failures: longhaul retry out --class 4xx
    ");
}

#[test]
fn status_names_the_reason_why_a_host_is_slow() {
    let place = TestDirectory::new();
    let faults = FaultMix::none().under("/", 1..=u64::MAX, InjectedFault::Status429RetryAfter(300));
    let server = TestServer::start(faults, Options::default());
    place.file("list", server.list(3));
    let mut running = place.spawn(&["get", "-i", "list", "-d", "out"]);
    // The first pause is recorded at once, and rows that come back to the queue with the next record.
    let host = place.wait_for_host("out", |host| host["waiting"] == 3);
    assert_eq!(host["limiter"], "asked to wait");
    let hosts = place.longhaul(&["status", "out", "--hosts"]).output().expect("the program starts");
    let printed = text(&hosts.stdout);
    assert!(printed.contains(" at a time, asked to wait, next request in "), "{printed}");
    assert!(printed.contains("; 3 rows wait\n"), "{printed}");
    kill_process(running.pid(), Signal::TERM).expect("it exists");
    assert_eq!(running.code(), Some(9));

    // The next run begins with it.
    let asked = server.origin.stats().requests;
    let mut running = place.spawn(&["get", "-i", "list", "-d", "out"]);
    place.wait_for_status("out", |status| !status["running"].is_null());
    kill_process(running.pid(), Signal::TERM).expect("it exists");
    assert_eq!(running.code(), Some(9));
    assert_eq!(server.origin.stats().requests, asked);
}

/// A list whose items have a column that Longhaul does not interpret.
struct Titled(Vec<(String, &'static str)>, u64);

impl longhaul::ListReader for Titled {
    fn next(&mut self) -> std::io::Result<Option<longhaul::Item>> {
        let Some((url, title)) = self.0.get(usize::try_from(self.1).expect("a short list")) else {
            return Ok(None);
        };
        self.1 += 1;
        let fields = [("title", *title)].into_iter().filter(|(_, title)| !title.is_empty()).collect();
        Ok(Some(longhaul::Item::new(self.1, url, longhaul::Expectation::default(), fields)))
    }

    fn position(&self) -> u64 {
        self.1
    }
}

#[test]
fn columns_that_are_not_interpreted_arrive_in_the_export() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let titles = ["a \"title\", with a comma", ""];
    let items =
        (0..).zip(titles).map(|(number, title)| (server.url(&format!("/f/{number}")), title)).collect();
    let source = longhaul::Source::Items { label: "titled".to_owned(), reader: Box::new(Titled(items, 0)) };
    let haul = longhaul::Haul::builder(place.path("out")).source(source).build().expect("a haul");
    assert_eq!(haul.run().expect("a run").counts.done, 2);

    let output = place.longhaul(&["export", "out", "--format", "jsonl"]).output().expect("it runs");
    let rows = json_lines(&output.stdout);
    assert_eq!(rows[0]["fields"]["title"], titles[0]);
    assert_eq!(rows[1].get("fields"), None);

    let output = place.longhaul(&["export", "out", "--format", "csv"]).output().expect("it runs");
    let csv = text(&output.stdout);
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines[0], format!("{COLUMNS},fields"));
    assert!(lines[1].ends_with(r#","{""title"":""a \""title\"", with a comma""}""#), "{}", lines[1]);
    assert!(lines[2].ends_with(','), "{}", lines[2]);
}

/// A store of a library user keeps bodies elsewhere than in a file each: where they are is in the journal, and in the export.
#[test]
fn the_location_of_a_body_is_exported() {
    let place = TestDirectory::new();
    let storage: Arc<dyn Storage> =
        Arc::new(DiskStorage::open(place.path("out"), true).expect("a directory can be made"));
    let mut opened = Journal::open(storage, 1, [1; 16], "pid 1").expect("a new journal");
    let source = opened.spool.append_source("list").expect("a writable disk");
    let locations = [
        Location::File,
        Location::Record { file: "bodies.warc".into(), offset: 1_000, length: 42 },
        Location::Object { key: "bucket/key".into() },
    ];
    for (number, location) in (0..).zip(&locations) {
        let entry = Entry::Fetch {
            url: format!("http://host.test/{number}"),
            name: None,
            expected: Expectation::default(),
        };
        let row = Row { source, line: number + 1, entry, fields: Fields::default() };
        let row = opened.spool.append(&row).expect("a writable disk");
        opened.spool.flush().expect("a writable disk");
        let done = Done { location: location.clone(), ..Done::of_file(10, [7; 32]) };
        opened.log.record(&Record::Done(row, done)).expect("a writable disk");
    }
    opened.log.commit().expect("a writable disk");
    drop(opened);

    let output =
        place.longhaul(&["export", "out", "--format", "jsonl"]).output().expect("the program starts");
    let cells = |row: &serde_json::Value| {
        ["location", "location_offset", "location_length"].map(|name| row[name].to_string())
    };
    let exported: Vec<_> = json_lines(&output.stdout).iter().map(cells).collect();
    let expected =
        [["null", "null", "null"], ["\"bodies.warc\"", "1000", "42"], ["\"bucket/key\"", "null", "null"]];
    assert_eq!(exported, expected);
}
