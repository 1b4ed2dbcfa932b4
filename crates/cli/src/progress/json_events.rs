//! Events for machines: one JSON object per line. Their fields are stable; `docs/cli.md` lists them.

use std::io;
use std::time::Duration;

use data_encoding::HEXLOWER;
use longhaul::{Counts, Event, FaultRecord, Location, Report, RowId, SuspectPattern, Suspicion};
use longhaul_socket::clock::WallClock;
use serde_json::Value;
use tokio::time::Instant;

use crate::exit::Exit;
use crate::render::{json, rfc3339};
use crate::stream_writer::{StreamWriter, standard_output};

/// Minimum time between two `progress` events, which sum up all downloads.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Writes events to standard output until it is closed.
#[derive(Debug)]
pub(super) struct JsonEventWriter {
    clock: WallClock,
    output: StreamWriter,
    is_closed: bool,
    bytes_received: u64,
    progress_at: Option<Instant>,
}

type Fields<'a> = Vec<(&'a str, Value)>;

impl JsonEventWriter {
    pub(super) fn new() -> Self {
        Self {
            clock: WallClock::system(),
            output: standard_output(),
            is_closed: false,
            bytes_received: 0,
            progress_at: None,
        }
    }

    pub(super) fn event(&mut self, event: &Event<'_>, now: Instant) {
        if let Event::Received { bytes, .. } = event {
            self.bytes_received += bytes;
            if self.progress_at.is_none_or(|last| now.duration_since(last) >= PROGRESS_INTERVAL) {
                self.progress_at = Some(now);
                let fields = vec![("bytes_received", self.bytes_received.into())];
                self.write(object("progress", self.clock.unix_ms(), fields));
            }
        } else if let Some(line) = line(event, self.clock.unix_ms()) {
            self.write(line);
        }
    }

    /// Writes the last line of a run that completed or was stopped.
    pub(super) fn report(&mut self, report: &Report, exit: Exit) {
        self.write(report_line(report, exit, self.clock.unix_ms()));
    }

    /// Writes the last line of a run that an error ended.
    pub(super) fn error(&mut self, message: &str, exit: Exit) {
        self.write(error_line(message, exit, self.clock.unix_ms()));
    }

    fn write(&mut self, mut line: String) {
        if self.is_closed {
            return;
        }
        line.push('\n');
        // A standard output that is closed, or that nobody reads, does not stop the downloads. Lines behind one that was left out
        // would mislead a reader that comes back.
        self.is_closed = !self.output.write(line.as_bytes());
    }

    /// Returns when the events are written, or when nobody reads them.
    ///
    /// # Errors
    /// They cannot be written, and not because the reader has closed the stream.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.output.finish();
        self.output.error().map_or(Ok(()), Err)
    }
}

/// The line of an event at this time, without a line end. `None` for events that JSON sums up as `progress`.
pub(super) fn line(event: &Event<'_>, unix_ms: u64) -> Option<String> {
    fields(event).map(|(name, fields)| object(name, unix_ms, fields))
}

/// The last line of a run that completed or was stopped.
pub(super) fn report_line(report: &Report, exit: Exit, unix_ms: u64) -> String {
    let failures = report.failures.iter().map(|(class, count)| (class.to_string(), (*count).into()));
    let mut fields = counts(report.counts);
    fields.extend([
        ("failures", Value::Object(failures.collect())),
        ("bytes_received", report.bytes_received.into()),
        ("requests", report.requests.into()),
        ("retries", report.retries.into()),
        ("parked", report.parked.into()),
        ("adopted", report.adopted.into()),
        ("forgotten", report.forgotten.into()),
        ("duplicates", report.duplicates.into()),
        ("no_content", report.no_content.into()),
        ("suspicions", report.suspicions.iter().map(suspicion_object).collect()),
        ("suspect_done", report.suspect_done.into()),
        ("unread_lists", report.unread_lists.clone().into()),
        ("stopped", report.stopped.into()),
        ("exit_code", exit.code().into()),
    ]);
    object("report", unix_ms, fields)
}

/// The last line of a run that an error ended.
pub(super) fn error_line(message: &str, exit: Exit, unix_ms: u64) -> String {
    object("error", unix_ms, vec![("message", message.into()), ("exit_code", exit.code().into())])
}

fn object(name: &str, unix_ms: u64, fields: Fields<'_>) -> String {
    let mut all = vec![("event", name.into()), ("time", rfc3339(unix_ms).into())];
    all.extend(fields);
    json::object(&all)
}

fn counts(counts: Counts) -> Fields<'static> {
    let Counts { done, failed, skipped, pending } = counts;
    vec![
        ("done", done.into()),
        ("failed", failed.into()),
        ("skipped", skipped.into()),
        ("pending", pending.into()),
    ]
}

fn fault_fields(fault: &FaultRecord) -> Fields<'static> {
    vec![
        ("class", fault.class.as_str().into()),
        ("phase", fault.phase.as_str().into()),
        ("endpoint", fault.endpoint.as_str().into()),
        ("elapsed_ms", fault.elapsed_ms.into()),
        ("message", fault.message.as_str().into()),
    ]
}

fn fields<'a>(event: &Event<'_>) -> Option<(&'a str, Fields<'a>)> {
    Some(match *event {
        Event::Opened { counts: before } => ("opened", counts(before)),
        Event::Damaged { description } => ("damaged", vec![("description", description.into())]),
        Event::ListRead { label, lines, new_rows, duplicates } => (
            "list_read",
            vec![
                ("list", label.into()),
                ("lines", lines.into()),
                ("new_rows", new_rows.into()),
                ("duplicates", duplicates.into()),
            ],
        ),
        Event::VerifyingPart { row, url, bytes } => {
            ("verifying_part", vec![("row", row.0.into()), ("url", url.into()), ("bytes", bytes.into())])
        }
        Event::PartChanged { row, url, kept, lost } => (
            "part_changed",
            vec![
                ("row", row.0.into()),
                ("url", url.into()),
                ("bytes_kept", kept.into()),
                ("bytes_lost", lost.into()),
            ],
        ),
        Event::Started { row, url, attempt } => {
            ("started", vec![("row", row.0.into()), ("url", url.into()), ("attempt", attempt.into())])
        }
        Event::Retrying { row, url, fault, attempts, wait } => {
            let mut fields = vec![
                ("row", row.0.into()),
                ("url", url.into()),
                ("attempts", attempts.into()),
                ("wait_ms", ms(wait)),
            ];
            fields.extend(fault_fields(fault));
            ("retrying", fields)
        }
        Event::Parked { row, url, fault, until_unix_ms } => {
            let until = rfc3339(until_unix_ms);
            let mut fields = vec![("row", row.0.into()), ("url", url.into()), ("until", until.into())];
            fields.extend(fault_fields(fault));
            ("parked", fields)
        }
        Event::Paced { host, window, limiter, rate, blocked } => (
            "paced",
            vec![
                ("host", host.into()),
                ("window", window.into()),
                ("limiter", limiter.as_str().into()),
                ("per_second", rate.map(|(now, _)| now).into()),
                ("per_second_limit", rate.map(|(_, limit)| limit).into()),
                ("blocked_ms", blocked.map_or(Value::Null, ms)),
            ],
        ),
        Event::Merged { address } => ("merged", vec![("address", address.into())]),
        _ => return outcome_fields(event).or_else(|| haul_fields(event)),
    })
}

/// The outcomes of rows.
fn outcome_fields<'a>(event: &Event<'_>) -> Option<(&'a str, Fields<'a>)> {
    Some(match *event {
        Event::Done {
            row,
            url,
            name,
            location,
            size,
            blake3,
            status,
            attempts,
            elapsed,
            fields: columns,
        } => {
            let mut fields = vec![
                ("row", row.0.into()),
                ("url", url.into()),
                ("name", name.into()),
                ("size", size.into()),
                ("blake3", HEXLOWER.encode(&blake3).into()),
                ("status", status.into()),
                ("attempts", attempts.into()),
                ("elapsed_ms", ms(elapsed)),
            ];
            fields.extend(location_fields(location));
            fields.extend(column_fields(columns));
            ("done", fields)
        }
        Event::Failed { row, url, fault, status, attempts, fields: columns } => {
            let mut fields = row_fields(row, url, status, attempts);
            fields.extend(fault_fields(fault));
            fields.extend(column_fields(columns));
            ("failed", fields)
        }
        Event::Skipped { row, url, reason, fields: columns } => {
            let mut fields = vec![("row", row.0.into()), ("url", url.into()), ("reason", reason.into())];
            fields.extend(column_fields(columns));
            ("skipped", fields)
        }
        Event::Adopted { row, url, name, size, blake3, fields: columns } => {
            let mut fields = vec![
                ("row", row.0.into()),
                ("url", url.into()),
                ("name", name.into()),
                ("size", size.into()),
                ("blake3", HEXLOWER.encode(&blake3).into()),
            ];
            fields.extend(column_fields(columns));
            ("adopted", fields)
        }
        Event::NoContent { row, url, status, attempts, fields: columns } => {
            let mut fields = row_fields(row, url, Some(status), attempts);
            fields.extend(column_fields(columns));
            ("no_content", fields)
        }
        _ => return None,
    })
}

/// Events that concern neither a row nor a host.
fn haul_fields<'a>(event: &Event<'_>) -> Option<(&'a str, Fields<'a>)> {
    Some(match *event {
        Event::FilesMissing { missing, checked, example } => (
            "files_missing",
            vec![("missing", missing.into()), ("checked", checked.into()), ("example", example.into())],
        ),
        Event::HostIdle { host } => ("host_idle", vec![("host", host.into())]),
        Event::FragmentsCut { label, lines, line, url } => (
            "fragments_cut",
            vec![("list", label.into()), ("lines", lines.into()), ("line", line.into()), ("url", url.into())],
        ),
        Event::Suspect { suspicion } => ("suspect", suspicion_fields(suspicion)),
        Event::Paused { reason } => ("paused", vec![("reason", reason.into())]),
        Event::Resumed => ("resumed", Vec::new()),
        Event::Offline => ("offline", Vec::new()),
        Event::Online => ("online", Vec::new()),
        Event::Stopping => ("stopping", Vec::new()),
        _ => return None,
    })
}

/// What suspect rows have in common. A field that does not apply is null.
fn suspicion_fields(suspicion: &Suspicion) -> Fields<'static> {
    let (mut size, mut blake3, mut extension, mut media_type) = Default::default();
    match &suspicion.pattern {
        SuspectPattern::SameBody { size: its_size, blake3: digest } => {
            size = Value::from(*its_size);
            blake3 = Value::from(HEXLOWER.encode(digest));
        }
        SuspectPattern::MediaType { extension: its_extension, media_type: its_type } => {
            extension = Value::from(its_extension.as_str());
            media_type = Value::from(its_type.as_str());
        }
        _ => {}
    }
    vec![
        ("host", suspicion.host.as_str().into()),
        ("rows", suspicion.rows.into()),
        ("size", size),
        ("blake3", blake3),
        ("extension", extension),
        ("media_type", media_type),
        ("example", suspicion.example.as_str().into()),
    ]
}

fn suspicion_object(suspicion: &Suspicion) -> Value {
    let fields = suspicion_fields(suspicion).into_iter();
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Where a body is that has no file of its own.
fn location_fields(location: &Location) -> Fields<'static> {
    match location {
        Location::Record { file, offset, length } => vec![
            ("location", (&**file).into()),
            ("location_offset", (*offset).into()),
            ("location_length", (*length).into()),
        ],
        Location::Object { key } => vec![("location", (&**key).into())],
        _ => Vec::new(),
    }
}

fn row_fields(row: RowId, url: &str, status: Option<u16>, attempts: u32) -> Fields<'static> {
    vec![("row", row.0.into()), ("url", url.into()), ("status", status.into()), ("attempts", attempts.into())]
}

/// The columns of the list that are not interpreted, as one object; nothing where there are none.
fn column_fields(columns: &longhaul::Fields) -> Option<(&'static str, Value)> {
    (!columns.is_empty()).then(|| ("fields", json::columns(columns)))
}

fn ms(duration: Duration) -> Value {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).into()
}
