//! The loop of a listener: accepts connections, serves them within a limit, and ends them when it is told to.

use std::time::Duration;

use longhaul_socket::{Listener, Transport};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How long a listener rests after a failed accept: the usual cause, too many open files, takes time to go.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Serves at most so many connections at a time until `stopped` ends; then drops those that are left, wherever they stand.
pub(crate) async fn accept<F: Future<Output = ()> + Send + 'static>(
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
