//! The monitored stream of the blocking flavour.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::calls::monitored_stream_calls;
use super::{MinimumSpeed, SpeedMonitor};
use crate::addressing::Address;
use crate::faults::{Fault, FaultKind, Phase};
use crate::stream::blocking::Stream;
use crate::time::Deadline;

/// A stream that can be received from before a deadline.
pub trait ReceiveWithin {
    /// Receives at least one byte, as many as have arrived, before `deadline`. Returns 0 at the end of the stream, or
    /// when `buffer` is empty.
    ///
    /// # Errors
    /// In phase `Receive`; `TimedOut` at the deadline.
    fn receive_within(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Fault>;
}

impl ReceiveWithin for Stream {
    fn receive_within(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Fault> {
        Self::receive_within(self, buffer, deadline)
    }
}

/// A stream that fails as `TooSlow` when data arrives below its minimum speed, and as `TimedOut` when none arrives for
/// too long; the blocking [`MonitoredStream`](crate::MonitoredStream), with the same methods. Writing is not monitored.
#[derive(Debug)]
pub struct MonitoredStream<S> {
    stream: S,
    address: Option<Address>,
    monitor: SpeedMonitor,
}

impl<S> MonitoredStream<S> {
    /// Monitors `stream`, which may be idle for `idle` and must keep `speed`.
    pub fn new(stream: S, idle: Duration, speed: MinimumSpeed) -> Self {
        Self { stream, address: None, monitor: SpeedMonitor::new(idle, speed, None) }
    }
}

monitored_stream_calls!();

impl<S: ReceiveWithin> MonitoredStream<S> {
    /// Receives at least one byte, as many as have arrived. Returns 0 at the end of the stream, or when `buffer` is
    /// empty.
    ///
    /// # Errors
    /// In phase `Receive`.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let (due, kind) = self.monitor.due();
        match self.stream.receive_within(buffer, Deadline::at(due)) {
            Ok(received) => {
                self.monitor.arrived(received as u64);
                Ok(received)
            }
            Err(fault) if fault.kind() == FaultKind::TimedOut && Deadline::at(due).has_passed() => {
                let slow = Fault::new(Phase::Receive, kind, fault.elapsed());
                match self.address.as_ref().or(fault.address()) {
                    Some(address) => Err(slow.at_address(address.clone())),
                    None => Err(slow),
                }
            }
            Err(fault) => Err(fault),
        }
    }
}

impl<S: ReceiveWithin> Read for MonitoredStream<S> {
    /// A failure is an error with a [`Fault`] inside.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer).map_err(io::Error::other)
    }
}

impl<S: Write> Write for MonitoredStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
