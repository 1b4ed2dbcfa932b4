//! The life of a connection: one request after the other, each with its response and its fault.

use std::io;

use longhaul_socket::Transport;

use super::delivery::Delivery;
use super::injected_fault::InjectedFault;
use super::raw_connection::{AfterResponse, RawConnection, Received};
use super::response::{SeededRequest, SeededResponse};
use super::shared::Shared;
use super::stats::PathKey;
use crate::http1::{Method, RequestHead, ResponseFraming, Status};
use crate::random::{DrawPurpose, draw};

/// Serves `transport` until either side ends it.
pub(super) async fn serve(server: &Shared, transport: Box<dyn Transport>) {
    let mut connection = RawConnection::new(transport, &server.options);
    let mut buffer = Vec::new();
    loop {
        let after = match connection.receive().await {
            Received::Request(request) => respond(server, &mut connection, &mut buffer, *request).await,
            Received::Refused(status) => refuse(server, &mut connection, &mut buffer, status).await,
            Received::Nothing => return,
        };
        match after {
            Ok(AfterResponse::NextRequest) => {}
            Ok(AfterResponse::Fin) => return connection.finish().await,
            Ok(AfterResponse::Reset) => return connection.reset(),
            // The client has left, or does not read.
            Err(_) => return,
        }
    }
}

async fn respond(
    server: &Shared,
    connection: &mut RawConnection,
    buffer: &mut Vec<u8>,
    head: RequestHead,
) -> io::Result<AfterResponse> {
    let request = SeededRequest::new(head);
    let path = PathKey::of(&request.target);
    let (_in_flight, attempt) = server.stats.request(path);

    let latency = server.options.latency + request.target.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }

    let seed = server.site.seed();
    let fault = attempt.and_then(|attempt| server.faults.decide(seed, &request.target, attempt));
    let mut response = response(server, &request, fault);
    let fault = fault.filter(|fault| !fault.needs_body() || response.body.len() > 0);
    if let Some(fault) = fault {
        server.stats.fault(fault);
    }

    let closes = request.is_last() || response.framing == ResponseFraming::UntilClose;
    let drawn = draw(seed, DrawPurpose::FaultOffset, &request.target.resource(), attempt.unwrap_or_default());
    response.misframe(fault, drawn);
    buffer.clear();
    response.append_head(server.options.date(), closes, buffer);
    let (stats, stall) = (&server.stats, server.options.stall);
    Delivery { response, fault, drawn, closes, stall, path, stats, connection, buffer }.run().await
}

/// The response of the site, unless the fault is the response.
fn response(server: &Shared, request: &SeededRequest, fault: Option<InjectedFault>) -> SeededResponse {
    let of_status = |status| SeededResponse::of_status(status, request.head.method());
    match fault {
        Some(InjectedFault::Status500) => of_status(Status::InternalServerError),
        Some(InjectedFault::Status503) => of_status(Status::ServiceUnavailable),
        Some(InjectedFault::Status429RetryAfter(seconds)) => {
            of_status(Status::TooManyRequests).with("Retry-After", seconds)
        }
        Some(InjectedFault::NotFound) => of_status(Status::NotFound),
        _ => SeededResponse::to(request, &server.site),
    }
}

/// Refuses a malformed request, and ends the connection: where a next request would begin is unknown.
async fn refuse(
    server: &Shared,
    connection: &mut RawConnection,
    buffer: &mut Vec<u8>,
    status: Status,
) -> io::Result<AfterResponse> {
    let response = SeededResponse::of_status(status, Method::Get);
    server.stats.status(status);
    buffer.clear();
    response.append_head(server.options.date(), true, buffer);
    response.body.append(0..response.body.len(), buffer);
    connection.write(buffer).await?;
    Ok(AfterResponse::Fin)
}
