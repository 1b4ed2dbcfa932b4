//! Waiting for several sockets at once.

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
    /// Until data can be received, or a connection accepted.
    Readable,
    /// Until data can be sent.
    Writable,
    /// Until one of the two.
    Both,
}

/// A socket of the blocking flavour. No other type can implement it.
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

/// A socket that is ready. A socket that has failed, or that its peer has closed, is ready for whatever was waited for:
/// the next call returns the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The index of the socket in the argument.
    pub index: usize,
    /// Whether receiving or accepting would not wait.
    pub readable: bool,
    /// Whether sending would not wait.
    pub writable: bool,
}

/// Waits until at least one of `sockets` is ready, poll(2), and returns the ones that are. If the deadline has passed
/// already, looks once.
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
        let (events, interest) = (fd.revents(), sockets[index].1);
        let failed = events.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        let readable = events.contains(PollFlags::IN) || holds(index);
        Ready {
            index,
            readable: interest != Interest::Writable && (readable || failed),
            writable: interest != Interest::Readable && (events.contains(PollFlags::OUT) || failed),
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
