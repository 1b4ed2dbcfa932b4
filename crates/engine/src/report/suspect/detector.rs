//! The rows of all hosts, as they complete.

use std::collections::HashMap;

use longhaul_http::{HttpUrl, Origin};
use longhaul_journal::{SUSPICIONS_MAX, SuspectPattern, Suspicion};

use super::bodies::{Body, FrequentBodies};
use super::media_types::{UsualTypes, contradicts, essence, extension};
use super::pattern::{find_body, hash};

/// Hosts that are observed at a time, in each of two generations: those whose rows completed last. The counters of a host that has had
/// no row while so many others had are forgotten.
const HOSTS_MAX: usize = 1024;
/// Patterns that are named of one host. A host with more needs a person, who has enough to go by.
const PATTERNS_MAX: usize = 8;
/// Bytes of an example's URL that are kept.
const EXAMPLE_BYTES_MAX: usize = 1024;

/// The most memory that the counters and the patterns take, in bytes.
const BYTES_MAX: usize = {
    // The longest name of a host lies beside its origin. A hash table has at most twice as many places as entries.
    let of_host = 256 + FrequentBodies::BYTES_MAX + UsualTypes::BYTES_MAX;
    let place = size_of::<Origin>() + size_of::<OfHost>();
    2 * HOSTS_MAX * (of_host + 2 * place)
        + SUSPICIONS_MAX * (size_of::<Suspicion>() + EXAMPLE_BYTES_MAX + 512)
};
const _: () = assert!(BYTES_MAX < 4 << 20, "the bound that is promised");

/// Finds patterns of soft failures in the rows of a run. Memory: under 4 MiB, however many rows and hosts there are.
#[derive(Debug, Default)]
pub(crate) struct SuspectDetector {
    recent: HashMap<Origin, OfHost>,
    earlier: HashMap<Origin, OfHost>,
    suspicions: Vec<Suspicion>,
}

/// A complete row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObservedRow<'a> {
    pub(crate) url: &'a HttpUrl,
    /// Where redirects ended, if there were any.
    pub(crate) final_url: Option<&'a str>,
    /// The `Content-Type` of the response.
    pub(crate) content_type: Option<&'a str>,
    /// The list says which media type the row has, and it has that one.
    pub(crate) is_type_expected: bool,
    pub(crate) size: u64,
    pub(crate) blake3: &'a [u8; 32],
}

/// What a row adds. The numbers are indexes into [`SuspectDetector::suspicions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Nothing speaks against the row.
    Unsuspected,
    /// It fits a pattern that was named before.
    Known(usize),
    /// It makes a pattern of itself and of earlier rows.
    New(usize),
}

#[derive(Debug, Default)]
struct OfHost {
    rows: u32,
    patterns: usize,
    bodies: FrequentBodies,
    types: UsualTypes,
}

impl SuspectDetector {
    /// A detector that knows the patterns of earlier runs. What they had counted below the thresholds is forgotten.
    pub(crate) fn new(suspicions: Vec<Suspicion>) -> Self {
        Self { suspicions, ..Self::default() }
    }

    /// The patterns so far, in the order of their discovery.
    pub(crate) fn suspicions(&self) -> &[Suspicion] {
        &self.suspicions
    }

    /// Counts a row whose line has no digest.
    pub(crate) fn observe(&mut self, row: &ObservedRow<'_>) -> Judgement {
        let ObservedRow { url, final_url, content_type, is_type_expected, size, blake3 } = *row;
        if !self.suspicions.is_empty() {
            let content_type = content_type.filter(|_| !is_type_expected);
            let host = url.origin().to_string();
            let found = find_body(&self.suspicions, &host, url.path(), size, blake3, content_type);
            if let Some((number, _)) = found {
                self.suspicions[number].rows += 1;
                return Judgement::Known(number);
            }
        }
        let extension = extension(url.path());
        let media_type = content_type.filter(|_| !is_type_expected).map(essence);
        let (first_half, _) = blake3.split_at(16);
        let mut digest = [0; 16];
        digest.copy_from_slice(first_half);
        let body = Body {
            size,
            digest,
            name: hash((url.path().rsplit('/').next(), url.query())),
            final_url: final_url.map(hash),
            is_mistyped: media_type.as_ref().is_some_and(|media_type| contradicts(&extension, media_type)),
        };
        let host = self.host(url.origin());
        host.rows = host.rows.saturating_add(1);
        if host.patterns >= PATTERNS_MAX {
            return Judgement::Unsuspected;
        }
        let pattern = if let Some(copies) = host.bodies.count(body, host.rows) {
            Some((copies, SuspectPattern::SameBody { size, blake3: *blake3 }))
        } else if let Some(media_type) = media_type
            && let Some(rows) = host.types.count(&extension, &media_type)
        {
            Some((rows, SuspectPattern::MediaType { extension, media_type }))
        } else {
            None
        };
        let Some((rows, pattern)) = pattern else { return Judgement::Unsuspected };
        host.patterns += 1;
        if self.suspicions.len() >= SUSPICIONS_MAX {
            return Judgement::Unsuspected;
        }
        self.suspicions.push(Suspicion {
            host: url.origin().to_string(),
            pattern,
            rows: u64::from(rows),
            example: example(url),
        });
        Judgement::New(self.suspicions.len() - 1)
    }

    /// The counters of a host, which is a recent one then.
    fn host(&mut self, origin: &Origin) -> &mut OfHost {
        if !self.recent.contains_key(origin) {
            if self.recent.len() >= HOSTS_MAX {
                self.earlier = std::mem::take(&mut self.recent);
            }
            let known = self.earlier.remove(origin).unwrap_or_default();
            self.recent.insert(origin.clone(), known);
        }
        self.recent.entry(origin.clone()).or_default()
    }
}

fn example(url: &HttpUrl) -> String {
    let text = url.as_str();
    if text.len() <= EXAMPLE_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(EXAMPLE_BYTES_MAX)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(
        detector: &mut SuspectDetector,
        url: &str,
        body: u64,
        content_type: Option<&str>,
    ) -> Judgement {
        let mut blake3 = [0; 32];
        blake3[..8].copy_from_slice(&body.to_le_bytes());
        detector.observe(&ObservedRow {
            url: &url.parse().expect("a URL"),
            final_url: None,
            content_type,
            is_type_expected: false,
            size: 10_000,
            blake3: &blake3,
        })
    }

    #[test]
    fn the_number_of_hosts_has_a_bound() {
        let mut detector = SuspectDetector::default();
        for host in 0..10_000 {
            observe(&mut detector, &format!("http://{host}.test/a"), host, None);
            assert!(detector.recent.len() <= HOSTS_MAX && detector.earlier.len() <= HOSTS_MAX);
        }
    }

    #[test]
    fn an_expired_session_is_found_after_many_good_rows_and_scattered_duplicates_are_not() {
        let mut detector = SuspectDetector::default();
        for row in 0..10_000 {
            // One file in twenty has the same body.
            let body = if row % 20 == 0 { 1 } else { 100 + row };
            let judged = observe(&mut detector, &format!("http://h.test/{row}.bin"), body, None);
            assert_eq!(judged, Judgement::Unsuspected, "{row}");
        }
        let judged: Vec<_> = (0..40)
            .map(|row| observe(&mut detector, &format!("http://h.test/late-{row}.bin"), 2, None))
            .collect();
        let first = judged.iter().position(|judged| *judged == Judgement::New(0)).expect("a pattern");
        assert!(first <= 28, "{first}: a few of its first copies may have been cancelled by other bodies");
        assert!(judged[first + 1..].iter().all(|judged| *judged == Judgement::Known(0)));
        assert!(judged[..first].iter().all(|judged| *judged == Judgement::Unsuspected));
    }

    #[test]
    fn one_name_in_many_directories_is_no_pattern() {
        let mut detector = SuspectDetector::default();
        for row in 0..1000 {
            let judged = observe(&mut detector, &format!("http://h.test/{row}/LICENSE"), 1, None);
            assert_eq!(judged, Judgement::Unsuspected);
        }
    }

    #[test]
    fn pages_of_different_content_in_place_of_data_are_found() {
        let mut detector = SuspectDetector::default();
        let mut judged = |row: u64, content_type| {
            observe(&mut detector, &format!("http://h.test/{row}.nc4"), row, Some(content_type))
        };
        let judgements: Vec<_> = (0..21).map(|row| judged(row, "text/html; charset=utf-8")).collect();
        assert_eq!(judgements[19..], [Judgement::New(0), Judgement::Known(0)]);
        assert_eq!(judged(30, "application/x-netcdf"), Judgement::Unsuspected);
        let pattern =
            SuspectPattern::MediaType { extension: "nc4".to_owned(), media_type: "text/html".to_owned() };
        assert_eq!(detector.suspicions()[0].pattern, pattern);
    }

    #[test]
    fn names_without_an_extension_are_judged_by_what_is_usual() {
        let mut detector = SuspectDetector::default();
        let mut judged = |row: u64, content_type| {
            observe(&mut detector, &format!("http://h.test/get/{row}"), row, Some(content_type))
        };
        for row in 0..50 {
            assert_eq!(judged(row, "image/jpeg"), Judgement::Unsuspected);
        }
        for row in 50..80 {
            assert_eq!(judged(row, "image/webp"), Judgement::Unsuspected, "no type of an error");
        }
        let mut pages = SuspectDetector::default();
        for row in 0..100 {
            let judged = observe(&mut pages, &format!("http://h.test/get/{row}"), row, Some("text/html"));
            assert_eq!(judged, Judgement::Unsuspected, "a site of pages");
        }
        for row in 100..119 {
            assert_eq!(judged(row, "text/html"), Judgement::Unsuspected);
        }
        // The fifty other rows between do not count: the share is that since the first page.
        assert_eq!(judged(119, "text/html"), Judgement::New(0));
    }
}
