//! The page that lists all cases, generated from their files. `LONGHAUL_WRITE_PAGE=1` writes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use libtest_mimic::Failed;
use longhaul_origin::script::{Case, CaseOutcome, Proof};

use crate::workspace;

const PAGE: &str = "docs/faults.md";
/// HTTP/2 is not supported.
const NOT_SPOKEN: std::ops::RangeInclusive<u16> = 75..=85;
const LAST: u16 = 130;
/// The most cases that may be untested.
const MISSING_MAX: usize = 5;

const ABOUT: &str = "\
# Faults, and what Longhaul does about them

Look up here what Longhaul does when something goes wrong, case by case. This page is generated from the files of
`crates/origin/cases`, one row per file. A case is data: what the hosts and the name server do, byte by byte, what the user runs,
and the expected result: exit code, outcomes, files on disk, requests, time, memory.
`cargo test -p longhaul-cli --test cases` plays all of them against the program; with `-- --ignored` it changes each case in a way
that must make it fail. `LONGHAUL_WRITE_PAGE=1` before the first command writes this page.

Outcomes: *retry*, it is tried again within its retry policy, with jitter; *incomplete*, what was received is kept and the rest
requested; *failed* for good; *refused* by policy; *done*; *local*, a fault of this machine, charged to no URL and no host. Every
wait has a deadline.

";

const CHAPTERS: [(u16, &str); 11] = [
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
    (u16::MAX, ""),
];

/// Checks that the page matches the cases, and that every number has a case.
pub(crate) fn check(cases: &[Arc<(String, Case)>]) -> Result<(), Failed> {
    let numbers: BTreeSet<u16> = cases.iter().map(|case| case.1.number).collect();
    let absent: Vec<u16> =
        (1..=LAST).filter(|number| !numbers.contains(number) && !NOT_SPOKEN.contains(number)).collect();
    if !absent.is_empty() {
        return Err(format!("there is no case with the number {absent:?}").into());
    }
    let missing = cases.iter().filter(|case| matches!(case.1.proof, Proof::Missing(_))).count();
    if missing > MISSING_MAX {
        return Err(format!("{missing} cases are not tested").into());
    }
    let (page, path) = (page(cases), workspace().join(PAGE));
    if std::env::var_os("LONGHAUL_WRITE_PAGE").is_some() {
        fs::write(&path, &page)?;
    }
    if fs::read_to_string(&path).unwrap_or_default() == page {
        Ok(())
    } else {
        Err(format!("{PAGE} does not match the cases: LONGHAUL_WRITE_PAGE=1 writes it").into())
    }
}

fn page(cases: &[Arc<(String, Case)>]) -> String {
    let mut page = ABOUT.to_owned();
    for window in CHAPTERS.windows(2) {
        let [(first, title), (next, _)] = *window else { continue };
        let _ = writeln!(page, "## {title}\n");
        if NOT_SPOKEN.contains(&first) {
            let _ = writeln!(page, "Longhaul offers servers only HTTP/1.1 (cases 75 to 85).\n");
            continue;
        }
        let _ = writeln!(
            page,
            "| | fault | RFC | outcome | what Longhaul does | tested by |\n|---|---|---|---|---|---|"
        );
        for case in cases.iter().filter(|case| (first..next).contains(&case.1.number)) {
            page.push_str(&row(&case.0, &case.1));
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
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
        Proof::Missing(reason) => format!("not tested: {reason}"),
    };
    if let Some(fault) = &case.known {
        let _ = write!(shown, "; **known bug**: {fault}");
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
