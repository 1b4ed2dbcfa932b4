//! What becomes of one connection, by the script.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{Deadline, Fault, Stream, TcpListener, Timeouts, TlsAcceptor, Transport};
use tokio::time::sleep;

use super::host_plan::{Drip, HostPlan, OpeningPhase, Repeat, Serve, Step};
use super::injecting_transport::{InjectedBytes, InjectingTransport};
use super::record::TrafficRecord;
use super::stage::{Placeholders, STAGE_TIME_MAX, fill};
use super::values::{Section, content};

/// No client of a case sends a longer head.
const HEAD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What is sent at a time of a long content.
const PIECE_BYTES: u64 = 64 * 1024;
/// A record of TLS that nobody can decrypt.
const GARBAGE_RECORD: &[u8] = &[
    0x17, 3, 3, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0,
];
/// How long the closing of a TLS session that is given garbage may take.
const ALERT_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Host {
    pub(super) name: String,
    pub(super) plan: HostPlan,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) record: Arc<TrafficRecord>,
}

/// Takes connections until the stage ends.
pub(super) async fn listen(host: Arc<Host>, listener: TcpListener, placeholders: Placeholders) {
    let listener: &dyn longhaul_socket::Listener = &listener;
    loop {
        match listener.accept().await {
            Ok((transport, _)) => {
                tokio::spawn(take(Arc::clone(&host), transport, Arc::clone(&placeholders)));
            }
            Err(error) => {
                host.record.trouble(format!("{}: accept: {error}", host.name));
                sleep(ALERT_WAIT).await;
            }
        }
    }
}

async fn take(host: Arc<Host>, transport: Box<dyn Transport>, placeholders: Placeholders) {
    let number = host.record.connection(&host.name);
    let who = format!("{}#{number}", host.name);
    host.record.note(&format!("{who} opened by {}", transport.remote()));
    let injected = InjectedBytes::default();
    let mut stream = Stream::plain(Box::new(InjectingTransport::new(transport, injected.clone())));
    let timeouts =
        Timeouts { read: STAGE_TIME_MAX, write: STAGE_TIME_MAX, tls: STAGE_TIME_MAX, ..Timeouts::default() };
    stream.set_timeouts(timeouts);
    let mut player =
        Player { host: &host, who, stream: Some(stream), injected, unread: Vec::new(), placeholders };
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
    /// Gone once the script has ended it.
    stream: Option<Stream>,
    injected: InjectedBytes,
    unread: Vec<u8>,
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
            let Some(stream) = self.stream.take() else { return Ok("nothing left") };
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
                let is_had = |text: &String| head.contains(&fill(text, &self.placeholders));
                answer.path.as_ref().is_none_or(|path| path == target)
                    && answer.request.contains(number)
                    && answer.having.as_ref().is_none_or(is_had)
            });
            let Some(answer) = answer else {
                self.host.record.trouble(format!("{}: no answer to request {number} for {target}", self.who));
                return Ok("no answer is planned");
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

    /// As a good host would, with the framing of a length.
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

    /// The next head, or nothing once the peer has left.
    async fn request(&mut self) -> Result<Option<Request>, Fault> {
        let mut searched = 0;
        loop {
            if let Some(end) = find(&self.unread[searched..], b"\r\n\r\n").map(|at| searched + at + 4) {
                let rest = self.unread.split_off(end);
                let head = std::mem::replace(&mut self.unread, rest);
                let head: Cow<'_, str> = String::from_utf8_lossy(&head);
                let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                return Ok(Some(Request { target, head: head.into_owned() }));
            }
            searched = self.unread.len().saturating_sub(3);
            if self.unread.len() > HEAD_BYTES_MAX || !self.receive().await? {
                return Ok(None);
            }
        }
    }

    async fn until_left(&mut self) -> Result<(), Fault> {
        while self.receive().await? {
            self.unread.clear();
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<bool, Fault> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let mut buffer = [0; 8192];
        let received = stream.receive(&mut buffer).await?;
        let bytes = &buffer[..received];
        if received > 0 {
            self.host.record.bytes(&self.who, "<", bytes);
        }
        self.unread.extend_from_slice(bytes);
        Ok(received > 0)
    }

    fn note(&self, what: &str) {
        self.host.record.note(&format!("{} {what}", self.who));
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
