//! The cases behind one listener over HTTP/1.1, for any client: `/case/016` leads to the very host of that case.
//!
//! What goes wrong in a case is bytes and resets that no library would send, so the front sends nobody anything but where
//! to go: a redirect (307) to the case's own host, which is opened when it is first asked for and ends by itself after
//! [`STAGE_TIME_MAX`]. Refused: cases that are not played, that have no host, or that take
//! certificates, which nobody but the tests trusts.

mod answer;
mod catalogue;
mod stages;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use longhaul_socket::Stream;
use tokio::sync::watch;

use self::catalogue::Catalogue;
use self::stages::{STAGES_MAX, Stages};
use super::case::InvalidCase;
use super::embedded::cases;
use super::stage::STAGE_TIME_MAX;
use crate::service::guard::{Answering, Traffic};
use crate::service::http::{self, Settings};
use crate::service::{Ending, Service};

/// All cases, and the stages of those that were asked for. Clones have the same stages, which end with the last of them.
#[derive(Clone)]
pub struct CaseFront {
    shared: Arc<Shared>,
}

struct Shared {
    catalogue: Catalogue,
    stages: Stages,
}

impl Service {
    /// The cases that the program carries with it, for any client.
    ///
    /// The listener may be anywhere; the hosts of the cases listen on loopback.
    ///
    /// # Errors
    /// One of the files is no case, which the tests rule out.
    pub fn hostile() -> Result<Self, InvalidCase> {
        let shared =
            Shared { catalogue: Catalogue::read(cases())?, stages: Stages::new(STAGES_MAX, STAGE_TIME_MAX) };
        Ok(Self::Hostile(CaseFront { shared: Arc::new(shared) }))
    }
}

impl CaseFront {
    /// Serves `stream` until either side ends it. When the service stops, an answer that is under way comes to its end.
    pub(crate) async fn serve(
        &self,
        stream: Stream,
        traffic: Arc<Traffic>,
        settings: Settings,
        stopping: watch::Receiver<()>,
    ) -> Result<(), Ending> {
        let service = service_fn(|request: Request<Incoming>| {
            let answering = Answering::begin(&traffic);
            let shared = Arc::clone(&self.shared);
            async move {
                let mut response = answer::answer(shared, &request).await.into_response(answering);
                // What it brings along is not read, so that nobody knows where a next request would begin.
                if !request.body().is_end_stream() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        http::serve(service, stream, &traffic, settings, stopping).await
    }
}

impl fmt::Debug for CaseFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaseFront").finish_non_exhaustive()
    }
}
