//! TCP by the system: dial, listen, and the options of every socket.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::{BoxFuture, Endpoint, Listener, Transport};

/// A pooled connection is silent for longer than this only when it idles: then is the time to ask whether the peer
/// still lives, and to keep the tables of routers on the way fresh.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
/// Time between two such questions. OpenBSD has one setting for the whole system instead.
#[cfg(not(target_os = "openbsd"))]
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Unanswered questions after which the peer counts as gone.
#[cfg(not(target_os = "openbsd"))]
const KEEPALIVE_PROBES: u32 = 3;
/// Time without any acknowledgement after which the peer counts as gone: the sum of the above.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// Connections that wait to be accepted; the system cuts it to its own limit.
const BACKLOG_MAX: u32 = 1024;

/// A connection of the system, at no cost over tokio's own.
pub(super) struct TcpTransport {
    stream: TcpStream,
    local: Endpoint,
    remote: Endpoint,
}

/// Connects. Cancel safe: the socket is closed when the future is dropped.
pub(super) async fn dial(remote: SocketAddr) -> io::Result<TcpTransport> {
    let socket = socket_for(remote)?;
    make_impatient(&socket);
    let stream = socket.connect(remote).await?;
    let transport = TcpTransport::new(stream, remote)?;
    if transport.local == transport.remote {
        // Nobody listened on a port of the dynamic range, our own socket was given that port, and has met itself
        // (RFC 9293 section 3.5 allows it).
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(transport)
}

/// Listens. IPv6 sockets take IPv6 only, so that an endpoint is what it says.
pub(super) fn listen(local: SocketAddr) -> io::Result<SystemListener> {
    let socket = socket_for(local)?;
    // On Windows the option of this name means something else: that another program may take the port over.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    if local.is_ipv6() {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.bind(local)?;
    let listener = socket.listen(BACKLOG_MAX)?;
    let endpoint = Endpoint::tcp(listener.local_addr()?);
    Ok(SystemListener { listener, endpoint })
}

fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
}

/// Sends small requests at once, and notices peers that are gone. Neither is worth a connection if the system refuses.
fn make_impatient(socket: &TcpSocket) {
    let _ = socket.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE);
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
    let _ = SockRef::from(socket).set_tcp_keepalive(&keepalive);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    super::linux::give_up_after(socket, UNACKNOWLEDGED_MAX);
}

impl TcpTransport {
    fn new(stream: TcpStream, remote: SocketAddr) -> io::Result<Self> {
        let local = Endpoint::tcp(stream.local_addr()?);
        Ok(Self { stream, local, remote: Endpoint::tcp(remote) })
    }
}

impl Transport for TcpTransport {
    fn local(&self) -> Endpoint {
        self.local
    }

    fn remote(&self) -> Endpoint {
        self.remote
    }

    fn reset(self: Box<Self>) {
        // With a linger of zero, close(2) sends RST. If the option is refused the connection is closed all the same.
        let _ = self.stream.set_zero_linger();
    }
}

impl AsyncRead for TcpTransport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpTransport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// A listening socket of the system.
pub(super) struct SystemListener {
    listener: TcpListener,
    endpoint: Endpoint,
}

impl Listener for SystemListener {
    fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Transport>, Endpoint)>> {
        Box::pin(async {
            let (stream, remote) = self.listener.accept().await?;
            let _ = stream.set_nodelay(true);
            let transport = TcpTransport::new(stream, remote)?;
            Ok((Box::new(transport) as Box<dyn Transport>, Endpoint::tcp(remote)))
        })
    }
}
