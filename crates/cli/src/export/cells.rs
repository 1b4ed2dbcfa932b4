//! The cells of a record. Their names and their order are stable; `docs/cli.md` lists them.

use data_encoding::HEXLOWER;
use longhaul::{Class, FaultRecord, Fields, Location, Row, RowOutcome, SuspectPattern};
use longhaul_journal::{Done, Failed, NoContent, Verification};

use crate::render::{json, rfc3339};

/// The names of the cells, in order.
pub(super) const COLUMNS: [&str; 29] = [
    "row",
    "list",
    "line",
    "url",
    "outcome",
    "class",
    "status",
    "size",
    "blake3",
    "etag",
    "last_modified",
    "verification",
    "name",
    "attempts",
    "started",
    "finished",
    "phase",
    "endpoint",
    "elapsed_ms",
    "message",
    "final_url",
    "location",
    "location_offset",
    "location_length",
    "content_type",
    "content_encoding",
    "digests",
    "status_chain",
    "suspect",
];

/// The name of the last cell, which only hauls have whose lists have columns that Longhaul does not interpret.
pub(crate) const FIELDS_COLUMN: &str = "fields";

/// One value of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Cell {
    /// Unknown, or not applicable.
    #[default]
    Empty,
    Number(u64),
    Text(String),
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// The cells that depend on the outcome.
#[derive(Debug, Default)]
struct Details {
    status: Cell,
    size: Cell,
    blake3: Cell,
    etag: Cell,
    last_modified: Cell,
    verification: Cell,
    attempts: Cell,
    started: Cell,
    finished: Cell,
    phase: Cell,
    endpoint: Cell,
    elapsed_ms: Cell,
    message: Cell,
    final_url: Cell,
    location: Cell,
    location_offset: Cell,
    location_length: Cell,
    content_type: Cell,
    content_encoding: Cell,
    status_chain: Cell,
}

/// The cell of [`FIELDS_COLUMN`]: the columns as one JSON object.
pub(super) fn fields_cell(fields: &Fields) -> Cell {
    if fields.is_empty() { Cell::Empty } else { Cell::Text(json::columns(fields).to_string()) }
}

/// The record of a row, with a cell for each of [`COLUMNS`].
pub(super) fn cells(row: &Row<'_>) -> [Cell; COLUMNS.len()] {
    let class = match row.outcome {
        RowOutcome::Waiting(waiting) => Some(waiting.fault.class.as_str()),
        outcome => outcome.class().map(longhaul::Class::as_str),
    };
    let details = match row.outcome {
        RowOutcome::Done(done) => Details::of_done(done),
        RowOutcome::Failed(failed) => Details::of_failed(failed),
        RowOutcome::Waiting(waiting) => {
            Details { attempts: u64::from(waiting.attempts).into(), ..Details::of_fault(&waiting.fault) }
        }
        RowOutcome::Refused(reason) | RowOutcome::Skipped(reason) => {
            Details { message: reason.into(), ..Details::default() }
        }
        RowOutcome::NoContent(none) => Details::of_no_content(none),
        RowOutcome::Duplicate(of) => {
            Details { message: format!("the same URL as row {}", of.0).as_str().into(), ..Details::default() }
        }
        _ => Details::default(),
    };
    let Details { status, size, blake3, etag, last_modified, verification, attempts, .. } = details;
    let Details { started, finished, phase, endpoint, elapsed_ms, message, final_url, .. } = details;
    let Details { location, location_offset, location_length, .. } = details;
    let Details { content_type, content_encoding, status_chain, .. } = details;
    [
        row.id.0.into(),
        row.list.into(),
        row.line.into(),
        row.url.as_str().into(),
        row.outcome.as_str().into(),
        class.into(),
        status,
        size,
        blake3,
        etag,
        last_modified,
        verification,
        row.name.as_deref().into(),
        attempts,
        started,
        finished,
        phase,
        endpoint,
        elapsed_ms,
        message,
        final_url,
        location,
        location_offset,
        location_length,
        content_type,
        content_encoding,
        longhaul::digest_fields(row.expected).as_str().into(),
        status_chain,
        suspect(row).into(),
    ]
}

/// Why a row is suspect: `body` or `type`.
fn suspect(row: &Row<'_>) -> Option<&'static str> {
    match (row.suspicion, row.outcome) {
        (Some(suspicion), _) => Some(match suspicion.pattern {
            SuspectPattern::MediaType { .. } => "type",
            _ => "body",
        }),
        // Its media type was known with the response head.
        (None, RowOutcome::Failed(failed)) if row.outcome.class() == Some(Class::Suspect) => {
            Some(if failed.fault.phase == "head" { "type" } else { "body" })
        }
        _ => None,
    }
}

/// The statuses from the first response to the one with the file.
fn status_chain(done: &Done) -> String {
    let statuses = done.redirect_statuses.iter().chain([&done.status]);
    statuses.map(u16::to_string).collect::<Vec<_>>().join(" ")
}

impl Details {
    fn of_done(done: &Done) -> Self {
        let validator = done.validator.as_ref();
        let is_fetched = !done.is_adopted;
        let verification = match &done.verification {
            Verification::Length => "length".to_owned(),
            Verification::Digest(algorithm) => format!("digest {algorithm}"),
            Verification::Overlap => "overlap".to_owned(),
            Verification::LengthUnverified => "length-unverified".to_owned(),
        };
        // A body in a file of its own is where `name` says.
        let (location, location_offset, location_length) = match &done.location {
            Location::Record { file, offset, length } => (Some(&**file), Some(*offset), Some(*length)),
            Location::Object { key } => (Some(&**key), None, None),
            _ => (None, None, None),
        };
        Self {
            location: location.into(),
            location_offset: location_offset.into(),
            location_length: location_length.into(),
            content_type: done.format.content_type.as_deref().into(),
            content_encoding: done.format.content_encoding.as_deref().into(),
            status_chain: is_fetched.then(|| status_chain(done)).as_deref().into(),
            status: is_fetched.then(|| u64::from(done.status)).into(),
            size: done.size.into(),
            blake3: HEXLOWER.encode(&done.blake3).as_str().into(),
            etag: validator.and_then(|validator| validator.etag.as_deref()).into(),
            last_modified: validator.and_then(|validator| validator.last_modified.as_deref()).into(),
            verification: verification.as_str().into(),
            attempts: is_fetched.then(|| u64::from(done.attempts)).into(),
            started: rfc3339(done.started_unix_ms).as_str().into(),
            finished: rfc3339(done.finished_unix_ms).as_str().into(),
            final_url: done.final_url.as_deref().into(),
            ..Self::default()
        }
    }

    fn of_no_content(none: &NoContent) -> Self {
        Self {
            status: u64::from(none.status).into(),
            attempts: u64::from(none.attempts).into(),
            started: rfc3339(none.started_unix_ms).as_str().into(),
            finished: rfc3339(none.finished_unix_ms).as_str().into(),
            message: "the server has no content for this URL: there is no file".into(),
            ..Self::default()
        }
    }

    fn of_failed(failed: &Failed) -> Self {
        Self {
            status: failed.status.map(u64::from).into(),
            attempts: u64::from(failed.attempts).into(),
            started: rfc3339(failed.started_unix_ms).as_str().into(),
            finished: rfc3339(failed.finished_unix_ms).as_str().into(),
            ..Self::of_fault(&failed.fault)
        }
    }

    fn of_fault(fault: &FaultRecord) -> Self {
        Self {
            phase: fault.phase.as_str().into(),
            endpoint: fault.endpoint.as_str().into(),
            elapsed_ms: fault.elapsed_ms.into(),
            message: fault.message.as_str().into(),
            ..Self::default()
        }
    }
}
