//! Makes bodies and outcomes durable.
//!
//! The sink is the only writer of a haul's directory. Every shard sends it the bytes that arrive, in order for each row. The sink
//! gives them to the [`store`], records outcomes, and commits both in groups. The order of a commit is the order of the promises:
//! bytes durable, publication durable, record durable, event.
//!
//! It decides nothing about a URL, and refuses bytes that are out of order.

pub(crate) mod adopter;
mod bodies;
mod commit;
mod committer;
mod disk_error;
pub(crate) mod disk_wait;
mod group;
mod occupied;
pub(crate) mod part_verifier;
mod parts;
mod recovery;
pub(crate) mod resume;
pub(crate) mod room;
pub mod store;
mod suspects;
mod trace;
mod unstorable;

pub(crate) use committer::{Committer, JournalHandles, SettledCounts};
pub(crate) use disk_error::{COMPARE_PHASE, is_symbolic_link, part_fault, transient_cause};
pub(crate) use occupied::{Occupied, OccupiedPolicy};
pub(crate) use parts::{VerifiedPart, checkpoint};
pub(crate) use recovery::{SettledDoubts, resolve_doubts};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use longhaul_http::{HttpUrl, Validator};
use longhaul_journal::{Done, Failed, FaultRecord, Fields, NoContent, Part, RowId, Verification, Waiting};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::pace::host_state_cache::HostStateUpdate;
use crate::schedule::job::Job;
use store::ResponseRecord;
use unstorable::UnstorableBodies;

/// Bytes of bodies on their way to the disk. A disk that is slower than the network slows the network down here.
const BYTES_UNDERWAY_MAX: u32 = 8 * 1024 * 1024;
/// Complete bodies that the system does not have yet: a kill may lose this many beside the exchanges in flight. An exchange that
/// gets no permit here keeps its slot, so its host waits for the disk. With fewer the network idles while a group is committed;
/// more gain nothing.
const BODIES_UNDERWAY_MAX: usize = 16;
/// Messages on their way, for the same reason as the bytes.
const MESSAGES_MAX: usize = 4096;

/// A message from a shard, the dispatcher or the part verifier.
#[derive(Debug)]
pub(crate) enum Message {
    /// The verified prefix of a body of an earlier run, from which it is resumed; `None` discards the body.
    PartVerified { row: RowId, part: Option<Box<VerifiedPart>> },
    /// A body begins that comes in several pieces, with what is needed to resume it, and the response that brings its first bytes if
    /// the store records responses. An earlier body of the row is discarded.
    Begin { row: RowId, part: Part, response: Option<Arc<ResponseRecord>> },
    /// The next piece of a body.
    Body { row: RowId, piece: Piece },
    /// The body is complete with this piece, which is the only one of a small body.
    Complete { job: Box<Job>, piece: Piece, completion: Completion },
    /// An attempt failed and will be repeated; the job stays with its shard.
    Retry { row: RowId, url: HttpUrl, waiting: Waiting, wait: Duration },
    /// The row is left to a later run: its host asked for a long pause, or its unfinished body cannot be read now.
    Park { job: Box<Job>, waiting: Waiting },
    /// The row has failed for good. `keeps_part` says that the failure leaves its unfinished body as good as it was.
    Fail { job: Box<Job>, failed: Failed, keeps_part: bool },
    /// The row needs no download.
    Skip { job: Box<Job>, reason: String },
    /// A file that was there before is the row's, as its outcome says.
    Adopt { job: Box<Job>, done: Box<Done> },
    /// The host has nothing to download for the row.
    NoContent { job: Box<Job>, none: NoContent },
    /// A row that the list itself settled: reported once the row is durable.
    SettledByList(SettledByList),
    /// New states of hosts' paces, to be remembered.
    Hosts(Vec<HostStateUpdate>),
}

/// The outcome of a row that was settled when it was read.
#[derive(Debug)]
pub(crate) enum SettledByList {
    Duplicate {
        row: RowId,
        url: String,
        of: RowId,
        fields: Fields,
    },
    /// The spool is the record of it, unless `is_unreadable`: the row was written by another version of this program.
    Refused {
        row: RowId,
        text: String,
        fault: FaultRecord,
        is_unreadable: bool,
    },
}

/// Bytes of a body, and their offset.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// Offset of the first byte. 0 begins the body anew.
    pub(crate) offset: u64,
    pub(crate) chunks: Vec<Bytes>,
    /// The response that they come from, if the store records responses.
    pub(crate) response: Option<Arc<ResponseRecord>>,
    /// Released when the piece has been written and is dropped.
    #[expect(dead_code, reason = "held for its destructor")]
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// The properties of a complete body.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) status: u16,
    pub(crate) size: u64,
    pub(crate) validator: Validator,
    pub(crate) verification: Verification,
    pub(crate) finished_unix_ms: u64,
    /// Released when the system has the body.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// A message from the sink to the dispatcher.
#[derive(Debug)]
pub(crate) enum RowSettled {
    /// The row has its outcome, or is parked.
    Settled(Box<Job>),
    /// The row's unfinished body is lost: it has to be fetched again from the beginning.
    Again(Box<Job>),
}

/// Sends to the sink.
#[derive(Clone)]
pub(crate) struct SinkHandle {
    messages: mpsc::Sender<Message>,
    bytes: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    pauses: Arc<AtomicU64>,
    unstorable: UnstorableBodies,
}

/// The sink's end of the channel.
pub(crate) struct Inbox {
    messages: mpsc::Receiver<Message>,
    pauses: Arc<AtomicU64>,
    unstorable: UnstorableBodies,
}

/// The sink has ended: the run is over.
#[derive(Debug)]
pub(crate) struct SinkGone;

impl SinkHandle {
    pub(crate) fn new() -> (Self, Inbox) {
        let (messages, inbox) = mpsc::channel(MESSAGES_MAX);
        let bytes = Arc::new(Semaphore::new(BYTES_UNDERWAY_MAX as usize));
        let bodies = Arc::new(Semaphore::new(BODIES_UNDERWAY_MAX));
        let pauses = Arc::new(AtomicU64::new(0));
        let unstorable = UnstorableBodies::default();
        let inbox = Inbox { messages: inbox, pauses: Arc::clone(&pauses), unstorable: unstorable.clone() };
        (Self { messages, bytes, bodies, pauses, unstorable }, inbox)
    }

    /// Sends a message; waits while the disk is behind.
    pub(crate) async fn send(&self, message: Message) -> Result<(), SinkGone> {
        self.messages.send(message).await.map_err(|_| SinkGone)
    }

    /// A permit for this many bytes; waits while the disk is behind.
    pub(crate) async fn admit(&self, bytes: u64) -> Result<OwnedSemaphorePermit, SinkGone> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).min(BYTES_UNDERWAY_MAX);
        Arc::clone(&self.bytes).acquire_many_owned(wanted).await.map_err(|_| SinkGone)
    }

    /// A permit for one complete body; waits while the disk is behind.
    pub(crate) async fn admit_body(&self) -> Result<OwnedSemaphorePermit, SinkGone> {
        Arc::clone(&self.bodies).acquire_owned().await.map_err(|_| SinkGone)
    }

    /// Returns when the sink has ended. Cancel safe.
    pub(crate) async fn gone(&self) {
        self.messages.closed().await;
    }

    /// Why the body of this row cannot be stored, if it cannot: its attempt is to end.
    pub(crate) fn storage_fault(&self, row: RowId) -> Option<FaultRecord> {
        self.unstorable.fault(row)
    }

    /// How often the sink has waited for the disk. An exchange that fails while it waits may have failed because of that.
    pub(crate) fn pauses(&self) -> u64 {
        self.pauses.load(Ordering::Relaxed)
    }
}
