//! The size and digest that a list gives for a content, and their comparison with the body that arrives.
//!
//! A server can answer 200 with an error page, and so can anything between: a captive portal, a cache, a mirror that is out of
//! date. HTTP does not show that; a known size or digest does.

use std::fmt;

use longhaul_journal::Expectation;
use ring::digest::{Context, SHA256};

/// Where the URL of a line ends and its fields begin: at the first tab, or at a space before the name of a field. Other spaces
/// belong to the URL.
pub(crate) fn split(line: &str) -> (&str, &str) {
    let is_end = |(at, byte): (usize, &u8)| match byte {
        b'\t' => true,
        b' ' => ["size=", "sha256="].iter().any(|name| line[at + 1..].starts_with(name)),
        _ => false,
    };
    match line.as_bytes().iter().enumerate().position(is_end) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, ""),
    }
}

/// Parses the fields behind the URL of a line, separated by tabs or spaces: `size=BYTES` and `sha256=HEX`. An error names the field
/// and the reason.
pub(crate) fn parse(fields: &str) -> Result<Expectation, String> {
    let mut expected = Expectation::default();
    for field in fields.split(['\t', ' ']).filter(|field| !field.is_empty()) {
        let is_new = match field.split_once('=') {
            Some(("size", number)) => {
                let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                let size = number.parse().ok().filter(|_| is_number);
                let size = size.ok_or_else(|| format!("`{field}` is no number of bytes"))?;
                expected.size.replace(size).is_none()
            }
            Some(("sha256", digits)) => {
                let digest =
                    digest(digits).ok_or_else(|| format!("`{field}` is not 64 hexadecimal digits"))?;
                expected.sha256.replace(digest).is_none()
            }
            _ => return Err(format!("`{field}` is neither `size=BYTES` nor `sha256=HEX`")),
        };
        if !is_new {
            return Err(format!("`{field}` is said twice"));
        }
    }
    Ok(expected)
}

fn digest(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes().as_chunks::<2>();
    let (pairs, []) = digits else { return None };
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(digest)
}

/// How a body of this size and digest differs from the expectation; `None` if it does not.
pub(crate) fn mismatch(expected: &Expectation, size: u64, sha256: Option<&Sha256>) -> Option<String> {
    if let Some(other) = wrong_size(expected, size) {
        return Some(other);
    }
    let expected = expected.sha256?;
    match sha256.map(Sha256::finish) {
        Some(found) if found == expected => None,
        Some(found) => {
            Some(format!("its SHA-256 digest is {} and not {}", Hexadecimal(&found), Hexadecimal(&expected)))
        }
        None => Some("its SHA-256 digest is not known".to_owned()),
    }
}

/// How the size differs from the expectation, as soon as it is announced.
pub(crate) fn wrong_size(expected: &Expectation, size: u64) -> Option<String> {
    let other = expected.size.filter(|expected| *expected != size)?;
    Some(format!("it has {size} bytes and not {other}"))
}

/// How a body that has more than `size_min` bytes differs from the expectation.
pub(crate) fn too_long(expected: &Expectation, size_min: u64) -> Option<String> {
    let expected = expected.size.filter(|expected| *expected < size_min)?;
    Some(format!("it has more than {expected} bytes"))
}

/// A running SHA-256.
#[derive(Clone)]
pub(crate) struct Sha256(Context);

impl Sha256 {
    /// A digest of no bytes, if the list gives one to compare with.
    pub(crate) fn wanted(expected: &Expectation) -> Option<Self> {
        expected.sha256.map(|_| Self(Context::new(&SHA256)))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> [u8; 32] {
        let digest = self.0.clone().finish();
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

/// Displays bytes in lower-case hexadecimal digits.
pub(crate) struct Hexadecimal<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the empty message (FIPS 180-4).
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn fields_are_read_or_refused() {
        let digest = |digits: &str| super::digest(digits).expect("64 digits");
        let sha256 = Some(digest(EMPTY));
        assert_eq!(parse(""), Ok(Expectation::default()));
        assert_eq!(parse("size=12\t"), Ok(Expectation { size: Some(12), sha256: None }));
        assert_eq!(
            parse(&format!("sha256={}\tsize=0", EMPTY.to_uppercase())),
            Ok(Expectation { size: Some(0), sha256 })
        );
        for wrong in [
            "size=",
            "size=-1",
            "size=+1",
            "size=1k",
            "size=99999999999999999999",
            "sha256=ab",
            "md5=ab",
            "a title",
            "size=1\tsize=1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&format!("sha256={EMPTY}0")).is_err());
        assert!(parse(&format!("sha256=g{}", &EMPTY[1..])).is_err());
    }

    #[test]
    fn fields_may_follow_tabs_or_spaces() {
        assert_eq!(split("http://a/b"), ("http://a/b", ""));
        assert_eq!(split("http://a/b\tsize=1 sha256=ab"), ("http://a/b", "size=1 sha256=ab"));
        assert_eq!(split("http://a/b  size=1"), ("http://a/b ", "size=1"));
        assert_eq!(split("http://a/b c?size=1 é"), ("http://a/b c?size=1 é", ""));
        assert_eq!(parse("size=1  size=1").expect_err("twice"), "`size=1` is said twice");
        let expected = Expectation { size: Some(1), sha256: digest(EMPTY) };
        assert_eq!(parse(&format!(" size=1 sha256={EMPTY}")), Ok(expected));
    }

    #[test]
    fn what_differs_is_said() {
        let expected = parse(&format!("size=0\tsha256={EMPTY}")).expect("an expectation");
        let mut sha256 = Sha256::wanted(&expected);
        assert_eq!(mismatch(&expected, 0, sha256.as_ref()), None);
        assert_eq!(mismatch(&expected, 1, sha256.as_ref()).as_deref(), Some("it has 1 bytes and not 0"));
        assert_eq!(too_long(&expected, 0), None);
        assert_eq!(too_long(&expected, 1).as_deref(), Some("it has more than 0 bytes"));
        assert!(mismatch(&expected, 0, None).is_some());
        sha256.as_mut().expect("it is wanted").update(b"x");
        assert!(mismatch(&expected, 0, sha256.as_ref()).is_some_and(|what| what.ends_with(EMPTY)));
    }
}
