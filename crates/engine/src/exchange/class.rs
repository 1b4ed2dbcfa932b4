//! The class of a failure: one word that the journal stores, that `retry --class` selects by, and that the exit code follows
//! from.

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
            /// Every class, in the order of display.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the command line and in the journal.
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
    /// There is no route to the endpoint, or a filter rejected the connection.
    Unreachable = "unreachable",
    /// The peer reset the connection.
    Reset = "reset",
    /// The peer closed the connection before the exchange was complete.
    Closed = "closed",
    /// A deadline passed.
    Timeout = "timeout",
    /// The body came at less than the minimum speed.
    Slow = "slow",
    /// The TLS handshake or a certificate failed.
    Tls = "tls",
    /// The response breaks the protocol.
    Protocol = "protocol",
    /// 201 or 202, for longer than the run waits: the host had not made the file yet.
    NotReady = "not-ready",
    /// The content is not what the list expects, or not what the digest of its server says.
    Mismatch = "mismatch",
    /// The body looks like an error page that the host sends in place of many files, and the user wants such rows to fail.
    Suspect = "suspect",
    /// The file is larger than `--max-filesize`, or than the disk has room for.
    TooLarge = "too-large",
    /// A redirect that cannot be followed, or is not allowed.
    Redirect = "redirect",
    /// 401 or 407: credentials are missing or wrong.
    Auth = "auth",
    /// 429, for longer than the run waits.
    Throttled = "throttled",
    /// Another status of the 400s.
    ClientError = "4xx",
    /// A status of the 500s, or one outside of 100 to 599.
    ServerError = "5xx",
    /// A file could not be written, or a file of somebody else has its name.
    File = "file",
    /// A line of the list that is no URL Longhaul can fetch.
    List = "list",
    /// This machine is the cause: it is out of sockets, ports or memory, or its own network is down.
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
