//! The listener of a network in memory.

use std::io;

use tokio::sync::{Mutex, mpsc};

use super::state::SharedState;
use super::transport::MemoryTransport;
use crate::addressing::Endpoint;
use crate::network::{BoxFuture, Listener, Transport};

/// After it is dropped its endpoint refuses connections; the ones that it has not accepted are reset.
pub(super) struct MemoryListener {
    endpoint: Endpoint,
    backlog: Mutex<mpsc::Receiver<MemoryTransport>>,
    state: SharedState,
}

impl MemoryListener {
    pub(super) fn new(
        endpoint: Endpoint,
        backlog: mpsc::Receiver<MemoryTransport>,
        state: SharedState,
    ) -> Self {
        Self { endpoint, backlog: Mutex::new(backlog), state }
    }
}

impl Listener for MemoryListener {
    fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Transport>, Endpoint)>> {
        Box::pin(async {
            let Some(transport) = self.backlog.lock().await.recv().await else {
                return Err(io::ErrorKind::NotConnected.into());
            };
            let remote = transport.peer();
            Ok((Box::new(transport) as Box<dyn Transport>, remote))
        })
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.state.lock().listeners.remove(&self.endpoint);
        let backlog = self.backlog.get_mut();
        backlog.close();
        while let Ok(transport) = backlog.try_recv() {
            Box::new(transport).reset();
        }
    }
}
