//! What a host does on each connection and on each request.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use super::values::{Bytes, Section, Span, Time};

/// A host, and the traffic that it must have received in the end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HostPlan {
    /// Its address. The port is chosen by the system.
    #[serde(default = "loopback")]
    pub address: IpAddr,
    /// Another host, at another address, whose port it uses.
    pub same_port_as: Option<String>,
    /// Whether it listens.
    #[serde(default)]
    pub listen_mode: ListenMode,
    /// The identity of a host that speaks TLS.
    pub tls: Option<String>,
    /// What it does on a connection before the first request; the first matching entry applies.
    #[serde(default, rename = "connection")]
    pub openings: Vec<Opening>,
    /// Its responses; the first matching entry applies. A request that matches none fails the case.
    #[serde(default, rename = "answer")]
    pub answers: Vec<ResponsePlan>,
    /// The traffic that it must have received.
    #[serde(default)]
    pub seen: ExpectedTraffic,
}

const fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

/// Whether a host listens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenMode {
    /// It listens.
    #[default]
    Listens,
    /// The port is bound and does not listen: the system refuses connections.
    Refuses,
    /// A SYN is never answered.
    BlackHole,
}

/// What happens on a connection before the first request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Opening {
    /// The numbers of the connections to the host, from 1.
    #[serde(default)]
    pub number: Span,
    /// Whether the steps come before the TLS handshake.
    #[serde(default)]
    pub before_tls: OpeningPhase,
    /// The steps.
    pub steps: Vec<Step>,
}

/// When the steps of an opening happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "bool")]
pub enum OpeningPhase {
    /// After the TLS handshake, if there is one.
    #[default]
    AfterHandshake,
    /// Before the TLS handshake.
    BeforeHandshake,
}

impl From<bool> for OpeningPhase {
    fn from(is_before: bool) -> Self {
        if is_before { Self::BeforeHandshake } else { Self::AfterHandshake }
    }
}

/// The response to some requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResponsePlan {
    /// The target of the request line; any unless given.
    pub path: Option<String>,
    /// The numbers of the requests for that target, from 1.
    #[serde(default)]
    pub request: Span,
    /// A text that the head of the request must contain; see [`head_contains`](super::head_contains).
    pub having: Option<String>,
    /// The steps. If none of them ends the connection, the host waits for the next request.
    pub steps: Vec<Step>,
}

/// One step of a host.
///
/// Texts may contain the placeholders of the stage, such as `{host}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Sends these lines, each with CRLF, and an empty line.
    Head(Vec<String>),
    /// Sends a text.
    Send(String),
    /// Sends bytes.
    Bytes(Bytes),
    /// Sends a part of the content that all cases share.
    Content(Section),
    /// Sends a text repeatedly.
    Repeat(Repeat),
    /// Sends a text byte by byte, with a pause before each.
    Drip(Drip),
    /// Does nothing for a while.
    Wait(Time),
    /// Responds as a well-behaved host, including ranges and conditions.
    Serve(Serve),
    /// Ends its direction (with `close_notify` in TLS), and waits until the client has left.
    Close,
    /// Closes both directions without `close_notify`.
    Cut,
    /// Closes with RST.
    Reset,
    /// Sends nothing more, and keeps the connection open until the client has left.
    Stall,
    /// Sends a fatal TLS alert.
    Alert,
}

/// A repeated text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The number of repetitions.
    pub times: u64,
    /// The text.
    pub text: String,
}

/// A text and then a part of the content, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drip {
    /// The pause before each byte.
    pub every: Time,
    /// The text.
    #[serde(default)]
    pub text: String,
    /// The part of the content.
    pub content: Option<Section>,
}

/// The beginning of the content that all cases share, as a well-behaved host serves it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// Its length in bytes.
    pub size: u64,
    /// Its entity tag, quotes included.
    pub etag: Option<String>,
    /// Its date of modification.
    pub modified: Option<String>,
}

/// The traffic that a host must have received in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedTraffic {
    /// The number of requests.
    pub requests: Option<Span>,
    /// The number of connections.
    pub connections: Option<Span>,
    /// Texts that must appear in the head of some request; see [`head_contains`](super::head_contains).
    #[serde(default)]
    pub asked: Vec<String>,
    /// Texts that must not appear in the head of any request.
    #[serde(default)]
    pub not_asked: Vec<String>,
}
