//! Copies bytes between standard input and output and a socket, for `connect` and `listen`.
//!
//! - [`endpoint_spec`]: endpoints as typed on the command line;
//! - [`stdio`]: standard input and output, each on a thread of its own;
//! - [`streams`] and [`datagrams`]: the two kinds of relay, which share [`state`];
//! - [`hex_dump`] and [`tls_summary`]: what is printed besides.
//!
//! Standard output gets the bytes of the peer unchanged, or a dump of both directions, and nothing else. Text of the
//! peer in a message is escaped.

mod datagrams;
mod endpoint_spec;
mod hex_dump;
mod state;
mod stdio;
mod streams;
mod tls_summary;

pub(crate) use datagrams::{DATAGRAM_BYTES_MAX, relay as relay_datagrams};
pub(crate) use endpoint_spec::{EndpointSpec, HostPort, SocketFilter};
pub(crate) use hex_dump::HexDump;
pub(crate) use state::RelayTimeouts;
pub(crate) use stdio::{Input, Output};
pub(crate) use streams::relay as relay_stream;
pub(crate) use tls_summary::tls_summary;
