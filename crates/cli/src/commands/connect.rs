//! `longhaul connect`: joins a socket to standard input and output.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{
    ConnectTimeouts, Connector, Deadline, Endpoint, Fault, FaultKind, Phase, Protocol, Stream, SystemNetwork,
    Target, TlsOptions, UdpSocket, clock, defaults,
};

use super::{stdout_error, write_message};
use crate::arguments::{ConnectArguments, RelayArguments};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::relay::{
    EndpointSpec, HostPort, Input, Output, RelayTimeouts, relay_datagrams, relay_stream, tls_summary,
};
use crate::startup;

pub(super) fn run(arguments: ConnectArguments) -> Result<Exit, CommandError> {
    let ConnectArguments { endpoint, insecure, relay: RelayArguments { timeout, send, hex, quiet } } =
        arguments;
    let runtime = startup::check_descriptors()
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build())
        .map_err(CommandError::Start)?;
    let mut input = match send {
        Some(text) => Input::Text(Some(text)),
        None => Input::standard(endpoint.piece_bytes_max()),
    };
    let timeouts = RelayTimeouts::new(timeout, &input);
    let (output, writer) = Output::standard().map_err(CommandError::Start)?;
    let outcome = runtime.block_on(async {
        let start = clock::now();
        let stream = match &endpoint {
            EndpointSpec::Udp(host_port) => {
                let socket = connected_socket(host_port).await?;
                return relay_datagrams(&socket, &mut input, output, hex, timeouts, None).await;
            }
            EndpointSpec::Unix(path) => Stream::connect(path.clone()).await?,
            EndpointSpec::Tls(host_port) => connect(&target(host_port).with_tls(), insecure).await?,
            EndpointSpec::Tcp(host_port) => connect(&target(host_port), insecure).await?,
        };
        if !quiet {
            let elapsed_ms = start.elapsed().as_millis();
            write_message(&connected_message(&stream, &endpoint, elapsed_ms, !insecure));
        }
        relay_stream(stream, &mut input, output, hex, timeouts).await
    });
    outcome.and(writer.finish().map_err(stdout_error)).map(|()| Exit::Complete)
}

/// `connected to tcp://127.0.0.1:80 (tcp://localhost:80) in 1 ms`, and the TLS session on further lines.
fn connected_message(
    stream: &Stream,
    endpoint: &EndpointSpec,
    elapsed_ms: u128,
    is_verified: bool,
) -> String {
    let (remote, typed) = (stream.remote().to_string(), endpoint.to_string());
    let typed = if typed == remote { String::new() } else { format!(" ({typed})") };
    format!("connected to {remote}{typed} in {elapsed_ms} ms\n{}", tls_summary(stream, is_verified))
}

fn target(host_port: &HostPort) -> Target {
    Target::new(host_port.host.clone(), host_port.port)
}

async fn connect(target: &Target, insecure: bool) -> Result<Stream, Fault> {
    let timeouts = ConnectTimeouts { connect: defaults::timeout(), tls: defaults::timeout() };
    connector(insecure).connect(target, &timeouts).await
}

pub(super) fn connector(insecure: bool) -> Connector {
    let options = TlsOptions::system();
    let options = if insecure { options.insecure_everywhere() } else { options };
    Connector::new(Arc::new(SystemNetwork::new()), options)
}

/// A socket in connected mode, to the first address of the host that the system has a route to.
async fn connected_socket(host_port: &HostPort) -> Result<UdpSocket, Fault> {
    let connector = connector(false);
    let deadline = Deadline::after(defaults::timeout());
    let remotes = host_port.endpoints(Protocol::Udp, connector.resolver(), deadline).await?;
    let unreachable =
        Fault::new(Phase::Connect, FaultKind::Unreachable, Duration::ZERO).of(host_port.host.clone());
    let mut outcome = Err(unreachable.because(io::Error::from(io::ErrorKind::AddrNotAvailable)));
    for remote in remotes {
        outcome = socket_connected_to(remote).map_err(|fault| fault.of(host_port.host.clone()));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn socket_connected_to(remote: Endpoint) -> Result<UdpSocket, Fault> {
    let local = if remote.ip().is_ipv4() { "udp://0.0.0.0:0" } else { "udp://[::]:0" };
    let mut socket = UdpSocket::bind(local.parse().unwrap_or(remote))?;
    socket.connect(remote)?;
    Ok(socket)
}
