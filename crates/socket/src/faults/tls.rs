//! From the errors of rustls to [`FaultKind`].

use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};
use thiserror::Error;

use super::{CertificateFault, FaultKind};

/// The kind of a TLS error, in or after the handshake.
pub(crate) fn kind_of_tls(error: &rustls::Error) -> FaultKind {
    match error {
        rustls::Error::InvalidCertificate(error) => FaultKind::Certificate(certificate_fault(error)),
        // The bytes do not begin like a TLS record: an HTTP error, or the banner of a mail server.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => FaultKind::NotTls,
        // SSL 3 and older have other version numbers in their records.
        rustls::Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => FaultKind::TlsVersion,
        rustls::Error::PeerIncompatible(_) => FaultKind::TlsParameters,
        rustls::Error::AlertReceived(alert) => kind_of_alert(*alert),
        _ => FaultKind::TlsOther,
    }
}

/// RFC 8446 section 6.2, RFC 5246 section 7.2.2.
fn kind_of_alert(alert: AlertDescription) -> FaultKind {
    match alert {
        // Longhaul speaks the newest version, so a peer that accepts none of its versions is older.
        AlertDescription::ProtocolVersion => FaultKind::TlsVersion,
        // Servers also send the first of these when a TLS 1.2 client has no certificate: `tls/handshake.rs` knows.
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            FaultKind::TlsParameters
        }
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            FaultKind::ClientCertificate
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => FaultKind::CertificateRefused,
        AlertDescription::InternalError | AlertDescription::UserCanceled => FaultKind::TlsPeerError,
        _ => FaultKind::TlsAlert,
    }
}

/// A server requested a certificate of this client, got none, and ended the handshake without saying that this is why.
#[derive(Debug, Error)]
#[error("the server requested a certificate, and there is none to send")]
pub(crate) struct RefusedWithoutCertificate(#[source] pub(crate) io::Error);

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
