//! What a haul has told, kept beyond the moment.

use std::time::Duration;

use longhaul::{Event, Fields};
use longhaul_journal::FaultRecord;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Opened,
    Damaged,
    ListRead,
    Started,
    VerifyingPart,
    PartChanged,
    Received,
    Retrying,
    Parked,
    Done,
    Failed,
    Skipped,
    Paced,
    Merged,
    Paused,
    Resumed,
    Offline,
    Online,
    Stopping,
}

/// One event. Fields that the event does not have are empty.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Since the start of the run.
    pub(crate) at: Duration,
    pub(crate) what: What,
    pub(crate) row: Option<u64>,
    pub(crate) url: String,
    pub(crate) fault: Option<FaultRecord>,
    pub(crate) status: Option<u16>,
    pub(crate) attempts: u32,
    /// How many have arrived.
    pub(crate) bytes: u64,
    /// Why something was skipped, paused or slowed down.
    pub(crate) reason: String,
    /// The digest of a file that is done.
    pub(crate) blake3: Option<[u8; 32]>,
    /// The columns of the list that the engine does not interpret.
    pub(crate) fields: Fields,
}

impl Told {
    pub(crate) fn of(event: &Event<'_>, at: Duration) -> Self {
        let mut told = Self {
            at,
            what: What::Opened,
            row: None,
            url: String::new(),
            fault: None,
            status: None,
            attempts: 0,
            bytes: 0,
            reason: String::new(),
            blake3: None,
            fields: Fields::default(),
        };
        let (what, row, url) = match *event {
            Event::Opened { .. } => (What::Opened, None, ""),
            Event::ListRead { .. } => (What::ListRead, None, ""),
            Event::Paced { limiter, .. } => {
                limiter.as_str().clone_into(&mut told.reason);
                (What::Paced, None, "")
            }
            Event::Merged { address } => {
                address.clone_into(&mut told.reason);
                (What::Merged, None, "")
            }
            Event::Resumed => (What::Resumed, None, ""),
            Event::Offline => (What::Offline, None, ""),
            Event::Online => (What::Online, None, ""),
            Event::Stopping => (What::Stopping, None, ""),
            Event::Received { row, bytes } => {
                told.bytes = bytes;
                (What::Received, Some(row), "")
            }
            Event::Damaged { description } => {
                description.clone_into(&mut told.reason);
                (What::Damaged, None, "")
            }
            Event::Paused { reason } => {
                reason.clone_into(&mut told.reason);
                (What::Paused, None, "")
            }
            Event::VerifyingPart { row, url, bytes } => {
                told.bytes = bytes;
                (What::VerifyingPart, Some(row), url)
            }
            Event::PartChanged { row, url, kept, .. } => {
                told.bytes = kept;
                (What::PartChanged, Some(row), url)
            }
            Event::Started { row, url, attempt } => {
                told.attempts = attempt;
                (What::Started, Some(row), url)
            }
            Event::Retrying { row, url, fault, attempts, .. } => {
                told.fault = Some(fault.clone());
                told.attempts = attempts;
                (What::Retrying, Some(row), url)
            }
            Event::Parked { row, url, fault, .. } => {
                told.fault = Some(fault.clone());
                (What::Parked, Some(row), url)
            }
            Event::Done { row, url, blake3, status, attempts, .. } => {
                told.blake3 = Some(blake3);
                told.status = Some(status);
                told.attempts = attempts;
                (What::Done, Some(row), url)
            }
            Event::Failed { row, url, fault, status, attempts, .. } => {
                told.fault = Some(fault.clone());
                told.status = status;
                told.attempts = attempts;
                (What::Failed, Some(row), url)
            }
            Event::Skipped { row, url, reason, .. } => {
                reason.clone_into(&mut told.reason);
                (What::Skipped, Some(row), url)
            }
            _ => panic!("the simulations do not know {event:?}"),
        };
        if let Event::Done { fields, .. } | Event::Failed { fields, .. } | Event::Skipped { fields, .. } =
            event
        {
            told.fields.clone_from(fields);
        }
        Self { what, row: row.map(|row| row.0), url: url.to_owned(), ..told }
    }

    /// Whether it says what finally became of a row.
    pub(crate) fn is_outcome(&self) -> bool {
        matches!(self.what, What::Done | What::Failed | What::Skipped)
    }

    /// The class of the fault, or nothing.
    pub(crate) fn class(&self) -> &str {
        self.fault.as_ref().map_or("", |fault| &fault.class)
    }
}
