//! An echo server (RFC 862) on one thread, which blocks in one place only:
//! `echo_server_nonblocking [tcp://127.0.0.1:7007]`.

use std::error::Error;
use std::time::Duration;

use longhaul_socket::blocking::{Interest, Pollable, Stream, TcpListener, wait_ready};
use longhaul_socket::{Deadline, Fault, FaultKind};

/// Idle time after which a client is dropped.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// The pause after a connection could not be accepted: the usual cause, too many open files, does not pass at once.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// A client, and the bytes that were received from it and not sent back yet.
struct Client {
    stream: Stream,
    pending: Vec<u8>,
    ended: bool,
    deadline: Deadline,
}

impl Client {
    fn new(stream: Stream) -> Self {
        Self { stream, pending: Vec::new(), ended: false, deadline: Deadline::after(IDLE_MAX) }
    }

    /// Back-pressure: nothing is received from a client that does not take its echo.
    fn interest(&self) -> Interest {
        if self.pending.is_empty() { Interest::Readable } else { Interest::Writable }
    }

    /// Does what can be done without waiting. `false` when the client is done.
    fn step(&mut self) -> Result<bool, Fault> {
        if self.pending.is_empty() && !self.ended {
            let mut buffer = [0; 4096];
            let received = self.stream.try_receive(&mut buffer)?;
            self.ended = received == 0;
            self.pending.extend_from_slice(&buffer[..received]);
        }
        if !self.pending.is_empty() {
            let sent = self.stream.try_send(&self.pending)?;
            self.pending.drain(..sent);
        }
        self.deadline = Deadline::after(IDLE_MAX);
        Ok(!(self.ended && self.pending.is_empty()))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "tcp://127.0.0.1:7007".into());
    let listener = TcpListener::bind(endpoint.parse()?)?;
    println!("listening on {}", listener.local());
    let mut clients: Vec<Client> = Vec::new();
    // Until then no client is accepted.
    let mut rest: Option<Deadline> = None;
    loop {
        rest = rest.filter(|rest| !rest.has_passed());
        let waiting = clients.len();
        let mut sockets: Vec<(&dyn Pollable, Interest)> =
            clients.iter().map(|client| (&client.stream as _, client.interest())).collect();
        if rest.is_none() {
            sockets.push((&listener, Interest::Readable));
        }
        let soonest = clients.iter().map(|client| client.deadline).chain(rest).min();
        let deadline = soonest.unwrap_or_else(|| Deadline::after(IDLE_MAX));
        let ready = match wait_ready(&sockets, deadline) {
            Ok(ready) => ready,
            Err(fault) if fault.kind() == FaultKind::TimedOut => Vec::new(),
            Err(fault) => return Err(fault.into()),
        };
        let mut finished = Vec::new();
        for index in ready.iter().map(|ready| ready.index).filter(|index| *index < waiting) {
            match clients[index].step() {
                Ok(true) => {}
                Err(fault) if fault.kind() == FaultKind::WouldBlock => {}
                Ok(false) => finished.push(index),
                Err(fault) => {
                    eprintln!("{fault}");
                    finished.push(index);
                }
            }
        }
        // From the end, so that earlier indices stay valid.
        finished.iter().rev().for_each(|index| drop(clients.remove(*index)));
        clients.retain(|client| !client.deadline.has_passed());
        if ready.iter().any(|ready| ready.index == waiting) {
            match listener.try_accept() {
                Ok(stream) => clients.push(Client::new(stream)),
                Err(fault) if fault.kind() == FaultKind::WouldBlock => {}
                Err(fault) => {
                    eprintln!("{fault}");
                    rest = Some(Deadline::after(ACCEPT_REST));
                }
            }
        }
    }
}
