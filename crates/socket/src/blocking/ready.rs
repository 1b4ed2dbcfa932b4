//! Readiness of several sockets at once.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags};

use crate::datagram::blocking::UdpSocket;
use crate::faults::{Fault, FaultKind, Phase};
use crate::listener::blocking::{TcpListener, UnixListener};
use crate::os::poll_until;
use crate::stream::blocking::Stream;
use crate::time::{Deadline, clock};

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// That something can be received, or a connection accepted.
    Readable,
    /// That something can be sent.
    Writable,
    /// Either.
    Both,
}

/// A socket of this flavour. Nothing else can be one.
pub trait Pollable: private::Socket {}

mod private {
    pub trait Socket {
        fn poll_fd(&self) -> super::BorrowedFd<'_>;

        fn holds_received_bytes(&self) -> bool {
            false
        }
    }
}

impl Pollable for Stream {}
impl Pollable for TcpListener {}
impl Pollable for UnixListener {}
impl Pollable for UdpSocket {}

impl private::Socket for Stream {
    fn poll_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }

    fn holds_received_bytes(&self) -> bool {
        self.holds_bytes()
    }
}

impl private::Socket for TcpListener {
    fn poll_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl private::Socket for UnixListener {
    fn poll_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl private::Socket for UdpSocket {
    fn poll_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

/// A socket that is ready. One that has failed or was closed by its peer is ready for everything that was waited for:
/// the next call says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Which one, counted from 0 in the order in which they were given.
    pub index: usize,
    /// There is something to receive, to accept, or to learn.
    pub readable: bool,
    /// There is room to send.
    pub writable: bool,
}

/// Waits until at least one of `sockets` is ready, and says which are; poll(2). A deadline that has passed lets it look
/// once.
///
/// ```
/// use std::time::Duration;
/// use longhaul_socket::Deadline;
/// use longhaul_socket::blocking::{Interest, Stream, TcpListener, wait_ready};
///
/// let quiet = TcpListener::bind("tcp://127.0.0.1:0".parse()?)?;
/// let busy = TcpListener::bind("tcp://127.0.0.1:0".parse()?)?;
/// let _client = Stream::connect(busy.local())?;
///
/// let sockets = [(&quiet as _, Interest::Readable), (&busy as _, Interest::Readable)];
/// let ready = wait_ready(&sockets, Deadline::after(Duration::from_secs(20)))?;
/// assert_eq!(ready[0].index, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// In phase `Wait`; `TimedOut` when none is ready at the deadline.
pub fn wait_ready(sockets: &[(&dyn Pollable, Interest)], deadline: Deadline) -> Result<Vec<Ready>, Fault> {
    let start = clock::now();
    let mut fds: Vec<PollFd<'_>> = sockets
        .iter()
        .map(|(socket, interest)| PollFd::from_borrowed_fd(socket.poll_fd(), flags(*interest)))
        .collect();
    let holds = |index: usize| {
        let (socket, interest) = sockets[index];
        interest != Interest::Writable && socket.holds_received_bytes()
    };
    let holds_any = (0..sockets.len()).any(holds);
    let until = if holds_any { Deadline::at(start) } else { deadline };
    let any_ready =
        poll_until(&mut fds, until).map_err(|error| Fault::from_io(Phase::Wait, error, start.elapsed()))?;
    if !any_ready && !holds_any {
        return Err(Fault::new(Phase::Wait, FaultKind::TimedOut, start.elapsed()));
    }
    let ready = fds.iter().enumerate().map(|(index, fd)| {
        let (found, interest) = (fd.revents(), sockets[index].1);
        let failed = found.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        let readable = found.contains(PollFlags::IN) || holds(index);
        Ready {
            index,
            readable: interest != Interest::Writable && (readable || failed),
            writable: interest != Interest::Readable && (found.contains(PollFlags::OUT) || failed),
        }
    });
    Ok(ready.filter(|ready| ready.readable || ready.writable).collect())
}

fn flags(interest: Interest) -> PollFlags {
    match interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
        Interest::Both => PollFlags::IN | PollFlags::OUT,
    }
}
