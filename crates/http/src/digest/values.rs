//! The syntax of digests in fields.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Digest, DigestAlgorithm};

/// Base64 with or without padding: both are sent.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The digests in a dictionary of RFC 9530 (RFC 8941 section 3.2): `sha-256=:BASE64:`, each with parameters.
pub(super) fn dictionary(value: &[u8]) -> impl Iterator<Item = Digest> {
    members(value).filter_map(|(algorithm, value)| {
        let value = value.split(|byte| *byte == b';').next()?.trim_ascii();
        let encoded = value.strip_prefix(b":")?.strip_suffix(b":")?;
        base64(algorithm, encoded)
    })
}

/// The digests in a list of RFC 3230, as `x-goog-hash` has it, too: `SHA-256=BASE64`. Checksums are hexadecimal there.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = Digest> {
    members(value).filter_map(|(algorithm, value)| plain(algorithm, value))
}

/// A digest in base64 or hexadecimal; their lengths differ.
pub(super) fn plain(algorithm: DigestAlgorithm, value: &[u8]) -> Option<Digest> {
    let value = value.trim_ascii();
    Digest::from_hexadecimal(algorithm, value).or_else(|| base64(algorithm, value))
}

fn members(value: &[u8]) -> impl Iterator<Item = (DigestAlgorithm, &[u8])> {
    value.split(|byte| *byte == b',').filter_map(|member| {
        let member = member.trim_ascii();
        let at = member.iter().position(|byte| *byte == b'=')?;
        let algorithm = DigestAlgorithm::of_name(&member[..at])?;
        // Not registered for these fields: nobody knows which bytes a server would mean.
        (algorithm != DigestAlgorithm::Blake3).then_some((algorithm, &member[at + 1..]))
    })
}

fn base64(algorithm: DigestAlgorithm, value: &[u8]) -> Option<Digest> {
    Digest::new(algorithm, BASE64.decode(value).ok()?)
}
