//! An [`Event`] that owns its texts, for its way to the observer's thread.

use std::time::Duration;

use longhaul_journal::{FaultRecord, Fields, Location, RowId, Suspicion};

use crate::pace::Limiter;
use crate::report::event::Event;
use crate::report::summary::Counts;

/// The variants and fields are those of [`Event`].
#[derive(Debug)]
pub(crate) enum OwnedEvent {
    Opened {
        counts: Counts,
    },
    Damaged {
        description: Box<str>,
    },
    ListRead {
        label: Box<str>,
        lines: u64,
        new_rows: u64,
        duplicates: u64,
    },
    FragmentsCut {
        label: Box<str>,
        lines: u64,
        line: u64,
        url: Box<str>,
    },
    VerifyingPart {
        row: RowId,
        url: Box<str>,
        bytes: u64,
    },
    PartChanged {
        row: RowId,
        url: Box<str>,
        kept: u64,
        lost: u64,
    },
    FilesMissing {
        missing: u64,
        checked: u64,
        example: Box<str>,
    },
    Suspect {
        suspicion: Box<Suspicion>,
    },
    Started {
        row: RowId,
        url: Box<str>,
        attempt: u32,
    },
    Received {
        row: RowId,
        bytes: u64,
    },
    Retrying {
        row: RowId,
        url: Box<str>,
        fault: Box<FaultRecord>,
        attempts: u32,
        wait: Duration,
    },
    Parked {
        row: RowId,
        url: Box<str>,
        fault: Box<FaultRecord>,
        until_unix_ms: u64,
    },
    Done {
        row: RowId,
        url: Box<str>,
        name: Box<str>,
        location: Location,
        size: u64,
        blake3: [u8; 32],
        status: u16,
        attempts: u32,
        elapsed: Duration,
        fields: Fields,
    },
    Adopted {
        row: RowId,
        url: Box<str>,
        name: Box<str>,
        size: u64,
        blake3: [u8; 32],
        fields: Fields,
    },
    Failed {
        row: RowId,
        url: Box<str>,
        fault: Box<FaultRecord>,
        status: Option<u16>,
        attempts: u32,
        fields: Fields,
    },
    Skipped {
        row: RowId,
        url: Box<str>,
        reason: Box<str>,
        fields: Fields,
    },
    NoContent {
        row: RowId,
        url: Box<str>,
        status: u16,
        attempts: u32,
        fields: Fields,
    },
    Paced {
        host: Box<str>,
        window: u32,
        limiter: Limiter,
        rate: Option<(f64, f64)>,
        blocked: Option<Duration>,
    },
    HostIdle {
        host: Box<str>,
    },
    Merged {
        address: Box<str>,
    },
    Paused {
        reason: Box<str>,
    },
    Resumed,
    Offline,
    Online,
    Stopping,
}

impl OwnedEvent {
    pub(crate) fn of(event: &Event<'_>) -> Self {
        match *event {
            Event::Opened { counts } => Self::Opened { counts },
            Event::Damaged { description } => Self::Damaged { description: description.into() },
            Event::ListRead { label, lines, new_rows, duplicates } => {
                Self::ListRead { label: label.into(), lines, new_rows, duplicates }
            }
            Event::VerifyingPart { row, url, bytes } => Self::VerifyingPart { row, url: url.into(), bytes },
            Event::PartChanged { row, url, kept, lost } => {
                Self::PartChanged { row, url: url.into(), kept, lost }
            }
            Event::Started { row, url, attempt } => Self::Started { row, url: url.into(), attempt },
            Event::Received { row, bytes } => Self::Received { row, bytes },
            Event::Retrying { row, url, fault, attempts, wait } => {
                Self::Retrying { row, url: url.into(), fault: Box::new(fault.clone()), attempts, wait }
            }
            Event::Parked { row, url, fault, until_unix_ms } => {
                Self::Parked { row, url: url.into(), fault: Box::new(fault.clone()), until_unix_ms }
            }
            Event::Done { row, url, name, location, size, blake3, status, attempts, elapsed, fields } => {
                Self::Done {
                    row,
                    url: url.into(),
                    name: name.into(),
                    location: location.clone(),
                    size,
                    blake3,
                    status,
                    attempts,
                    elapsed,
                    fields: fields.clone(),
                }
            }
            Event::Failed { row, url, fault, status, attempts, fields } => Self::Failed {
                row,
                url: url.into(),
                fault: Box::new(fault.clone()),
                status,
                attempts,
                fields: fields.clone(),
            },
            Event::Skipped { row, url, reason, fields } => {
                Self::Skipped { row, url: url.into(), reason: reason.into(), fields: fields.clone() }
            }
            Event::Adopted { row, url, name, size, blake3, fields } => Self::Adopted {
                row,
                url: url.into(),
                name: name.into(),
                size,
                blake3,
                fields: fields.clone(),
            },
            Event::NoContent { row, url, status, attempts, fields } => {
                Self::NoContent { row, url: url.into(), status, attempts, fields: fields.clone() }
            }
            Event::Paced { host, window, limiter, rate, blocked } => {
                Self::Paced { host: host.into(), window, limiter, rate, blocked }
            }
            Event::HostIdle { host } => Self::HostIdle { host: host.into() },
            Event::Merged { address } => Self::Merged { address: address.into() },
            Event::Paused { reason } => Self::Paused { reason: reason.into() },
            Event::FilesMissing { missing, checked, example } => {
                Self::FilesMissing { missing, checked, example: example.into() }
            }
            Event::FragmentsCut { label, lines, line, url } => {
                Self::FragmentsCut { label: label.into(), lines, line, url: url.into() }
            }
            Event::Suspect { suspicion } => Self::Suspect { suspicion: Box::new(suspicion.clone()) },
            Event::Resumed => Self::Resumed,
            Event::Offline => Self::Offline,
            Event::Online => Self::Online,
            Event::Stopping => Self::Stopping,
        }
    }

    pub(crate) fn as_event(&self) -> Event<'_> {
        match self {
            Self::Opened { counts } => Event::Opened { counts: *counts },
            Self::Damaged { description } => Event::Damaged { description },
            Self::ListRead { label, lines, new_rows, duplicates } => {
                let (lines, new_rows, duplicates) = (*lines, *new_rows, *duplicates);
                Event::ListRead { label, lines, new_rows, duplicates }
            }
            Self::VerifyingPart { row, url, bytes } => Event::VerifyingPart { row: *row, url, bytes: *bytes },
            Self::PartChanged { row, url, kept, lost } => {
                Event::PartChanged { row: *row, url, kept: *kept, lost: *lost }
            }
            Self::Started { row, url, attempt } => Event::Started { row: *row, url, attempt: *attempt },
            Self::Received { row, bytes } => Event::Received { row: *row, bytes: *bytes },
            Self::Retrying { row, url, fault, attempts, wait } => {
                Event::Retrying { row: *row, url, fault, attempts: *attempts, wait: *wait }
            }
            Self::Parked { row, url, fault, until_unix_ms } => {
                Event::Parked { row: *row, url, fault, until_unix_ms: *until_unix_ms }
            }
            Self::Done { row, url, name, location, size, blake3, status, attempts, elapsed, fields } => {
                Event::Done {
                    row: *row,
                    url,
                    name,
                    location,
                    size: *size,
                    blake3: *blake3,
                    status: *status,
                    attempts: *attempts,
                    elapsed: *elapsed,
                    fields,
                }
            }
            Self::Failed { row, url, fault, status, attempts, fields } => {
                Event::Failed { row: *row, url, fault, status: *status, attempts: *attempts, fields }
            }
            Self::Skipped { row, url, reason, fields } => Event::Skipped { row: *row, url, reason, fields },
            Self::Adopted { row, url, name, size, blake3, fields } => {
                Event::Adopted { row: *row, url, name, size: *size, blake3: *blake3, fields }
            }
            Self::NoContent { row, url, status, attempts, fields } => {
                Event::NoContent { row: *row, url, status: *status, attempts: *attempts, fields }
            }
            Self::Paced { host, window, limiter, rate, blocked } => {
                Event::Paced { host, window: *window, limiter: *limiter, rate: *rate, blocked: *blocked }
            }
            Self::HostIdle { host } => Event::HostIdle { host },
            Self::Merged { address } => Event::Merged { address },
            Self::Paused { reason } => Event::Paused { reason },
            Self::FilesMissing { missing, checked, example } => {
                Event::FilesMissing { missing: *missing, checked: *checked, example }
            }
            Self::FragmentsCut { label, lines, line, url } => {
                Event::FragmentsCut { label, lines: *lines, line: *line, url }
            }
            Self::Suspect { suspicion } => Event::Suspect { suspicion },
            Self::Resumed => Event::Resumed,
            Self::Offline => Event::Offline,
            Self::Online => Event::Online,
            Self::Stopping => Event::Stopping,
        }
    }
}
