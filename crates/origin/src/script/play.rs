//! Plays the script of a host on its connections.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use longhaul_socket::{Deadline, Fault, Phase, Stream, TcpListener, Timeouts, TlsAcceptor};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::sleep;

use super::host_plan::{Drip, HostPlan, OpeningPhase, Repeat, Serve, Step};
use super::injecting_transport::{InjectedBytes, InjectingTransport};
use super::placeholders::{Placeholders, fill};
use super::record::TrafficRecord;
use super::request_text::head_contains;
use super::time_limit::STAGE_TIME_MAX;
use super::values::{Section, content};
use crate::accept_loop::{AcceptSettings, Accepted, ListenerTask};
use crate::http1::{ReceiveError, RequestReader};

/// The longest head that a client of a case sends.
const HEAD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a long content in one write.
const PIECE_BYTES: u64 = 64 * 1024;
/// A TLS record that cannot be decrypted.
const GARBAGE_RECORD: &[u8] = &[
    0x17, 3, 3, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0,
];
/// How long it may take to close a TLS session that has received garbage.
const ALERT_WAIT: Duration = Duration::from_secs(1);
/// The most open connections of a host; no case needs more.
const CONNECTIONS_MAX: usize = 4_096;

pub(super) struct Host {
    pub(super) name: String,
    pub(super) plan: HostPlan,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) record: Arc<TrafficRecord>,
}

/// Plays the script on every connection, until the task is dropped.
pub(super) fn listen(host: Arc<Host>, listener: TcpListener, placeholders: Placeholders) -> ListenerTask {
    let settings = AcceptSettings {
        connections_max: CONNECTIONS_MAX,
        stop_grace: Duration::ZERO,
        counts: Arc::default(),
    };
    let failing = Arc::clone(&host);
    let failed =
        move |error: &io::Error| failing.record.add_unexpected(format!("{}: accept: {error}", failing.name));
    let serve = move |accepted| play(Arc::clone(&host), accepted, Arc::clone(&placeholders));
    ListenerTask::accept(Box::new(listener), settings, serve, failed)
}

async fn play(host: Arc<Host>, Accepted { transport, .. }: Accepted, placeholders: Placeholders) {
    let number = host.record.connection(&host.name);
    let who = format!("{}#{number}", host.name);
    host.record.note(&format!("{who} opened by {}", transport.remote()));
    let injected = InjectedBytes::default();
    let mut stream = Stream::plain(Box::new(InjectingTransport::new(transport, injected.clone())));
    let timeouts =
        Timeouts { read: STAGE_TIME_MAX, write: STAGE_TIME_MAX, tls: STAGE_TIME_MAX, ..Timeouts::default() };
    stream.set_timeouts(timeouts);
    let reader = RequestReader::tolerant(HEAD_BYTES_MAX);
    let mut player = Player { host: &host, who, stream: Some(stream), injected, reader, placeholders };
    let end = player.play(number).await;
    let end = match end {
        Ok(end) => end.to_owned(),
        Err(fault) => fault.to_string(),
    };
    host.record.note(&format!("{} ended: {end}", player.who));
}

struct Player<'a> {
    host: &'a Host,
    who: String,
    /// `None` once the script has ended the connection.
    stream: Option<Stream>,
    injected: InjectedBytes,
    reader: RequestReader,
    placeholders: Placeholders,
}

struct Request {
    target: String,
    head: String,
}

type Ended = &'static str;

impl Player<'_> {
    async fn play(&mut self, number: u64) -> Result<Ended, Fault> {
        if let Some(end) = self.opening(number, OpeningPhase::BeforeHandshake).await? {
            return Ok(end);
        }
        if let Some(acceptor) = &self.host.tls {
            let Some(stream) = self.stream.take() else { return Ok("nothing is left") };
            self.stream = Some(acceptor.accept(stream).await?);
            self.host.record.note(&format!("{} speaks TLS", self.who));
        }
        if let Some(end) = self.opening(number, OpeningPhase::AfterHandshake).await? {
            return Ok(end);
        }
        while let Some(request) = self.request().await? {
            let Request { target, head } = &request;
            let number = self.host.record.request(&self.host.name, target, head.clone());
            let answer = self.host.plan.answers.iter().find(|answer| {
                let has_text = |text: &String| head_contains(head, &fill(text, &self.placeholders));
                answer.path.as_ref().is_none_or(|path| path == target)
                    && answer.request.contains(number)
                    && answer.having.as_ref().is_none_or(has_text)
            });
            let Some(answer) = answer else {
                self.host.record.add_unexpected(format!(
                    "{}: no response is planned to request {number} for {target}",
                    self.who
                ));
                return Ok("no response is planned");
            };
            if let Some(end) = self.steps(&answer.steps, Some(&request)).await? {
                return Ok(end);
            }
        }
        Ok("the peer has left")
    }

    async fn opening(&mut self, number: u64, phase: OpeningPhase) -> Result<Option<Ended>, Fault> {
        let openings = &self.host.plan.openings;
        let fits =
            openings.iter().find(|opening| opening.before_tls == phase && opening.number.contains(number));
        match fits {
            Some(opening) => self.steps(&opening.steps, None).await,
            None => Ok(None),
        }
    }

    async fn steps(&mut self, steps: &[Step], request: Option<&Request>) -> Result<Option<Ended>, Fault> {
        for step in steps {
            match step {
                Step::Head(lines) => {
                    let text: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
                    self.send_text(&(text + "\r\n")).await?;
                }
                Step::Send(text) => self.send_text(text).await?,
                Step::Bytes(bytes) => self.send(&bytes.0).await?,
                Step::Content(section) => self.send(&section.bytes()).await?,
                Step::Repeat(repeat) => self.repeat(repeat).await?,
                Step::Drip(Drip { every, text, content }) => {
                    let content = content.map(Section::bytes).unwrap_or_default();
                    for byte in fill(text, &self.placeholders).bytes().chain(content) {
                        sleep(every.0).await;
                        self.send(&[byte]).await?;
                    }
                }
                Step::Wait(time) => sleep(time.0).await,
                Step::Serve(serve) => self.serve(serve, request).await?,
                Step::Close => {
                    self.note("closes");
                    if let Some(stream) = &mut self.stream {
                        stream.shutdown_write().await?;
                    }
                    self.until_left().await?;
                    return Ok(Some("closed"));
                }
                Step::Cut => {
                    self.stream = None;
                    return Ok(Some("cut"));
                }
                Step::Reset => {
                    if let Some(stream) = self.stream.take() {
                        stream.reset();
                    }
                    return Ok(Some("reset"));
                }
                Step::Stall => {
                    self.note("falls silent");
                    self.until_left().await?;
                    return Ok(Some("the peer has left"));
                }
                Step::Alert => {
                    self.injected.put(GARBAGE_RECORD);
                    if let Some(mut stream) = self.stream.take() {
                        let _ = stream.receive_within(&mut [0; 16], Deadline::after(ALERT_WAIT)).await;
                    }
                    return Ok(Some("alert"));
                }
            }
        }
        Ok(None)
    }

    async fn repeat(&mut self, Repeat { times, text }: &Repeat) -> Result<(), Fault> {
        let text = fill(text, &self.placeholders);
        self.note(&format!("> {times} times {}", text.as_bytes().escape_ascii()));
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let in_piece = (PIECE_BYTES / text.len().max(1) as u64).max(1);
        let mut left = *times;
        while left > 0 {
            let now = left.min(in_piece);
            let piece = text.repeat(usize::try_from(now).unwrap_or(1));
            stream.send(piece.as_bytes()).await?;
            left -= now;
        }
        Ok(())
    }

    /// Responds as a well-behaved host would, with a `Content-Length`.
    async fn serve(&mut self, serve: &Serve, request: Option<&Request>) -> Result<(), Fault> {
        let head = request.map(|request| request.head.as_str()).unwrap_or_default();
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let range = field("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<u64>().ok());
        let is_current = field("if-range").is_none_or(|condition| {
            [&serve.etag, &serve.modified].iter().any(|validator| validator.as_deref() == Some(condition))
        });
        let from = range.filter(|&from| is_current && from < serve.size).unwrap_or(0);
        let mut lines = if from > 0 {
            vec![
                "HTTP/1.1 206 Partial Content".to_owned(),
                format!("Content-Range: bytes {from}-{}/{}", serve.size - 1, serve.size),
            ]
        } else {
            vec!["HTTP/1.1 200 OK".to_owned()]
        };
        lines.push(format!("Content-Length: {}", serve.size - from));
        lines.push("Date: Thu, 01 Oct 2026 12:00:00 GMT".to_owned());
        lines.extend(serve.etag.iter().map(|etag| format!("ETag: {etag}")));
        lines.extend(serve.modified.iter().map(|modified| format!("Last-Modified: {modified}")));
        self.send_text(&(lines.join("\r\n") + "\r\n\r\n")).await?;
        let mut at = from;
        while at < serve.size {
            let piece = content(at, PIECE_BYTES.min(serve.size - at));
            self.send(&piece).await?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    async fn send_text(&mut self, text: &str) -> Result<(), Fault> {
        let filled = fill(text, &self.placeholders);
        self.send(filled.as_bytes()).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.host.record.bytes(&self.who, ">", bytes);
        match &mut self.stream {
            Some(stream) => stream.send(bytes).await,
            None => Ok(()),
        }
    }

    /// The next request, or `None` once the client has left or sends something else.
    async fn request(&mut self) -> Result<Option<Request>, Fault> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let mut recorded = Recorded { stream, host: self.host, who: &self.who };
        let head = match self.reader.receive_text(&mut recorded).await {
            Ok(Some(head)) => String::from_utf8_lossy(&head).into_owned(),
            Ok(None) | Err(ReceiveError::ClosedEarly) => return Ok(None),
            Err(ReceiveError::Malformed(error)) => {
                self.note(&format!("reads no further: {error}"));
                self.until_left().await?;
                return Ok(None);
            }
            Err(ReceiveError::Io(error)) => {
                return Err(Fault::from_io(Phase::Receive, error, Duration::ZERO));
            }
        };
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        Ok(Some(Request { target, head }))
    }

    /// Receives and records until the client has ended its side.
    async fn until_left(&mut self) -> Result<(), Fault> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut buffer = [0; 8192];
        loop {
            let received = stream.receive(&mut buffer).await?;
            if received == 0 {
                return Ok(());
            }
            self.host.record.bytes(&self.who, "<", &buffer[..received]);
        }
    }

    fn note(&self, what: &str) {
        self.host.record.note(&format!("{} {what}", self.who));
    }
}

/// The stream of a connection. What is read from it is recorded.
struct Recorded<'a> {
    stream: &'a mut Stream,
    host: &'a Host,
    who: &'a str,
}

impl AsyncRead for Recorded<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *this.stream).poll_read(cx, buffer))?;
        let received = &buffer.filled()[before..];
        if !received.is_empty() {
            this.host.record.bytes(this.who, "<", received);
        }
        Poll::Ready(Ok(()))
    }
}
