//! A record of the traffic of a stage, to find out why a case failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longhaul_socket::clock;
use tokio::time::Instant;

/// Entries that are kept, the first ones.
const ENTRIES_MAX: usize = 400;
/// Bytes of a text entry that are kept.
const ENTRY_BYTES_MAX: usize = 400;
/// Bytes of a binary entry that are kept.
const BINARY_BYTES_MAX: usize = 48;
/// Bytes of all request heads that are kept.
const HEADS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the hosts and the name server received and sent, in order and up to a limit.
#[derive(Debug)]
pub struct TrafficRecord {
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<(Duration, String)>,
    left_out: u64,
    connections: BTreeMap<String, u64>,
    requests: BTreeMap<String, u64>,
    requests_of_target: BTreeMap<(String, String), u64>,
    heads: Vec<(String, String)>,
    heads_bytes: usize,
    queries: u64,
    queries_of: BTreeMap<String, u64>,
    unexpected: Vec<String>,
}

impl TrafficRecord {
    pub(super) fn new() -> Self {
        Self { begun: clock::now(), state: Mutex::default() }
    }

    /// The number of requests to a host, or with `None` to all hosts.
    pub fn requests(&self, host: Option<&str>) -> u64 {
        let state = self.state();
        match host {
            Some(host) => state.requests.get(host).copied().unwrap_or_default(),
            None => state.requests.values().sum(),
        }
    }

    /// The number of connections to a host.
    pub fn connections(&self, host: &str) -> u64 {
        self.state().connections.get(host).copied().unwrap_or_default()
    }

    /// The number of queries to the name server.
    pub fn queries(&self) -> u64 {
        self.state().queries
    }

    /// The request heads that a host received.
    pub fn heads(&self, host: &str) -> Vec<String> {
        let state = self.state();
        state.heads.iter().filter(|(of, _)| of == host).map(|(_, head)| head.clone()).collect()
    }

    /// Events that the script of the case does not cover.
    pub fn unexpected(&self) -> Vec<String> {
        self.state().unexpected.clone()
    }

    /// All entries as text, one per line, with control characters escaped.
    pub fn text(&self) -> String {
        let state = self.state();
        let mut text = String::new();
        for (at, entry) in &state.entries {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:>7.3} s  {entry}", at.as_secs_f64());
        }
        if state.left_out > 0 {
            let _ = writeln!(text, "           and {} more", state.left_out);
        }
        text
    }

    pub(super) fn connection(&self, host: &str) -> u64 {
        let mut state = self.state();
        let number = state.connections.entry(host.to_owned()).or_default();
        *number += 1;
        *number
    }

    /// Counts a request: its number among those for its target.
    pub(super) fn request(&self, host: &str, target: &str, head: String) -> u64 {
        let mut state = self.state();
        *state.requests.entry(host.to_owned()).or_default() += 1;
        if state.heads_bytes + head.len() <= HEADS_BYTES_MAX {
            state.heads_bytes += head.len();
            state.heads.push((host.to_owned(), head));
        }
        let number = state.requests_of_target.entry((host.to_owned(), target.to_owned())).or_default();
        *number += 1;
        *number
    }

    /// Counts a query: its number among those for its name and type.
    pub(super) fn query(&self, what: &str) -> u64 {
        let mut state = self.state();
        state.queries += 1;
        let number = state.queries_of.entry(what.to_owned()).or_default();
        *number += 1;
        *number
    }

    pub(super) fn add_unexpected(&self, what: String) {
        self.note(&format!("UNEXPECTED {what}"));
        self.state().unexpected.push(what);
    }

    pub(super) fn note(&self, what: &str) {
        let at = self.begun.elapsed();
        let mut state = self.state();
        if state.entries.len() < ENTRIES_MAX {
            state.entries.push((at, what.to_owned()));
        } else {
            state.left_out += 1;
        }
    }

    pub(super) fn bytes(&self, who: &str, direction: &str, bytes: &[u8]) {
        let is_text = bytes
            .iter()
            .take(ENTRY_BYTES_MAX)
            .all(|byte| byte.is_ascii_graphic() || b" \r\n\t".contains(byte));
        let most = if is_text { ENTRY_BYTES_MAX } else { BINARY_BYTES_MAX };
        let kept = &bytes[..bytes.len().min(most)];
        let more = match bytes.len() - kept.len() {
            0 => String::new(),
            more => format!(" and {more} bytes more"),
        };
        self.note(&format!("{who} {direction} {}{more}", kept.escape_ascii()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock is taken all the same: the record is only read by people.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
