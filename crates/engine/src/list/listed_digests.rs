//! Compares a body with the digests of its list. Bytes are hashed once, as they arrive, and only with the algorithms of the list.

use longhaul_http::digest::{DigestAlgorithm, Hasher};

use super::expectation::ExpectedContent;

/// The running hashes of a body that the list has digests of.
#[derive(Clone, Debug)]
pub(crate) struct ListedDigests(Vec<Hasher>);

impl ListedDigests {
    /// The hashes of no bytes; `None` if the list has no digest.
    pub(crate) fn wanted(expected: &ExpectedContent) -> Option<Self> {
        let hashers: Vec<_> = expected.digests.iter().map(|digest| Hasher::new(digest.algorithm())).collect();
        (!hashers.is_empty()).then_some(Self(hashers))
    }

    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.0 {
            hasher.update(bytes);
        }
    }

    /// The strongest algorithm.
    pub(crate) fn strongest(&self) -> Option<DigestAlgorithm> {
        self.0.iter().map(Hasher::algorithm).min()
    }
}

/// How a body of this size and these digests differs from what is expected; `None` if it does not.
pub(crate) fn mismatch(
    expected: &ExpectedContent,
    size: u64,
    digests: Option<&ListedDigests>,
) -> Option<String> {
    if let Some(other) = expected.wrong_size(size) {
        return Some(other);
    }
    for digest in &expected.digests {
        let algorithm = digest.algorithm();
        let hashers = digests.map_or(&[][..], |digests| &digests.0);
        let Some(hasher) = hashers.iter().find(|hasher| hasher.algorithm() == algorithm) else {
            return Some(format!("its {algorithm} digest is not known"));
        };
        let found = hasher.digest();
        if found != *digest {
            return Some(format!("its {algorithm} digest is {found} and not {digest}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::line_fields::parse;

    /// Of the empty message (FIPS 180-4).
    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// Of the empty message (RFC 1321).
    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    #[test]
    fn what_differs_is_said() {
        let expected = |fields: &str| {
            ExpectedContent::of(&parse(fields).expect("fields").expected).expect("known digests")
        };
        let content = expected(&format!("size=0\tsha256={SHA256}\tmd5={MD5}"));
        let mut digests = ListedDigests::wanted(&content);
        assert_eq!(digests.as_ref().and_then(ListedDigests::strongest), Some(DigestAlgorithm::Sha256));
        assert_eq!(mismatch(&content, 0, digests.as_ref()), None);
        assert_eq!(mismatch(&content, 1, digests.as_ref()).as_deref(), Some("it has 1 bytes and not 0"));
        assert!(mismatch(&content, 0, None).is_some());
        let other = expected(&format!("size=0\tsha256={SHA256}\tmd5={}", "0".repeat(32)));
        let md5 = mismatch(&other, 0, digests.as_ref());
        assert_eq!(
            md5,
            Some(format!("its md5 digest is {MD5} and not {}", "0".repeat(32))),
            "each is compared"
        );
        digests.as_mut().expect("it is wanted").update(b"x");
        assert!(mismatch(&content, 0, digests.as_ref()).is_some_and(|what| what.ends_with(SHA256)));
        assert!(ListedDigests::wanted(&ExpectedContent::default()).is_none());
    }
}
