//! The control of a set of proxies over HTTP/1.1, in the words of Toxiproxy's API: the same paths, fields, statuses and
//! errors, so that its client libraries work. docs/proxy.md has the table.
//!
//! Whoever reaches it may make this machine connect anywhere. It is meant for loopback, and it does not speak to web
//! browsers, which visit loopback for every page that asks them to.

mod answer;
mod body;
mod json;
mod path;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use longhaul_socket::Stream;
use tokio::sync::watch;

use super::proxies::Proxies;
use crate::service::guard::{Answering, Traffic};
use crate::service::http::{self, Settings};
use crate::service::{Ending, Service};
use answer::answer;

/// Controls a set of proxies over HTTP/1.1. Made by [`Proxies::control`].
#[derive(Debug, Clone)]
pub struct Control {
    proxies: Proxies,
}

impl Proxies {
    /// The service that controls this set. It may listen on the same host as the proxies or on another one.
    pub fn control(&self) -> Service {
        Service::Control(Control { proxies: self.clone() })
    }
}

impl Control {
    /// Serves `stream` until either side ends it. A request body has as long as a head; when the service stops, an answer
    /// that is under way comes to its end.
    pub(crate) async fn serve(
        &self,
        stream: Stream,
        traffic: Arc<Traffic>,
        settings: Settings,
        body_time: Duration,
        stopping: watch::Receiver<()>,
    ) -> Result<(), Ending> {
        let service = service_fn(|request: Request<Incoming>| {
            let answering = Answering::begin(&traffic);
            let proxies = self.proxies.clone();
            async move { Ok::<_, Infallible>(answer(proxies, request, body_time, answering).await) }
        });
        http::serve(service, stream, &traffic, settings, stopping).await
    }
}
