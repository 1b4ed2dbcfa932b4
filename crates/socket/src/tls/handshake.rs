//! The client's side of the TLS handshake.

use std::error::Error;
use std::io;
use std::sync::Arc;

#[cfg(unix)]
use rustls::ClientConnection;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, CommonState};
use tokio::io::AsyncReadExt;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client_auth::{self, NoClientCertificate};
use super::verify::{NoVerifier, RootVerifier};
use super::{TlsOptions, roots};
use crate::addressing::{Host, Target};
use crate::faults::{Fault, FaultKind, Phase};
use crate::network::Transport;
use crate::time::{Deadline, clock};

/// Handshakes with one set of options. A configuration, with its session cache, is built when it is first needed.
pub(crate) struct Tls {
    options: TlsOptions,
    provider: Arc<CryptoProvider>,
    verifying: OnceCell<Arc<ClientConfig>>,
    insecure: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    pub(crate) fn new(options: TlsOptions) -> Self {
        let provider = Arc::new(ring::default_provider());
        Self { options, provider, verifying: OnceCell::new(), insecure: OnceCell::new() }
    }

    /// Establishes a session with `target` over `transport`. Cancel safe: dropping the future closes the transport.
    pub(crate) async fn handshake(
        &self,
        transport: Box<dyn Transport>,
        target: &Target,
        deadline: Deadline,
    ) -> Result<TlsStream<Box<dyn Transport>>, Fault> {
        let start = clock::now();
        let remote = transport.remote();
        let fault = match deadline.bound(client_auth::watch(self.connect(transport, target))).await {
            Ok(Ok(session)) => return Ok(session),
            Ok(Err(error)) => Fault::from_io(Phase::Tls, error, start.elapsed()),
            Err(_passed) => Fault::new(Phase::Tls, FaultKind::TimedOut, start.elapsed()),
        };
        Err(fault.at_address(remote).of(target.host.clone()))
    }

    async fn connect(
        &self,
        transport: Box<dyn Transport>,
        target: &Target,
    ) -> io::Result<TlsStream<Box<dyn Transport>>> {
        let name = server_name(&target.host)?;
        let config = self.config(&target.host).await.map_err(io::Error::other)?;
        let connector = TlsConnector::from(config);
        let connect = if target.alpn.is_empty() {
            connector.connect(name, transport)
        } else {
            connector.with_alpn(target.alpn.clone()).connect(name, transport)
        };
        // Boxed, so that a task that may connect does not hold the whole state of a handshake.
        match Box::pin(connect.into_fallible()).await {
            Ok(session) => Ok(session),
            Err((error, transport)) if is_closed_by_peer(&error) => {
                Err(last_words(transport).await.unwrap_or(error))
            }
            Err((error, _)) => Err(error),
        }
    }

    /// The state of a client before its handshake with `target`, for the blocking flavour, which moves the bytes
    /// itself.
    #[cfg(unix)]
    pub(crate) async fn client(&self, target: &Target) -> io::Result<ClientConnection> {
        let name = server_name(&target.host)?;
        let config = self.config(&target.host).await.map_err(io::Error::other)?;
        ClientConnection::new_with_alpn(config, name, target.alpn.clone()).map_err(io::Error::other)
    }

    async fn config(&self, host: &Host) -> Result<Arc<ClientConfig>, Box<dyn Error + Send + Sync>> {
        let config = if self.options.is_insecure_for(host) {
            let config = async || self.config_with(Arc::new(NoVerifier));
            self.insecure.get_or_try_init(config).await?
        } else {
            let config = async || -> Result<_, Box<dyn Error + Send + Sync>> {
                let roots = roots::load(&self.options).await?;
                let verifier = RootVerifier::new(roots, Arc::clone(&self.provider))?;
                Ok(self.config_with(Arc::new(verifier))?)
            };
            self.verifying.get_or_try_init(config).await?
        };
        Ok(Arc::clone(config))
    }

    fn config_with(&self, verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(NoClientCertificate));
        Ok(Arc::new(config))
    }
}

/// Whether the transport failed because the peer had closed it.
pub(super) fn is_closed_by_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Why the peer closed, if it sent a fatal alert before (RFC 5246 section 7.2). A write fails first if the peer did not
/// wait for it. Nothing is encrypted at this point of a TLS 1.2 handshake.
async fn last_words(mut transport: Box<dyn Transport>) -> Option<io::Error> {
    let mut record = [0; 7];
    transport.read_exact(&mut record).await.ok()?;
    match record {
        [0x15, 3, _, 0, 2, 2, alert] => {
            Some(io::Error::other(rustls::Error::AlertReceived(AlertDescription::from(alert))))
        }
        _ => None,
    }
}

fn server_name(host: &Host) -> io::Result<ServerName<'static>> {
    match host {
        Host::Ip(ip) => Ok(ServerName::IpAddress((*ip).into())),
        Host::Name(name) => ServerName::try_from(name.as_str().to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error)),
    }
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSummary {
    /// The protocol version, such as `TLSv1_3`.
    pub version: &'static str,
    /// The cipher suite, such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher_suite: &'static str,
    /// The application protocol that the peer chose among those offered (ALPN, RFC 7301); `None` if it chose none.
    pub alpn: Option<Vec<u8>>,
}

pub(crate) fn summary_of(connection: &CommonState) -> TlsSummary {
    const UNKNOWN: &str = "unknown";
    TlsSummary {
        version: connection.protocol_version().and_then(|version| version.as_str()).unwrap_or(UNKNOWN),
        cipher_suite: connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or(UNKNOWN),
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
    }
}

pub(crate) fn certificates_of(connection: &CommonState) -> Vec<Vec<u8>> {
    let chain = connection.peer_certificates().unwrap_or_default();
    chain.iter().map(|certificate| certificate.to_vec()).collect()
}
