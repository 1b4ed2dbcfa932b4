//! Loading the trusted certificates.

use std::io;
use std::thread;

use rustls::pki_types::CertificateDer;
use tokio::sync::oneshot;

use super::TlsOptions;

/// All certificates that the options trust. A thread of its own reads the system's: that takes tens of milliseconds and
/// would block the runtime.
pub(crate) async fn load(options: &TlsOptions) -> Result<Vec<CertificateDer<'static>>, NoRoots> {
    let mut roots = options.extra_roots.clone();
    if options.system_roots {
        let loaded = load_system().await.map_err(NoRoots::Thread)?;
        roots.extend(loaded.certs);
        if roots.is_empty() {
            return Err(loaded.errors.into_iter().next().map_or(NoRoots::None, NoRoots::System));
        }
    }
    if roots.is_empty() { Err(NoRoots::None) } else { Ok(roots) }
}

async fn load_system() -> io::Result<rustls_native_certs::CertificateResult> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("longhaul-roots".into()).spawn(move || {
        // An error means that the caller has given up.
        let _ = sender.send(rustls_native_certs::load_native_certs());
    })?;
    receiver.await.map_err(io::Error::other)
}

/// Why there are no trusted certificates, so that none can be verified.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRoots {
    #[error("no trusted certificates are installed or configured")]
    None,
    #[error("the trusted certificates of the system cannot be read")]
    System(#[source] rustls_native_certs::Error),
    #[error("the thread that reads the trusted certificates failed")]
    Thread(#[source] io::Error),
    #[error("none of the trusted certificates can be used")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
