//! The content of a certificate, for people to read. It proves nothing.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate may have thousands of names; further ones are only counted.
const NAMES_MAX: usize = 100;

/// The content of a certificate (RFC 5280). Its author chose every text in it: escape them before printing to a
/// terminal.
///
/// That a certificate can be read does not mean that it can be trusted: the handshake decides that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// The subject, such as `CN=example.org,O=Example`; RFC 4514.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// The start of its validity: time since 1970-01-01 UTC.
    pub not_before: Duration,
    /// The end of its validity: time since 1970-01-01 UTC.
    pub not_after: Duration,
    /// The names and IP addresses of the servers it is for, at most 100.
    pub names: Vec<String>,
    /// The number of further names.
    pub names_left_out: usize,
}

impl Certificate {
    /// Parses a certificate in DER form, such as [`Stream::peer_certificates`](crate::Stream::peer_certificates)
    /// returns.
    pub fn from_der(bytes: &[u8]) -> Result<Self, InvalidCertificate> {
        let certificate =
            x509_cert::Certificate::from_der(bytes).map_err(|error| InvalidCertificate(error.to_string()))?;
        let content = certificate.tbs_certificate();
        let alternative = content
            .get_extension::<SubjectAltName>()
            .map_err(|error| InvalidCertificate(error.to_string()))?;
        let all: Vec<GeneralName> = alternative.map_or_else(Vec::new, |(_critical, names)| names.0);
        let names: Vec<String> = all.iter().take(NAMES_MAX).filter_map(server_name).collect();
        Ok(Self {
            subject: content.subject().to_string(),
            issuer: content.issuer().to_string(),
            not_before: content.validity().not_before.to_unix_duration(),
            not_after: content.validity().not_after.to_unix_duration(),
            names,
            names_left_out: all.len().saturating_sub(NAMES_MAX),
        })
    }
}

fn server_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
            v4.or_else(|_| v6()).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

/// The bytes are not a certificate, or one that violates RFC 5280.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidCertificate(String);

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate cannot be read: {}", self.0)
    }
}

impl std::error::Error for InvalidCertificate {}
