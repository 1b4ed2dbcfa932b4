//! What the shard can see of an attempt while it runs, and how it tells the attempt to give up.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use longhaul_http::{Head, Peer};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::pace::Announcement;

/// The progress of one attempt, shared by the attempt and the shard that supervises it.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Bytes of bodies received.
    bytes: Cell<u64>,
    /// Time from the last request to its response head.
    latency: Cell<Option<Duration>>,
    /// The peer over which the host sent its last head, and when.
    heard: Cell<Option<(Peer, Instant)>>,
    /// The status of the last response.
    status: Cell<u16>,
    /// Whether the last request opened a connection of its own.
    is_new_connection: Cell<bool>,
    /// What the last head announced of the host's rate limit.
    announced: Cell<Option<Announcement>>,
    /// It waits for the disk, or for the user's limit on bytes a second.
    is_held_up: Cell<bool>,
    /// The request in progress decides something, so it has its whole deadline.
    is_decisive: Cell<bool>,
    /// The shard has told it to give up.
    cut: Notify,
}

impl Progress {
    /// An attempt that has just begun.
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            bytes: Cell::new(0),
            latency: Cell::new(None),
            heard: Cell::new(None),
            status: Cell::new(0),
            is_new_connection: Cell::new(false),
            announced: Cell::new(None),
            is_held_up: Cell::new(false),
            is_decisive: Cell::new(false),
            cut: Notify::new(),
        })
    }

    /// A response head came at `at`, `latency` after its request. A head that may be a proxy's own is no sign of the host.
    pub(crate) fn responded(
        &self,
        head: &Head,
        latency: Duration,
        at: Instant,
        announced: Option<Announcement>,
    ) {
        self.latency.set(Some(latency));
        self.status.set(head.status);
        if !head.may_be_from_proxy() {
            self.heard.set(Some((head.peer, at)));
        }
        self.announced.set(announced);
    }

    /// Bytes of bodies received so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Time from the last request to its response head; `None` before the first head.
    pub(crate) fn latency(&self) -> Option<Duration> {
        self.latency.get()
    }

    /// The peer over which the host sent its last head, and when; `None` before the first. A head that may be a proxy's own
    /// does not count.
    pub(crate) fn heard(&self) -> Option<(Peer, Instant)> {
        self.heard.get()
    }

    /// The status of the last response; 0 before the first.
    pub(crate) fn status(&self) -> u16 {
        self.status.get()
    }

    /// A response came over a new connection, or over one out of the pool.
    pub(crate) fn connected(&self, is_new_connection: bool) {
        self.is_new_connection.set(is_new_connection);
    }

    /// Whether the last request that was responded to opened a connection of its own.
    pub(crate) fn is_new_connection(&self) -> bool {
        self.is_new_connection.get()
    }

    /// What the last head announced of the host's rate limit.
    pub(crate) fn announced(&self) -> Option<Announcement> {
        self.announced.get()
    }

    /// Counts bytes of a body.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    /// Whether this machine holds it up, so that its host does not count as stalled.
    pub(crate) fn is_held_up(&self) -> bool {
        self.is_held_up.get()
    }

    /// Says whether the next request decides something, so that its silence must not be cut short.
    pub(crate) fn decides(&self, is_decisive: bool) {
        self.is_decisive.set(is_decisive);
    }

    /// Whether the request in progress has its whole deadline.
    pub(crate) fn is_decisive(&self) -> bool {
        self.is_decisive.get()
    }

    /// Tells the attempt to give up when it waits for its host, now or next.
    pub(crate) fn cut_short(&self) {
        self.cut.notify_one();
    }

    /// Waits for the host; `None` if the attempt was cancelled first; `wait` has been dropped then.
    pub(crate) async fn unless_cut<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            arrived = wait => Some(arrived),
            () = self.cut.notified() => None,
        }
    }

    /// Waits for this machine: the disk, or the limit on bytes a second.
    pub(crate) async fn held_up<T>(&self, wait: impl Future<Output = T>) -> T {
        self.is_held_up.set(true);
        let waited = wait.await;
        self.is_held_up.set(false);
        waited
    }
}
