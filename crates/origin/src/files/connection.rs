//! One connection: its requests, answered from the folder.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use longhaul_socket::Stream;
use tokio::sync::watch;

use super::answer::answer;
use super::folder::Folder;
use crate::service::Ending;
use crate::service::guard::{Answering, Traffic};
use crate::service::http::{self, Settings};

/// Serves `stream` until either side ends it. When the service stops, an answer that is under way comes to its end.
pub(crate) async fn serve(
    folder: &Arc<Folder>,
    stream: Stream,
    traffic: Arc<Traffic>,
    settings: Settings,
    stopping: watch::Receiver<()>,
) -> Result<(), Ending> {
    let service = service_fn(|request: Request<Incoming>| {
        let answering = Answering::begin(&traffic);
        async move {
            let mut answer = answer(folder, settings.clock, &request, answering).await;
            // What it brings along is not read, so that nobody knows where a next request would begin.
            if !request.body().is_end_stream() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    http::serve(service, stream, &traffic, settings, stopping).await
}
