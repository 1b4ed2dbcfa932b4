//! TLS.
use crate::Host;

/// Whom to trust.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {}

impl TlsOptions {
    /// The roots of the system.
    pub fn system() -> Self { Self::default() }
    /// No roots at all but those added.
    pub fn empty() -> Self { Self::default() }
    /// Also trust the certificates in `pem`.
    pub fn with_roots_pem(self, pem: &[u8]) -> Result<Self, InvalidCertificateFile> { todo!() }
    /// Accept any certificate from `host`.
    #[must_use]
    pub fn insecure_for(self, host: Host) -> Self { todo!() }
    /// Accept any certificate from anybody.
    #[must_use]
    pub fn insecure_everywhere(self) -> Self { todo!() }
}

/// A file of certificates that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no certificate in PEM form")]
pub struct InvalidCertificateFile;

/// What was agreed on in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSummary {
    /// Such as `TLSv1.3`.
    pub version: &'static str,
    /// Such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher_suite: &'static str,
    /// The protocol that the peer chose (ALPN), if any.
    pub alpn: Option<Vec<u8>>,
}
