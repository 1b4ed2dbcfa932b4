//! Where bodies become files and outcomes become durable.
//!
//! The one writer of a haul's directory: every shard sends it what arrives, in order for each row, and it writes
//! part files, records outcomes, and commits both in groups. The order of a commit is the order of the promises:
//! data durable, final name durable, record durable, event.
//!
//! It refuses to decide anything about a URL, and to write anything that was not handed to it in order.

mod bodies;
mod commit;
mod committer;
mod disk_error;
pub(crate) mod disk_wait;
mod group;
pub(crate) mod part_verifier;
mod parts;
mod recovery;
pub(crate) mod resume;
pub mod store;

pub(crate) use committer::{Committer, JournalHandles, Tally};
pub(crate) use disk_error::{file_fault, part_fault, transient_cause};
pub(crate) use parts::{VerifiedPart, mark};
pub(crate) use recovery::settle_doubts;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use longhaul_http::{HttpUrl, Validator};
use longhaul_journal::{Failed, FaultRecord, Fields, Part, RowId, Verification, Waiting};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::pace::host_state_cache::HostStateUpdate;
use crate::schedule::job::Job;

/// Bytes of bodies on their way to the disk. A disk that is slower than the network is felt by the network here.
const BYTES_UNDERWAY_MAX: u32 = 8 * 1024 * 1024;
/// Complete bodies on their way to the system: so many may be lost in a kill beside the exchanges in flight. An exchange
/// that finds no place here keeps its own, and so its host waits for the disk. With fewer the network idles while a group is
/// committed; with more nothing is gained.
const BODIES_UNDERWAY_MAX: usize = 16;
/// Messages on their way, for the same reason.
const MESSAGES_MAX: usize = 4096;

/// What a shard, or the dispatcher, tells the sink.
#[derive(Debug)]
pub(crate) enum Message {
    /// So much of an earlier run's body is as it was written, and is gone on with; if anything is.
    Examined { row: RowId, proven: Option<Box<VerifiedPart>> },
    /// A body begins that will come in several pieces: what is needed to resume it. What was kept before is void.
    Begin { row: RowId, part: Part },
    /// The next piece of a body.
    Body { row: RowId, piece: Piece },
    /// The body is complete with this last piece, which for a small file is the whole.
    Complete { job: Box<Job>, piece: Piece, completion: Completion },
    /// An attempt failed and will be made again; the job stays with its shard.
    Retry { row: RowId, url: HttpUrl, waiting: Waiting, wait: Duration },
    /// The row is left for a later run: its host asked for a long pause, or what was kept of it cannot be read now.
    Park { job: Box<Job>, waiting: Waiting },
    /// The row has failed for good.
    Fail { job: Box<Job>, failed: Failed },
    /// Nothing has to be fetched.
    Skip { job: Box<Job>, reason: String },
    /// A row that was settled by the list itself: to be told once it is durable.
    Listed(Listed),
    /// What is to be remembered of hosts.
    Hosts(Vec<HostStateUpdate>),
}

/// A row that was settled when it was read.
#[derive(Debug)]
pub(crate) enum Listed {
    Duplicate { row: RowId, url: String, of: RowId, fields: Fields },
    Refused { row: RowId, text: String, fault: FaultRecord },
}

/// Bytes of a body, and where they belong.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// Offset of the first byte. 0 begins the file anew.
    pub(crate) offset: u64,
    pub(crate) chunks: Vec<Bytes>,
    /// Given back when the piece has been written and is dropped.
    #[expect(dead_code, reason = "held for its destructor")]
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// What is known of a complete body.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) status: u16,
    pub(crate) size: u64,
    pub(crate) validator: Validator,
    pub(crate) verification: Verification,
    pub(crate) finished_unix_ms: u64,
    /// Given back when the system has the body.
    pub(crate) place: OwnedSemaphorePermit,
}

/// What the sink tells the dispatcher.
#[derive(Debug)]
pub(crate) enum RowSettled {
    /// The row has its outcome, or is parked.
    Settled(Box<Job>),
    /// What was kept of the row is lost: it has to be fetched again from the beginning.
    Again(Box<Job>),
}

/// The shards' end of the sink.
#[derive(Clone)]
pub(crate) struct SinkHandle {
    messages: mpsc::Sender<Message>,
    bytes: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    pauses: Arc<AtomicU64>,
}

/// The sink's own end.
pub(crate) struct Inbox {
    messages: mpsc::Receiver<Message>,
    pauses: Arc<AtomicU64>,
}

/// The sink has gone: the run is over.
#[derive(Debug)]
pub(crate) struct SinkGone;

impl SinkHandle {
    pub(crate) fn new() -> (Self, Inbox) {
        let (messages, inbox) = mpsc::channel(MESSAGES_MAX);
        let bytes = Arc::new(Semaphore::new(BYTES_UNDERWAY_MAX as usize));
        let bodies = Arc::new(Semaphore::new(BODIES_UNDERWAY_MAX));
        let pauses = Arc::new(AtomicU64::new(0));
        (Self { messages, bytes, bodies, pauses: Arc::clone(&pauses) }, Inbox { messages: inbox, pauses })
    }

    /// Hands a message over; waits while the disk is behind.
    pub(crate) async fn send(&self, message: Message) -> Result<(), SinkGone> {
        self.messages.send(message).await.map_err(|_| SinkGone)
    }

    /// A place for so many bytes; waits while the disk is behind.
    pub(crate) async fn admit(&self, bytes: u64) -> Result<OwnedSemaphorePermit, SinkGone> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).min(BYTES_UNDERWAY_MAX);
        Arc::clone(&self.bytes).acquire_many_owned(wanted).await.map_err(|_| SinkGone)
    }

    /// A place for one complete body; waits while the disk is behind.
    pub(crate) async fn admit_body(&self) -> Result<OwnedSemaphorePermit, SinkGone> {
        Arc::clone(&self.bodies).acquire_owned().await.map_err(|_| SinkGone)
    }

    /// Returns when the sink has gone. Cancel safe.
    pub(crate) async fn gone(&self) {
        self.messages.closed().await;
    }

    /// How often writing has been paused: a failure during a pause may be our own doing.
    pub(crate) fn pauses(&self) -> u64 {
        self.pauses.load(Ordering::Relaxed)
    }
}
