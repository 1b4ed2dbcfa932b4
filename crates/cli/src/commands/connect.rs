//! `longhaul connect`: standard input and output, joined to a socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{
    ConnectTimeouts, Connector, Deadline, Endpoint, Fault, FaultKind, Phase, Protocol, Stream, SystemNetwork,
    Target, TlsOptions, UdpSocket, clock, defaults,
};

use super::tell;
use crate::arguments::ConnectArguments;
use crate::error::CommandError;
use crate::exchange::{
    DATAGRAM_PIECE_BYTES, Input, Output, Peer, STREAM_PIECE_BYTES, Server, Waits, exchange_datagrams,
    exchange_stream, tls_summary,
};
use crate::exit::Exit;

pub(super) fn run(arguments: &ConnectArguments) -> Result<Exit, CommandError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::Start)?;
    let piece_bytes =
        if matches!(arguments.endpoint, Peer::Udp(_)) { DATAGRAM_PIECE_BYTES } else { STREAM_PIECE_BYTES };
    let mut input = match &arguments.exchange.send {
        Some(text) => Input::Text(Some(Arc::clone(text))),
        None => Input::standard(piece_bytes),
    };
    let waits = Waits::of(&arguments.exchange, &input);
    let (output, writer) = Output::standard().map_err(CommandError::Start)?;
    let outcome = runtime.block_on(connect(arguments, &mut input, output, waits));
    let written = writer
        .finish()
        .map_err(|source| CommandError::Output { place: "standard output".to_owned(), source });
    outcome.and(written).map(|()| Exit::Complete)
}

async fn connect(
    arguments: &ConnectArguments,
    input: &mut Input,
    output: Output,
    waits: Waits,
) -> Result<(), CommandError> {
    let hex = arguments.exchange.hex;
    let start = clock::now();
    if let Peer::Udp(server) = &arguments.endpoint {
        let socket = connected_socket(server).await?;
        return exchange_datagrams(&socket, input, output, hex, waits, None).await;
    }
    let stream = stream_to(arguments).await?;
    if !arguments.exchange.quiet {
        let summary = tls_summary(&stream, !arguments.insecure);
        let took = start.elapsed().as_millis();
        let (remote, asked) = (stream.remote().to_string(), arguments.endpoint.to_string());
        let asked = if asked == remote { String::new() } else { format!(" ({asked})") };
        tell(&format!("connected to {remote}{asked} in {took} ms\n{summary}"));
    }
    exchange_stream(stream, input, output, hex, waits).await
}

async fn stream_to(arguments: &ConnectArguments) -> Result<Stream, Fault> {
    let (server, tls) = match &arguments.endpoint {
        Peer::Unix(path) => return Stream::connect(path.clone()).await,
        Peer::Tls(server) => (server, true),
        Peer::Tcp(server) | Peer::Udp(server) => (server, false),
    };
    let target = Target::new(server.host.clone(), server.port);
    let target = if tls { target.with_tls() } else { target };
    connector(arguments.insecure)
        .connect(&target, &ConnectTimeouts { connect: defaults::timeout(), tls: defaults::timeout() })
        .await
}

pub(super) fn connector(insecure: bool) -> Connector {
    let trust = TlsOptions::system();
    let trust = if insecure { trust.insecure_everywhere() } else { trust };
    Connector::new(Arc::new(SystemNetwork::new()), trust)
}

/// A socket in connected mode with the first address of the host to which there is a way.
async fn connected_socket(server: &Server) -> Result<UdpSocket, Fault> {
    let connector = connector(false);
    let deadline = Deadline::after(defaults::timeout());
    let remotes = server.endpoints(Protocol::Udp, connector.resolver(), deadline).await?;
    let nowhere = || {
        let fault =
            Fault::new(Phase::Connect, FaultKind::Unreachable, Duration::ZERO).of(server.host.clone());
        fault.because(io::Error::from(io::ErrorKind::AddrNotAvailable))
    };
    let mut outcome = Err(nowhere());
    for remote in remotes {
        outcome = connected_to(remote).map_err(|fault| fault.of(server.host.clone()));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn connected_to(remote: Endpoint) -> Result<UdpSocket, Fault> {
    let any = if remote.ip().is_ipv4() { "udp://0.0.0.0:0" } else { "udp://[::]:0" };
    let any = any.parse().unwrap_or(remote);
    let mut socket = UdpSocket::bind(any)?;
    socket.connect(remote)?;
    Ok(socket)
}
