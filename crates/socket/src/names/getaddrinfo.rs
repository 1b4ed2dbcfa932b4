//! getaddrinfo(3), which blocks and cannot be cancelled, on a few dedicated threads.
//!
//! A resolver that hangs blocks these threads only: their queue is bounded, callers that have given up are skipped, and
//! the runtime's pool of blocking threads is not used.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::addressing::HostName;
use crate::faults::{FaultKind, Platform, kind_of_number};
use crate::network::LookupError;

/// Concurrent calls. Each may block for as long as the system's own timeouts, often 10 to 30 s.
const THREADS: usize = 4;
/// Calls that wait for a thread; further ones fail as `Silent`.
const QUEUE_MAX: usize = 64;
/// The texts of the C libraries for `EAI_NONAME` and `EAI_NODATA`. The standard library keeps the text and drops the
/// number; the text is in the C locale, because this process sets no other.
const NOT_FOUND_TEXTS: [&str; 5] = [
    "name or service not known",
    "no address associated with",
    "nodename nor servname provided",
    "hostname nor servname provided",
    "name does not resolve",
];

struct Job {
    name: HostName,
    reply: oneshot::Sender<Result<Vec<IpAddr>, LookupError>>,
}

/// The threads. When it is dropped they end, each after its current call.
pub(crate) struct Getaddrinfo {
    jobs: SyncSender<Job>,
}

impl Getaddrinfo {
    /// Starts the threads. If some cannot be started, the others do the work; if none can, every look-up fails.
    pub(crate) fn start() -> Self {
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..THREADS {
            let queue = Arc::clone(&queue);
            let builder = thread::Builder::new().name(format!("longhaul-name-{number}"));
            // If the thread cannot be started, its handle of the queue is dropped; with the last one, the queue closes.
            let _ = builder.spawn(move || serve(&queue));
        }
        Self { jobs }
    }

    /// The addresses of `name`. Cancel safe: the call goes on, and its result is dropped.
    pub(crate) async fn lookup(&self, name: &HostName) -> Result<Vec<IpAddr>, LookupError> {
        let (reply, result) = oneshot::channel();
        self.jobs.try_send(Job { name: name.clone(), reply }).map_err(|error| match error {
            TrySendError::Full(_) => LookupError::Silent,
            TrySendError::Disconnected(_) => no_threads(),
        })?;
        result.await.unwrap_or_else(|_| Err(no_threads()))
    }
}

fn no_threads() -> LookupError {
    let error = io::Error::new(io::ErrorKind::OutOfMemory, "no thread for looking up names could be started");
    LookupError::Local(Arc::new(error))
}

fn serve(queue: &Mutex<Receiver<Job>>) {
    loop {
        let received = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { name, reply }) = received else { return };
        if !reply.is_closed() {
            // An error means that the caller has given up.
            let _ = reply.send(call(&name));
        }
    }
}

fn call(name: &HostName) -> Result<Vec<IpAddr>, LookupError> {
    let addresses = (name.as_str(), 0).to_socket_addrs().map_err(classify)?;
    let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
    if addresses.is_empty() { Err(LookupError::NotFound) } else { Ok(addresses) }
}

fn classify(error: io::Error) -> LookupError {
    if let Some(raw) = error.raw_os_error() {
        return match kind_of_number(Platform::current(), raw) {
            Some(FaultKind::NameNotFound) => LookupError::NotFound,
            Some(kind) if kind.is_local() => LookupError::Local(Arc::new(error)),
            _ => LookupError::ServerFailed(error.to_string().into()),
        };
    }
    let text = error.to_string();
    let lower = text.to_ascii_lowercase();
    if NOT_FOUND_TEXTS.iter().any(|known| lower.contains(known)) {
        LookupError::NotFound
    } else {
        LookupError::ServerFailed(text.into())
    }
}
