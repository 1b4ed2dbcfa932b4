//! The closing report for people: the outcomes, the reasons of failures, and the next command.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use longhaul::{ARGUMENTS, Class, Report};

use super::{bytes, count, counted, escaped, quoted, suspicion, time};

/// The report of a run that took `elapsed`, with some of its failures as examples. It ends in a line end.
pub(crate) fn report(report: &Report, directory: &Path, elapsed: Duration, examples: &[String]) -> String {
    let mut text = String::new();
    let counts = report.counts;
    let mut parts = vec![format!("{} done", count(counts.done))];
    for (number, word) in [(counts.failed, "failed"), (counts.skipped, "skipped"), (counts.pending, "to go")]
    {
        if number > 0 {
            parts.push(format!("{} {word}", count(number)));
        }
    }
    let _ = writeln!(
        text,
        "{}; {} received in {}, {}, {}",
        parts.join(", "),
        bytes(report.bytes_received as f64),
        time(elapsed),
        counted(report.requests, "request"),
        if report.retries == 1 { "1 retry".to_owned() } else { format!("{} retries", count(report.retries)) },
    );
    if report.adopted > 0 {
        let adopted = count(report.adopted);
        let _ =
            writeln!(text, "{adopted} of the done adopted: the file was there and is what the list expects");
    }
    if report.forgotten > 0 {
        let forgotten = counted(report.forgotten, "row");
        let _ = writeln!(text, "{forgotten} forgotten: the lists no longer say them");
    }
    if report.duplicates > 0 {
        let duplicates = count(report.duplicates);
        let _ = writeln!(text, "{duplicates} of the skipped repeat a URL that the haul has already");
    }
    if report.no_content > 0 {
        let none = count(report.no_content);
        let _ = writeln!(text, "{none} of the skipped without content: the server answered 204 or 205");
    }
    for found in &report.suspicions {
        let _ = writeln!(text, "{}", suspicion(found));
    }
    if report.suspect_done > 0 {
        let _ = writeln!(
            text,
            "{} done before that was found; `longhaul verify {}` lists them:",
            counted(report.suspect_done, "suspect file"),
            quoted(directory)
        );
        for name in &report.suspect_names {
            let _ = writeln!(text, "  {}", escaped(name));
        }
    }
    if counts.failed > 0 {
        push_failures(&mut text, &report.failures, directory, examples);
    }
    if report.parked > 0 {
        let parked = count(report.parked);
        let why =
            "the host asked for a pause longer than an hour, or its file or kept part cannot be read now";
        let _ = writeln!(text, "{parked} left for a later run: {why}");
    }
    for list in &report.unread_lists {
        let _ =
            writeln!(text, "list {}: not read completely; its other lines are not counted", escaped(list));
    }
    if counts.pending > 0 || report.stopped || !report.unread_lists.is_empty() {
        let _ = writeln!(text, "to resume: {}", resume_command(&report.unread_lists, directory));
    }
    text
}

/// The command that resumes the haul. It names the lists that have not been read completely.
pub(crate) fn resume_command(unread_lists: &[String], directory: &Path) -> String {
    let mut command = "longhaul get".to_owned();
    for list in unread_lists {
        match list.as_str() {
            ARGUMENTS => {}
            "-" => command.push_str(" -i -"),
            file => {
                let _ = write!(command, " -i {}", quoted(Path::new(file)));
            }
        }
    }
    let _ = write!(command, " -d {}", quoted(directory));
    if unread_lists.iter().any(|list| list == ARGUMENTS) {
        command.push_str(" URL...");
    }
    command
}

/// Failures by class, such as `57 4xx, 3 timeout`.
pub(crate) fn classes(failures: &BTreeMap<Class, u64>) -> String {
    let failures = failures.iter().filter(|(_, number)| **number > 0);
    let failures: Vec<String> =
        failures.map(|(class, number)| format!("{} {class}", count(*number))).collect();
    failures.join(", ")
}

/// The command that retries failures of these classes, or `None` if no class can be retried.
pub(crate) fn retry_command(failures: &BTreeMap<Class, u64>, directory: &Path) -> Option<String> {
    // A line that is not a URL cannot be retried: the list must be corrected.
    let classes = failures.iter().filter(|(class, number)| **class != Class::List && **number > 0);
    let classes: Vec<&str> = classes.map(|(class, _)| class.as_str()).collect();
    (!classes.is_empty())
        .then(|| format!("longhaul retry {} --class {}", quoted(directory), classes.join(",")))
}

fn push_failures(text: &mut String, failures: &BTreeMap<Class, u64>, directory: &Path, examples: &[String]) {
    let _ = writeln!(text, "failed by class: {}", classes(failures));
    for example in examples {
        let _ = writeln!(text, "  {example}");
    }
    if failures.contains_key(&Class::List) {
        let _ = writeln!(
            text,
            "to fetch the refused lines: correct them in the list and run the same command again"
        );
    }
    if let Some(command) = retry_command(failures, directory) {
        let _ = writeln!(text, "to retry failures: {command}");
    }
}
