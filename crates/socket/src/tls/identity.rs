//! The identity of a TLS server.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate and key of a server, and the application protocols that it offers.
///
/// The server speaks TLS 1.2 and 1.3, and requests no certificates from clients.
#[derive(Debug)]
pub struct TlsServerOptions {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    alpn: Vec<Vec<u8>>,
}

impl TlsServerOptions {
    /// From PEM: the certificate followed by the ones of its issuers, and the private key (PKCS #8, PKCS #1 or SEC1).
    /// Both may be in the same text.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, InvalidIdentity> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| InvalidIdentity::BadCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| InvalidIdentity::BadKey)?;
        Self::new(chain, key)
    }

    /// From DER: one certificate each, and the private key.
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

    /// The same identity, offering these protocols, preferred first (ALPN, RFC 7301). A client that offers only other
    /// protocols is refused; one that does not use ALPN is accepted.
    #[must_use]
    pub fn offering(mut self, alpn: &[&[u8]]) -> Self {
        self.alpn = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }
}

impl TlsServerOptions {
    /// The configuration for rustls.
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

/// Why certificates and key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentity {
    /// There is no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// A certificate is malformed.
    #[error("a certificate is not well-formed")]
    BadCertificate,
    /// There is no private key, or one that cannot be decoded.
    #[error("there is no private key that can be decoded")]
    BadKey,
    /// The key does not belong to the certificate, or is of a type that TLS cannot use.
    #[error("certificate and key cannot be used together")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
