//! What a name server says.

use std::net::IpAddr;

use serde::Deserialize;

use super::values::Span;

/// The name server of a case, at the placeholder `{dns}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DnsPlan {
    /// What it says; the first entry that fits. Without one a name exists and has no address.
    #[serde(default, rename = "answer")]
    pub answers: Vec<DnsAnswer>,
    /// How many queries it must have seen.
    pub queries: Option<Span>,
}

/// What it says to a query.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DnsAnswer {
    /// For which name; any unless given.
    pub name: Option<String>,
    /// For which type of record; any unless given.
    #[serde(rename = "type")]
    pub record_type: Option<RecordType>,
    /// For queries that come this way; any unless given.
    pub over: Option<DnsTransport>,
    /// For which queries of that name and type, the first one being 1.
    #[serde(default)]
    pub query: Span,
    /// What is said.
    pub reply: DnsReply,
}

/// The types of records (RFC 1035 section 3.2.2, RFC 3596 section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum RecordType {
    /// IPv4.
    A,
    /// IPv6.
    #[serde(rename = "AAAA")]
    Aaaa,
}

/// The ways that a query can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsTransport {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// What a name server says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsReply {
    /// These addresses, as far as they are of the type that was asked for.
    Addresses(Vec<IpAddr>),
    /// So many addresses, 127.0.0.2 and on; none of them of IPv6.
    Many(u16),
    /// Another name is meant.
    Alias(String),
    /// A response code.
    Code(DnsResponseCode),
    /// Ask again over a connection (RFC 1035 section 4.2.1).
    Truncated,
    /// Nothing.
    Silence,
}

/// Response codes (RFC 1035 section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsResponseCode {
    /// The server failed.
    ServFail,
    /// No such name.
    NxDomain,
    /// The server does not want to.
    Refused,
}

impl DnsResponseCode {
    /// Its number.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::Refused => 5,
        }
    }
}
