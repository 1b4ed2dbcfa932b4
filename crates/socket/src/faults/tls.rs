//! From the errors of rustls to [`FaultKind`].

use rustls::{CertificateError, Error, InvalidMessage};

use super::{CertificateFault, FaultKind};

/// The kind of a TLS error, in or after the handshake.
pub(crate) fn kind_of_tls(error: &Error) -> FaultKind {
    match error {
        Error::InvalidCertificate(error) => FaultKind::Certificate(certificate_fault(error)),
        // The bytes do not begin like a TLS record: an HTTP error, or the banner of a mail server.
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => FaultKind::NotTls,
        Error::AlertReceived(_) => FaultKind::TlsAlert,
        _ => FaultKind::TlsOther,
    }
}

fn certificate_fault(error: &CertificateError) -> CertificateFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateFault::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateFault::WrongHost
        }
        // A bad signature: the issuer has the name of one that we trust, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => CertificateFault::UnknownIssuer,
        CertificateError::Revoked => CertificateFault::Revoked,
        _ => CertificateFault::Other,
    }
}
