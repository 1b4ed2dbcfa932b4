//! Hosts that limit those who ask, as models in virtual time, drawn by seed from a stated prior.
//!
//! A [`Host`] is put together from a [`Service`] (how long an answer takes), any number of [`Gate`]s (each of which may
//! refuse a request, in a [`Form`] of its own), [`Noise`] (failures by chance, whatever the pace) and [`Nature`]s of single
//! URLs. There is no I/O: whoever simulates tells when a request arrives, when an exchange is over and when a connection
//! is closed. [`draw`] holds the prior, [`oracle`] the time of a client that knows the host, and [`table`] limiters that
//! operators use.

pub(crate) mod draw;
pub(crate) mod gate;
mod host;
pub(crate) mod oracle;
pub(crate) mod table;

use crate::Seconds;
use crate::random::Random;
pub(crate) use gate::{Form, Gate};

/// How long an answer takes once the request has been let in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Service {
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
pub(crate) struct Noise(pub(crate) Vec<(f64, Form)>);

impl Noise {
    /// The share of requests that fail.
    #[must_use]
    pub(crate) fn share(&self) -> f64 {
        self.0.iter().map(|(share, _)| share).sum()
    }
}

/// What is special about one URL, whatever the pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Nature {
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
pub(crate) struct Natures {
    /// 404.
    pub(crate) missing: f64,
    /// 403.
    pub(crate) forbidden: f64,
    /// Slow, and how slow.
    pub(crate) slow: (f64, Seconds),
    /// 429 with Retry-After once or twice, and of how many seconds.
    pub(crate) later: (f64, Seconds),
    /// The same page as others.
    pub(crate) alike: f64,
    /// The slow ones come first.
    pub(crate) are_slow_first: bool,
}

/// What a host announces of its limits with each answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Announced {
    /// Requests that remain.
    pub(crate) remaining: u32,
    /// Until there are more again.
    pub(crate) reset_after: Seconds,
}

/// A host, and the list of URLs that are asked of it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// Its kind, for reports.
    pub(crate) kind: &'static str,
    /// URLs in the list.
    pub(crate) rows: u32,
    /// There and back.
    pub(crate) latency: Seconds,
    /// How long answers take.
    pub(crate) service: Service,
    /// What refuses.
    pub(crate) gates: Vec<Gate>,
    /// Requests on one connection before the host closes it.
    pub(crate) keep_alive: u32,
    /// Failures by chance.
    pub(crate) noise: Noise,
    /// Shares of peculiar URLs.
    pub(crate) natures: Natures,
    /// It says with each answer what its first gate has left.
    pub(crate) announces: bool,
    /// The rates of its limits are so many times what they are, from one time to another.
    pub(crate) change: (f64, Seconds, Seconds),
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
pub(crate) struct Request {
    /// Which of the list.
    pub(crate) url: u32,
    /// The first on its connection.
    pub(crate) is_new: bool,
    /// How many came before it on this connection.
    pub(crate) before: u32,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
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
pub(crate) struct Reply {
    /// What the client will see.
    pub(crate) outcome: Outcome,
    /// After how long at the host the first byte leaves.
    pub(crate) after: Seconds,
    /// How much longer the last one takes.
    pub(crate) body: Seconds,
    /// Whether the connection is closed afterwards.
    pub(crate) closes: bool,
    /// Whether a limit refused it.
    pub(crate) is_limit: bool,
    /// Whether the host has a request under way until then (and is to be told when it ends).
    pub(crate) is_under_way: bool,
}

/// The page that everybody gets who is taken for a machine.
pub(crate) const CAPTCHA: u64 = 1;
/// The page that many URLs have in common by right.
pub(crate) const ALIKE: u64 = 2;
