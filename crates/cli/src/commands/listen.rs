//! `longhaul listen`: accepts connections and joins them to standard input and output.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{
    Deadline, Endpoint, Fault, FaultKind, Phase, Protocol, Stream, TcpListener, TlsAcceptor,
    TlsServerOptions, UdpSocket, UnixListener, UnixPath, defaults,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::LocalSet;

use super::connect::connector;
use super::{stdout_error, write_message};
use crate::arguments::{ListenArguments, RelayArguments};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::relay::{
    DATAGRAM_BYTES_MAX, EndpointSpec, HexDump, HostPort, Input, Output, RelayTimeouts, relay_datagrams,
    relay_stream,
};
use crate::render::escaped;
use crate::{files, render, signals, startup};

/// How long to wait for the client by default: time to start the other side by hand.
const ACCEPT_TIMEOUT: Duration = Duration::from_mins(10);
/// Simultaneous clients. They stay below the 1,024 descriptors of an untuned system; others wait in the backlog.
const CLIENTS_MAX: usize = 900;
/// Pause after the system ran out of descriptors, until clients have gone.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// With `--keep`, each wait for a client has this deadline and is then repeated.
const KEEP_WAIT: Duration = Duration::from_hours(1);

pub(super) fn run(arguments: ListenArguments) -> Result<Exit, CommandError> {
    let ListenArguments { endpoint, keep, accept_timeout, cert, key, relay } = arguments;
    let RelayArguments { timeout, send, hex, quiet } = relay;
    let runtime = startup::check_descriptors()
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build())
        .map_err(CommandError::Start)?;
    let mut input = match &send {
        Some(text) => Input::Text(Some(Arc::clone(text))),
        None if keep => Input::Nothing,
        None => Input::standard(endpoint.piece_bytes_max()),
    };
    let timeouts = RelayTimeouts::new(timeout, &input);
    let (output, writer) = Output::standard().map_err(CommandError::Start)?;
    let (stop, stopped) = oneshot::channel();
    signals::watch(move || {
        // The receiver is gone if the command has ended.
        let _ = stop.send(());
    })
    .map_err(CommandError::Start)?;
    let identity = cert.zip(key);
    let accept_timeout = accept_timeout.unwrap_or(ACCEPT_TIMEOUT);
    let server = Server { keep, accept_timeout, send, hex, quiet, output, timeouts };
    let clients = LocalSet::new();
    let outcome = clients.block_on(&runtime, async {
        tokio::select! {
            biased;
            _ = stopped => Ok(if keep { Exit::Complete } else { Exit::Unfinished }),
            outcome = server.serve(&endpoint, identity.as_ref(), &mut input) => outcome.map(|()| Exit::Complete),
            // The reader of standard output has closed it: no client can be served any more.
            () = server.output.closed(), if keep => Ok(Exit::Complete),
        }
    });
    // Connections in progress hold clones of the output; the writer ends when the last one is dropped.
    drop((server, clients, runtime));
    let written = writer.finish().map_err(stdout_error);
    outcome.and_then(|exit| written.map(|()| exit))
}

/// Settings of the command that every connection uses.
struct Server {
    keep: bool,
    accept_timeout: Duration,
    /// Sent to each client instead of standard input.
    send: Option<Arc<[u8]>>,
    hex: bool,
    quiet: bool,
    output: Output,
    timeouts: RelayTimeouts,
}

impl Server {
    async fn serve(
        &self,
        endpoint: &EndpointSpec,
        identity: Option<&(impl AsRef<Path>, impl AsRef<Path>)>,
        input: &mut Input,
    ) -> Result<(), CommandError> {
        match endpoint {
            EndpointSpec::Udp(host_port) => {
                self.datagrams(local_endpoint(host_port, Protocol::Udp).await?, input).await
            }
            EndpointSpec::Tcp(host_port) => {
                let listener = TcpListener::bind(local_endpoint(host_port, Protocol::Tcp).await?)?;
                self.print(&format!("listening on {}\n", listener.local()));
                self.streams(Listener::Tcp(listener), input).await
            }
            EndpointSpec::Tls(host_port) => {
                let (cert, key) = identity.ok_or(CommandError::NoIdentity)?;
                let acceptor = tls_acceptor(cert.as_ref(), key.as_ref())?;
                let listener = TcpListener::bind(local_endpoint(host_port, Protocol::Tcp).await?)?;
                self.print(&format!("listening on {} with TLS\n", listener.local()));
                self.streams(Listener::Tls(listener, acceptor), input).await
            }
            EndpointSpec::Unix(path) => {
                let listener = UnixListener::bind(path.clone())?;
                let _guard = SocketFileGuard(path);
                self.print(&format!("listening on {path}\n"));
                self.streams(Listener::Unix(listener), input).await
            }
        }
    }

    async fn streams(&self, listener: Listener, input: &mut Input) -> Result<(), CommandError> {
        if self.keep {
            return self.serve_all(&listener).await;
        }
        let stream = listener.accept(Deadline::after(self.accept_timeout)).await?;
        let acceptor = listener.tls_acceptor();
        // A second client is refused from now on.
        drop(listener);
        let stream = with_handshake(stream, acceptor.as_ref()).await?;
        self.print(&format!("connection from {}\n", stream.remote()));
        relay_stream(stream, input, self.output.clone(), self.hex, self.timeouts).await
    }

    /// Serves clients, each in a task of its own, until the future is dropped.
    async fn serve_all(&self, listener: &Listener) -> Result<(), CommandError> {
        let permits = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            // The semaphore is never closed, so this is never `None`.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            let stream = match listener.accept(Deadline::after(KEEP_WAIT)).await {
                Ok(stream) => stream,
                Err(fault) if fault.kind() == FaultKind::LocalExhausted => {
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
                // A client left the backlog again, or none came within the wait.
                Err(fault) if matches!(fault.kind(), FaultKind::Reset | FaultKind::TimedOut) => continue,
                Err(fault) => return Err(fault.into()),
            };
            let (acceptor, output, timeouts) = (listener.tls_acceptor(), self.output.clone(), self.timeouts);
            let (hex, quiet) = (self.hex, self.quiet);
            let mut input = match &self.send {
                Some(text) => Input::Text(Some(Arc::clone(text))),
                None => Input::Nothing,
            };
            tokio::task::spawn_local(async move {
                let _permit = permit;
                let served = async {
                    let stream = with_handshake(stream, acceptor.as_ref()).await?;
                    if !quiet {
                        write_message(&format!("connection from {}\n", stream.remote()));
                    }
                    relay_stream(stream, &mut input, output, hex, timeouts).await
                };
                if let Err(error) = served.await {
                    write_message(&format!("longhaul: {}\n", escaped(&error.chain())));
                }
            });
        }
    }

    async fn datagrams(&self, local: Endpoint, input: &mut Input) -> Result<(), CommandError> {
        let mut socket = UdpSocket::bind(local)?;
        self.print(&format!("listening on {}\n", socket.local()));
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        if self.keep {
            return self.answer_all(&socket, &mut buffer).await;
        }
        let deadline = Deadline::after(self.accept_timeout);
        let (length, from) = socket.receive_from_within(&mut buffer, deadline).await?;
        socket.connect(from)?;
        self.print(&format!("datagrams from {from}\n"));
        let first = Some(&buffer[..length]);
        relay_datagrams(&socket, input, self.output.clone(), self.hex, self.timeouts, first).await
    }

    /// Writes every datagram to the output, and answers each with the text of `--send`.
    async fn answer_all(&self, socket: &UdpSocket, buffer: &mut [u8]) -> Result<(), CommandError> {
        let mut dump = self.hex.then(HexDump::of_received);
        loop {
            let (length, from) = match socket.receive_from_within(buffer, Deadline::after(KEEP_WAIT)).await {
                Ok(received) => received,
                // An answer to a client that is gone comes back as a refusal. Other clients are not affected.
                Err(fault)
                    if matches!(
                        fault.kind(),
                        FaultKind::Refused | FaultKind::Reset | FaultKind::TimedOut
                    ) =>
                {
                    continue;
                }
                Err(fault) => return Err(fault.into()),
            };
            let piece = match &mut dump {
                Some(dump) => dump.lines(&buffer[..length]).into_bytes(),
                None => buffer[..length].to_vec(),
            };
            if self.output.put(piece).await.is_err() {
                return Ok(());
            }
            if let Some(text) = &self.send
                && let Err(fault) =
                    socket.send_to_within(text, from, Deadline::after(self.timeouts.operation)).await
            {
                write_message(&format!("longhaul: {}\n", escaped(&CommandError::from(fault).chain())));
            }
        }
    }

    fn print(&self, text: &str) {
        if !self.quiet {
            write_message(text);
        }
    }
}

fn tls_acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, CommandError> {
    let read = |path: &Path| {
        files::read(path).map_err(|source| CommandError::Unreadable { place: render::quoted(path), source })
    };
    let options = TlsServerOptions::from_pem(&read(cert)?, &read(key)?)?;
    Ok(TlsAcceptor::new(options)?)
}

/// A listening socket of any kind.
enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, TlsAcceptor),
    Unix(UnixListener),
}

impl Listener {
    async fn accept(&self, deadline: Deadline) -> Result<Stream, Fault> {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => listener.accept_within(deadline).await,
            Self::Unix(listener) => listener.accept_within(deadline).await,
        }
    }

    fn tls_acceptor(&self) -> Option<TlsAcceptor> {
        match self {
            Self::Tls(_, acceptor) => Some(acceptor.clone()),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }
}

/// Does the TLS handshake if the listener speaks TLS.
async fn with_handshake(stream: Stream, acceptor: Option<&TlsAcceptor>) -> Result<Stream, Fault> {
    match acceptor {
        Some(acceptor) => acceptor.accept(stream).await,
        None => Ok(stream),
    }
}

/// Removes the file of a Unix-domain socket when dropped.
struct SocketFileGuard<'a>(&'a UnixPath);

impl Drop for SocketFileGuard<'_> {
    fn drop(&mut self) {
        // Another process may have removed it already.
        let _ = files::remove(self.0.as_path());
    }
}

/// The endpoint to listen on: the first address of a name.
async fn local_endpoint(host_port: &HostPort, protocol: Protocol) -> Result<Endpoint, Fault> {
    let connector = connector(false);
    let deadline = Deadline::after(defaults::timeout());
    let locals = host_port.endpoints(protocol, connector.resolver(), deadline).await?;
    locals.first().copied().ok_or_else(|| {
        let fault = Fault::new(Phase::Resolve, FaultKind::NameNotFound, Duration::ZERO);
        fault.of(host_port.host.clone()).because(io::Error::from(io::ErrorKind::AddrNotAvailable))
    })
}
