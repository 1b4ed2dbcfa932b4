//! The page `docs/faults.md`, generated from the cases. `LONGHAUL_WRITE_PAGE=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use libtest_mimic::Failed;
use longhaul_origin::script::{Case, CaseOutcome, Proof};

use crate::workspace;

const PAGE: &str = "docs/faults.md";
/// Cases of HTTP/2, which the client does not speak.
const NOT_SPOKEN: std::ops::RangeInclusive<u16> = 75..=85;
/// The highest number of a case.
const LAST: u16 = 133;
/// How many cases may be without a proof.
const MISSING_MAX: usize = 5;

const ABOUT: &str = "\
# What can go wrong, and what Longhaul does about it

This page tells you, case by case, what Longhaul does when a name server, a network, a server, a file or this machine fails. The outcomes in
the tables are:

- *retry*: the URL is tried again, with increasing and random waits, until its attempts are used up;
- *incomplete*: the bytes that arrived are kept, and only the rest is requested;
- *failed*: the URL fails for good;
- *refused*: Longhaul refuses to do it;
- *done*: the file is complete;
- *no-content*: the server has nothing to download, so there is no file;
- *local*: the fault is on this machine; it counts against no URL and no host.

Every wait has a deadline.

To meet a case with your own client, run `longhaul serve hostile=http://127.0.0.1:9000`: the [server](cli.md#serve) then behaves as
the case says.

The tables are generated from the files in `crates/origin/cases`. Each file states what the servers and the name server do, byte by byte, what
the user runs, and the expected exit code, outcomes, files, requests, time and memory. `cargo test -p longhaul-cli --test cases` plays all
cases against the program; with `-- --ignored` it breaks each case on purpose and expects it to fail. Set `LONGHAUL_WRITE_PAGE=1` to write
this page anew.

";

/// What follows the tables: runs with the servers and tests of others, whose figures are written by hand.
const END: &str = include_str!("page_end.md");

const CHAPTERS: [(u16, &str); 12] = [
    (1, "Names"),
    (10, "TCP"),
    (23, "TLS"),
    (32, "HTTP/1"),
    (53, "Redirects, cookies, pace"),
    (66, "Ranges"),
    (75, "HTTP/2"),
    (86, "Files"),
    (102, "The process and the machine"),
    (116, "The list and the output"),
    (131, "Statuses"),
    (u16::MAX, ""),
];

/// Checks that the page agrees with the cases, and that every number has a case.
pub(crate) fn check(cases: &[Arc<(String, Case)>]) -> Result<(), Failed> {
    let numbers: BTreeSet<u16> = cases.iter().map(|case| case.1.number).collect();
    let absent: Vec<u16> =
        (1..=LAST).filter(|number| !numbers.contains(number) && !NOT_SPOKEN.contains(number)).collect();
    if !absent.is_empty() {
        return Err(format!("no case has the number {absent:?}").into());
    }
    let missing = cases.iter().filter(|case| matches!(case.1.proof, Proof::Missing(_))).count();
    if missing > MISSING_MAX {
        return Err(format!("{missing} cases have no proof").into());
    }
    let (page, path) = (page(cases), workspace().join(PAGE));
    if std::env::var_os("LONGHAUL_WRITE_PAGE").is_some() {
        fs::write(&path, &page)?;
    }
    if fs::read_to_string(&path).unwrap_or_default() == page {
        Ok(())
    } else {
        Err(format!("{PAGE} does not agree with the cases; LONGHAUL_WRITE_PAGE=1 writes it anew").into())
    }
}

fn page(cases: &[Arc<(String, Case)>]) -> String {
    let mut page = ABOUT.to_owned();
    for window in CHAPTERS.windows(2) {
        let [(first, title), (next, _)] = *window else { continue };
        let _ = writeln!(page, "## {title}\n");
        if NOT_SPOKEN.contains(&first) {
            let _ = writeln!(
                page,
                "Longhaul does not speak HTTP/2 yet, and offers servers HTTP/1.1 only (cases 75 to 85).\n"
            );
            continue;
        }
        let _ = writeln!(
            page,
            "| | what goes wrong | RFC | outcome | what Longhaul does | test |\n|---|---|---|---|---|---|"
        );
        for case in cases.iter().filter(|case| (first..next).contains(&case.1.number)) {
            page.push_str(&row(&case.0, &case.1));
        }
        page.push('\n');
    }
    page.push_str(END);
    page
}

fn row(name: &str, case: &Case) -> String {
    let outcome: Vec<&str> = case.outcome.iter().copied().map(CaseOutcome::as_str).collect();
    let mut shown = match &case.proof {
        Proof::Play { .. } => format!("[case](../crates/origin/cases/{name}.toml)"),
        Proof::Elsewhere(tests) => {
            let tests = tests.iter().filter_map(|test| {
                let (file, function) = test.split_once("::")?;
                Some(format!("[{}](../{file})", function.replace('_', " ")))
            });
            tests.collect::<Vec<_>>().join(", ")
        }
        Proof::Missing(reason) => format!("not shown: {reason}"),
    };
    if let Some(fault) = &case.known {
        let _ = write!(shown, ", **not so yet**: {fault}");
    }
    format!(
        "| {} | {} | {} | {} | {} | {shown} |\n",
        case.number,
        cell(&case.title),
        case.rfc.join(", "),
        outcome.join(", "),
        cell(&case.then)
    )
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
