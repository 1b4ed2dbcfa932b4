//! A toxic: an effect, its direction, and its share of the connections.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::effect::Effect;
use super::name::Name;
use crate::random::Share;

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

/// Parses `upstream` or `downstream`, or `up` or `down`, in any case.
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

/// The text is not a [`Direction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a direction is up (from the client to the server) or down (from the server to the client)")]
pub struct InvalidDirection;

/// An effect on one direction of the connections of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toxic {
    /// Its name, unique within the proxy.
    pub name: Name,
    /// What it does.
    pub effect: Effect,
    /// The direction that it affects.
    pub direction: Direction,
    /// The share of the connections that it affects.
    pub toxicity: Share,
}

impl Toxic {
    /// A toxic that affects every connection, with the default name of Toxiproxy, such as `latency_downstream`.
    ///
    /// # Panics
    /// Never: a kind and a direction always make a valid name.
    pub fn new(effect: Effect, direction: Direction) -> Self {
        let name = format!("{}_{direction}", effect.kind());
        let name = name.parse().expect("a kind and a direction make a valid name");
        Self { name, effect, direction, toxicity: Share::ALL }
    }

    /// The same toxic with another name.
    #[must_use]
    pub fn named(mut self, name: Name) -> Self {
        self.name = name;
        self
    }

    /// The same toxic for a share of the connections.
    #[must_use]
    pub fn with_toxicity(mut self, toxicity: Share) -> Self {
        self.toxicity = toxicity;
        self
    }
}

/// A toxic of a proxy. A toxic that is removed and added again is another one.
#[derive(Debug, Clone)]
pub(super) struct InstalledToxic {
    /// Unique, and larger for toxics that were added later.
    pub(super) id: u64,
    pub(super) toxic: Toxic,
}
