//! Whether a server requests a certificate of its client (RFC 5246 section 7.4.4, RFC 8446 section 4.3.2).
//!
//! A client without one continues, and a TLS 1.2 server that requires one then ends the handshake with whatever alert it
//! likes. OpenSSL sends `handshake_failure`, which also says that no cipher suite is acceptable. Only the request tells the
//! causes apart.
//!
//! rustls resumes a session only with the resolver that it began with, so all connections share one, and what it learns
//! passes through a variable of the thread: rustls calls the resolver within the call that hands it the server's bytes.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use crate::faults::{FaultKind, RefusedWithoutCertificate, kind_of};

thread_local! {
    static REQUESTED: Cell<bool> = const { Cell::new(false) };
}

/// Has no certificate, and notes that one was requested.
#[derive(Debug)]
pub(super) struct NoClientCertificate;

impl ResolvesClientCert for NoClientCertificate {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        REQUESTED.set(true);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Runs the handshake of a client. Its error says so if the server requested a certificate before it refused. Cancel safe
/// if `handshake` is.
pub(super) async fn watch<T>(handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let mut handshake = pin!(handshake);
    let mut is_requested = false;
    let result = poll_fn(|context| {
        REQUESTED.set(false);
        let poll = handshake.as_mut().poll(context);
        is_requested |= REQUESTED.take();
        poll
    });
    explained(result.await, is_requested)
}

/// The same for a call that returns when the handshake is over.
#[cfg(unix)]
pub(super) fn watch_call<T>(handshake: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    REQUESTED.set(false);
    let result = handshake();
    explained(result, REQUESTED.take())
}

fn explained<T>(result: io::Result<T>, is_requested: bool) -> io::Result<T> {
    result.map_err(|error| match kind_of(&error) {
        FaultKind::TlsParameters | FaultKind::CertificateRefused | FaultKind::TlsAlert if is_requested => {
            io::Error::new(error.kind(), RefusedWithoutCertificate(error))
        }
        _ => error,
    })
}
