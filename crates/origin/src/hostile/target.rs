//! The meaning of a request target to a site.

use std::borrow::Cow;
use std::time::Duration;

/// The largest content that `?size=` can request: 1 TiB, so that sums of offsets stay far below `u64::MAX`.
pub const SIZE_BYTES_MAX: u64 = 1 << 40;

/// The longest delay that `?latency=` can request, because every wait has a limit.
const LATENCY_MAX: Duration = Duration::from_mins(10);

/// The path and the query of a request, with the meaning that a [`Site`](crate::Site) gives them.
///
/// | part | meaning |
/// |---|---|
/// | `/redirect/N/rest` | the first of `N` redirects that lead to `/rest`; the query is kept |
/// | `?size=N` | content of `N` bytes instead of the length that the site chooses; at most [`SIZE_BYTES_MAX`] |
/// | `?latency=MS` | a delay of the response in milliseconds, at most ten minutes |
/// | `?chunked` | the body in chunked coding |
/// | `?close` | no length: the close ends the body |
///
/// Several parameters are joined by `&`. Unknown and malformed parameters are ignored. Paths are compared byte for byte;
/// nothing is decoded.
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
    /// Parses a target in origin form (`/path?query`). Every text is valid.
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

    /// The length that the query requests, in bytes.
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

    /// The identity of the requested content: the path and the size, without the parameters about how to send it.
    pub(crate) fn resource(&self) -> Cow<'_, str> {
        match self.size_bytes {
            Some(size) => Cow::Owned(format!("{}?size={size}", self.path)),
            None => Cow::Borrowed(&self.path),
        }
    }

    /// Where this path redirects to, if it does.
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
