//! A host with services in a network in memory, and the log of its connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul_origin::{ConnectionReport, Limits, RunningService, Service, ServiceHost};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Network, Transport};

/// The value of every time limit in the tests.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

pub(crate) struct Town {
    network: MemoryNetwork,
    pub(crate) reports: Arc<Mutex<Vec<ConnectionReport>>>,
    pub(crate) running: RunningService,
}

impl Town {
    pub(crate) fn new(service: Service) -> Self {
        Self::with_limits(service, Limits::waiting(WAIT))
    }

    pub(crate) fn with_limits(service: Service, limits: Limits) -> Self {
        let network = MemoryNetwork::new();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&reports);
        let host = ServiceHost::new(limits, move |report| log.lock().expect("no panic").push(*report));
        let endpoint = "tcp://10.0.0.1:7".parse().expect("an endpoint");
        let running = host.listen(&network, service, endpoint, None).expect("a free endpoint");
        Self { network, reports, running }
    }

    pub(crate) async fn connect(&self) -> Box<dyn Transport> {
        self.network.dial(self.running.endpoint()).await.expect("somebody listens")
    }

    /// The reports so far.
    pub(crate) fn reports(&self) -> Vec<ConnectionReport> {
        self.reports.lock().expect("no panic").clone()
    }

    /// The reports, when there are `count` of them; waits within bounds of virtual time.
    pub(crate) async fn wait_for_reports(&self, count: usize) -> Vec<ConnectionReport> {
        for _ in 0..6_000 {
            if self.reports().len() >= count {
                return self.reports();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{count} reports never came: {:?}", self.reports());
    }
}
