//! The hostile host: seeded files behind several endpoints of loopback, on a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use longhaul_origin::{FaultMix, HostileServer, Options, Share, Site, Stats};
use longhaul_socket::SystemNetwork;
use tokio::sync::oneshot;

/// Endpoints, each a host of its own to the program under test. One 429 slows one host for a second; several hosts keep
/// the rehearsal short.
const ENDPOINTS: u32 = 8;
/// Of the paths, so many are 404.
const ABSENT_SHARE: Share = Share::percent(2);
/// Every so many files one is large.
const LARGE_EVERY: u32 = 200;
/// The smallest large file, in bytes; the others are two to four times as large.
const LARGE_BYTES: u64 = 1024 * 1024;
/// A stall outlasts the deadlines of the program under test: its own patience has to end it.
const STALL: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Stage {
    origin: HostileServer,
    endpoints: Vec<SocketAddr>,
    files: u32,
    /// Its end is the signal.
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Stage {
    /// Begins to serve so many files.
    pub(super) fn raise(files: u32, seed: u64) -> io::Result<Self> {
        let site = Arc::new(Site::new(seed).with_absent_share(ABSENT_SHARE));
        let options = Options { stall: STALL, ..Options::default() };
        let origin = HostileServer::new(site, FaultMix::rehearsal(), options);
        let (end, ended) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let host = origin.clone();
        let thread = thread::Builder::new().name("origin".to_owned()).spawn(move || {
            // The receiver waits for exactly one message.
            let _ = match serve(&host, ended, &tell) {
                Ok(()) => Ok(()),
                Err(error) => tell.send(Err(error)),
            };
        })?;
        let endpoints =
            told.recv().unwrap_or_else(|_| Err(io::Error::other("the origin's thread has ended")))?;
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

    /// How often a path was asked for.
    pub(super) fn requests_of(&self, path: &str) -> u64 {
        self.origin.requests_of(path)
    }

    pub(super) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Ends the host; what it has counted remains.
    pub(super) fn lower(self) -> Stats {
        drop(self.end);
        // A thread that panicked has ended, too.
        let _ = self.thread.join();
        self.origin.stats()
    }
}

/// Listens, tells where, and serves until the end.
fn serve(
    origin: &HostileServer,
    ended: oneshot::Receiver<()>,
    tell: &mpsc::Sender<io::Result<Vec<SocketAddr>>>,
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
        if tell.send(Ok(endpoints)).is_ok() {
            // Nothing is ever sent: its end is the signal.
            let _ = ended.await;
        }
        for listener in listeners {
            listener.stop().await;
        }
        Ok(())
    })
}
