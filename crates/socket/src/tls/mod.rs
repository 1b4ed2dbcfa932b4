//! TLS over a transport: whom to trust, who a server is, and the handshake.
//!
//! rustls does the work and stays inside this folder, apart from the acceptors in `listener/` and the meaning of its errors
//! in `faults/tls.rs`. It refuses what is unsafe (TLS 1.1 and older, renegotiation, floods of empty records); nothing of
//! that can be switched back on.

#[cfg(feature = "certificates")]
mod certificate;
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
