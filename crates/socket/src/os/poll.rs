//! Waiting for non-blocking sockets with poll(2).

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;

use crate::time::{Deadline, DeadlinePassed, WaitLimits};

/// How long a call may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitMode {
    /// Not at all: an operation that cannot be done at once is `WouldBlock`.
    AtOnce,
    /// Until the deadline.
    Until(Deadline),
}

/// A non-blocking socket, and the calls that wait for it.
pub(crate) struct PolledSocket(Socket);

impl PolledSocket {
    pub(crate) fn new(socket: Socket) -> Self {
        Self(socket)
    }

    pub(crate) fn get_ref(&self) -> &Socket {
        &self.0
    }

    /// Runs `operation` as soon as the socket is ready for it. The first attempt is made even if the deadline has
    /// passed.
    pub(crate) fn when<T>(
        &self,
        events: PollFlags,
        wait: WaitMode,
        mut operation: impl FnMut(&Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match (operation(&self.0), wait) {
                (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
                (Err(error), WaitMode::Until(deadline)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(events, deadline)?;
                }
                (outcome, _) => return outcome,
            }
        }
    }

    /// Waits until the socket reports one of `events` or an error.
    pub(crate) fn wait(&self, events: PollFlags, deadline: Deadline) -> io::Result<()> {
        if poll_until(&mut [PollFd::new(&self.0, events)], deadline)? {
            Ok(())
        } else {
            Err(DeadlinePassed.into())
        }
    }
}

impl AsFd for PolledSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// poll(2) until a socket is ready or the deadline passes; whether one is ready. If the deadline has passed already,
/// looks once.
pub(crate) fn poll_until(sockets: &mut [PollFd<'_>], deadline: Deadline) -> io::Result<bool> {
    loop {
        let remaining = deadline.remaining();
        let timeout = Timespec {
            tv_sec: remaining.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: remaining.subsec_nanos().into(),
        };
        match poll(sockets, Some(&timeout)) {
            Ok(0) if deadline.has_passed() => return Ok(false),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A socket during one call, for reading and writing within the limits of the call.
pub(crate) struct BoundedIo<'a> {
    socket: &'a PolledSocket,
    wait: WaitMode,
    limits: &'a WaitLimits,
    has_moved: bool,
}

impl<'a> BoundedIo<'a> {
    pub(crate) fn new(socket: &'a PolledSocket, wait: WaitMode, limits: &'a WaitLimits) -> Self {
        Self { socket, wait, limits, has_moved: false }
    }

    /// One step of the call, which the idle timeout ends too.
    fn step<T>(
        &mut self,
        events: PollFlags,
        operation: impl FnMut(&Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        let wait = match self.wait {
            WaitMode::Until(deadline) => {
                self.limits.check_progress(self.has_moved, deadline)?;
                WaitMode::Until(self.limits.capped_by_idle(deadline))
            }
            WaitMode::AtOnce => WaitMode::AtOnce,
        };
        let moved = self.socket.when(events, wait, operation)?;
        self.has_moved = true;
        Ok(moved)
    }
}

impl Read for BoundedIo<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.step(PollFlags::IN, |mut socket| socket.read(buffer))
    }
}

impl Write for BoundedIo<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.step(PollFlags::OUT, |mut socket| socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `Read` and `Write` in one, for trait objects.
pub(crate) trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}
