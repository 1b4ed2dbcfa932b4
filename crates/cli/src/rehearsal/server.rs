//! The hostile server: seeded files behind several endpoints of loopback, on a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use longhaul_origin::{FaultMix, HostileServer, Options, Share, Site, Stats};
use longhaul_socket::SystemNetwork;
use tokio::sync::oneshot;

/// Endpoints. Each is a host of its own to the program under test. A 429 pauses one host for a second, so several hosts
/// keep the rehearsal short.
const ENDPOINTS: u32 = 8;
/// Share of the paths that respond with 404.
pub(super) const ABSENT_SHARE: Share = Share::percent(2);
/// One of this many files is large.
const LARGE_EVERY: u32 = 200;
/// Size of the smallest large file; the others are two to four times as large.
const LARGE_BYTES: u64 = 1024 * 1024;
/// Duration of a stall. It is longer than the timeouts of the program under test, which have to end it.
const STALL: Duration = Duration::from_secs(10);

/// A server that misbehaves in a share of its responses. It serves until [`stop`](Self::stop) is called.
pub(super) struct RehearsalServer {
    origin: HostileServer,
    endpoints: Vec<SocketAddr>,
    files: u32,
    /// Dropping it stops the server.
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl RehearsalServer {
    /// Starts a server with this number of files.
    pub(super) fn start(files: u32, seed: u64) -> io::Result<Self> {
        let site = Arc::new(Site::new(seed).with_absent_share(ABSENT_SHARE));
        let options = Options { stall: STALL, ..Options::default() };
        let origin = HostileServer::new(site, FaultMix::rehearsal(), options);
        let (end, ended) = oneshot::channel();
        let (started, start) = mpsc::channel();
        let shared_origin = origin.clone();
        let thread = thread::Builder::new().name("origin".to_owned()).spawn(move || {
            // The caller waits for exactly one message.
            let _ = match serve(&shared_origin, ended, &started) {
                Ok(()) => Ok(()),
                Err(error) => started.send(Err(error)),
            };
        })?;
        let endpoints =
            start.recv().unwrap_or_else(|_| Err(io::Error::other("the thread of the server has ended")))?;
        Ok(Self { origin, endpoints, files, end, thread })
    }

    /// The paths, in the order of the list.
    pub(super) fn paths(&self) -> impl Iterator<Item = String> {
        (0..self.files).map(|number| {
            let size = match number % LARGE_EVERY {
                0 => format!("?size={}", LARGE_BYTES * u64::from(number / LARGE_EVERY % 4 + 1) + 1),
                _ => String::new(),
            };
            format!("/files/{number:06}.bin{size}")
        })
    }

    /// The URLs of these paths, in the same order.
    pub(super) fn urls(&self) -> impl Iterator<Item = String> {
        let endpoints = self.endpoints.iter().cycle();
        self.paths().zip(endpoints).map(|(path, endpoint)| format!("http://{endpoint}{path}"))
    }

    pub(super) fn site(&self) -> &Site {
        self.origin.site()
    }

    /// Number of requests for a path.
    pub(super) fn requests_of(&self, path: &str) -> u64 {
        self.origin.requests_of(path)
    }

    pub(super) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Stops the server and returns its counts.
    pub(super) fn stop(self) -> Stats {
        drop(self.end);
        // A thread that panicked has ended as well.
        let _ = self.thread.join();
        self.origin.stats()
    }
}

/// Listens, sends the endpoints to `started`, and serves until `ended` is closed.
fn serve(
    origin: &HostileServer,
    ended: oneshot::Receiver<()>,
    started: &mpsc::Sender<io::Result<Vec<SocketAddr>>>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let network = SystemNetwork::new();
        let mut listeners = Vec::new();
        for _ in 0..ENDPOINTS {
            let endpoint = longhaul_socket::Endpoint::tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
            listeners.push(origin.listen(&network, endpoint)?);
        }
        let endpoints = listeners.iter().map(|listener| listener.endpoint().socket_addr()).collect();
        if started.send(Ok(endpoints)).is_ok() {
            // Nothing is ever sent: dropping the sender stops the server.
            let _ = ended.await;
        }
        for listener in listeners {
            listener.stop().await;
        }
        Ok(())
    })
}
