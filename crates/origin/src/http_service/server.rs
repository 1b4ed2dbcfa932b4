//! The loop of one connection: request, response, next request.

use std::sync::Arc;

use longhaul_socket::{FaultKind, Phase, Stream};

use super::HttpService;
use super::request_body::RequestBody;
use super::response::Response;
use crate::http1::{ConnectionOption, Method, ReceiveError, RequestReader, http_date};
use crate::service_host::{Ending, ResponseInProgress, ServedConnection, close_after_peer, until_stopped};

/// The smallest limit on a head that is enforced: RFC 9112 section 3 recommends 8,000 bytes for its first line
/// alone.
const HEAD_BYTES_MIN: usize = 8 * 1024;

/// What a client may still send after its last response. It is discarded: the rest of an upload that was refused, for
/// example, which would otherwise be answered with a reset that destroys the response (RFC 9112 section 9.6).
const DISCARDED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Serves a connection until either side ends it. When the service stops, a response in progress is completed.
///
/// # Errors
/// How the connection ended, unless in order.
pub(crate) async fn serve<S: HttpService>(service: &S, connection: ServedConnection) -> Result<(), Ending> {
    let ServedConnection { transport, limits, clock, tls, mut stopping } = connection;
    let traffic = Arc::clone(transport.traffic());
    let mut stream = Stream::plain(Box::new(transport));
    if let Some(tls) = tls {
        let secured = until_stopped(&mut stopping, tls.accept(stream)).await?;
        stream = secured.map_err(|fault| Ending::Failed(fault.phase(), fault.kind()))?;
    }
    let mut reader = RequestReader::tolerant(limits.head_bytes_max.max(HEAD_BYTES_MIN));
    loop {
        let request = match until_stopped(&mut stopping, reader.receive(&mut stream)).await? {
            Ok(Some(request)) => request,
            Ok(None) => break,
            Err(ReceiveError::Malformed(error)) => {
                let refusal = Response::of_status(error.status());
                let written =
                    refusal.write(&mut stream, false, ConnectionOption::Close, http_date(clock)).await;
                if written.is_ok() {
                    let _ = close_after_peer(&mut stream, DISCARDED_BYTES_MAX).await;
                }
                return Err(Ending::MalformedRequest);
            }
            Err(ReceiveError::ClosedEarly) => {
                return Err(Ending::Failed(Phase::Receive, FaultKind::ClosedEarly));
            }
            // The guarded transport knows the failure.
            Err(ReceiveError::Io(_)) => return Err(Ending::Broken),
        };
        let in_progress = ResponseInProgress::begin(&traffic);
        let mut body = RequestBody::new(&request, limits.head_time, &mut reader, &mut stream);
        let response = service.respond(&request, &mut body, clock).await;
        let is_last = request.closes() || !body.was_read() || stopping.has_changed().is_err();
        let option = match (is_last, request.is_http_1_1()) {
            (true, _) => ConnectionOption::Close,
            (false, true) => ConnectionOption::Unsaid,
            (false, false) => ConnectionOption::KeepAlive,
        };
        let to_head = request.method() == Method::Head;
        let written = response.write(&mut stream, to_head, option, http_date(clock)).await;
        drop(in_progress);
        written.map_err(|_error| Ending::Broken)?;
        if is_last || stopping.has_changed().is_err() {
            break;
        }
    }
    // A client that has already left needs no orderly close.
    let _ = close_after_peer(&mut stream, DISCARDED_BYTES_MAX).await;
    Ok(())
}
