//! A failed attempt: its class, what the decision about a retry needs, and the record for the journal.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::time::Duration;

use longhaul_http::redirect::RedirectFault;
use longhaul_http::{Error, Head, Party, Peer, ProtocolFaultKind, TunnelRefusal, TunnelReply};
use longhaul_journal::FaultRecord;
use longhaul_socket::{Endpoint, FaultKind, Phase};

use crate::exchange::Class;

/// Bytes of a message in the journal: enough for a chain of causes, and bounded because parts of it come from servers.
const MESSAGE_BYTES_MAX: usize = 500;

/// Why an attempt failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    pub(crate) status: Option<u16>,
    /// The other end of the connection, if its endpoint was known.
    pub(crate) peer: Option<Peer>,
    /// A proxy on the way to the host is the cause, in this way: neither the host nor the URL is charged.
    pub(crate) proxy: Option<ProxyFailure>,
    /// The kind, if the connection failed.
    pub(crate) kind: Option<FaultKind>,
    /// The wait that the host asked for, without a limit.
    pub(crate) retry_after: Option<Duration>,
    /// The attempt kept more bytes than any before it.
    pub(crate) made_progress: bool,
    /// The shard ended it before its deadline, because its host served other requests meanwhile.
    pub(crate) was_cut_short: bool,
    pub(crate) record: FaultRecord,
}

/// How a proxy of ours caused a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyFailure {
    /// It cannot be reached: an outage of our own.
    Outage,
    /// It can be reached and does not serve us: it wants credentials, forbids the host, or breaks its protocol.
    Refusal,
}

impl ProxyFailure {
    fn in_phase(phase: Phase) -> Self {
        if phase < Phase::Tunnel { Self::Outage } else { Self::Refusal }
    }
}

impl Failure {
    pub(super) fn new(
        class: Class,
        phase: Phase,
        peer: Option<Peer>,
        elapsed: Duration,
        message: String,
    ) -> Self {
        let record = FaultRecord {
            class: class.as_str().to_owned(),
            phase: phase.as_str().to_owned(),
            endpoint: peer.map(|peer| peer.endpoint.to_string()).unwrap_or_default(),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            message: bounded(message),
        };
        Self {
            class,
            status: None,
            peer,
            proxy: None,
            kind: None,
            retry_after: None,
            made_progress: false,
            was_cut_short: false,
            record,
        }
    }

    /// An exchange that failed. `forbids_private`: it was not allowed to leave the public internet.
    pub(crate) fn of_error(error: &Error, forbids_private: bool, now_unix_ms: u64) -> Self {
        let is_forbidden = forbids_private && error.fault_kind() == Some(FaultKind::Denied);
        let class = if is_forbidden { Class::Redirect } else { class_of(error) };
        let mut message = chain(error);
        if let Some(action) = advice_on_certificate(error) {
            let _ = write!(message, "; {action}");
        }
        let is_head_timeout = error.phase() == Phase::Head && error.fault_kind() == Some(FaultKind::TimedOut);
        if is_head_timeout {
            message.push_str("; a longer --read-timeout waits longer for it");
        }
        let mut failure = Self::new(class, error.phase(), error.peer(), error.elapsed(), message);
        failure.proxy = (error.party() == Party::Proxy).then(|| ProxyFailure::in_phase(error.phase()));
        failure.kind = error.fault_kind();
        if let Some(refusal) = error.tunnel_refusal() {
            failure.status = status_of(refusal);
            failure.retry_after = refusal.retry_after(now_unix_ms);
        }
        failure
    }

    /// An exchange that the shard ended in this phase, because its host served other requests meanwhile.
    pub(crate) fn of_cut(phase: Phase, peer: Option<Peer>, elapsed: Duration) -> Self {
        let message =
            "no response while its host served other requests: sent again before its deadline".to_owned();
        let mut failure = Self::new(Class::Timeout, phase, peer, elapsed, message);
        failure.was_cut_short = true;
        failure
    }

    /// Whether the host did not respond, of which either the host or a network that is down may be the cause. A host on this
    /// machine cannot be cut off.
    pub(crate) fn is_silence(&self) -> bool {
        let is_elsewhere = self.host_endpoint().is_none_or(|endpoint| !endpoint.ip().is_loopback());
        let is_silent = match self.class {
            _ if self.was_cut_short => false,
            Class::Timeout | Class::Slow => true,
            // A proxy that reports it, in a response without a kind, has not been silent.
            Class::Unreachable => self.kind == Some(FaultKind::Unreachable),
            Class::Dns => !self.name_missing(),
            _ => self.says_network_is_down(),
        };
        is_elsewhere && is_silent
    }

    /// Whether the name does not exist, as opposed to name servers that did not answer.
    pub(crate) fn name_missing(&self) -> bool {
        self.kind == Some(FaultKind::NameNotFound)
    }

    /// The host's own endpoint, if it was known: not behind a proxy.
    pub(crate) fn host_endpoint(&self) -> Option<Endpoint> {
        self.peer.and_then(Peer::host_endpoint)
    }

    /// Whether the operating system reports that the network is down.
    pub(crate) fn says_network_is_down(&self) -> bool {
        self.kind == Some(FaultKind::LocalNetworkDown)
    }

    /// Whether the host may have failed because a range was requested, although nothing in its response says so. An attempt
    /// that this side aborted says nothing, and neither does a host that asks for a pause.
    pub(crate) fn may_mean_the_range(&self) -> bool {
        let is_of_request = matches!(
            self.class,
            Class::ServerError
                | Class::Throttled
                | Class::Closed
                | Class::Reset
                | Class::Timeout
                | Class::Protocol
        );
        let is_of_head = self.record.phase == Phase::Head.as_str();
        is_of_request && is_of_head && !self.was_cut_short && self.retry_after.is_none()
    }

    /// Whether it ended at the deadline of the response head.
    pub(crate) fn is_head_timeout(&self) -> bool {
        self.kind == Some(FaultKind::TimedOut) && self.record.phase == Phase::Head.as_str()
    }

    /// A response that is no success.
    pub(crate) fn of_status(head: &Head, elapsed: Duration, now_unix_ms: u64) -> Self {
        let class = class_of_status(head.status);
        let message = format!("the server answered {}", status_text(head.status));
        let mut failure = Self::new(class, Phase::Head, Some(head.peer), elapsed, message);
        failure.status = Some(head.status);
        // Our own proxy asks for our credentials: the host has not seen the request.
        let is_of_proxy = head.status == 407 && head.may_be_from_proxy();
        failure.proxy = is_of_proxy.then_some(ProxyFailure::Refusal);
        failure.retry_after = head.retry_after(now_unix_ms);
        failure
    }

    /// A redirect that is not followed.
    pub(crate) fn of_redirect(fault: &RedirectFault, head: &Head, elapsed: Duration) -> Self {
        let mut failure = Self::new(Class::Redirect, Phase::Head, Some(head.peer), elapsed, chain(fault));
        failure.status = Some(head.status);
        failure
    }

    /// A response that breaks the protocol in a way that only the caller of the HTTP client can see.
    pub(crate) fn of_protocol(kind: ProtocolFaultKind, head: &Head, elapsed: Duration) -> Self {
        let mut failure =
            Self::new(Class::Protocol, Phase::Head, Some(head.peer), elapsed, kind.as_str().to_owned());
        failure.status = Some(head.status);
        failure
    }

    /// A body that is not what the list expects.
    pub(crate) fn of_mismatch(what: &str, head: &Head, elapsed: Duration) -> Self {
        let message = format!("not what the list expects: {what}");
        let mut failure = Self::new(Class::Mismatch, Phase::Body, Some(head.peer), elapsed, message);
        failure.status = Some(head.status);
        failure
    }

    /// A body whose digest is not the one that its server announced.
    pub(crate) fn of_digest(what: &str, head: &Head, elapsed: Duration) -> Self {
        let message = format!("not what the server announced: {what}");
        let mut failure = Self::new(Class::Mismatch, Phase::Body, Some(head.peer), elapsed, message);
        failure.status = Some(head.status);
        failure
    }

    /// A row that is not tried because its host has been given up.
    pub(crate) fn of_host_given_up(last: &FaultRecord) -> Self {
        let class = Class::of_record(last);
        let mut failure = Self::new(class, Phase::Connect, None, Duration::ZERO, String::new());
        failure.record = FaultRecord {
            message: bounded(format!(
                "the host was given up in this run; its last failure was: {}",
                last.message
            )),
            ..last.clone()
        };
        failure
    }
}

impl Class {
    /// The class that a record of the journal names.
    pub(crate) fn of_record(record: &FaultRecord) -> Self {
        Self::of_text(&record.class)
    }

    /// The class of this name; `Other` for a name that this version does not know.
    pub(crate) fn of_text(class: &str) -> Self {
        class.parse().unwrap_or(Self::Other)
    }
}

fn class_of(error: &Error) -> Class {
    if let Some(refusal) = error.tunnel_refusal() {
        return class_of_refusal(refusal);
    }
    match error {
        Error::Protocol(_) => Class::Protocol,
        Error::Unsendable(_) => Class::List,
        _ => match error.fault_kind() {
            Some(FaultKind::NameNotFound | FaultKind::NameServerFailed) => Class::Dns,
            Some(FaultKind::Refused) => Class::Refused,
            Some(FaultKind::Reset) => Class::Reset,
            Some(FaultKind::TimedOut) => Class::Timeout,
            Some(FaultKind::ClosedEarly) => Class::Closed,
            Some(FaultKind::Unreachable | FaultKind::Denied) => Class::Unreachable,
            Some(FaultKind::TooSlow) => Class::Slow,
            Some(kind) if kind.is_local() => Class::Local,
            // The peer says that another attempt may succeed.
            Some(FaultKind::TlsPeerError) => Class::Closed,
            Some(_) if error.phase() == Phase::Tls => Class::Tls,
            // A TLS 1.3 server refuses a client without a certificate after the handshake. No repetition makes one.
            Some(FaultKind::ClientCertificate | FaultKind::CertificateRefused) => Class::Tls,
            // After the handshake, an alert or an unreadable record is a broken connection.
            Some(
                FaultKind::TlsVersion
                | FaultKind::TlsParameters
                | FaultKind::TlsAlert
                | FaultKind::TlsOther
                | FaultKind::NotTls,
            ) => Class::Closed,
            _ => Class::Other,
        },
    }
}

fn class_of_status(status: u16) -> Class {
    match status {
        401 | 407 => Class::Auth,
        429 => Class::Throttled,
        400..=499 => Class::ClientError,
        _ => Class::ServerError,
    }
}

/// As the same status of a response, and as RFC 1928 section 6 defines the codes of SOCKS5.
fn class_of_refusal(refusal: &TunnelRefusal) -> Class {
    match refusal.reply {
        TunnelReply::Status(status) => class_of_status(status),
        TunnelReply::Socks(5) => Class::Refused,
        TunnelReply::Socks(3 | 4 | 6) => Class::Unreachable,
        TunnelReply::Socks(_) => Class::Other,
    }
}

fn status_of(refusal: &TunnelRefusal) -> Option<u16> {
    match refusal.reply {
        TunnelReply::Status(status) => Some(status),
        TunnelReply::Socks(_) => None,
    }
}

/// What to do about a certificate that was not accepted: often the clock of this machine is wrong.
fn advice_on_certificate(error: &Error) -> Option<&'static str> {
    match error {
        Error::Socket(fault) if matches!(fault.kind(), FaultKind::Certificate(_)) => {
            Some(fault.advice().action)
        }
        _ => None,
    }
}

/// An error and its causes in one line, each level once.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

pub(super) fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    text
}

/// The status with its registered reason phrase, not the server's own.
pub(super) fn status_text(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

#[cfg(test)]
mod tests {
    use longhaul_http::{HeaderMap, Via};

    use super::*;

    /// A peer on this machine: the host itself, or a proxy.
    fn on_loopback(via: Via) -> Peer {
        Peer { endpoint: "tcp://127.0.0.1:3128".parse().expect("an endpoint"), via }
    }

    fn status(status: u16, via: Via) -> Failure {
        let head = Head::from_parts(status, HeaderMap::new(), on_loopback(via)).expect("a head");
        Failure::of_status(&head, Duration::ZERO, 0)
    }

    #[test]
    fn a_proxy_on_this_machine_does_not_make_its_hosts_local() {
        let timeout = |via| {
            Failure::new(Class::Timeout, Phase::Head, Some(on_loopback(via)), Duration::ZERO, String::new())
        };
        assert!(!timeout(Via::Direct).is_silence(), "this machine is always there");
        assert!(timeout(Via::Forward).is_silence());
        assert_eq!(timeout(Via::Forward).host_endpoint(), None);
    }

    #[test]
    fn a_proxy_that_asks_for_credentials_is_the_cause_itself() {
        assert_eq!(status(407, Via::Forward).proxy, Some(ProxyFailure::Refusal));
        assert_eq!(status(407, Via::Direct).proxy, None, "a host that sends it is charged as before");
        assert_eq!(status(407, Via::Tunnel).proxy, None, "the proxy reads nothing in a tunnel");
        assert_eq!(status(401, Via::Forward).proxy, None);
    }

    #[test]
    fn a_proxy_that_cannot_be_reached_is_the_cause_itself() {
        let refused = |phase, via| {
            let fault = longhaul_socket::Fault::new(phase, FaultKind::Refused, Duration::ZERO);
            let error = Error::Socket(longhaul_http::SocketFault::new(fault, via));
            Failure::of_error(&error, false, 0).proxy
        };
        assert_eq!(refused(Phase::Connect, Via::Forward), Some(ProxyFailure::Outage));
        assert_eq!(refused(Phase::Connect, Via::Tunnel), Some(ProxyFailure::Outage));
        assert_eq!(refused(Phase::Connect, Via::Direct), None);
        assert_eq!(refused(Phase::Tunnel, Via::Tunnel), Some(ProxyFailure::Refusal));
        assert_eq!(refused(Phase::Head, Via::Forward), None, "the host may have broken the exchange");
        assert_eq!(refused(Phase::Head, Via::Tunnel), None, "only the host can break it");
    }

    #[test]
    fn a_refused_tunnel_is_of_the_proxy_unless_the_host_cannot_be_reached() {
        let refused = |reply| {
            let refusal =
                TunnelRefusal { reply, retry_after: Some(longhaul_http::HeaderValue::from_static("7")) };
            let fault = longhaul_http::TunnelFault::new(refusal, on_loopback(Via::Tunnel), Duration::ZERO);
            Failure::of_error(&Error::TunnelRefused(fault), false, 0)
        };
        let of_proxy = Some(ProxyFailure::Refusal);
        for (reply, class, proxy) in [
            (TunnelReply::Status(403), Class::ClientError, of_proxy),
            (TunnelReply::Status(407), Class::Auth, of_proxy),
            (TunnelReply::Status(429), Class::Throttled, of_proxy),
            (TunnelReply::Status(500), Class::ServerError, of_proxy),
            (TunnelReply::Status(502), Class::ServerError, None),
            (TunnelReply::Socks(2), Class::Other, of_proxy),
            (TunnelReply::Socks(4), Class::Unreachable, None),
            (TunnelReply::Socks(5), Class::Refused, None),
        ] {
            let failure = refused(reply);
            assert_eq!((failure.class, failure.proxy), (class, proxy), "{reply}");
            assert!(!failure.is_silence(), "{reply}: the proxy has responded");
            assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
        }
    }
}
