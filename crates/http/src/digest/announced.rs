//! Which digests a response announces, and what each of them covers.

use http::header::TRAILER;
use http::{HeaderMap, HeaderName};

use super::values;
use super::{Digest, DigestAlgorithm};
use crate::response::Head;

/// Digests that are read of one response. A server has one or two; more than there are fields and algorithms are a flood.
pub const DIGESTS_MAX: usize = 16;

/// The fields with digests of their own syntax, and what they cover.
const FIELDS: [Field; 9] = [
    Field::new("repr-digest", Syntax::Dictionary, DigestScope::Representation),
    Field::new("content-digest", Syntax::Dictionary, DigestScope::Content),
    Field::new("digest", Syntax::List, DigestScope::Representation),
    Field::new("content-md5", Syntax::Plain(DigestAlgorithm::Md5), DigestScope::Content),
    Field::new("x-goog-hash", Syntax::List, DigestScope::Representation),
    Field::new("x-amz-checksum-sha256", Syntax::Plain(DigestAlgorithm::Sha256), DigestScope::Representation),
    Field::new("x-amz-checksum-sha1", Syntax::Plain(DigestAlgorithm::Sha1), DigestScope::Representation),
    Field::new("x-amz-checksum-crc32c", Syntax::Plain(DigestAlgorithm::Crc32c), DigestScope::Representation),
    Field::new("x-amz-checksum-crc32", Syntax::Plain(DigestAlgorithm::Crc32), DigestScope::Representation),
];

struct Field {
    name: &'static str,
    syntax: Syntax,
    scope: DigestScope,
}

enum Syntax {
    Dictionary,
    List,
    /// One digest of this algorithm.
    Plain(DigestAlgorithm),
}

/// What a digest covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestScope {
    /// The whole representation, also where the response has only a part of it.
    Representation,
    /// The content of this response.
    Content,
}

/// A digest that a server announces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnnouncedDigest {
    /// The name of the field, in lower case.
    pub field: &'static str,
    /// The digest.
    pub digest: Digest,
    /// What it covers.
    pub scope: DigestScope,
    /// Whether bytes with another digest are wrong. Fields older than RFC 9530 may speak of the bytes before a content coding was
    /// applied: there a match proves something, and a difference nothing.
    pub is_binding: bool,
}

impl Field {
    const fn new(name: &'static str, syntax: Syntax, scope: DigestScope) -> Self {
        Self { name, syntax, scope }
    }

    /// Whether it covers what the response with this head has.
    fn applies_to(&self, head: &Head) -> bool {
        let is_part = head.status == 206;
        match self.name {
            // RFC 2616 does not say whether it covers a part or the whole.
            "content-md5" => !is_part,
            // The digest may be that of a part of an upload.
            name if name.starts_with("x-amz-") => {
                !is_part && !has_value(&head.headers, "x-amz-checksum-type", "composite")
            }
            "x-goog-hash" => is_stored_object(head),
            _ => true,
        }
    }

    fn is_binding(&self, head: &Head) -> bool {
        match self.name {
            "digest" | "content-md5" => head.content_encoding().is_none(),
            _ => true,
        }
    }

    fn of(&self, value: &[u8]) -> Vec<Digest> {
        match self.syntax {
            Syntax::Dictionary => values::dictionary(value).collect(),
            Syntax::List => values::list(value).collect(),
            Syntax::Plain(algorithm) => values::plain(algorithm, value).into_iter().collect(),
        }
    }

    /// The algorithms that a digest in the trailers may have, which are not known before.
    const fn likely_algorithms(&self) -> &'static [DigestAlgorithm] {
        match self.syntax {
            Syntax::Dictionary => &[DigestAlgorithm::Sha512, DigestAlgorithm::Sha256],
            Syntax::List => &[DigestAlgorithm::Sha256, DigestAlgorithm::Md5, DigestAlgorithm::Crc32c],
            Syntax::Plain(DigestAlgorithm::Sha256) => &[DigestAlgorithm::Sha256],
            Syntax::Plain(DigestAlgorithm::Sha1) => &[DigestAlgorithm::Sha1],
            Syntax::Plain(DigestAlgorithm::Crc32c) => &[DigestAlgorithm::Crc32c],
            Syntax::Plain(DigestAlgorithm::Crc32) => &[DigestAlgorithm::Crc32],
            Syntax::Plain(_) => &[DigestAlgorithm::Md5],
        }
    }
}

/// The digests in a head.
pub fn announced(head: &Head) -> Vec<AnnouncedDigest> {
    of_fields(head, &head.headers)
}

/// The digests in the trailers of the response with this head.
pub fn in_trailers(head: &Head, trailers: &HeaderMap) -> Vec<AnnouncedDigest> {
    of_fields(head, trailers)
}

/// The digests that `Trailer` (RFC 9110 section 6.6.2) says will follow the body: their likely algorithms.
pub fn promised(head: &Head) -> Vec<(DigestAlgorithm, DigestScope)> {
    let mut all = Vec::new();
    for field in FIELDS.iter().filter(|field| has_value(&head.headers, TRAILER.as_str(), field.name)) {
        all.extend(field.likely_algorithms().iter().map(|algorithm| (*algorithm, field.scope)));
    }
    all
}

fn of_fields(head: &Head, fields: &HeaderMap) -> Vec<AnnouncedDigest> {
    let mut all = Vec::new();
    for field in &FIELDS {
        // Most responses have none.
        if !fields.contains_key(field.name) || !field.applies_to(head) {
            continue;
        }
        for value in fields.get_all(field.name) {
            for digest in field.of(value.as_bytes()) {
                if all.len() < DIGESTS_MAX {
                    let (field, scope, is_binding) = (field.name, field.scope, field.is_binding(head));
                    all.push(AnnouncedDigest { field, digest, scope, is_binding });
                }
            }
        }
    }
    all
}

/// Whether a list in this field has this element.
fn has_value(fields: &HeaderMap, name: &str, wanted: &str) -> bool {
    let values = fields.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    values.map(<[u8]>::trim_ascii).any(|value| value.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Whether the representation is the object that Google Cloud Storage has stored, whose digest it sends: it may decompress an
/// object on the way.
fn is_stored_object(head: &Head) -> bool {
    let field = |name| {
        let value = head.headers.get(HeaderName::from_static(name))?;
        value.to_str().ok().map(str::trim)
    };
    let stored = field("x-goog-stored-content-encoding").filter(|coding| *coding != "identity");
    let length = field("x-goog-stored-content-length").and_then(|length| length.parse::<u64>().ok());
    let is_same_length = match (length, head.content_length) {
        (Some(stored), Some(sent)) if head.status != 206 => stored == sent,
        _ => true,
    };
    let sent = head.content_encoding();
    is_same_length && stored.unwrap_or_default().eq_ignore_ascii_case(&sent.unwrap_or_default())
}
