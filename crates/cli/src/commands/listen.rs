//! `longhaul listen`: waits at an endpoint for whoever comes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{
    Deadline, Endpoint, Fault, FaultKind, Host, Phase, Protocol, Stream, TcpListener, TlsAcceptor,
    TlsServerOptions, UdpSocket, UnixListener, UnixPath, defaults,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::LocalSet;

use super::connect::connector;
use super::tell;
use crate::arguments::ListenArguments;
use crate::error::CommandError;
use crate::exchange::{
    DATAGRAM_BYTES_MAX, DATAGRAM_PIECE_BYTES, Input, Output, Peer, STREAM_PIECE_BYTES, Server, Waits,
    exchange_datagrams, exchange_stream,
};
use crate::exit::Exit;
use crate::render::escaped;
use crate::{files, render, signals};

/// Who has started the other side by hand has done so by then.
const ACCEPT_MAX: Duration = Duration::from_mins(10);
/// Clients at a time: as many as the descriptors of an untuned system allow. The others wait in the backlog.
const CLIENTS_MAX: usize = 900;
/// How long to give a machine that is out of descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// With `--keep` the wait for the next client is renewed after this long.
const KEEP_RENEWED: Duration = Duration::from_hours(1);

pub(super) fn run(arguments: ListenArguments) -> Result<Exit, CommandError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::Start)?;
    let piece_bytes =
        if matches!(arguments.endpoint, Peer::Udp(_)) { DATAGRAM_PIECE_BYTES } else { STREAM_PIECE_BYTES };
    let mut input = match &arguments.exchange.send {
        Some(text) => Input::Text(Some(Arc::clone(text))),
        None if arguments.keep => Input::Nothing,
        None => Input::standard(piece_bytes),
    };
    let waits = Waits::of(&arguments.exchange, &input);
    let (output, writer) = Output::standard().map_err(CommandError::Start)?;
    let (stop, stopped) = oneshot::channel();
    // Whoever is stopped before it listened on anything has nobody to tell.
    signals::watch(move || {
        let _ = stop.send(());
    })
    .map_err(CommandError::Start)?;
    let keep = arguments.keep;
    let desk = Desk { arguments, output, waits };
    let clients = LocalSet::new();
    let outcome = clients.block_on(&runtime, async {
        tokio::select! {
            biased;
            _ = stopped => Ok(if keep { Exit::Complete } else { Exit::Unfinished }),
            ended = desk.serve(&mut input) => ended.map(|()| Exit::Complete),
            // Whoever reads has seen enough, and nobody else is served.
            () = desk.output.closed(), if keep => Ok(Exit::Complete),
        }
    });
    // Exchanges that are under way hold the output: they end here.
    drop((desk, clients, runtime));
    let written = writer
        .finish()
        .map_err(|source| CommandError::Output { place: "standard output".to_owned(), source });
    outcome.and_then(|exit| written.map(|()| exit))
}

/// What every client is served with.
struct Desk {
    arguments: ListenArguments,
    output: Output,
    waits: Waits,
}

impl Desk {
    async fn serve(&self, input: &mut Input) -> Result<(), CommandError> {
        match &self.arguments.endpoint {
            Peer::Udp(server) => self.datagrams(local(server, Protocol::Udp).await?, input).await,
            Peer::Tcp(server) => {
                let listener = TcpListener::bind(local(server, Protocol::Tcp).await?)?;
                self.say(&format!("listening on {}\n", listener.local()));
                self.streams(Door::Tcp(listener), input).await
            }
            Peer::Tls(server) => {
                let acceptor = self.identity()?;
                let listener = TcpListener::bind(local(server, Protocol::Tcp).await?)?;
                self.say(&format!("listening on {} with TLS\n", listener.local()));
                self.streams(Door::Tls(listener, acceptor), input).await
            }
            Peer::Unix(path) => {
                let listener = UnixListener::bind(path.clone())?;
                let _removed = Removed(path);
                self.say(&format!("listening on {path}\n"));
                self.streams(Door::Unix(listener), input).await
            }
        }
    }

    async fn streams(&self, door: Door, input: &mut Input) -> Result<(), CommandError> {
        if self.arguments.keep {
            return self.many(&door).await;
        }
        let patience = self.arguments.accept_timeout.unwrap_or(ACCEPT_MAX);
        let stream = door.accept(Deadline::after(patience)).await?;
        let acceptor = door.handshake();
        // Whoever comes second is told at once that nobody listens any more.
        drop(door);
        let stream = secured(stream, acceptor.as_ref()).await?;
        self.say(&format!("connection from {}\n", stream.remote()));
        exchange_stream(stream, input, self.output.clone(), self.arguments.exchange.hex, self.waits).await
    }

    /// Serves clients, each in a task of its own, until it is dropped.
    async fn many(&self, door: &Door) -> Result<(), CommandError> {
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            let stream = match door.accept(Deadline::after(KEEP_RENEWED)).await {
                Ok(stream) => stream,
                Err(fault) if fault.kind() == FaultKind::LocalExhausted => {
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
                // A client that has gone again while it waited, or nobody for an hour.
                Err(fault) if matches!(fault.kind(), FaultKind::Reset | FaultKind::TimedOut) => continue,
                Err(fault) => return Err(fault.into()),
            };
            let (door, output, waits) = (door.handshake(), self.output.clone(), self.waits);
            let (hex, quiet) = (self.arguments.exchange.hex, self.arguments.exchange.quiet);
            let mut input = match &self.arguments.exchange.send {
                Some(text) => Input::Text(Some(Arc::clone(text))),
                None => Input::Nothing,
            };
            tokio::task::spawn_local(async move {
                let _place = place;
                let served = async {
                    let stream = secured(stream, door.as_ref()).await?;
                    if !quiet {
                        tell(&format!("connection from {}\n", stream.remote()));
                    }
                    exchange_stream(stream, &mut input, output, hex, waits).await
                };
                if let Err(error) = served.await {
                    tell(&format!("longhaul: {}\n", escaped(&error.chain())));
                }
            });
        }
    }

    async fn datagrams(&self, local: Endpoint, input: &mut Input) -> Result<(), CommandError> {
        let mut socket = UdpSocket::bind(local)?;
        self.say(&format!("listening on {}\n", socket.local()));
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        if self.arguments.keep {
            return self.answer_all(&socket, &mut buffer).await;
        }
        let patience = self.arguments.accept_timeout.unwrap_or(ACCEPT_MAX);
        let (length, from) = socket.receive_from_within(&mut buffer, Deadline::after(patience)).await?;
        socket.connect(from)?;
        self.say(&format!("datagrams from {from}\n"));
        let hex = self.arguments.exchange.hex;
        exchange_datagrams(&socket, input, self.output.clone(), hex, self.waits, Some(&buffer[..length]))
            .await
    }

    /// Puts out every datagram of everybody, and answers each with what is to be sent.
    async fn answer_all(&self, socket: &UdpSocket, buffer: &mut [u8]) -> Result<(), CommandError> {
        let mut dump = self.arguments.exchange.hex.then(crate::exchange::Dump::of_received);
        loop {
            let (length, from) = match socket.receive_from_within(buffer, Deadline::after(KEEP_RENEWED)).await
            {
                Ok(received) => received,
                // An answer to somebody who has gone comes back as a refusal; it concerns nobody else.
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
            if let Some(text) = &self.arguments.exchange.send
                && let Err(fault) = socket.send_to_within(text, from, Deadline::after(self.waits.step)).await
            {
                tell(&format!("longhaul: {}\n", escaped(&CommandError::from(fault).chain())));
            }
        }
    }

    fn identity(&self) -> Result<TlsAcceptor, CommandError> {
        let (Some(cert), Some(key)) = (&self.arguments.cert, &self.arguments.key) else {
            return Err(CommandError::NoIdentity);
        };
        let read = |path: &Path| {
            files::read(path)
                .map_err(|source| CommandError::Unreadable { place: render::quoted(path), source })
        };
        let options = TlsServerOptions::from_pem(&read(cert)?, &read(key)?)?;
        Ok(TlsAcceptor::new(options)?)
    }

    fn say(&self, text: &str) {
        if !self.arguments.exchange.quiet {
            tell(text);
        }
    }
}

/// Where clients come in.
enum Door {
    Tcp(TcpListener),
    Tls(TcpListener, TlsAcceptor),
    Unix(UnixListener),
}

impl Door {
    async fn accept(&self, deadline: Deadline) -> Result<Stream, Fault> {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => listener.accept_within(deadline).await,
            Self::Unix(listener) => listener.accept_within(deadline).await,
        }
    }

    fn handshake(&self) -> Option<TlsAcceptor> {
        match self {
            Self::Tls(_, acceptor) => Some(acceptor.clone()),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }
}

async fn secured(stream: Stream, acceptor: Option<&TlsAcceptor>) -> Result<Stream, Fault> {
    match acceptor {
        Some(acceptor) => acceptor.accept(stream).await,
        None => Ok(stream),
    }
}

/// The file of a Unix-domain socket, which goes with it.
struct Removed<'a>(&'a UnixPath);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = files::remove(self.0.as_path());
    }
}

/// Where to listen: the first address of a name.
async fn local(server: &Server, protocol: Protocol) -> Result<Endpoint, Fault> {
    let connector = connector(false);
    let deadline = Deadline::after(defaults::timeout());
    let locals = server.endpoints(protocol, connector.resolver(), deadline).await?;
    let none = || {
        let fault = Fault::new(Phase::Resolve, FaultKind::NameNotFound, Duration::ZERO);
        let host: Host = server.host.clone();
        fault.of(host).because(io::Error::from(io::ErrorKind::AddrNotAvailable))
    };
    locals.first().copied().ok_or_else(none)
}
