//! Which certificates a client trusts.

use std::collections::BTreeSet;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::addressing::Host;

/// Which certificates to accept.
///
/// ```
/// use longhaul_socket::TlsOptions;
///
/// let options = TlsOptions::system().insecure_for("printer.test".parse()?);
/// assert!(TlsOptions::empty().with_roots_pem(b"no certificate").is_err());
/// # Ok::<(), longhaul_socket::InvalidHost>(())
/// ```
#[derive(Clone, Debug)]
pub struct TlsOptions {
    pub(crate) system_roots: bool,
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    pub(crate) insecure: Insecure,
}

/// The hosts from which any certificate is accepted.
#[derive(Clone, Debug)]
pub(crate) enum Insecure {
    Hosts(BTreeSet<Host>),
    Everywhere,
}

impl TlsOptions {
    /// The trusted roots of the system, or the ones in `SSL_CERT_FILE` and `SSL_CERT_DIR` if these are set.
    pub fn system() -> Self {
        Self { system_roots: true, ..Self::empty() }
    }

    /// No roots, until some are added.
    pub fn empty() -> Self {
        Self { system_roots: false, extra_roots: Vec::new(), insecure: Insecure::Hosts(BTreeSet::new()) }
    }

    /// Trusts the certificates in `pem` too, of authorities or of single servers.
    ///
    /// # Errors
    /// When `pem` contains no certificate, or one that cannot be decoded.
    pub fn with_roots_pem(mut self, pem: &[u8]) -> Result<Self, InvalidRoots> {
        let before = self.extra_roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.extra_roots.push(certificate.map_err(|_| InvalidRoots::NotPem)?);
        }
        if self.extra_roots.len() == before { Err(InvalidRoots::Empty) } else { Ok(self) }
    }

    /// Accepts any certificate from `host`, which leaves its identity unproved.
    #[must_use]
    pub fn insecure_for(mut self, host: Host) -> Self {
        if let Insecure::Hosts(hosts) = &mut self.insecure {
            hosts.insert(host);
        }
        self
    }

    /// Accepts any certificate from any host.
    #[must_use]
    pub fn insecure_everywhere(mut self) -> Self {
        self.insecure = Insecure::Everywhere;
        self
    }

    pub(crate) fn is_insecure_for(&self, host: &Host) -> bool {
        match &self.insecure {
            Insecure::Hosts(hosts) => hosts.contains(host),
            Insecure::Everywhere => true,
        }
    }
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self::system()
    }
}

/// Why a text contains no usable certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoots {
    /// There is no certificate in it.
    #[error("there is no certificate in PEM form")]
    Empty,
    /// It begins like PEM, and is malformed.
    #[error("a certificate is not well-formed PEM")]
    NotPem,
}
