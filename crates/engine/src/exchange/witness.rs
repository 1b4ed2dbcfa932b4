//! Requests a row once more that was served before: does its host still serve? The head of the response says so.
//!
//! Nothing of it reaches the sink: it is no attempt at a row.

use longhaul_http::Request;
use longhaul_socket::{Phase, clock};

use crate::exchange::context::ExchangeContext;
use crate::exchange::ended::Ended;
use crate::exchange::failure::Failure;
use crate::exchange::progress::Progress;
use crate::schedule::job::Job;

/// Sends the request. Dropping the future drops the exchange.
pub(crate) async fn witness(context: &ExchangeContext, job: &Job, progress: &Progress) -> Ended {
    let begun = clock::now();
    let request = Request::get(job.url.clone()).with_initial_origin(job.home().clone());
    let response = match progress.unless_cut(context.client.send(&request)).await {
        Some(Ok(response)) => response,
        Some(Err(error)) => {
            return Ended::Failed(Failure::of_error(&error, false, context.clock.unix_ms()));
        }
        None => return Ended::Failed(Failure::of_cut(Phase::Head, None, begun.elapsed())),
    };
    let responded_at = clock::now();
    progress.connected(response.is_new_connection);
    progress.responded(&response.head, responded_at - begun, responded_at, None);
    let (head, body) = (response.head, response.body);
    // A short body is read, so that the connection can be used again; dropping a long one closes it.
    let _ = progress.unless_cut(body.drain()).await;
    if (200..400).contains(&head.status) {
        Ended::Served
    } else {
        Ended::Failed(Failure::of_status(&head, begun.elapsed(), context.clock.unix_ms()))
    }
}
