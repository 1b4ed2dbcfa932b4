//! What a list says about a content: its size, its digests and its media type.
//!
//! A server can answer 200 with an error page, and so can anything between: a captive portal, a cache, a mirror that is out of
//! date. HTTP does not show that; a known size, digest or type does. [`ListedDigests`](super::listed_digests::ListedDigests)
//! compares a body with what is expected here.

use longhaul_http::digest::{Digest, DigestAlgorithm};
use longhaul_journal::{Expectation, RecordedDigest};

use super::media_range::MediaRange;

/// The fields of a line that hold digests, and their algorithms.
const DIGEST_FIELDS: [(&str, DigestAlgorithm); 6] = [
    ("sha512", DigestAlgorithm::Sha512),
    ("blake3", DigestAlgorithm::Blake3),
    ("sha256", DigestAlgorithm::Sha256),
    ("sha1", DigestAlgorithm::Sha1),
    ("md5", DigestAlgorithm::Md5),
    ("crc32c", DigestAlgorithm::Crc32c),
];
/// What the names of digests begin with, before a number.
const DIGEST_FAMILIES: [&str; 4] = ["sha", "md", "blake", "crc"];
/// Longer than the name of any digest: `blake2b-512`, `sha512-256`.
const FIELD_NAME_BYTES_MAX: usize = 16;
/// Bytes of the shortest digest that proves that parts of a body belong together. A checksum of four bytes detects damage to one
/// body; among many bodies, two have the same one by chance.
const JOIN_DIGEST_BYTES_MIN: usize = 16;

/// What is expected of a content, checked. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpectedContent {
    /// Its length in bytes.
    pub(crate) size: Option<u64>,
    /// Its digests, at most one of each algorithm, strongest first.
    pub(crate) digests: Box<[Digest]>,
    /// Its media type.
    pub(crate) media_type: Option<Box<MediaRange>>,
}

impl ExpectedContent {
    /// The expectation that the journal stores. The error says what in it nobody can check.
    pub(crate) fn of(expectation: &Expectation) -> Result<Self, String> {
        let Expectation { size, digests, media_type } = expectation;
        let mut expected = Self { size: *size, ..Self::default() };
        let mut known = Vec::with_capacity(digests.len());
        for RecordedDigest { algorithm, value } in digests {
            let digest = DigestAlgorithm::of_name(algorithm.as_bytes())
                .and_then(|algorithm| Digest::new(algorithm, &value[..]));
            known.push(digest.ok_or_else(|| format!("`{algorithm}` is no digest that can be checked"))?);
        }
        known.sort();
        if known.windows(2).any(|pair| pair[0].algorithm() == pair[1].algorithm()) {
            return Err("a digest is given twice".to_owned());
        }
        expected.digests = known.into();
        if let Some(text) = media_type {
            let range = text.parse::<MediaRange>().map_err(|error| format!("`{text}`: {error}"))?;
            expected.media_type = Some(Box::new(range));
        }
        Ok(expected)
    }

    /// Whether the list has a digest that shows whether parts of a body belong together.
    pub(crate) fn can_prove_joins(&self) -> bool {
        self.digests.iter().any(|digest| digest.value().len() >= JOIN_DIGEST_BYTES_MIN)
    }

    /// Whether the list says anything of the bytes, by which a file can be told from others.
    pub(crate) fn describes_bytes(&self) -> bool {
        self.size.is_some() || !self.digests.is_empty()
    }

    /// How the size differs, as soon as it is announced.
    pub(crate) fn wrong_size(&self, size: u64) -> Option<String> {
        let other = self.size.filter(|expected| *expected != size)?;
        Some(format!("it has {size} bytes and not {other}"))
    }

    /// How a body that has more than `size_min` bytes differs.
    pub(crate) fn too_long(&self, size_min: u64) -> Option<String> {
        let expected = self.size.filter(|expected| *expected < size_min)?;
        Some(format!("it has more than {expected} bytes"))
    }

    /// How the `Content-Type` of a response differs. `of_run` are the types that the user expects of rows without a type of their own.
    pub(crate) fn wrong_type(&self, content_type: Option<&str>, of_run: &[MediaRange]) -> Option<String> {
        let expected = self.media_type.as_deref().map_or(of_run, std::slice::from_ref);
        let is_expected = |content_type| expected.iter().any(|range| range.contains(content_type));
        if expected.is_empty() || content_type.is_some_and(is_expected) {
            return None;
        }
        let names: Vec<&str> = expected.iter().map(MediaRange::as_str).collect();
        let names = names.join(" or ");
        Some(match content_type {
            Some(other) => format!("its media type is {other} and not {names}"),
            None => format!("it has no media type, and {names} is expected"),
        })
    }
}

/// Whether a text begins with a field of a line and its value, or with what is one for a reader: in another case, or a digest of
/// another algorithm. Those are refused: as a part of the URL they would leave a body unchecked.
pub(super) fn begins_with_field(text: &str) -> bool {
    let Some((written, _)) = text.split_once('=') else { return false };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if written.len() > FIELD_NAME_BYTES_MAX || !written.bytes().all(is_word) {
        return false;
    }
    let name = written.replace(['-', '_'], "").to_ascii_lowercase();
    let is_digest = |family: &str| {
        name.strip_prefix(family).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    ["size", "type", "name"].contains(&&*name) || DIGEST_FAMILIES.into_iter().any(is_digest)
}

/// Adds a field, `name=value`, to what is expected. False if it is there already. An error names the field and the reason.
pub(super) fn add_field(
    expected: &mut Expectation,
    field: &str,
    name: &str,
    value: &str,
) -> Result<bool, String> {
    match name {
        "size" => {
            let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let size = value.parse().ok().filter(|_| is_number);
            let size = size.ok_or_else(|| format!("`{field}` is no number of bytes"))?;
            Ok(expected.size.replace(size).is_none())
        }
        "type" => {
            let range = value.parse::<MediaRange>().map_err(|error| format!("`{field}`: {error}"))?;
            Ok(expected.media_type.replace(range.as_str().to_owned()).is_none())
        }
        _ => add_digest(&mut expected.digests, field, value, algorithm_of(name)),
    }
}

fn algorithm_of(field_name: &str) -> Option<DigestAlgorithm> {
    DIGEST_FIELDS.iter().find(|(name, _)| *name == field_name).map(|(_, algorithm)| *algorithm)
}

/// False if there is a digest of this algorithm already.
fn add_digest(
    digests: &mut Vec<RecordedDigest>,
    field: &str,
    digits: &str,
    algorithm: Option<DigestAlgorithm>,
) -> Result<bool, String> {
    let unknown = || {
        let names: Vec<String> = DIGEST_FIELDS.iter().map(|(name, _)| format!("`{name}=`")).collect();
        format!("`{field}` is none of `size=`, `type=`, `name=`, {}", names.join(", "))
    };
    let algorithm = algorithm.ok_or_else(unknown)?;
    let digest = Digest::from_hexadecimal(algorithm, digits.as_bytes())
        .ok_or_else(|| format!("`{field}` is not {} hexadecimal digits", 2 * algorithm.digest_bytes()))?;
    let algorithm = algorithm.as_str().to_owned();
    let is_new = digests.iter().all(|other| other.algorithm != algorithm);
    digests.push(RecordedDigest { algorithm, value: digest.value().to_owned() });
    Ok(is_new)
}

/// The digests as the fields of a line, such as `sha256=HEX md5=HEX`, strongest first. Leaves out what no field can hold.
#[must_use]
pub fn digest_fields(expectation: &Expectation) -> String {
    let field = |(name, algorithm): (&str, DigestAlgorithm)| {
        let recorded = expectation.digests.iter().find(|digest| digest.algorithm == algorithm.as_str())?;
        let digest = Digest::new(algorithm, &recorded.value[..])?;
        Some(format!("{name}={digest}"))
    };
    let fields: Vec<String> = DIGEST_FIELDS.into_iter().filter_map(field).collect();
    fields.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::line_fields;

    /// Of the empty message (FIPS 180-4).
    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// Of the empty message (RFC 1321).
    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    fn parse(fields: &str) -> Result<Expectation, String> {
        line_fields::parse(fields).map(|line| line.expected)
    }

    fn expected(fields: &str) -> ExpectedContent {
        ExpectedContent::of(&parse(fields).expect("fields")).expect("an expectation")
    }

    #[test]
    fn fields_are_read_or_refused() {
        assert_eq!(parse(""), Ok(Expectation::default()));
        assert_eq!(parse("size=12\t"), Ok(Expectation { size: Some(12), ..Expectation::default() }));
        let both = expected(&format!("sha256={}\tsize=0 md5={MD5}\ttype=Text/CSV", SHA256.to_uppercase()));
        assert_eq!(both.size, Some(0));
        let digests: Vec<_> =
            both.digests.iter().map(|digest| (digest.algorithm(), digest.to_string())).collect();
        assert_eq!(
            digests,
            [(DigestAlgorithm::Sha256, SHA256.to_owned()), (DigestAlgorithm::Md5, MD5.to_owned())]
        );
        assert_eq!(both.media_type.map(|range| range.to_string()).as_deref(), Some("text/csv"));
        for wrong in [
            "size=",
            "size=-1",
            "size=+1",
            "size=1k",
            "size=99999999999999999999",
            "sha256=ab",
            "md5=ab",
            "sha3=ab",
            "a title",
            "size=1\tsize=1",
            "type=csv",
            "type=",
            "crc32c=00000000 crc32c=00000001",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&format!("sha256={SHA256}0")).is_err());
        assert!(parse(&format!("sha256=g{}", &SHA256[1..])).is_err());
    }

    #[test]
    fn every_digest_field_is_read_and_written() {
        for (name, algorithm) in DIGEST_FIELDS {
            let field = format!("{name}={}", "ab".repeat(algorithm.digest_bytes()));
            let expectation = parse(&field).expect("a digest");
            let digests = ExpectedContent::of(&expectation).expect("a digest").digests;
            assert_eq!(digests.iter().map(Digest::algorithm).collect::<Vec<_>>(), [algorithm]);
            assert_eq!(digest_fields(&expectation), field);
            assert_eq!(expected(&field).can_prove_joins(), name != "crc32c", "{name}");
        }
    }

    #[test]
    fn what_nobody_can_check_is_refused() {
        let of = |algorithm: &str, value: &[u8]| {
            let digest = RecordedDigest { algorithm: algorithm.to_owned(), value: value.to_owned() };
            ExpectedContent::of(&Expectation { digests: vec![digest], ..Expectation::default() })
        };
        assert!(of("sha-256", &[0; 32]).is_ok());
        assert!(of("sha-256", &[0; 31]).is_err());
        assert!(of("sha3-256", &[0; 32]).is_err());
        let media_type = Some("csv".to_owned());
        assert!(ExpectedContent::of(&Expectation { media_type, ..Expectation::default() }).is_err());
    }

    #[test]
    fn what_differs_is_said() {
        let content = expected("size=0 type=text/csv");
        assert_eq!(content.wrong_size(0), None);
        assert_eq!(content.wrong_size(1).as_deref(), Some("it has 1 bytes and not 0"));
        assert_eq!(content.too_long(0), None);
        assert_eq!(content.too_long(1).as_deref(), Some("it has more than 0 bytes"));
        assert_eq!(content.wrong_type(Some("text/csv; header=present"), &[]), None);
        let html = content.wrong_type(Some("text/html"), &["text/html".parse().expect("a type")]);
        assert_eq!(html.as_deref(), Some("its media type is text/html and not text/csv"));
        assert_eq!(
            content.wrong_type(None, &[]).as_deref(),
            Some("it has no media type, and text/csv is expected")
        );
        let none = ExpectedContent::default();
        assert_eq!(none.wrong_type(None, &[]), None);
        let of_run = ["image/*".parse().expect("a range"), "text/csv".parse().expect("a type")];
        assert_eq!(none.wrong_type(Some("image/png"), &of_run), None);
        let html = none.wrong_type(Some("text/html"), &of_run);
        assert_eq!(html.as_deref(), Some("its media type is text/html and not image/* or text/csv"));
    }
}
