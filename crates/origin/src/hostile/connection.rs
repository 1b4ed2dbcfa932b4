//! The life of a connection: one request after the other, each with its answer and its fault.

use std::io;

use longhaul_socket::Transport;

use super::answer::{Answer, Framing};
use super::delivery::{After, Delivery};
use super::draw::{About, draw};
use super::request::{Method, Request};
use super::server::Host;
use super::stats::PathKey;
use super::status::Status;
use super::wire::{Received, Wire};
use crate::InjectedFault;

/// Serves `transport` until either side ends it.
pub(crate) async fn serve(host: &Host, transport: Box<dyn Transport>) {
    let _open = host.tally.connection();
    let mut wire = Wire::new(transport, &host.options);
    let mut buffer = Vec::new();
    loop {
        let after = match wire.receive().await {
            Received::Request(request) => respond(host, &mut wire, &mut buffer, &request).await,
            Received::Refused(status) => refuse(host, &mut wire, &mut buffer, status).await,
            Received::Gone => return,
        };
        match after {
            Ok(After::NextRequest) => {}
            Ok(After::Fin) => return wire.finish().await,
            Ok(After::Reset) => return wire.reset(),
            // The peer has left or does not read; nobody is there to be told.
            Err(_) => return,
        }
    }
}

async fn respond(host: &Host, wire: &mut Wire, buffer: &mut Vec<u8>, request: &Request) -> io::Result<After> {
    let path = PathKey::of(&request.target);
    let (_in_flight, attempt) = host.tally.request(path);

    let latency = host.options.latency + request.target.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }

    let seed = host.site.seed();
    let fault = attempt.and_then(|attempt| host.faults.decide(seed, &request.target, attempt));
    let mut answer = answer(host, request, fault);
    let fault = fault.filter(|kind| !kind.needs_body() || answer.body.len() > 0);
    if let Some(kind) = fault {
        host.tally.fault(kind);
    }

    let closes = request.is_last || answer.framing == Framing::UntilClose;
    let drawn = draw(seed, About::Place, &request.target.resource(), attempt.unwrap_or_default());
    answer.misframe(fault, drawn);
    buffer.clear();
    answer.append_head(host.date(), closes, buffer);
    let (tally, stall) = (&host.tally, host.options.stall);
    Delivery { answer, fault, drawn, closes, stall, path, tally, wire, buffer }.run().await
}

/// The answer of the site, unless the fault is the answer.
fn answer(host: &Host, request: &Request, fault: Option<InjectedFault>) -> Answer {
    let note = |status| Answer::note(status, request.method);
    match fault {
        Some(InjectedFault::Status500) => note(Status::InternalServerError),
        Some(InjectedFault::Status503) => note(Status::ServiceUnavailable),
        Some(InjectedFault::Status429RetryAfter(seconds)) => {
            note(Status::TooManyRequests).with("Retry-After", seconds)
        }
        Some(InjectedFault::NotFound) => note(Status::NotFound),
        _ => Answer::to(request, &host.site),
    }
}

/// Answers what is no request, and ends the connection: nobody knows where a next request would begin.
async fn refuse(host: &Host, wire: &mut Wire, buffer: &mut Vec<u8>, status: Status) -> io::Result<After> {
    let answer = Answer::note(status, Method::Get);
    host.tally.status(status);
    buffer.clear();
    answer.append_head(host.date(), true, buffer);
    answer.body.append(0..answer.body.len(), buffer);
    wire.write(buffer).await?;
    Ok(After::Fin)
}
