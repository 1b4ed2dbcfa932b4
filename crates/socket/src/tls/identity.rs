//! The other side of the handshake: who we are, and taking TLS connections.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Who a server is, and what it speaks.
///
/// TLS 1.2 and 1.3; clients are not asked for certificates.
#[derive(Debug)]
pub struct TlsServerOptions {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    alpn: Vec<Vec<u8>>,
}

impl TlsServerOptions {
    /// The certificate, followed by those of its issuers, and the private key (PKCS #8, PKCS #1 or SEC1), each in PEM
    /// form; both may be in the same text.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, InvalidIdentity> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| InvalidIdentity::BadCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| InvalidIdentity::BadKey)?;
        Self::new(chain, key)
    }

    /// The same in DER form, one certificate each.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, InvalidIdentity> {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::try_from(key).map_err(|_| InvalidIdentity::BadKey)?;
        Self::new(chain, key)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, InvalidIdentity> {
        if chain.is_empty() {
            return Err(InvalidIdentity::NoCertificate);
        }
        Ok(Self { chain, key, alpn: Vec::new() })
    }

    /// The same, speaking these protocols, best first (ALPN, RFC 7301). A client that offers none of them is refused;
    /// one that offers nothing at all is not.
    #[must_use]
    pub fn offering(mut self, alpn: &[&[u8]]) -> Self {
        self.alpn = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }
}

impl TlsServerOptions {
    /// What rustls makes of them.
    pub(crate) fn into_config(self) -> Result<Arc<ServerConfig>, InvalidIdentity> {
        let unusable = |error: rustls::Error| InvalidIdentity::Unusable(error.into());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .map_err(unusable)?;
        config.alpn_protocols = self.alpn;
        Ok(Arc::new(config))
    }
}

/// Why certificates and a key do not make a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentity {
    /// There is no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// A certificate is not well formed.
    #[error("a certificate is not well-formed")]
    BadCertificate,
    /// There is no private key, or one that cannot be decoded.
    #[error("there is no private key that can be decoded")]
    BadKey,
    /// The key does not belong to the certificate, or is of a kind that TLS cannot use.
    #[error("certificate and key cannot be used together")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
