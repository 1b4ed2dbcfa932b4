//! The life of a connection: one request after the other, each with what comes of it.

use std::io;
use std::time::Duration;

use longhaul_socket::Transport;

use super::model_state::Underway;
use super::server::{Host, VirtualHosts};
use crate::Options;
use crate::hostile::{Answer, Method, Peer, Received, Request, Status, Wire};
use crate::limit_model::Treatment;

/// Timers are late by up to a millisecond, which is their resolution, and so by half of one on the average.
const TIMER_LATE: Duration = Duration::from_micros(500);

/// Body bytes in one write: a small file goes out with its head.
const PIECE_BYTES: u64 = 64 * 1024;

/// What becomes of the connection.
enum After {
    NextRequest,
    Fin,
    Reset,
}

/// Serves `transport` until either side ends it.
pub(super) async fn serve(hosts: &VirtualHosts, transport: Box<dyn Transport>) {
    let mut wire = Wire::new(transport, hosts.options());
    loop {
        let after = match wire.receive().await {
            Received::Request(request) => {
                let host = hosts.host(request.host.as_deref());
                let (underway, wait) = host.model_state.arrive();
                respond(host, &mut wire, &request, underway, wait + host.options.latency).await
            }
            // What is no request does not come to the limit model.
            Received::Refused(status) => {
                let answer = Answer::note(status, Method::Get);
                send(hosts.options(), &mut wire, &answer, true).await.map(|()| After::Fin)
            }
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

async fn respond(
    host: &Host,
    wire: &mut Wire,
    request: &Request,
    underway: Underway<'_>,
    wait: Duration,
) -> io::Result<After> {
    if underway.treatment() == Treatment::Silence {
        wire.hold(host.options.stall).await;
        return Ok(After::Fin);
    }
    let announced = underway.announcement().map(|said| said.fields(host.options.clock.unix_ms()));
    let wait = wait.saturating_sub(TIMER_LATE);
    if !wait.is_zero() && wire.hold(wait).await == Peer::Left {
        return Ok(After::Fin);
    }
    let answer = match underway.treatment() {
        Treatment::Served => Answer::to(request, &host.site),
        Treatment::Refused { status, retry_after } => {
            let answer = Answer::note(Status::of_refusal(status), request.method);
            match retry_after {
                Some(seconds) => answer.with("Retry-After", seconds),
                None => answer,
            }
        }
        Treatment::Reset | Treatment::Silence => {
            underway.complete();
            return Ok(After::Reset);
        }
    };
    let announced = announced.into_iter().flatten();
    let answer = announced.fold(answer, |answer, (name, value)| answer.with(name, value));
    send(&host.options, wire, &answer, request.is_last).await?;
    underway.complete();
    Ok(if request.is_last { After::Fin } else { After::NextRequest })
}

async fn send(options: &Options, wire: &mut Wire, answer: &Answer, closes: bool) -> io::Result<()> {
    let mut buffer = Vec::new();
    answer.append_head(options.date(), closes, &mut buffer);
    let (len, mut begin) = (answer.body.len(), 0);
    loop {
        let end = len.min(begin + PIECE_BYTES);
        answer.body.append(begin..end, &mut buffer);
        wire.write(&buffer).await?;
        if end == len {
            return Ok(());
        }
        buffer.clear();
        begin = end;
    }
}
