//! A toxic: an effect, where it works, and how often.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::effect::Effect;
use super::name::Name;
use crate::Share;

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl Direction {
    /// The `stream` of Toxiproxy's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads `upstream` or `downstream`, in any case, or `up` or `down`.
impl FromStr for Direction {
    type Err = InvalidDirection;

    fn from_str(text: &str) -> Result<Self, InvalidDirection> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("upstream") || is("up") {
            Ok(Self::Upstream)
        } else if is("downstream") || is("down") {
            Ok(Self::Downstream)
        } else {
            Err(InvalidDirection)
        }
    }
}

/// The text names no [`Direction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a direction is up (from the client to the server) or down (from the server to the client)")]
pub struct InvalidDirection;

/// Something that happens to one direction of the connections of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toxic {
    /// Its name, one of its kind within the proxy.
    pub name: Name,
    /// What it does.
    pub effect: Effect,
    /// To which direction.
    pub direction: Direction,
    /// To how many of the connections.
    pub toxicity: Share,
}

impl Toxic {
    /// A toxic that works on every connection, under the name that Toxiproxy gives by default, such as
    /// `latency_downstream`.
    ///
    /// # Panics
    /// Never: the words of kinds and directions are names.
    pub fn new(effect: Effect, direction: Direction) -> Self {
        let name = format!("{}_{direction}", effect.kind());
        let name = name.parse().expect("two short words and a line between them");
        Self { name, effect, direction, toxicity: Share::ALL }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: Name) -> Self {
        self.name = name;
        self
    }

    /// The same on a share of the connections.
    #[must_use]
    pub fn with_toxicity(mut self, toxicity: Share) -> Self {
        self.toxicity = toxicity;
        self
    }
}

/// A toxic of a proxy. One that is removed and added again is another one.
#[derive(Debug, Clone)]
pub(super) struct InstalledToxic {
    /// Never given twice, and larger for what comes later.
    pub(super) id: u64,
    pub(super) toxic: Toxic,
}
