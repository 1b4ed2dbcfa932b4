//! The one stream of events that leaves the engine. The progress display, the machine-readable output and a library
//! user's own code are readers of this one stream.

use std::time::Duration;

use longhaul_journal::{FaultRecord, Fields, RowId};

use crate::pace::Limiter;
use crate::report::summary::Counts;

/// Something that happened. Outcomes ([`Done`](Event::Done), [`Failed`](Event::Failed), [`Skipped`](Event::Skipped))
/// are told only when they are on stable storage.
///
/// URLs in events carry no credentials. Texts that came from a server are as received: escape them before a terminal
/// or a log sees them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The haul is open; the counts are those of earlier runs.
    Opened {
        /// What became of the rows so far.
        counts: Counts,
    },
    /// The journal was damaged by something else than a crash; what could be read goes on.
    Damaged {
        /// What, and where.
        description: &'a str,
    },
    /// A list has been read to its end.
    ListRead {
        /// The list's name.
        label: &'a str,
        /// Its lines.
        lines: u64,
        /// How many of them became new rows.
        new_rows: u64,
    },
    /// What an earlier run kept of a body is read again, to see whether it can be built upon.
    VerifyingPart {
        /// The row.
        row: RowId,
        /// What is to be asked for.
        url: &'a str,
        /// How many bytes there are to read.
        bytes: u64,
    },
    /// What is kept of a body is not what had been written: somebody changed it, or the disk lost it. What does not hold is
    /// fetched again.
    PartChanged {
        /// The row.
        row: RowId,
        /// What is to be asked for.
        url: &'a str,
        /// So many bytes from the beginning are as they were written.
        kept: u64,
        /// So many behind them are not.
        lost: u64,
    },
    /// An attempt has begun.
    Started {
        /// The row.
        row: RowId,
        /// What is asked for.
        url: &'a str,
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// Bytes of a body have arrived. Told in steps, not for every packet.
    Received {
        /// The row.
        row: RowId,
        /// How many since the last such event of this row.
        bytes: u64,
    },
    /// An attempt failed and will be made again.
    Retrying {
        /// The row.
        row: RowId,
        /// What was asked for.
        url: &'a str,
        /// What went wrong.
        fault: &'a FaultRecord,
        /// Attempts so far.
        attempts: u32,
        /// How long until the next one, at the earliest.
        wait: Duration,
    },
    /// The row's host asked for a pause longer than a run waits, or what an earlier run kept of its body cannot be read now:
    /// the row is left for a later run.
    Parked {
        /// The row.
        row: RowId,
        /// What was asked for.
        url: &'a str,
        /// Why.
        fault: &'a FaultRecord,
        /// When the row can be gone on with, in milliseconds of Unix time.
        until_unix_ms: u64,
    },
    /// The file is complete under its final name, on stable storage.
    Done {
        /// The row.
        row: RowId,
        /// What was asked for.
        url: &'a str,
        /// The file's name below the haul's directory.
        name: &'a str,
        /// Its size in bytes.
        size: u64,
        /// Its BLAKE3 digest.
        blake3: [u8; 32],
        /// The status of the answer that brought it.
        status: u16,
        /// Attempts, the last one included.
        attempts: u32,
        /// From the first attempt to the last byte.
        elapsed: Duration,
        /// The columns of the list that are not interpreted.
        fields: &'a Fields,
    },
    /// Failed for good.
    Failed {
        /// The row.
        row: RowId,
        /// What was asked for, or the line as it stood in the list.
        url: &'a str,
        /// What went wrong in the last attempt.
        fault: &'a FaultRecord,
        /// The status of the answer, where there was one.
        status: Option<u16>,
        /// Attempts, the last one included.
        attempts: u32,
        /// The columns of the list that are not interpreted.
        fields: &'a Fields,
    },
    /// Nothing had to be fetched.
    Skipped {
        /// The row.
        row: RowId,
        /// What was asked for.
        url: &'a str,
        /// Why.
        reason: &'a str,
        /// The columns of the list that are not interpreted.
        fields: &'a Fields,
    },
    /// The pace of a host changed in kind.
    Paced {
        /// The host, as `scheme://name:port`.
        host: &'a str,
        /// Exchanges that it is given at a time.
        window: u32,
        /// What holds it back.
        limiter: Limiter,
        /// Requests a second, if it counts them: how many it is sent, and what it took when it last refused.
        rate: Option<(f64, f64)>,
        /// For how long it is left alone.
        blocked: Option<Duration>,
    },
    /// Hosts at one address turned out to be limited together: they share one pace from now on.
    Merged {
        /// The address and port, as `tcp://address:port`.
        address: &'a str,
    },
    /// Nothing can be written for now; downloads wait and go on by themselves.
    Paused {
        /// Why.
        reason: &'a str,
    },
    /// Writing goes on after a pause.
    Resumed,
    /// Nobody can be reached: the network of this machine is down. Nothing is charged to anybody, and downloads go on by
    /// themselves when it is back.
    Offline,
    /// The network of this machine is back.
    Online,
    /// The run is stopping before the end, as it was told to.
    Stopping,
}
