//! The page that lists all cases, made from their files: `LONGHAUL_WRITE_PAGE=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use libtest_mimic::Failed;
use longhaul_origin::script::{Case, CaseOutcome, Proof};

use crate::workspace;

const PAGE: &str = "docs/faults.md";
/// HTTP/2 is not spoken.
const NOT_SPOKEN: std::ops::RangeInclusive<u16> = 75..=85;
const LAST: u16 = 130;
/// More cases than this may not go without a proof.
const MISSING_MAX: usize = 5;

const ABOUT: &str = "\
# What goes wrong, and what Longhaul then does

One row for each file of `crates/origin/cases`, from which this page is made. A case is data: what the hosts and the name
server do, byte by byte, what the user runs, and what has to come of it: exit code, outcomes, files on disk, requests on the
wire, time, memory. `cargo test -p longhaul-cli --test cases` plays them all against the program; with `-- --ignored` each is
broken on purpose and has to fail. `LONGHAUL_WRITE_PAGE=1` before the first command writes this page anew.

Outcomes: *retry*, within the budget of tries, with jitter; *incomplete*, what came is kept and the rest asked for; *failed*
for good; *refused* by policy; *done*; *local*, a trouble of this machine, charged to no URL and no host. Every wait has a
deadline.

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

/// Whether the page is what the cases say, and whether there is a case for every number.
pub(crate) fn check(cases: &[Arc<(String, Case)>]) -> Result<(), Failed> {
    let numbers: BTreeSet<u16> = cases.iter().map(|case| case.1.number).collect();
    let absent: Vec<u16> =
        (1..=LAST).filter(|number| !numbers.contains(number) && !NOT_SPOKEN.contains(number)).collect();
    if !absent.is_empty() {
        return Err(format!("there is no case with the number {absent:?}").into());
    }
    let missing = cases.iter().filter(|case| matches!(case.1.proof, Proof::Missing(_))).count();
    if missing > MISSING_MAX {
        return Err(format!("{missing} cases are without a proof").into());
    }
    let (page, path) = (page(cases), workspace().join(PAGE));
    if std::env::var_os("LONGHAUL_WRITE_PAGE").is_some() {
        fs::write(&path, &page)?;
    }
    if fs::read_to_string(&path).unwrap_or_default() == page {
        Ok(())
    } else {
        Err(format!("{PAGE} is not what the cases say: LONGHAUL_WRITE_PAGE=1 writes it anew").into())
    }
}

fn page(cases: &[Arc<(String, Case)>]) -> String {
    let mut page = ABOUT.to_owned();
    for window in CHAPTERS.windows(2) {
        let [(first, title), (next, _)] = *window else { continue };
        let _ = writeln!(page, "## {title}\n");
        if NOT_SPOKEN.contains(&first) {
            let _ =
                writeln!(page, "Not spoken: HTTP/1.1 is all that is offered to a server (cases 75 to 85).\n");
            continue;
        }
        let _ = writeln!(
            page,
            "| | what goes wrong | RFC | outcome | what Longhaul does | shown by |\n|---|---|---|---|---|---|"
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
