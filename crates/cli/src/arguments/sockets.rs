//! The arguments of `connect`, `listen` and `sockets`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::relay::{EndpointSpec, SocketFilter};
use crate::values;

/// Connect a socket to standard input and output
#[derive(Debug, Args)]
#[command(
    after_help = "ENDPOINT is tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH, where HOST is a \
                  name or an address such as 127.0.0.1 or [::1]."
)]
pub(crate) struct ConnectArguments {
    /// Endpoint to connect to, such as `tcp://127.0.0.1:7007` or `tls://example.org:443`
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoint: EndpointSpec,
    /// Do not verify the certificate of a TLS server
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    #[command(flatten)]
    pub(crate) relay: RelayArguments,
}

/// Accept a connection and join it to standard input and output
#[derive(Debug, Args)]
#[command(
    after_help = "ENDPOINT is tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH. Port 0 picks a free \
                  port. Without HOST, as in tcp://:7007, all IPv4 addresses of this machine are used."
)]
pub(crate) struct ListenArguments {
    /// Endpoint to listen on, such as `tcp://127.0.0.1:7007` or `unix:///tmp/a.sock`
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoint: EndpointSpec,
    /// Accept any number of clients, many at a time, until stopped; standard input is not read
    #[arg(long)]
    pub(crate) keep: bool,
    /// How long to wait for the client, without --keep [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = values::duration, conflicts_with = "keep")]
    pub(crate) accept_timeout: Option<Duration>,
    /// TLS: the certificate, followed by those of its issuers, in PEM form
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// TLS: the private key, in PEM form
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) relay: RelayArguments,
}

/// Flags of both `connect` and `listen`.
#[derive(Debug, Args)]
pub(crate) struct RelayArguments {
    /// Timeout of every wait on the socket [default: 20s; for silence at a terminal, 1h]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Send this text instead of standard input; the escapes are \r \n \t \0 \\ and \xHH
    #[arg(long, value_name = "TEXT", value_parser = values::escaped_bytes)]
    pub(crate) send: Option<Arc<[u8]>>,
    /// Print a hexadecimal dump of the bytes sent (>) and received (<) instead of the bytes received
    #[arg(long)]
    pub(crate) hex: bool,
    /// Print errors only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// List the sockets of this machine and the processes that hold them
#[derive(Debug, Args)]
#[command(
    after_help = "ENDPOINT is tcp://ADDRESS:PORT, udp://ADDRESS:PORT or unix:///PATH. Without ADDRESS, as in tcp://:80, \
                  the port matches at any address. Sockets bound to ENDPOINT or connected to it are listed; the exit \
                  code is 1 if there is none. Only the superuser sees processes of other users."
)]
pub(crate) struct SocketsArguments {
    /// List only sockets bound to this endpoint or connected to it
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoint: Option<SocketFilter>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}
