//! getaddrinfo(3), which blocks and cannot be cancelled, on a few threads of its own.
//!
//! A resolver that hangs can hold these threads and nothing else: the queue in front of them is bounded, a caller that
//! has left is skipped, and the runtime's pool of blocking threads is never touched.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::addressing::HostName;
use crate::faults::{FaultKind, Platform, kind_of_number};
use crate::network::LookupError;

/// Calls at the same moment. Each may hang for as long as the system's own timeouts last, often 10 to 30 s.
const THREADS: usize = 4;
/// Calls that wait for a thread; beyond that, the resolver of the system is as good as silent.
const QUEUE_MAX: usize = 64;
/// What the C libraries say for `EAI_NONAME` and `EAI_NODATA`. The standard library keeps the text and drops the number;
/// the text is that of the C locale, since nothing here sets another.
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

/// The pool. Its threads end when it is dropped, each after the call in which it is.
pub(crate) struct Getaddrinfo {
    jobs: SyncSender<Job>,
}

impl Getaddrinfo {
    /// Starts the threads. If some cannot be started the others do; if none can, every look-up fails.
    pub(crate) fn start() -> Self {
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..THREADS {
            let queue = Arc::clone(&queue);
            let builder = thread::Builder::new().name(format!("longhaul-name-{number}"));
            // Without the thread its share of the queue is dropped, and the queue closes with the last one.
            let _ = builder.spawn(move || serve(&queue));
        }
        Self { jobs }
    }

    /// The addresses of `name`. Cancel safe; the call itself goes on, and its answer is dropped.
    pub(crate) async fn lookup(&self, name: &HostName) -> Result<Vec<IpAddr>, LookupError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job { name: name.clone(), reply }).map_err(|error| match error {
            TrySendError::Full(_) => LookupError::Silent,
            TrySendError::Disconnected(_) => no_threads(),
        })?;
        answer.await.unwrap_or_else(|_| Err(no_threads()))
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
            // An error means that the caller left meanwhile.
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
