//! `longhaul verify`: compares the files of a haul with its records.

use std::fmt::Write as _;
use std::path::Path;

use longhaul::verify::{Finding, Verify, VerifyReport};
use serde_json::Value;

use super::write_data;
use crate::arguments::VerifyArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{bytes, count, counted, escaped, json, quoted};

pub(super) fn run(arguments: VerifyArguments) -> Result<Exit, CommandError> {
    let VerifyArguments { directory, quick, repair, json } = arguments;
    let mut written = Ok(());
    let report = Verify::of_directory(&directory)?.quick(quick).repair(repair).run(|finding| {
        // A repair does all of its work, whether somebody reads of it or not.
        if written.is_ok() {
            written = write_data(&if json { json_line(finding) } else { text_line(finding) });
        }
    })?;
    let exit = exit(&report, repair);
    written?;
    write_data(&if json { json_report(&report, exit) } else { text_report(&report, &directory, repair) })?;
    Ok(exit)
}

/// What a repair was asked for and could not do comes first. Rows that are pending after it have to be downloaded, whatever else was found,
/// and whichever repair has made them pending: an earlier one may have been killed.
fn exit(report: &VerifyReport, is_repair: bool) -> Exit {
    match report {
        VerifyReport { not_repaired: 1.., .. } => Exit::File,
        VerifyReport { repaired: 1.., .. } => Exit::Unfinished,
        VerifyReport { pending: 1.., .. } if is_repair => Exit::Unfinished,
        report if report.is_intact() => Exit::Complete,
        _ => Exit::File,
    }
}

fn text_line(finding: &Finding<'_>) -> String {
    match *finding {
        Finding::Missing { url, name, .. } => format!("missing: {} ({})\n", escaped(name), escaped(url)),
        Finding::Changed { url, name, difference, .. } => {
            format!("changed: {}: {} ({})\n", escaped(name), escaped(difference), escaped(url))
        }
        Finding::Unreadable { url, name, error, .. } => {
            format!("unreadable: {}: {} ({})\n", escaped(name), escaped(error), escaped(url))
        }
        Finding::Suspect { url, name, .. } => format!("suspect: {} ({})\n", escaped(name), escaped(url)),
        Finding::Foreign { name } => format!("foreign: {}\n", escaped(name)),
        Finding::Unlisted { name, error } => {
            format!("not listed: {}: {}\n", escaped(name), escaped(error))
        }
        Finding::MovedAside { name, to, .. } => {
            format!("moved aside: {} is called {} now\n", escaped(name), escaped(to))
        }
        Finding::NotRepaired { name, error, .. } => {
            format!("not repaired: {}: cannot rename it: {}\n", escaped(name), escaped(error))
        }
        _ => String::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn text_report(report: &VerifyReport, directory: &Path, repair: bool) -> String {
    let mut parts = vec![format!("{} as recorded", count(report.intact))];
    for (number, word) in
        [(report.missing, "missing"), (report.changed, "changed"), (report.unreadable, "unreadable")]
    {
        if number > 0 {
            parts.push(format!("{} {word}", count(number)));
        }
    }
    let foreign = match report.foreign {
        Some(foreign) => format!("{} foreign", count(foreign)),
        None => "foreign files not looked for beside a run".to_owned(),
    };
    let (files, read) = (counted(report.files, "file"), bytes(report.bytes_read as f64));
    let mut text = format!("{files}: {}; {foreign}; {read} read\n", parts.join(", "));
    if report.suspect > 0 {
        let _ = writeln!(text, "{} may be login or error pages", counted(report.suspect, "file"));
    }
    if report.not_compared > 0 {
        let _ = writeln!(
            text,
            "{} not in files of their own, not compared",
            counted(report.not_compared, "body")
        );
    }
    if report.not_repaired > 0 {
        let rows = counted(report.not_repaired, "row");
        let _ = writeln!(text, "{rows} not repaired: move their files away, and repair again");
    }
    let directory = quoted(directory);
    if report.repaired > 0 {
        let rows = counted(report.repaired, "row");
        let _ = writeln!(text, "{rows} pending now; to download: longhaul get -d {directory}");
    } else if report.missing + report.changed > 0 && !repair {
        let _ = writeln!(text, "to make these rows pending: longhaul verify {directory} --repair");
    }
    text
}

fn json_line(finding: &Finding<'_>) -> String {
    let of_row = |event: &str, row: u64, url: &str, name: &str, more: Option<(&'static str, &str)>| {
        let mut fields: Vec<(&str, Value)> =
            vec![("event", event.into()), ("row", row.into()), ("url", url.into()), ("name", name.into())];
        fields.extend(more.map(|(name, value)| (name, value.into())));
        json::object(&fields) + "\n"
    };
    match *finding {
        Finding::Missing { row, url, name } => of_row("missing", row.0, url, name, None),
        Finding::Changed { row, url, name, difference } => {
            of_row("changed", row.0, url, name, Some(("message", difference)))
        }
        Finding::Unreadable { row, url, name, error } => {
            of_row("unreadable", row.0, url, name, Some(("message", error)))
        }
        Finding::Suspect { row, url, name, .. } => of_row("suspect", row.0, url, name, None),
        Finding::Foreign { name } => {
            json::object(&[("event", "foreign".into()), ("name", name.into())]) + "\n"
        }
        Finding::Unlisted { name, error } => {
            let fields = [("event", "not_listed".into()), ("name", name.into()), ("message", error.into())];
            json::object(&fields) + "\n"
        }
        Finding::MovedAside { row, name, to } => {
            let fields = [
                ("event", "moved_aside".into()),
                ("row", row.0.into()),
                ("name", name.into()),
                ("to", to.into()),
            ];
            json::object(&fields) + "\n"
        }
        Finding::NotRepaired { row, name, error } => {
            let fields = [
                ("event", "not_repaired".into()),
                ("row", row.0.into()),
                ("name", name.into()),
                ("message", error.into()),
            ];
            json::object(&fields) + "\n"
        }
        _ => String::new(),
    }
}

fn json_report(report: &VerifyReport, exit: Exit) -> String {
    let fields = [
        ("event", "report".into()),
        ("files", report.files.into()),
        ("intact", report.intact.into()),
        ("missing", report.missing.into()),
        ("changed", report.changed.into()),
        ("unreadable", report.unreadable.into()),
        ("foreign", report.foreign.into()),
        ("suspect", report.suspect.into()),
        ("not_compared", report.not_compared.into()),
        ("bytes_read", report.bytes_read.into()),
        ("pending", report.pending.into()),
        ("repaired", report.repaired.into()),
        ("not_repaired", report.not_repaired.into()),
        ("exit_code", exit.code().into()),
    ];
    json::object(&fields) + "\n"
}
