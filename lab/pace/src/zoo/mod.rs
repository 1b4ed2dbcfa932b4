//! Hosts that limit those who ask, as models in virtual time, drawn by seed from a stated prior.
//!
//! A [`Host`] is put together from a [`Service`] (how long an answer takes), any number of [`Gate`]s (each of which may
//! refuse a request, in a [`Form`] of its own), [`Noise`] (failures by chance, whatever the pace) and [`Nature`]s of single
//! URLs. There is no I/O: whoever simulates tells when a request arrives, when an exchange is over and when a connection
//! is closed. [`draw`] holds the prior, [`oracle`] the time of a client that knows the host, and [`table`] limiters that
//! operators use.

pub mod draw;
pub mod gate;
mod host;
pub mod oracle;
pub mod table;

use crate::Seconds;
use crate::random::Random;
pub use gate::{Form, Gate};

/// How long an answer takes once the request has been let in.
#[derive(Debug, Clone, PartialEq)]
pub enum Service {
    /// Always about this long.
    Steady(Seconds),
    /// One server behind a queue without end, which serves so many a second.
    Queue {
        /// So many a second.
        rate: f64,
    },
    /// Slower with each request under way, and much slower beyond what it is made for.
    Load {
        /// How long it takes without any load.
        usual: Seconds,
        /// So many under way are no burden.
        made_for: f64,
    },
    /// The first so many answers take so many times as long.
    Cold {
        /// How long it takes without any load.
        usual: Seconds,
        /// How many are slow.
        answers: u32,
        /// How many times as long.
        times: f64,
    },
    /// From one time to another over so many seconds.
    Warming {
        /// At first.
        cold: Seconds,
        /// In the end.
        warm: Seconds,
        /// Within this time.
        over: Seconds,
    },
    /// So many bytes a second on each connection, for files of about so many bytes.
    Bandwidth {
        /// How long it takes without any load.
        usual: Seconds,
        /// On each connection.
        bytes_per_second: f64,
        /// In a file, about.
        bytes: f64,
    },
}

/// Failures by chance: each with its share of all requests, from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Noise(pub Vec<(f64, Form)>);

impl Noise {
    /// The share of requests that fail.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.0.iter().map(|(share, _)| share).sum()
    }
}

/// What is special about one URL, whatever the pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Nature {
    /// Nothing.
    Usual,
    /// 404.
    Missing,
    /// 403, for ever.
    Forbidden,
    /// It takes this long.
    Slow(Seconds),
    /// 429 with Retry-After, the first so many times.
    Later {
        /// What it asks for.
        retry_after: Seconds,
        /// How often.
        times: u8,
    },
    /// The same page as many other URLs, and that is right.
    Alike,
}

/// Shares of URLs with a nature of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Natures {
    /// 404.
    pub missing: f64,
    /// 403.
    pub forbidden: f64,
    /// Slow, and how slow.
    pub slow: (f64, Seconds),
    /// 429 with Retry-After once or twice, and of how many seconds.
    pub later: (f64, Seconds),
    /// The same page as others.
    pub alike: f64,
    /// The slow ones come first.
    pub are_slow_first: bool,
}

/// What a host announces of its limits with each answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Announced {
    /// Requests that remain.
    pub remaining: u32,
    /// Until there are more again.
    pub reset_after: Seconds,
}

/// A host, and the list of URLs that are asked of it.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its kind, for reports.
    pub kind: &'static str,
    /// URLs in the list.
    pub rows: u32,
    /// There and back.
    pub latency: Seconds,
    /// How long answers take.
    pub service: Service,
    /// What refuses.
    pub gates: Vec<Gate>,
    /// Requests on one connection before the host closes it.
    pub keep_alive: u32,
    /// Failures by chance.
    pub noise: Noise,
    /// Shares of peculiar URLs.
    pub natures: Natures,
    /// It says with each answer what its first gate has left.
    pub announces: bool,
    /// The rates of its limits are so many times what they are, from one time to another.
    pub change: (f64, Seconds, Seconds),
    seed: u64,
    random: Random,
    state: State,
}

#[derive(Debug, Clone, Default)]
struct State {
    busy_until: Seconds,
    under_way: u32,
    connections: u32,
    answered: u32,
    asked_later: std::collections::HashMap<u32, u8>,
}

/// One request, as the host sees it.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Which of the list.
    pub url: u32,
    /// The first on its connection.
    pub is_new: bool,
    /// How many came before it on this connection.
    pub before: u32,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The file; the number stands for what is in it.
    Served {
        /// What is in it.
        page: u64,
    },
    /// A status that is no success.
    Status {
        /// The status.
        code: u16,
        /// The wait that it asks for.
        retry_after: Option<Seconds>,
    },
    /// The connection was refused.
    Refused,
    /// Reset before an answer.
    Reset,
    /// Closed before an answer.
    Closed,
    /// Closed within the body.
    Cut,
    /// Nothing, ever.
    Silence,
}

/// The reply to a request.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    /// What the client will see.
    pub outcome: Outcome,
    /// After how long at the host the first byte leaves.
    pub after: Seconds,
    /// How much longer the last one takes.
    pub body: Seconds,
    /// Whether the connection is closed afterwards.
    pub closes: bool,
    /// Whether a limit refused it.
    pub is_limit: bool,
    /// Whether the host has a request under way until then (and is to be told when it ends).
    pub is_under_way: bool,
}

/// The page that everybody gets who is taken for a machine.
pub const CAPTCHA: u64 = 1;
/// The page that many URLs have in common by right.
pub const ALIKE: u64 = 2;
