//! An echo server (RFC 862) on one thread, which never blocks but in one place:
//! `echo_server_nonblocking [tcp://127.0.0.1:7007]`.

use std::error::Error;
use std::time::Duration;

use longhaul_socket::blocking::{Interest, Pollable, Stream, TcpListener, wait_ready};
use longhaul_socket::{Deadline, Fault, FaultKind};

/// Silence after which a client is dropped.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// How long to wait after a connection could not be accepted: the usual cause, too many open files, takes time to go.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// A client, and what has been received of it and not yet been sent back.
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

    /// Back-pressure: from a client that does not take its echo, no more is received.
    fn interest(&self) -> Interest {
        if self.pending.is_empty() { Interest::Readable } else { Interest::Writable }
    }

    /// Does what can be done at once. `false` when all is done.
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
    // Until then nobody is accepted.
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
        // From the back, so that the indices before stay what they are.
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
