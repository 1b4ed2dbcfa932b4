//! The answers of a name server.

use std::net::IpAddr;

use serde::Deserialize;

use super::values::Span;

/// The name server of a case, at the placeholder `{dns}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DnsPlan {
    /// Its answers; the first one that matches a query is sent. A name without an answer exists and has no address.
    #[serde(default, rename = "answer")]
    pub answers: Vec<DnsAnswer>,
    /// How many queries it must have received.
    pub queries: Option<Span>,
}

/// An answer to some queries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DnsAnswer {
    /// The name; any unless given.
    pub name: Option<String>,
    /// The type of record; any unless given.
    #[serde(rename = "type")]
    pub record_type: Option<RecordType>,
    /// The transport of the query; any unless given.
    pub over: Option<DnsTransport>,
    /// The numbers of the queries for that name and type, from 1.
    #[serde(default)]
    pub query: Span,
    /// What is sent.
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

/// The transport of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// What a name server sends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsReply {
    /// Those of these addresses that have the requested type.
    Addresses(Vec<IpAddr>),
    /// This many IPv4 addresses, from 127.0.0.2 on.
    Many(u16),
    /// An alias (CNAME) for this name.
    Alias(String),
    /// A response code.
    Code(DnsResponseCode),
    /// A truncated response: the client has to ask again over TCP (RFC 1035 section 4.2.1).
    Truncated,
    /// No response.
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
    /// The server refuses.
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
