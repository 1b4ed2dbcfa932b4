//! What a failure was, in one word: the vocabulary that the journal stores, `retry --class` selects by and the exit
//! code is made from.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// The class of a failure. Stored by its text, so the order of the variants is free to change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Class { $($(#[$doc])* $variant),+ }

        impl Class {
            /// Every class, in the order in which people are shown them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that stands for it on the command line and in the journal.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

classes! {
    /// The name does not exist, or the name servers did not answer.
    Dns = "dns",
    /// The endpoint refused the connection.
    Refused = "refused",
    /// No route to the endpoint, or a filter said no.
    Unreachable = "unreachable",
    /// The peer reset the connection.
    Reset = "reset",
    /// The peer closed the connection before the exchange was complete.
    Closed = "closed",
    /// A deadline passed.
    Timeout = "timeout",
    /// The body came, but below the minimum speed.
    Slow = "slow",
    /// The TLS handshake or a certificate failed.
    Tls = "tls",
    /// The answer breaks HTTP.
    Protocol = "protocol",
    /// What came is not what the list says of it.
    Mismatch = "mismatch",
    /// A redirect that cannot or must not be followed.
    Redirect = "redirect",
    /// 401 or 407: credentials are missing or wrong.
    Auth = "auth",
    /// 429 and its kin, beyond all patience.
    Throttled = "throttled",
    /// Another answer of the 400s.
    ClientError = "4xx",
    /// An answer of the 500s, or one outside 100-599.
    ServerError = "5xx",
    /// A file could not be written, or one that is not ours stands in its place.
    File = "file",
    /// A line of the list that is no URL Longhaul can fetch.
    List = "list",
    /// Trouble of this machine: out of sockets, ports or memory, or its own network is down.
    Local = "local",
    /// None of the others.
    Other = "other",
}

/// A word that names no class.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no such class of failures: `{0}`")]
pub struct UnknownClass(pub String);

impl FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        let found = Self::ALL.iter().find(|class| class.as_str().eq_ignore_ascii_case(text.trim()));
        found.copied().ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
