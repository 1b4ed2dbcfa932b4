//! Which rows fit a pattern.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use longhaul_http::HttpUrl;
use longhaul_journal::{Done, Expectation, SuspectPattern, Suspicion};

use super::media_types::{essence, extension};

/// A hash that is the same in every run.
pub(super) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The suspicion that a body fits, if it fits one. `host` is that of the row's URL.
pub(super) fn find_body<'a>(
    suspicions: &'a [Suspicion],
    host: &str,
    path: &str,
    size: u64,
    blake3: &[u8; 32],
    content_type: Option<&str>,
) -> Option<(usize, &'a Suspicion)> {
    suspicions.iter().enumerate().find(|(_, suspicion)| {
        suspicion.host == host
            && match &suspicion.pattern {
                SuspectPattern::SameBody { size: its_size, blake3: its_digest } => {
                    (*its_size, its_digest) == (size, blake3)
                }
                SuspectPattern::MediaType { extension: its_extension, media_type } => {
                    content_type.is_some_and(|content_type| essence(content_type) == *media_type)
                        && extension(path) == *its_extension
                }
                _ => false,
            }
    })
}

/// The suspicion that a finished row fits. `None` for a row that the list has a digest of, or whose file was there before.
pub(crate) fn find<'a>(
    suspicions: &'a [Suspicion],
    url: &str,
    expected: &Expectation,
    done: &Done,
) -> Option<&'a Suspicion> {
    if suspicions.is_empty() || done.is_adopted || !expected.digests.is_empty() {
        return None;
    }
    let url: HttpUrl = url.parse().ok()?;
    let (host, content_type) = (url.origin().to_string(), done.format.content_type.as_deref());
    find_body(suspicions, &host, url.path(), done.size, &done.blake3, content_type)
        .map(|(_, suspicion)| suspicion)
}
