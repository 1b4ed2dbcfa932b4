//! What a host does: when a connection comes, and when a request has come.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use super::values::{Bytes, Section, Span, Time};

/// A host, and what it must have seen in the end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HostPlan {
    /// Where it listens, with a port of its own.
    #[serde(default = "loopback")]
    pub address: IpAddr,
    /// Another host whose port it has, at another address.
    pub same_port_as: Option<String>,
    /// Whether there is anybody.
    #[serde(default)]
    pub listen_mode: ListenMode,
    /// It speaks TLS, with this identity.
    pub tls: Option<String>,
    /// What it does with a connection before a request has come; the first entry that fits.
    #[serde(default, rename = "connection")]
    pub openings: Vec<Opening>,
    /// What it does with a request; the first entry that fits. One that fits nothing fails the case.
    #[serde(default, rename = "answer")]
    pub answers: Vec<ResponsePlan>,
    /// What it must have seen.
    #[serde(default)]
    pub seen: ExpectedTraffic,
}

const fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

/// Whether there is anybody at an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenMode {
    /// Somebody listens.
    #[default]
    Listens,
    /// The port is taken and nobody listens: the system refuses.
    Refuses,
    /// Nothing ever answers a SYN.
    BlackHole,
}

/// What happens to a connection before any request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Opening {
    /// For which connections of the host, the first one being 1.
    #[serde(default)]
    pub number: Span,
    /// Whether the steps come before TLS rather than within it.
    #[serde(default)]
    pub before_tls: OpeningPhase,
    /// What is done.
    pub steps: Vec<Step>,
}

/// Where the steps of an opening stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "bool")]
pub enum OpeningPhase {
    /// After the handshake, where there is one.
    #[default]
    AfterHandshake,
    /// Before it.
    BeforeHandshake,
}

impl From<bool> for OpeningPhase {
    fn from(is_before: bool) -> Self {
        if is_before { Self::BeforeHandshake } else { Self::AfterHandshake }
    }
}

/// What happens when the head of a request has come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResponsePlan {
    /// For which target of the request line; any unless given.
    pub path: Option<String>,
    /// For which requests of that target, the first one being 1.
    #[serde(default)]
    pub request: Span,
    /// Only where the head of the request contains this.
    pub having: Option<String>,
    /// What is done. Without an end of the connection the next request is waited for.
    pub steps: Vec<Step>,
}

/// One thing that a host does.
///
/// Texts may contain the placeholders of the stage, such as `{host}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Sends these lines, each with CRLF, and an empty one.
    Head(Vec<String>),
    /// Sends a text.
    Send(String),
    /// Sends bytes.
    Bytes(Bytes),
    /// Sends a part of the content of all cases.
    Content(Section),
    /// Sends a text many times, until the peer has gone.
    Repeat(Repeat),
    /// Sends a text byte by byte, with a pause before each.
    Drip(Drip),
    /// Does nothing for a while.
    Wait(Time),
    /// Answers as a good host would, ranges and conditions included.
    Serve(Serve),
    /// Ends what it sends (with a close notification in TLS), and waits until the peer has left.
    Close,
    /// Closes both directions without a close notification.
    Cut,
    /// Closes with RST.
    Reset,
    /// Says nothing more, and keeps the connection until the peer has left.
    Stall,
    /// Sends a fatal alert of TLS.
    Alert,
}

/// A text, many times.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How often.
    pub times: u64,
    /// What.
    pub text: String,
}

/// A text and a part of the content, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drip {
    /// The pause before each byte.
    pub every: Time,
    /// What.
    #[serde(default)]
    pub text: String,
    /// And then this.
    pub content: Option<Section>,
}

/// The beginning of the content of all cases, as a good host serves it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// So many bytes of it.
    pub size: u64,
    /// Its entity tag, quotes included.
    pub etag: Option<String>,
    /// Its date of modification.
    pub modified: Option<String>,
}

/// What a host must have seen in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedTraffic {
    /// How many requests.
    pub requests: Option<Span>,
    /// How many connections.
    pub connections: Option<Span>,
    /// Each stands in the head of some request.
    #[serde(default)]
    pub asked: Vec<String>,
    /// None of these stands in the head of any request.
    #[serde(default)]
    pub not_asked: Vec<String>,
}
