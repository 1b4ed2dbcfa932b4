//! The Unix-domain listener of the async flavour.

use std::io;

use socket2::{SockAddr, SockRef, Socket};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::BACKLOG;
use super::calls::{accept_calls, unix_listener_calls};
use crate::addressing::UnixPath;
use crate::faults::{Fault, Phase, fault};
use crate::options::{Family, Role, SocketOptions, options_of};
use crate::os::listening_unix;
use crate::stream::Stream;
use crate::stream::unix::UnixTransport;
use crate::time::{Deadline, Timeouts, WaitLimits, clock};

/// A socket that accepts Unix-domain connections.
///
/// Dropping it does not remove the file at its path, and while the file exists nothing can bind there: the program
/// removes it, before binding or after dropping.
pub struct UnixListener {
    socket: tokio::net::UnixListener,
    local: UnixPath,
    limits: WaitLimits,
}

unix_listener_calls!(async await);

impl UnixListener {
    fn register(socket: Socket) -> io::Result<tokio::net::UnixListener> {
        tokio::net::UnixListener::from_std(socket.into())
    }

    async fn accept_one(&self, deadline: Deadline) -> io::Result<Stream> {
        let (stream, _unnamed) = deadline.bound_io(self.socket.accept()).await?;
        Ok(self.stream(stream))
    }

    fn stream_of(&self, socket: Socket, _unnamed: SockAddr) -> io::Result<Stream> {
        socket.set_nonblocking(true)?;
        Ok(self.stream(UnixStream::from_std(socket.into())?))
    }

    fn stream(&self, stream: UnixStream) -> Stream {
        Stream::plain(Box::new(UnixTransport { stream, path: self.local() }))
    }
}
