//! A name server for one case: a few answers, over UDP and TCP on one port.

mod message;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use longhaul_socket::{Endpoint, Stream, TcpListener, Timeouts, UdpSocket};

use self::message::{Question, answer};
use super::dns_plan::{DnsPlan, DnsReply, DnsTransport};
use super::record::TrafficRecord;
use super::stage::{ANY_PORT, STAGE_TIME_MAX};

/// A port that is free over UDP may be taken over TCP; so often another one is tried.
const PORTS_TRIED_MAX: usize = 32;
/// No query of ours is longer.
const QUERY_BYTES_MAX: usize = 512;

/// Serves until the runtime ends.
pub(super) fn serve(
    plan: DnsPlan,
    record: Arc<TrafficRecord>,
) -> Result<SocketAddr, Box<dyn Error + Send + Sync>> {
    let patient = Timeouts { read: STAGE_TIME_MAX, accept: STAGE_TIME_MAX, ..Timeouts::default() };
    let (mut datagrams, mut listener) = open()?;
    datagrams.set_timeouts(patient);
    listener.set_timeouts(patient);
    let address = datagrams.local().socket_addr();
    let server = Arc::new(NameServer { plan, record });
    tokio::spawn(Arc::clone(&server).serve_datagrams(datagrams));
    tokio::spawn(server.serve_connections(listener));
    Ok(address)
}

fn open() -> Result<(UdpSocket, TcpListener), Box<dyn Error + Send + Sync>> {
    let mut tried = 0;
    loop {
        let datagrams = UdpSocket::bind(Endpoint::udp(ANY_PORT))?;
        match TcpListener::bind(Endpoint::tcp(datagrams.local().socket_addr())) {
            Ok(listener) => return Ok((datagrams, listener)),
            Err(_) if tried < PORTS_TRIED_MAX => tried += 1,
            Err(fault) => return Err(fault.into()),
        }
    }
}

struct NameServer {
    plan: DnsPlan,
    record: Arc<TrafficRecord>,
}

impl NameServer {
    async fn serve_datagrams(self: Arc<Self>, socket: UdpSocket) {
        let mut buffer = [0; QUERY_BYTES_MAX];
        loop {
            match socket.receive_from(&mut buffer).await {
                Ok((length, from)) => {
                    if let Some(reply) = self.reply(&buffer[..length], DnsTransport::Udp) {
                        let _ = socket.send_to(&reply, from).await;
                    }
                }
                // A client that has left is told to the next one who receives; a stage that is over is no trouble.
                Err(fault) if fault.kind() == longhaul_socket::FaultKind::TimedOut => return,
                Err(_) => {}
            }
        }
    }

    async fn serve_connections(self: Arc<Self>, listener: TcpListener) {
        while let Ok(stream) = listener.accept().await {
            tokio::spawn(Arc::clone(&self).serve_connection(stream));
        }
    }

    /// Each message has its length before it (RFC 1035 section 4.2.2).
    async fn serve_connection(self: Arc<Self>, mut stream: Stream) {
        let mut length = [0; 2];
        while stream.receive_exact(&mut length).await.is_ok() {
            let mut query = vec![0; usize::from(u16::from_be_bytes(length)).min(QUERY_BYTES_MAX)];
            if stream.receive_exact(&mut query).await.is_err() {
                return;
            }
            let Some(reply) = self.reply(&query, DnsTransport::Tcp) else { continue };
            let Ok(length) = u16::try_from(reply.len()) else { return };
            let framed = [&length.to_be_bytes()[..], &reply].concat();
            if stream.send(&framed).await.is_err() {
                return;
            }
        }
    }

    fn reply(&self, query: &[u8], over: DnsTransport) -> Option<Vec<u8>> {
        let question = Question::parse(query)?;
        let asked = format!("{} {}", question.name, question.type_name());
        let number = self.record.query(&asked);
        let found = self.plan.answers.iter().find(|answer| {
            answer.name.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(&question.name))
                && answer.record_type.is_none_or(|kind| question.record_type == Some(kind))
                && answer.over.is_none_or(|way| way == over)
                && answer.query.contains(number)
        });
        let reply = found.map_or(DnsReply::Addresses(Vec::new()), |answer| answer.reply.clone());
        self.record.note(&format!("dns {over:?} {asked} (query {number}): {}", shortened(&reply)));
        answer(&question, &reply)
    }
}

fn shortened(reply: &DnsReply) -> String {
    format!("{reply:?}").chars().take(200).collect()
}
