//! Lines of checksum files and of BagIt bags (RFC 8493): a digest and the name of a file, or a URL, a size and a name.
//!
//! It reads what sha256sum(1) and its relatives, b3sum, and the BSD tools write. A name becomes a URL only by a [`BaseUrl`] that the user
//! gives: nothing is guessed.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use longhaul_http::HttpUrl;
use longhaul_http::digest::{Digest, DigestAlgorithm};
use longhaul_journal::{Expectation, Fields, RecordedDigest};
use thiserror::Error;

use super::reader::Item;
use crate::names;

/// The tags of BSD lines, and their algorithms.
const TAGS: [(&str, DigestAlgorithm); 5] = [
    ("MD5", DigestAlgorithm::Md5),
    ("SHA1", DigestAlgorithm::Sha1),
    ("SHA256", DigestAlgorithm::Sha256),
    ("SHA512", DigestAlgorithm::Sha512),
    ("BLAKE3", DigestAlgorithm::Blake3),
];
/// Algorithms that are told apart by the length of their digests. BLAKE3 has that of SHA-256.
const ALGORITHMS: [DigestAlgorithm; 4] =
    [DigestAlgorithm::Md5, DigestAlgorithm::Sha1, DigestAlgorithm::Sha256, DigestAlgorithm::Sha512];
/// Where BagIt keeps the files of a bag.
const PAYLOAD: &str = "data/";

const NO_BASE: &str =
    "this is a line of a checksum file, which has no URLs: say with --base URL where its files are";
const NO_NAME: &str = "the name of this line leads out of the directory of the checksum file";

/// Where the files of a checksum file are: an http or https URL whose path ends in `/` and which has no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

/// A text that is no base of names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a base is an http or https URL that ends in `/`, such as https://example.org/files/")]
pub struct InvalidBaseUrl;

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url: HttpUrl = text.parse().map_err(|_| InvalidBaseUrl)?;
        let is_base = url.path().ends_with('/') && url.query().is_none() && !text.contains('#');
        if !is_base {
            return Err(InvalidBaseUrl);
        }
        // As it was typed, with its credentials, which go the way of those of a list.
        let text = text.trim();
        Ok(Self(if text.ends_with('/') { text.to_owned() } else { format!("{text}/") }))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&longhaul_http::redacted(&self.0))
    }
}

impl BaseUrl {
    /// The URL of a file. `None` if its name leads elsewhere.
    fn url_of(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix("./").unwrap_or(name);
        let mut url = self.0.clone();
        for (number, segment) in name.split('/').enumerate() {
            if matches!(segment, "" | "." | "..") {
                return None;
            }
            if number > 0 {
                url.push('/');
            }
            for byte in segment.bytes() {
                // The characters of a path segment (RFC 3986 section 3.3).
                if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
                    url.push(char::from(byte));
                } else {
                    let _ = write!(url, "%{byte:02X}");
                }
            }
        }
        Some(url)
    }

    /// Tells lists with this base from the same lists with another.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// How the lines of a checksum file are read.
#[derive(Clone, Debug, Default)]
pub(super) struct ChecksumFormat {
    pub(super) base: Option<BaseUrl>,
    /// Digests as long as those of SHA-256 are of BLAKE3, because the name of the file says so.
    pub(super) is_blake3: bool,
}

impl ChecksumFormat {
    /// The item of a line of a checksum file or of a bag's `fetch.txt`; `None` if the line is neither.
    pub(super) fn item(&self, line: &str) -> Option<Item> {
        if let Some(fetched) = fetch_line(line) {
            return Some(fetched);
        }
        let (algorithm, digits, name) = self.parse(line)?;
        let refused = |reason: &str| Some(Item::refused(0, line, reason));
        let Some(algorithm) = algorithm else {
            return refused("the digest is of an algorithm that Longhaul does not know");
        };
        let digest = Digest::from_hexadecimal(algorithm, digits.as_bytes())?;
        let digest =
            RecordedDigest { algorithm: algorithm.as_str().to_owned(), value: digest.value().to_owned() };
        let expected = Expectation { digests: vec![digest], ..Expectation::default() };
        if name.contains("://") {
            // Some files name URLs, which need no base.
            return Some(Item::new(0, &name, expected, Fields::default()));
        }
        let Some(base) = &self.base else { return refused(NO_BASE) };
        let Some(url) = base.url_of(&name) else { return refused(NO_NAME) };
        let name = name.strip_prefix("./").unwrap_or(&name);
        Some(Item::new(0, &url, expected, Fields::default()).with_name(safe(name)))
    }

    /// The algorithm, if it is known, the digits and the name of a line.
    fn parse<'a>(&self, line: &'a str) -> Option<(Option<DigestAlgorithm>, &'a str, Cow<'a, str>)> {
        let (is_escaped, text) = line.strip_prefix('\\').map_or((false, line), |text| (true, text));
        let unescaped = |name: &'a str| if is_escaped { unescaped(name) } else { Some(Cow::Borrowed(name)) };
        if let Some((tag, rest)) = text.split_once(" (")
            && let Some((name, digits)) = rest.rsplit_once(") = ")
            && is_tag(tag)
            && is_digest(digits)
        {
            let known = TAGS.iter().find(|(name, _)| *name == tag).map(|(_, algorithm)| *algorithm);
            let known = known.filter(|algorithm| digits.len() == 2 * algorithm.digest_bytes());
            return Some((known, digits, unescaped(name)?));
        }
        let (digits, rest) = text.split_once(' ')?;
        // A second space stands for text and an asterisk for binary, which is the same here; BagIt allows any white space.
        let name = rest.strip_prefix('*').unwrap_or_else(|| rest.trim_start());
        if !is_digest(digits) || name.is_empty() {
            return None;
        }
        let known = ALGORITHMS.into_iter().find(|algorithm| digits.len() == 2 * algorithm.digest_bytes());
        let known = known.map(|known| {
            if known == DigestAlgorithm::Sha256 && self.is_blake3 { DigestAlgorithm::Blake3 } else { known }
        });
        Some((known, digits, unescaped(name)?))
    }
}

/// The item of a line of `fetch.txt` (RFC 8493 section 2.2.3): URL, length or `-`, and the path of a payload file.
fn fetch_line(line: &str) -> Option<Item> {
    let (url, rest) = line.split_once([' ', '\t'])?;
    let (length, path) = rest.trim_start().split_once([' ', '\t'])?;
    let path = path.trim_start();
    let is_length = length == "-" || !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if !url.contains("://") || !is_length || !path.starts_with(PAYLOAD) {
        return None;
    }
    let expected = Expectation { size: length.parse().ok(), ..Expectation::default() };
    let path = String::from_utf8(names::percent_decoded(path)).ok()?;
    Some(Item::new(0, url, expected, Fields::default()).with_name(safe(&path)))
}

/// The name, if a file of a haul may have it. Any other file is named after its URL.
fn safe(name: &str) -> Option<String> {
    names::is_safe(name).then(|| name.to_owned())
}

/// Whether a text is the name of an algorithm, such as `SHA256` or `BLAKE2b-256`.
fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'/')
}

/// Whether a text may be a digest: hexadecimal digits, as many as the shortest digest has or more.
fn is_digest(text: &str) -> bool {
    text.len() >= 2 * DigestAlgorithm::Md5.digest_bytes() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A name as GNU's tools escape it: a backslash, a line feed and a carriage return are written `\\`, `\n` and `\r`.
fn unescaped(name: &str) -> Option<Cow<'_, str>> {
    let mut text = String::with_capacity(name.len());
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            character => character,
        });
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::super::reader::ItemContent;
    use super::*;

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn format(is_blake3: bool) -> ChecksumFormat {
        ChecksumFormat { base: Some("http://h.test/d/".parse().expect("a base")), is_blake3 }
    }

    /// The URL, the algorithm and the name of an item.
    fn read(format: &ChecksumFormat, line: &str) -> Option<(String, String, Option<String>)> {
        match format.item(line)?.content {
            ItemContent::Url { url, name, expected, .. } => {
                let algorithm = expected.digests.first().map(|digest| digest.algorithm.clone());
                Some((url.as_str().to_owned(), algorithm.unwrap_or_default(), name))
            }
            ItemContent::Refused { reason, .. } => Some((String::new(), reason, None)),
        }
    }

    #[test]
    fn lines_of_gnu_and_bsd_are_read() {
        let format = format(false);
        let expected = |url: &str, algorithm: &str, name: Option<&str>| {
            Some((format!("http://h.test/d/{url}"), algorithm.to_owned(), name.map(str::to_owned)))
        };
        for (line, result) in [
            (format!("{SHA256}  a/b.txt"), expected("a/b.txt", "sha-256", Some("a/b.txt"))),
            (format!("{MD5} *a b#?%.txt"), expected("a%20b%23%3F%25.txt", "md5", None)),
            (format!("{MD5} *a%20b.txt"), expected("a%2520b.txt", "md5", Some("a%20b.txt"))),
            (format!("{}  ./a", SHA256.to_uppercase()), expected("a", "sha-256", Some("a"))),
            (format!("SHA256 (a (1).txt) = {SHA256}"), expected("a%20(1).txt", "sha-256", Some("a (1).txt"))),
            (format!("BLAKE3 (a) = {SHA256}"), expected("a", "blake3", Some("a"))),
            (format!("\\{MD5}  a\\\\b\\nc"), expected("a%5Cb%0Ac", "md5", None)),
            (format!("\\MD5 (a\\rb) = {MD5}"), expected("a%0Db", "md5", None)),
            (format!("{SHA256}   data/a"), expected("data/a", "sha-256", Some("data/a"))),
        ] {
            assert_eq!(read(&format, &line), result, "{line}");
        }
        let blake3 = read(&super::tests::format(true), &format!("{SHA256}  a")).expect("an item");
        assert_eq!(blake3.1, "blake3");
        let url = read(&ChecksumFormat::default(), &format!("{MD5}  http://i.test/x")).expect("an item");
        assert_eq!((url.0.as_str(), url.1.as_str()), ("http://i.test/x", "md5"));
    }

    #[test]
    fn what_leads_elsewhere_or_cannot_be_checked_is_refused() {
        let refusal =
            |format: &ChecksumFormat, line: &str| read(format, line).map(|(url, reason, _)| (url, reason));
        for name in ["../a", "a/../b", "/etc/passwd", "a//b", ".", ""] {
            let line = format!("{MD5}  {name}");
            let found = refusal(&format(false), &line);
            assert!(
                name.is_empty() && found.is_none() || found == Some((String::new(), NO_NAME.to_owned())),
                "{line}"
            );
        }
        let found = refusal(&ChecksumFormat::default(), &format!("{MD5}  a"));
        assert_eq!(found, Some((String::new(), NO_BASE.to_owned())));
        for line in [
            format!("SHA384 (a) = {SHA256}{MD5}"),
            format!("{SHA256}{MD5}  a"),
            format!("MD5 (a) = {SHA256}"),
        ] {
            assert!(
                refusal(&format(false), &line).is_some_and(|(_, reason)| reason.contains("algorithm")),
                "{line}"
            );
        }
        for line in ["http://h.test/a", "abc  a", "http://h.test/a (b) = c", MD5, &format!("g{MD5}  a")] {
            assert_eq!(read(&format(false), line), None, "{line}");
        }
    }

    #[test]
    fn a_line_of_fetch_txt_has_a_url_of_its_own() {
        let format = ChecksumFormat::default();
        let item = format.item("http://h.test/a  12 data/h.test/a%25b").expect("an item");
        let ItemContent::Url { url, name, expected, .. } = item.content else { panic!("{item:?}") };
        assert_eq!((url.as_str(), expected.size), ("http://h.test/a", Some(12)));
        assert_eq!(name.as_deref(), Some("data/h.test/a%b"));
        let item = format.item("http://h.test/a - data/../a").expect("an item");
        let ItemContent::Url { name, expected, .. } = item.content else { panic!("{item:?}") };
        assert_eq!((name, expected.size), (None, None), "an unsafe name is not used");
        assert_eq!(format.item("http://h.test/a 12 other/a"), None);
        assert_eq!(format.item("http://h.test/a size=12"), None);
    }

    #[test]
    fn a_base_ends_in_a_slash() {
        for base in ["http://h.test/", "https://h.test/a/b/", "http://h.test", "http://u:p@h.test/"] {
            assert!(base.parse::<BaseUrl>().is_ok(), "{base}");
        }
        for base in
            ["http://h.test/a", "ftp://h.test/", "h.test/", "http://h.test/?a", "http://h.test/#a", ""]
        {
            assert_eq!(base.parse::<BaseUrl>(), Err(InvalidBaseUrl), "{base}");
        }
        let base: BaseUrl = "http://u:secret@h.test/".parse().expect("a base");
        assert!(!base.to_string().contains("secret"));
    }
}
