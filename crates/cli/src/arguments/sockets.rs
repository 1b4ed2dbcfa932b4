//! The arguments of `connect`, `listen` and `sockets`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::exchange::{Peer, Subject};
use crate::values;

/// Connect to an endpoint and join standard input and output to it
#[derive(Debug, Args)]
#[command(
    after_help = "ENDPOINT is tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH, where HOST is a \
                        name or an address such as 127.0.0.1 or [::1]."
)]
pub(crate) struct ConnectArguments {
    /// Where to, such as `tcp://127.0.0.1:7007` or `tls://example.org:443`
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoint: Peer,
    /// TLS: accept any certificate
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    #[command(flatten)]
    pub(crate) exchange: ExchangeArguments,
}

/// Wait at an endpoint for whoever connects and join standard input and output to it
#[derive(Debug, Args)]
#[command(
    after_help = "ENDPOINT is tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH. Port 0 is a free \
                        one; without HOST, as in tcp://:7007, it is every IPv4 address of this machine."
)]
pub(crate) struct ListenArguments {
    /// Where, such as `tcp://127.0.0.1:7007` or `unix:///tmp/a.sock`
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoint: Peer,
    /// Take any number of clients, many at a time, until stopped; standard input is not read
    #[arg(long)]
    pub(crate) keep: bool,
    /// How long to wait for the client, without --keep [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = values::duration, conflicts_with = "keep")]
    pub(crate) accept_timeout: Option<Duration>,
    /// TLS: the certificate and those of its issuers, in PEM form
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// TLS: the private key, in PEM form
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) exchange: ExchangeArguments,
}

/// What is the same for both sides.
#[derive(Debug, Args)]
pub(crate) struct ExchangeArguments {
    /// Every wait on the socket [default: 20s; an hour for silence while a terminal is joined to it]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Send this in place of standard input; \r \n \t \0 \\ and \xHH are understood
    #[arg(long, value_name = "TEXT", value_parser = values::escaped_bytes)]
    pub(crate) send: Option<std::sync::Arc<[u8]>>,
    /// Dump what is sent (>) and received (<) in hexadecimal, in place of what is received
    #[arg(long)]
    pub(crate) hex: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Show the sockets of this machine and the processes that hold them
#[derive(Debug, Args)]
#[command(
    after_help = "ENDPOINT is tcp://ADDRESS:PORT, udp://ADDRESS:PORT or unix:///PATH; without an address, as in \
                        tcp://:80, the port at any address. What is bound or connected there is shown; the exit code is \
                        1 if that is nothing. Processes of other users are named to the superuser only."
)]
pub(crate) struct SocketsArguments {
    /// Only what is bound or connected there
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoint: Option<Subject>,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
