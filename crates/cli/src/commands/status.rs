//! `longhaul status`: how far a haul is, of a running one or a dead one. It takes no lock and changes nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use longhaul::{Class, Status};
use serde_json::Value;

use crate::arguments::StatusArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, count, counted, escaped, json};

pub(super) fn run(arguments: &StatusArguments) -> Result<Exit, CommandError> {
    let status = Status::read(&arguments.directory)?;
    // Only a walk over every row tells the classes; it is spared where nothing failed.
    let failures = if status.counts().failed > 0 { status.failures()? } else { BTreeMap::new() };
    let text =
        if arguments.json { machine(&status, &failures) } else { human(&status, &failures, arguments) };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Output { place: "standard output".to_owned(), source: error })
        }
        _ => Ok(Exit::Complete),
    }
}

fn human(status: &Status, failures: &BTreeMap<Class, u64>, arguments: &StatusArguments) -> String {
    let mut text = String::new();
    let counts = status.counts();
    let _ = writeln!(
        text,
        "{}: {} done, {} failed, {} skipped, {} to go",
        counted(counts.rows(), "row"),
        count(counts.done),
        count(counts.failed),
        count(counts.skipped),
        count(counts.pending)
    );
    if counts.failed > 0 {
        let _ = writeln!(text, "failed by class: {}", render::classes(failures));
    }
    for list in status.lists() {
        let label = escaped(&list.label).to_string();
        let _ = if list.complete {
            let (lines, ignored) = (counted(list.lines, "line"), count(list.ignored_lines));
            writeln!(text, "list {label}: {lines}, {ignored} ignored")
        } else {
            writeln!(text, "list {label}: not read to its end")
        };
    }
    for damage in status.damage() {
        let _ = writeln!(text, "damage: {}", escaped(&damage));
    }
    let (directory, unread_lists) = (&arguments.directory, status.unread_lists());
    match status.running() {
        Some(holder) => {
            let _ = writeln!(text, "running: {}", escaped(holder));
        }
        None if counts.pending > 0 || !unread_lists.is_empty() => {
            let command = render::resume_command(&unread_lists, directory);
            let _ = writeln!(text, "not running; to go on: {command}");
        }
        None => text.push_str("not running\n"),
    }
    if let Some(command) = render::retry_command(failures, directory) {
        let _ = writeln!(text, "to try failures again: {command}");
    }
    text
}

fn machine(status: &Status, failures: &BTreeMap<Class, u64>) -> String {
    let counts = status.counts();
    let failures = failures.iter().map(|(class, count)| (class.to_string(), (*count).into()));
    let lists = status.lists().into_iter().map(|list| {
        let lines = if list.complete { list.lines.into() } else { Value::Null };
        let fields = [
            ("list", list.label.into()),
            ("complete", list.complete.into()),
            ("lines", lines),
            ("ignored_lines", list.ignored_lines.into()),
        ];
        Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
    });
    let mut text = json::object(&[
        ("rows", counts.rows().into()),
        ("done", counts.done.into()),
        ("failed", counts.failed.into()),
        ("skipped", counts.skipped.into()),
        ("pending", counts.pending.into()),
        ("failures", Value::Object(failures.collect())),
        ("lists", Value::Array(lists.collect())),
        ("running", status.running().map_or(Value::Null, Value::from)),
        ("damage", status.damage().into()),
    ]);
    text.push('\n');
    text
}
