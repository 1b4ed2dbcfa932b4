//! The events of a haul, recorded for the test.

use std::time::Duration;

use longhaul::{Event, Fields};
use longhaul_journal::FaultRecord;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Opened,
    Damaged,
    ListRead,
    Started,
    VerifyingPart,
    PartChanged,
    FilesMissing,
    Suspect,
    Received,
    Retrying,
    Parked,
    Done,
    Adopted,
    Failed,
    Skipped,
    NoContent,
    Paced,
    HostIdle,
    FragmentsCut,
    Merged,
    Paused,
    Resumed,
    Offline,
    Online,
    Stopping,
}

/// One event. Fields that the event does not have are empty.
#[derive(Debug, Clone)]
pub(crate) struct RecordedEvent {
    /// Since the start of the run.
    pub(crate) at: Duration,
    pub(crate) kind: EventKind,
    pub(crate) row: Option<u64>,
    pub(crate) url: String,
    pub(crate) fault: Option<FaultRecord>,
    pub(crate) status: Option<u16>,
    pub(crate) attempts: u32,
    /// Bytes that have arrived, or are kept; files that are missing; rows that are suspect; lines with a fragment.
    pub(crate) bytes: u64,
    /// Why something was skipped, paused or slowed down; the name of a missing file; the host of suspect rows, or that is idle; the
    /// rows of a list.
    pub(crate) reason: String,
    /// The digest of a file that is done.
    pub(crate) blake3: Option<[u8; 32]>,
    /// The columns of the list that the engine does not interpret.
    pub(crate) fields: Fields,
}

impl RecordedEvent {
    pub(crate) fn of(event: &Event<'_>, at: Duration) -> Self {
        let mut recorded = Self::empty(at);
        recorded.reason = reason_of_list(event);
        let (kind, row, url) = match *event {
            Event::Paced { limiter, .. } => {
                limiter.as_str().clone_into(&mut recorded.reason);
                (EventKind::Paced, None, "")
            }
            Event::Merged { address } => {
                address.clone_into(&mut recorded.reason);
                (EventKind::Merged, None, "")
            }
            Event::FragmentsCut { lines, url, .. } => {
                recorded.bytes = lines;
                (EventKind::FragmentsCut, None, url)
            }
            Event::HostIdle { host } => {
                host.clone_into(&mut recorded.reason);
                (EventKind::HostIdle, None, "")
            }
            Event::Suspect { suspicion } => {
                suspicion.host.clone_into(&mut recorded.reason);
                recorded.bytes = suspicion.rows;
                (EventKind::Suspect, None, suspicion.example.as_str())
            }
            Event::Received { row, bytes } => {
                recorded.bytes = bytes;
                (EventKind::Received, Some(row), "")
            }
            Event::Damaged { description } => {
                description.clone_into(&mut recorded.reason);
                (EventKind::Damaged, None, "")
            }
            Event::Paused { reason } => {
                reason.clone_into(&mut recorded.reason);
                (EventKind::Paused, None, "")
            }
            Event::VerifyingPart { row, url, bytes } => {
                recorded.bytes = bytes;
                (EventKind::VerifyingPart, Some(row), url)
            }
            Event::PartChanged { row, url, kept, .. } => {
                recorded.bytes = kept;
                (EventKind::PartChanged, Some(row), url)
            }
            Event::FilesMissing { missing, example, .. } => {
                recorded.bytes = missing;
                example.clone_into(&mut recorded.reason);
                (EventKind::FilesMissing, None, "")
            }
            Event::Started { row, url, attempt } => {
                recorded.attempts = attempt;
                (EventKind::Started, Some(row), url)
            }
            Event::Retrying { row, url, fault, attempts, .. } => {
                recorded.fault = Some(fault.clone());
                recorded.attempts = attempts;
                (EventKind::Retrying, Some(row), url)
            }
            Event::Parked { row, url, fault, .. } => {
                recorded.fault = Some(fault.clone());
                (EventKind::Parked, Some(row), url)
            }
            Event::Done { row, url, blake3, status, attempts, .. } => {
                recorded.blake3 = Some(blake3);
                recorded.status = Some(status);
                recorded.attempts = attempts;
                (EventKind::Done, Some(row), url)
            }
            Event::Adopted { row, url, blake3, .. } => {
                recorded.blake3 = Some(blake3);
                (EventKind::Adopted, Some(row), url)
            }
            Event::Failed { row, url, fault, status, attempts, .. } => {
                recorded.fault = Some(fault.clone());
                recorded.status = status;
                recorded.attempts = attempts;
                (EventKind::Failed, Some(row), url)
            }
            Event::Skipped { row, url, reason, .. } => {
                reason.clone_into(&mut recorded.reason);
                (EventKind::Skipped, Some(row), url)
            }
            Event::NoContent { row, url, status, attempts, .. } => {
                recorded.status = Some(status);
                recorded.attempts = attempts;
                (EventKind::NoContent, Some(row), url)
            }
            _ => (of_the_haul(event), None, ""),
        };
        if let Event::Done { fields, .. } | Event::Failed { fields, .. } | Event::Skipped { fields, .. } =
            event
        {
            recorded.fields.clone_from(fields);
        }
        Self { kind, row: row.map(|row| row.0), url: url.to_owned(), ..recorded }
    }

    fn empty(at: Duration) -> Self {
        Self {
            at,
            kind: EventKind::Opened,
            row: None,
            url: String::new(),
            fault: None,
            status: None,
            attempts: 0,
            bytes: 0,
            reason: String::new(),
            blake3: None,
            fields: Fields::default(),
        }
    }

    /// Whether it reports the outcome of a row.
    pub(crate) fn is_outcome(&self) -> bool {
        matches!(
            self.kind,
            EventKind::Done
                | EventKind::Adopted
                | EventKind::Failed
                | EventKind::Skipped
                | EventKind::NoContent
        )
    }

    /// The class of the fault, or nothing.
    pub(crate) fn class(&self) -> &str {
        self.fault.as_ref().map_or("", |fault| &fault.class)
    }
}

/// The kind of an event that concerns the whole haul.
fn of_the_haul(event: &Event<'_>) -> EventKind {
    match event {
        Event::Opened { .. } => EventKind::Opened,
        Event::ListRead { .. } => EventKind::ListRead,
        Event::Resumed => EventKind::Resumed,
        Event::Offline => EventKind::Offline,
        Event::Online => EventKind::Online,
        Event::Stopping => EventKind::Stopping,
        _ => panic!("the simulations do not know {event:?}"),
    }
}

/// How many rows a list has added.
fn reason_of_list(event: &Event<'_>) -> String {
    match event {
        Event::ListRead { new_rows, duplicates, .. } => {
            format!("{new_rows} new rows, {duplicates} duplicates")
        }
        _ => String::new(),
    }
}
