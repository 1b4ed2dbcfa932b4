//! Field names and lists of fields in the case and order of whoever wrote them.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether the bytes are a token.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Without SP and HTAB at both ends (OWS, RFC 9110 section 5.6.3). `trim_ascii` would take CR, LF and FF as well.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// The name of a field of a request, in the case in which it is sent. Some servers do compare names with case.
///
/// Names are equal whatever their case (RFC 9110 section 5.1).
#[derive(Clone)]
pub struct FieldName(Bytes);

/// The text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field name has to be a token")]
pub struct InvalidFieldName;

impl FieldName {
    /// A name as the user wrote it.
    pub fn new(name: &[u8]) -> Result<Self, InvalidFieldName> {
        if is_token(name) { Ok(Self(Bytes::copy_from_slice(name))) } else { Err(InvalidFieldName) }
    }

    /// A name that is known when the program is compiled.
    ///
    /// # Panics
    /// It is no token. In a constant that is an error of the compiler.
    pub const fn from_static(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            assert!(is_token_byte(bytes[at]), "a field name has to be a token");
            at += 1;
        }
        assert!(at > 0, "a field name has to be a token");
        Self(Bytes::from_static(bytes))
    }

    /// The bytes to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is this field.
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name.as_bytes())
    }
}

impl PartialEq for FieldName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for FieldName {}

impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// `HeaderName` keeps no case, so the usual one is restored: `if-range` becomes `If-Range`, `etag` becomes `ETag`.
impl From<&HeaderName> for FieldName {
    fn from(name: &HeaderName) -> Self {
        let usual = match name.as_str() {
            "dnt" => "DNT",
            "etag" => "ETag",
            "te" => "TE",
            "www-authenticate" => "WWW-Authenticate",
            other => {
                let mut name = other.as_bytes().to_vec();
                let mut at_start = true;
                for byte in &mut name {
                    if at_start {
                        byte.make_ascii_uppercase();
                    }
                    at_start = *byte == b'-';
                }
                return Self(name.into());
            }
        };
        Self::from_static(usual)
    }
}

/// The fields of a request, sent in this order.
#[derive(Clone, Debug, Default)]
pub struct FieldList(Vec<(FieldName, HeaderValue)>);

impl FieldList {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a field line, whether or not the name is there already.
    pub fn push(&mut self, name: FieldName, value: HeaderValue) {
        self.0.push((name, value));
    }

    /// Replaces all values of the name with this one, in the place and the case of the first.
    pub fn set(&mut self, name: FieldName, value: HeaderValue) {
        let Some(at) = self.0.iter().position(|(present, _)| *present == name) else {
            return self.push(name, value);
        };
        self.remove_from(at + 1, &name);
        self.0[at] = (name, value);
    }

    /// Removes all values of the name.
    pub fn remove(&mut self, name: &FieldName) {
        self.remove_from(0, name);
    }

    /// The first value of the name.
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.0.iter().find(|(present, _)| present.is(name)).map(|(_, value)| value)
    }

    /// All field lines.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    fn remove_from(&mut self, from: usize, name: &FieldName) {
        let mut at = 0;
        self.0.retain(|(present, _)| {
            at += 1;
            at <= from || present != name
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_bytes_are_those_of_the_grammar() {
        let others = b"!#$%&'*+-.^_`|~";
        for byte in 0..=u8::MAX {
            assert_eq!(
                is_token_byte(byte),
                byte.is_ascii_alphanumeric() || others.contains(&byte),
                "{byte:#x}"
            );
        }
    }

    #[test]
    fn names_keep_or_regain_their_case() {
        let name = |text: &'static str| FieldName::from(&HeaderName::from_static(text));
        assert_eq!(name("if-range").as_bytes(), b"If-Range");
        assert_eq!(name("etag").as_bytes(), b"ETag");
        assert_eq!(FieldName::new(b"x-TOKEN").unwrap().as_bytes(), b"x-TOKEN");
        assert_eq!(FieldName::new(b"x token"), Err(InvalidFieldName));
    }

    #[test]
    fn set_replaces_every_value() {
        let mut list = FieldList::new();
        let value = HeaderValue::from_static;
        list.push(FieldName::from_static("A"), value("1"));
        list.push(FieldName::from_static("B"), value("2"));
        list.push(FieldName::from_static("a"), value("3"));
        list.set(FieldName::from_static("a"), value("4"));
        let lines: Vec<_> = list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(lines, [(&b"a"[..], &b"4"[..]), (b"B", b"2")]);
    }
}
