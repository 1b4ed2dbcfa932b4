//! Which digests a head announces, and what they cover.

use longhaul_http::digest::{
    AnnouncedDigest, DIGESTS_MAX, DigestAlgorithm, DigestScope, Hasher, announced, promised,
};
use longhaul_http::{Head, HeaderMap, HeaderName, HeaderValue, Peer, Via};
use proptest::prelude::*;

/// Of `hello`.
const SHA_256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
const MD5: &str = "XUFAKrxLKna5cZ2REBfFkg==";
const CRC32C: &str = "mnG7TA==";

fn head(status: u16, fields: &[(&str, &str)]) -> Head {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let peer = Peer { endpoint: "tcp://10.0.0.1:80".parse().expect("an endpoint"), via: Via::Direct };
    Head::from_parts(status, map, peer).expect("a head")
}

fn matches(digest: &AnnouncedDigest) -> bool {
    let mut hasher = Hasher::new(digest.digest.algorithm());
    hasher.update(b"hello");
    digest.digest.matches(&hasher) == Some(true)
}

fn found(status: u16, fields: &[(&str, &str)]) -> Vec<(&'static str, DigestAlgorithm, bool)> {
    let all = announced(&head(status, fields));
    assert!(all.iter().all(matches), "{all:?}");
    all.iter().map(|digest| (digest.field, digest.digest.algorithm(), digest.is_binding)).collect()
}

#[test]
fn digests_are_read_in_the_syntax_of_their_field() {
    use DigestAlgorithm::{Crc32c, Md5, Sha256};
    let dictionary = format!("md5=:{MD5}:, SHA-256=:{}: ;q=1,unixsum=:AAAA:", SHA_256.trim_end_matches('='));
    assert_eq!(
        found(200, &[("repr-digest", &dictionary)]),
        [("repr-digest", Md5, true), ("repr-digest", Sha256, true)]
    );
    let list = format!("SHA-256={SHA_256}, md5=5d41402abc4b2a76b9719d911017c592");
    assert_eq!(found(200, &[("digest", &list)]), [("digest", Sha256, true), ("digest", Md5, true)]);
    let stored = [("x-goog-hash", format!("crc32c={CRC32C}")), ("x-goog-hash", format!("md5={MD5}"))];
    let stored: Vec<_> = stored.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(found(200, &stored), [("x-goog-hash", Crc32c, true), ("x-goog-hash", Md5, true)]);
    assert_eq!(found(200, &[("x-amz-checksum-crc32c", CRC32C)]), [("x-amz-checksum-crc32c", Crc32c, true)]);
}

#[test]
fn what_is_malformed_is_ignored() {
    for (name, value) in [
        ("repr-digest", format!("sha-256={SHA_256}")),
        ("repr-digest", format!("sha-256=:{MD5}:")),
        ("content-digest", "sha-256=:*:, =::, :".to_owned()),
        ("digest", format!("sha-384={SHA_256}")),
        ("content-md5", format!("{MD5}x")),
        ("x-amz-checksum-sha256", format!("{SHA_256}-3")),
        ("x-amz-checksum-crc64nvme", CRC32C.to_owned()),
        ("etag", "\"5d41402abc4b2a76b9719d911017c592\"".to_owned()),
    ] {
        assert_eq!(found(200, &[(name, &value)]), [], "{name}: {value}");
    }
}

#[test]
fn a_digest_of_other_bytes_is_left_out_or_does_not_bind() {
    use DigestAlgorithm::{Md5, Sha256};
    let gzip = ("content-encoding", "gzip");
    let stored = ("x-goog-stored-content-encoding", "gzip");
    let md5 = format!("md5={MD5}");
    assert_eq!(found(200, &[("content-md5", MD5), gzip]), [("content-md5", Md5, false)]);
    assert_eq!(found(200, &[("digest", &md5), gzip]), [("digest", Md5, false)]);
    assert_eq!(found(200, &[("x-goog-hash", &md5), stored]), []);
    assert_eq!(found(200, &[("x-goog-hash", &md5), gzip]), []);
    assert_eq!(found(200, &[("x-goog-hash", &md5), gzip, stored]), [("x-goog-hash", Md5, true)]);
    let composite = ("x-amz-checksum-type", "COMPOSITE");
    assert_eq!(found(200, &[("x-amz-checksum-sha256", SHA_256), composite]), []);
    assert_eq!(found(206, &[("content-md5", MD5), ("x-amz-checksum-sha256", SHA_256)]), []);
    let dictionary = format!("sha-256=:{SHA_256}:");
    let part = announced(&head(206, &[("content-digest", &dictionary), ("repr-digest", &dictionary), gzip]));
    let scopes: Vec<_> =
        part.iter().map(|digest| (digest.digest.algorithm(), digest.scope, digest.is_binding)).collect();
    assert_eq!(scopes, [(Sha256, DigestScope::Representation, true), (Sha256, DigestScope::Content, true)]);
}

#[test]
fn trailers_are_announced_by_the_head() {
    let promise = |value| promised(&head(200, &[("trailer", value)]));
    assert_eq!(promise("x-sum"), []);
    let md5 = (DigestAlgorithm::Md5, DigestScope::Content);
    assert_eq!(promise("X-Sum , content-md5"), [md5]);
    assert!(promise("Repr-Digest").contains(&(DigestAlgorithm::Sha256, DigestScope::Representation)));
}

proptest! {
    #[test]
    fn arbitrary_values_do_no_harm(values in prop::collection::vec("[ -~]{0,60}", 0..40)) {
        let fields: Vec<_> = values.iter().flat_map(|value| {
            ["repr-digest", "digest", "content-md5", "x-goog-hash"].map(|name| (name, value.as_str()))
        }).collect();
        prop_assert!(announced(&head(200, &fields)).len() <= DIGESTS_MAX);
    }
}
