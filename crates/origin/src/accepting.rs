//! A listener at work: accepts connections, serves them within a limit, and ends them when it is told to.

use std::io;
use std::time::Duration;

use longhaul_socket::{Endpoint, Listener, Network, Transport};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// How long a listener rests after a failed accept: the usual cause, too many open files, takes time to go.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// A listener at work. Dropping it ends it and its connections soon; [`stop`](Self::stop) waits for the end.
#[derive(Debug)]
pub(crate) struct Accepting {
    endpoint: Endpoint,
    /// Nothing is ever sent: its end is the signal.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Accepting {
    /// Listens on `endpoint`, and serves at most so many connections at a time. `failed` is told of each accept that fails.
    ///
    /// # Errors
    /// That of the network, where the endpoint cannot be listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn start<F: Future<Output = ()> + Send + 'static>(
        network: &dyn Network,
        endpoint: Endpoint,
        connections_max: usize,
        serve: impl Fn(Box<dyn Transport>) -> F + Send + 'static,
        failed: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let listener = network.listen(endpoint)?;
        let endpoint = listener.endpoint();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, connections_max, stopped, serve, failed));
        Ok(Self { endpoint, stop, task })
    }

    /// Where it listens, with the real port.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Ends the listener and drops its connections wherever they stand.
    ///
    /// Cancel safe: once polled, the end comes whether it is waited for or not.
    pub(crate) async fn stop(self) {
        let Self { stop, task, .. } = self;
        drop(stop);
        // The task ends by itself; if it panicked, its connections are gone all the same.
        let _ = task.await;
    }
}

/// Serves until `stopped` ends; then drops the connections that are left, wherever they stand.
async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: Box<dyn Listener>,
    connections_max: usize,
    mut stopped: oneshot::Receiver<()>,
    serve: impl Fn(Box<dyn Transport>) -> F,
    failed: impl Fn(),
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < connections_max.max(1) => {
                if let Ok((transport, _)) = accepted {
                    connections.spawn(serve(transport));
                } else {
                    failed();
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}
