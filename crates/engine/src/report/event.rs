//! The events of a haul. There is one stream; the progress display, the JSON output and a library user's callback read it.

use std::time::Duration;

use longhaul_journal::{FaultRecord, Fields, Location, RowId, Suspicion};

use crate::pace::Limiter;
use crate::report::summary::Counts;

/// Something that happened. Outcomes ([`Done`](Event::Done), [`Adopted`](Event::Adopted), [`Failed`](Event::Failed), [`Skipped`](Event::Skipped),
/// [`NoContent`](Event::NoContent)) are reported only when they are on stable storage.
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
    /// The journal is damaged, and not by a crash. What could be read is used.
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
        /// Of the new rows, those for a URL that the haul has already.
        duplicates: u64,
    },
    /// URLs of a list have a `#`, and what follows it looks like a part of their paths, or there are many. HTTP does not send it, so what
    /// is fetched is the URL without it. Reported once for each list that has such lines among its new ones.
    FragmentsCut {
        /// The list's name.
        label: &'a str,
        /// How many of its new lines have a `#`.
        lines: u64,
        /// One of these lines, from 1.
        line: u64,
        /// What is fetched for it.
        url: &'a str,
    },
    /// The unfinished body of an earlier run is being verified before it is resumed.
    VerifyingPart {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// How many bytes there are to read.
        bytes: u64,
    },
    /// An unfinished body differs from what was written: something changed it, or the disk lost some of it. The rest is fetched
    /// again.
    PartChanged {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// Bytes from the beginning that are unchanged.
        kept: u64,
        /// Bytes behind them that are not.
        lost: u64,
    },
    /// Finished files of earlier runs are not there any more. Their rows stay done: a [verification](crate::verify::Verify) finds all of
    /// them, and can make their rows pending.
    FilesMissing {
        /// How many of the files that were looked for are missing.
        missing: u64,
        /// How many were looked for: all of a haul of about 20,000 rows, a sample of a larger one.
        checked: u64,
        /// The name of one that is missing, below the haul's directory.
        example: &'a str,
    },
    /// An attempt has begun.
    Started {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// Bytes of a body have arrived. Reported in steps, not for every packet.
    Received {
        /// The row.
        row: RowId,
        /// How many since the last such event of this row.
        bytes: u64,
    },
    /// An attempt failed and will be repeated.
    Retrying {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// What went wrong.
        fault: &'a FaultRecord,
        /// Attempts so far.
        attempts: u32,
        /// The time until the next one, at least.
        wait: Duration,
    },
    /// The row is left to a later run: its host asked for a longer pause than a run waits, or its unfinished body cannot be read
    /// now.
    Parked {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// Why.
        fault: &'a FaultRecord,
        /// The earliest time of its next attempt, in milliseconds of Unix time.
        until_unix_ms: u64,
    },
    /// The file is complete under its final name, on stable storage.
    Done {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// The file's name below the haul's directory.
        name: &'a str,
        /// Where the body is, if not in a file of that name.
        location: &'a Location,
        /// Its size in bytes.
        size: u64,
        /// Its BLAKE3 digest.
        blake3: [u8; 32],
        /// The status of the response.
        status: u16,
        /// Attempts, the last one included.
        attempts: u32,
        /// From the first attempt to the last byte.
        elapsed: Duration,
        /// The columns of the list that are not interpreted.
        fields: &'a Fields,
    },
    /// A file that was there before is the row's file: it is what the list says. Nothing was requested. Counts as done.
    Adopted {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// The file's name below the haul's directory.
        name: &'a str,
        /// Its size in bytes.
        size: u64,
        /// Its BLAKE3 digest.
        blake3: [u8; 32],
        /// The columns of the list that are not interpreted.
        fields: &'a Fields,
    },
    /// Failed for good.
    Failed {
        /// The row.
        row: RowId,
        /// The URL, or the line of the list.
        url: &'a str,
        /// What went wrong in the last attempt.
        fault: &'a FaultRecord,
        /// The status of the response, if there was one.
        status: Option<u16>,
        /// Attempts, the last one included.
        attempts: u32,
        /// The columns of the list that are not interpreted.
        fields: &'a Fields,
    },
    /// The row needed no download.
    Skipped {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// Why.
        reason: &'a str,
        /// The columns of the list that are not interpreted.
        fields: &'a Fields,
    },
    /// The host answered that there is nothing to download (204, 205): there is no file. Counts as skipped.
    NoContent {
        /// The row.
        row: RowId,
        /// The URL.
        url: &'a str,
        /// The status of the response.
        status: u16,
        /// Attempts, the last one included.
        attempts: u32,
        /// The columns of the list that are not interpreted.
        fields: &'a Fields,
    },
    /// Many rows of a host look like one error page. Reported once for each pattern, when it is found.
    Suspect {
        /// The host, what the rows have in common, how many there are so far, and one of them.
        suspicion: &'a Suspicion,
    },
    /// The pace of a host changed in kind.
    Paced {
        /// The host, as `scheme://name:port`.
        host: &'a str,
        /// Concurrent exchanges with the host.
        window: u32,
        /// What limits it.
        limiter: Limiter,
        /// Requests per second, if the host limits their rate: the rate sent now, and the rate at its last refusal.
        rate: Option<(f64, f64)>,
        /// How long the host gets no requests.
        blocked: Option<Duration>,
    },
    /// No row of this run waits any more for a host whose pace was limited, or that was given up or asked for a long pause.
    HostIdle {
        /// The host, as `scheme://name:port`.
        host: &'a str,
    },
    /// Hosts at one address share a limit, so they share one pace from now on.
    Merged {
        /// The address and port, as `tcp://address:port`.
        address: &'a str,
    },
    /// Nothing can be written for now; downloads wait and continue by themselves.
    Paused {
        /// Why.
        reason: &'a str,
    },
    /// Writing continues after a pause.
    Resumed,
    /// The network of this machine is down: no host can be reached. No host or URL is charged, and downloads continue by themselves
    /// when it is back.
    Offline,
    /// The network of this machine is back.
    Online,
    /// The run stops before the end, at the user's request.
    Stopping,
}
