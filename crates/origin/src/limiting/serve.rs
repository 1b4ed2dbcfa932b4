//! The life of a connection: one request after the other, each as the limit model decides.

use std::io;
use std::time::Duration;

use longhaul_socket::Transport;

use super::model_state::OpenExchange;
use super::shared::{ServersByName, Shared};
use crate::hostile::{
    AfterResponse, ClientWait, Options, RawConnection, Received, SeededRequest, SeededResponse,
};
use crate::http1::{Method, Status};
use crate::limit_model::Treatment;

/// Timers have a resolution of a millisecond and fire late, on average by half of it.
const TIMER_DELAY: Duration = Duration::from_micros(500);

/// Body bytes in one write: a small file goes out with its head.
const PIECE_BYTES: u64 = 64 * 1024;

/// Serves `transport` until either side ends it.
pub(super) async fn serve(servers: &ServersByName, transport: Box<dyn Transport>) {
    let mut connection = RawConnection::new(transport, servers.options());
    loop {
        let after = match connection.receive().await {
            Received::Request(head) => {
                let request = SeededRequest::new(*head);
                let server = servers.server(request.head.host().as_deref());
                let (exchange, wait) = server.model_state.arrive();
                let wait = wait + server.options.latency;
                respond(server, &mut connection, &request, exchange, wait).await
            }
            // The limit model does not see malformed requests.
            Received::Refused(status) => {
                let response = SeededResponse::of_status(status, Method::Get);
                let sent = send(servers.options(), &mut connection, &response, true).await;
                sent.map(|()| AfterResponse::Fin)
            }
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
    request: &SeededRequest,
    exchange: OpenExchange<'_>,
    wait: Duration,
) -> io::Result<AfterResponse> {
    if exchange.treatment() == Treatment::Silence {
        connection.hold(server.options.stall).await;
        return Ok(AfterResponse::Fin);
    }
    let announcement = exchange.announcement();
    let announced = announcement.map(|announcement| announcement.fields(server.options.clock.unix_ms()));
    let wait = wait.saturating_sub(TIMER_DELAY);
    if !wait.is_zero() && connection.hold(wait).await == ClientWait::Left {
        return Ok(AfterResponse::Fin);
    }
    let response = match exchange.treatment() {
        Treatment::Served => SeededResponse::to(request, &server.site),
        Treatment::Refused { status, retry_after } => {
            let response = SeededResponse::of_status(Status::of_refusal(status), request.head.method());
            match retry_after {
                Some(seconds) => response.with("Retry-After", seconds),
                None => response,
            }
        }
        Treatment::Reset | Treatment::Silence => {
            exchange.complete();
            return Ok(AfterResponse::Reset);
        }
    };
    let announced = announced.into_iter().flatten();
    let response = announced.fold(response, |response, (name, value)| response.with(name, value));
    send(&server.options, connection, &response, request.is_last()).await?;
    exchange.complete();
    Ok(if request.is_last() { AfterResponse::Fin } else { AfterResponse::NextRequest })
}

async fn send(
    options: &Options,
    connection: &mut RawConnection,
    response: &SeededResponse,
    closes: bool,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    response.append_head(options.date(), closes, &mut buffer);
    let (len, mut begin) = (response.body.len(), 0);
    loop {
        let end = len.min(begin + PIECE_BYTES);
        response.body.append(begin..end, &mut buffer);
        connection.write(&buffer).await?;
        if end == len {
            return Ok(());
        }
        buffer.clear();
        begin = end;
    }
}
