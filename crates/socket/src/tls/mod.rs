//! TLS over a transport: whom to trust, the handshake, and what its failures mean.
//!
//! rustls does the work and stays inside this folder. It refuses what is unsafe (TLS 1.1 and older, renegotiation,
//! floods of empty records); nothing of that can be switched back on.

#[cfg(feature = "certificates")]
mod certificate;
mod failure;
mod handshake;
mod options;
mod roots;
mod server;
mod verify;

pub(crate) use failure::kind_of_tls;
pub(crate) use handshake::{Tls, certificates_of, summary_of};

#[cfg(feature = "certificates")]
pub use certificate::{Certificate, InvalidCertificate};
pub use handshake::TlsSummary;
pub use options::{InvalidRoots, TlsOptions};
pub use server::{InvalidIdentity, TlsAcceptor, TlsServerOptions};
