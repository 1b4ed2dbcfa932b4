//! Runs `serve` and connects clients to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Background, TestDirectory};

/// The longest wait of a client.
pub(crate) const CLIENT_TIME: Duration = Duration::from_secs(30);

/// A running `serve`, with the lines that it printed.
pub(crate) struct Serving {
    pub(crate) child: Background,
    pub(crate) lines: Vec<(String, String)>,
}

impl Serving {
    /// Starts `serve` and waits for a line for each argument with an endpoint.
    pub(crate) fn start(place: &TestDirectory, arguments: &[&str]) -> Self {
        let sockets = arguments.iter().filter(|argument| argument.contains("://")).count();
        Self::start_with(place, arguments, sockets)
    }

    /// Starts `serve` and waits for this many lines.
    pub(crate) fn start_with(place: &TestDirectory, arguments: &[&str], sockets: usize) -> Self {
        let mut child = place.spawn(&[&["serve"], arguments].concat());
        let output = child.0.stdout.take().expect("piped");
        let lines = BufReader::new(output).lines().take(sockets).map(|line| {
            let line = line.expect("UTF-8");
            let (name, endpoint) = line.split_once(' ').expect("a name and an endpoint");
            (name.to_owned(), endpoint.to_owned())
        });
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), sockets, "it prints a line for each socket");
        Self { child, lines }
    }

    pub(crate) fn address(&self, at: usize) -> SocketAddr {
        self.lines[at].1.split_once("://").expect("an endpoint").1.parse().expect("an address")
    }

    pub(crate) fn url(&self, at: usize, path: &str) -> String {
        format!("{}{path}", self.lines[at].1)
    }

    /// Waits for this many lines of the log. Each connection ends at its deadlines at the latest.
    pub(crate) fn log_lines(&mut self, count: usize) -> String {
        let log = self.child.0.stderr.as_mut().expect("piped");
        let (mut text, mut ends) = (Vec::new(), 0);
        while ends < count {
            // Byte by byte, so that `stop` can read the rest.
            let mut byte = [0];
            log.read_exact(&mut byte).expect("the log continues");
            text.extend_from_slice(&byte);
            ends += usize::from(byte == *b"\n");
        }
        String::from_utf8(text).expect("UTF-8")
    }

    /// Stops it with a signal. Returns its exit code, the time that took, and the rest of its log.
    pub(crate) fn stop(mut self, signal: Signal) -> (Option<i32>, Duration, String) {
        let start = Instant::now();
        rustix::process::kill_process(self.child.pid(), signal).expect("it is a child of this process");
        let code = self.child.code();
        let elapsed = start.elapsed();
        let mut log = String::new();
        self.child.0.stderr.take().expect("piped").read_to_string(&mut log).expect("UTF-8");
        (code, elapsed, log)
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, CLIENT_TIME).expect("it listens");
    stream.set_read_timeout(Some(CLIENT_TIME)).expect("a timeout");
    stream.set_write_timeout(Some(CLIENT_TIME)).expect("a timeout");
    stream
}

pub(crate) fn echoes(stream: &mut TcpStream, sent: &[u8]) -> bool {
    let mut received = vec![0; sent.len()];
    stream.write_all(sent).expect("the peer accepts the bytes");
    stream.read_exact(&mut received).expect("echoed");
    received == sent
}
