//! The name server of a case: a few answers, over UDP and TCP on one port.

mod message;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{Endpoint, FaultKind, Stream, TcpListener, Timeouts, UdpSocket};
use tokio::sync::watch;

use self::message::{Question, answer};
use super::dns_plan::{DnsPlan, DnsReply, DnsTransport};
use super::record::TrafficRecord;
use super::time_limit::STAGE_TIME_MAX;
use crate::accept_loop::{AcceptSettings, Accepted, ListenerTask};

/// Attempts to find a port that is free over both UDP and TCP.
const PORTS_TRIED_MAX: usize = 32;
/// The longest query of a client of a case (RFC 1035 section 4.2.1).
const QUERY_BYTES_MAX: usize = 512;
/// Loopback, any port.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The most open connections; no case needs more.
const CONNECTIONS_MAX: usize = 64;

/// Serves until the tasks are dropped.
pub(super) fn serve(
    plan: DnsPlan,
    record: Arc<TrafficRecord>,
) -> Result<(SocketAddr, [ListenerTask; 2]), Box<dyn Error + Send + Sync>> {
    let (mut datagrams, listener) = open()?;
    datagrams.set_timeouts(Timeouts { read: STAGE_TIME_MAX, ..Timeouts::default() });
    let endpoint = datagrams.local();
    let server = Arc::new(NameServer { plan, record });
    let for_datagrams = Arc::clone(&server);
    let over_udp =
        ListenerTask::spawn(endpoint, |stopping| for_datagrams.serve_datagrams(datagrams, stopping));
    let settings = AcceptSettings {
        connections_max: CONNECTIONS_MAX,
        stop_grace: Duration::ZERO,
        counts: Arc::default(),
    };
    let serve = move |accepted| Arc::clone(&server).serve_connection(accepted);
    let over_tcp = ListenerTask::accept(Box::new(listener), settings, serve, |_| {});
    Ok((endpoint.socket_addr(), [over_udp, over_tcp]))
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
    async fn serve_datagrams(self: Arc<Self>, socket: UdpSocket, mut stopping: watch::Receiver<()>) {
        let mut buffer = [0; QUERY_BYTES_MAX];
        loop {
            let received = tokio::select! {
                biased;
                _ = stopping.changed() => return,
                received = socket.receive_from(&mut buffer) => received,
            };
            match received {
                Ok((length, from)) => {
                    if let Some(reply) = self.reply(&buffer[..length], DnsTransport::Udp) {
                        let _ = socket.send_to(&reply, from).await;
                    }
                }
                // The stage is over.
                Err(fault) if fault.kind() == FaultKind::TimedOut => return,
                // A client that has left makes a later receive fail.
                Err(_) => {}
            }
        }
    }

    /// Each message has its length before it (RFC 1035 section 4.2.2).
    async fn serve_connection(self: Arc<Self>, Accepted { transport, .. }: Accepted) {
        let mut stream = Stream::plain(transport);
        stream.set_timeouts(Timeouts { read: STAGE_TIME_MAX, ..Timeouts::default() });
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
