//! The one accept loop of this crate: it accepts the connections of a listener, up to a limit, counts them, and ends them
//! when it stops.
//!
//! Every server here listens through it, so no socket is without a limit. It does not know what is served: the caller gives
//! a function that serves one connection.

mod counts;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{Endpoint, Listener, Transport};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) use counts::ConnectionCounts;

/// The pause after a failed accept. The usual cause, too many open files, takes time to go away.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// How a listener treats its connections.
#[derive(Debug, Clone)]
pub(crate) struct AcceptSettings {
    /// Open connections, at least one; further ones wait in the backlog of the listener.
    pub(crate) connections_max: usize,
    /// How long connections may go on after a stop before they are dropped.
    pub(crate) stop_grace: Duration,
    /// Where connections are counted. Several listeners may share it.
    pub(crate) counts: Arc<ConnectionCounts>,
}

/// A connection that was just accepted.
pub(crate) struct Accepted {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) peer: Endpoint,
    /// Its sender is dropped when the listener stops; nothing is ever sent.
    pub(crate) stopping: watch::Receiver<()>,
}

/// A task that serves one socket. Dropping it ends the task and its connections soon; [`stop`](Self::stop) waits for that.
#[derive(Debug)]
pub(crate) struct ListenerTask {
    endpoint: Endpoint,
    /// Nothing is ever sent: dropping it is the signal.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl ListenerTask {
    /// Runs `serve`, which has to return soon after the sender of its receiver is dropped.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn spawn<F>(endpoint: Endpoint, serve: impl FnOnce(watch::Receiver<()>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopping) = watch::channel(());
        Self { endpoint, stop, task: tokio::spawn(serve(stopping)) }
    }

    /// Accepts connections from `listener` and runs `serve` on each. `failed` is called with the error of each accept that
    /// fails.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn accept<F: Future<Output = ()> + Send + 'static>(
        listener: Box<dyn Listener>,
        settings: AcceptSettings,
        serve: impl Fn(Accepted) -> F + Send + 'static,
        failed: impl Fn(&io::Error) + Send + 'static,
    ) -> Self {
        let endpoint = listener.endpoint();
        Self::spawn(endpoint, |stopping| accept(listener, settings, stopping, serve, failed))
    }

    /// The endpoint of the socket, with its real port.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Ends the task, and returns when it and its connections have ended.
    ///
    /// Cancel safe: once polled, the task ends whether or not the caller waits for it.
    pub(crate) async fn stop(self) {
        let Self { stop, task, .. } = self;
        drop(stop);
        // A task that panicked has dropped its connections, too.
        let _ = task.await;
    }
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: Box<dyn Listener>,
    settings: AcceptSettings,
    mut stopping: watch::Receiver<()>,
    serve: impl Fn(Accepted) -> F,
    failed: impl Fn(&io::Error),
) {
    let AcceptSettings { connections_max, stop_grace, counts } = settings;
    let for_connections = stopping.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stopping.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < connections_max.max(1) => match accepted {
                Ok((transport, peer)) => {
                    let open = counts.open();
                    let serving = serve(Accepted { transport, peer, stopping: for_connections.clone() });
                    connections.spawn(async move {
                        let _open = open;
                        serving.await;
                    });
                }
                Err(error) => {
                    counts.accept_failed();
                    failed(&error);
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(stop_grace, all_ended).await;
    connections.shutdown().await;
}
