//! TLS over a transport: trusted certificates, the identity of a server, and the handshake.
//!
//! Everything is rustls; the acceptors in `listener/`, the streams, and `faults/tls.rs` use it too, and no public item
//! shows it. rustls refuses TLS 1.1 and older, renegotiation, and floods of empty records; none of these can be
//! enabled.

#[cfg(feature = "certificates")]
mod certificate;
mod client_auth;
mod handshake;
mod identity;
mod options;
mod roots;
#[cfg(unix)]
mod session;
mod verify;

#[cfg(feature = "certificates")]
pub use certificate::{Certificate, InvalidCertificate};
pub use handshake::TlsSummary;
pub(crate) use handshake::{Tls, certificates_of, summary_of};
pub use identity::{InvalidIdentity, TlsServerOptions};
pub use options::{InvalidRoots, TlsOptions};
#[cfg(unix)]
pub(crate) use session::TlsSession;
