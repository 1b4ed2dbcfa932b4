//! Digests: what they are, how they are computed, and which ones a server announces for what it sends.
//!
//! Read are `Repr-Digest` and `Content-Digest` (RFC 9530), `Digest` (RFC 3230), `Content-MD5` (RFC 2616 section 14.15),
//! `x-goog-hash` and `x-amz-checksum-*`, in heads and trailers. An entity tag is opaque and never taken for a digest. A value that
//! is malformed, or of an algorithm that is not in [`DigestAlgorithm`], is ignored.

mod algorithm;
mod announced;
mod digest_value;
mod values;

pub use algorithm::{DigestAlgorithm, Hasher};
pub use announced::{AnnouncedDigest, DIGESTS_MAX, DigestScope, announced, in_trailers, promised};
pub use digest_value::Digest;
