//! Services over HTTP/1.1 that keep the rules: one loop that reads a request, has it answered, and writes the response.
//!
//! A service implements [`HttpService`] and knows nothing of connections. The deadlines of the connection are those of the
//! guarded transport below. It refuses to guess: a request body that the service did not read ends the connection, because
//! where the next request begins is unknown then.

mod request_body;
mod response;
mod server;

use longhaul_socket::clock::WallClock;

use crate::http1::RequestHead;

pub(crate) use request_body::{RequestBody, UnreadBody};
pub(crate) use response::{BodySource, Response, ResponseBody};
pub(crate) use server::serve;

/// Answers requests.
pub(crate) trait HttpService: Sync {
    /// The response to one request. Every request has one.
    fn respond(
        &self,
        request: &RequestHead,
        body: &mut RequestBody<'_>,
        clock: WallClock,
    ) -> impl Future<Output = Response> + Send;
}
