//! What a request target asks for.

use std::borrow::Cow;
use std::time::Duration;

/// The largest content that can be asked for with `?size=`: 1 TiB, so that sums of offsets stay far from the
/// end of `u64`.
pub const SIZE_BYTES_MAX: u64 = 1 << 40;

/// The longest delay that can be asked for with `?latency=`: ten minutes, because every wait has an end.
const LATENCY_MAX: Duration = Duration::from_mins(10);

/// The path and the query of a request, with the meaning that this host gives to them.
///
/// | part | meaning |
/// |---|---|
/// | `/redirect/N/rest` | a redirect; after `N` of them `/rest` is reached. The query is kept |
/// | `?size=N` | content of `N` bytes, not of the site's choice; at most [`SIZE_BYTES_MAX`] |
/// | `?latency=MS` | the answer waits so many milliseconds, at most ten minutes |
/// | `?chunked` | the body in chunked coding |
/// | `?close` | no length at all: the close ends the body |
///
/// Several are joined by `&`. Whatever else the query holds, or does not parse, has no meaning and changes
/// nothing. Paths are compared byte for byte; nothing is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    path: String,
    query: String,
    size_bytes: Option<u64>,
    latency: Duration,
    chunked: bool,
    until_close: bool,
}

impl Target {
    /// Reads a target in origin form (`/path?query`). Everything has a meaning, so this cannot fail.
    pub fn parse(text: &str) -> Self {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut target = Self {
            path: path.to_owned(),
            query: query.to_owned(),
            size_bytes: None,
            latency: Duration::ZERO,
            chunked: false,
            until_close: false,
        };
        for parameter in query.split('&') {
            match parameter.split_once('=').unwrap_or((parameter, "")) {
                ("size", value) => {
                    target.size_bytes = value.parse().ok().map(|size: u64| size.min(SIZE_BYTES_MAX));
                }
                ("latency", value) => {
                    target.latency = Duration::from_millis(value.parse().unwrap_or(0)).min(LATENCY_MAX);
                }
                ("chunked", _) => target.chunked = true,
                ("close", _) => target.until_close = true,
                _ => {}
            }
        }
        target
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The length that the query asks for, in bytes.
    pub fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }

    pub(crate) fn latency(&self) -> Duration {
        self.latency
    }

    pub(crate) fn chunked(&self) -> bool {
        self.chunked
    }

    pub(crate) fn until_close(&self) -> bool {
        self.until_close
    }

    /// The identity of what is asked for: the path and the size. How it is to be sent is no part of it.
    pub(crate) fn resource(&self) -> Cow<'_, str> {
        match self.size_bytes {
            Some(size) => Cow::Owned(format!("{}?size={size}", self.path)),
            None => Cow::Borrowed(&self.path),
        }
    }

    /// Where this path redirects to, if it is one that does.
    pub(crate) fn redirect(&self) -> Option<String> {
        let (hops, rest) = self.path.strip_prefix("/redirect/")?.split_once('/')?;
        let hops: u32 = hops.parse().ok()?;
        let path = match hops {
            0 | 1 => format!("/{rest}"),
            _ => format!("/redirect/{}/{rest}", hops - 1),
        };
        Some(if self.query.is_empty() { path } else { format!("{path}?{}", self.query) })
    }
}
