//! How the user stops a running haul.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells a running haul to stop. Clones tell the same haul; it may be used from any thread, also before the run.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<bool>>);

impl Default for Stopper {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stopper {
    /// Starts no further exchange, drops those under way, finishes the group of files that is being committed and
    /// ends the run. What had arrived is kept and the next run goes on from there.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether the haul has been told to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) fn watch(&self) -> StopWatch {
        StopWatch(self.0.subscribe())
    }
}

/// The listening end: one for each actor.
pub(crate) struct StopWatch(watch::Receiver<bool>);

impl StopWatch {
    pub(crate) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when a stop is requested. Cancel safe.
    pub(crate) async fn stopped(&mut self) {
        if self.0.wait_for(|stopped| *stopped).await.is_err() {
            // Nobody is left who could tell.
            std::future::pending::<()>().await;
        }
    }
}
