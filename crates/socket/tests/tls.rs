//! TLS: who is trusted, and how each failure of a handshake is told.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{
    CertificateFault, ConnectTimeouts, Connector, Fault, FaultKind, Listener, Network, Phase, Stream, Target,
    TlsOptions, Transport, clock,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// A certificate with its key, and what a client must trust to accept it.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    root_pem: String,
}

impl Identity {
    /// As `openssl req -x509` makes it, with `CA:TRUE`; `change` makes it special.
    fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params_for("a.test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { root_pem: certificate.pem(), chain: vec![certificate.der().clone()], key }
    }

    /// Signed by an authority.
    fn issued(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = authority.self_signed(&authority_key).unwrap().pem();
        let mut params = params_for("a.test");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Self { root_pem, chain: vec![certificate.der().clone()], key }
    }

    fn trusted(&self) -> TlsOptions {
        TlsOptions::empty().with_roots_pem(self.root_pem.as_bytes()).unwrap()
    }

    fn acceptor(&self, alpn: &[&[u8]]) -> TlsAcceptor {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn params_for(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params
}

fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
}

fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2900, 1, 1);
    params.not_after = date_time_ymd(2901, 1, 1);
}

fn network() -> (MemoryNetwork, Box<dyn Listener>) {
    let network = MemoryNetwork::new();
    network.name("a.test", ["10.0.0.1".parse().unwrap()]).name("b.test", ["10.0.0.1".parse().unwrap()]);
    let listener = network.listen("tcp://10.0.0.1:443".parse().unwrap()).unwrap();
    (network, listener)
}

async fn connect(network: MemoryNetwork, options: TlsOptions, host: &str) -> Result<Stream, Fault> {
    let connector = Connector::new(Arc::new(network), options);
    let target = Target::new(host.parse().unwrap(), 443).with_tls().offering(&[b"http/1.1"]);
    connector.connect(&target, &ConnectTimeouts::default()).await
}

/// A handshake of a client that trusts as `options` say, and the outcome on its side.
async fn handshake(identity: &Identity, options: TlsOptions, host: &str) -> Result<Stream, Fault> {
    let (network, listener) = network();
    let acceptor = identity.acceptor(&[b"http/1.1"]);
    let (outcome, _server) = tokio::join!(connect(network, options, host), async {
        let (transport, _from) = listener.accept().await.unwrap();
        acceptor.accept(transport).await
    });
    outcome
}

async fn refused_as(identity: Identity, host: &str) -> FaultKind {
    let options = identity.trusted();
    let fault = handshake(&identity, options, host).await.unwrap_err();
    assert_eq!(fault.phase(), Phase::Tls);
    assert_eq!(fault.endpoint(), Some("tcp://10.0.0.1:443".parse().unwrap()));
    assert_eq!(fault.host(), Some(&host.parse().unwrap()));
    fault.kind()
}

/// What the client makes of a server that does `misbehave` instead of a handshake.
async fn misbehaving<F: Future>(misbehave: impl FnOnce(Box<dyn Transport>) -> F) -> Fault {
    let (network, listener) = network();
    let options = Identity::issued(|_| {}).trusted();
    let (outcome, _kept) = tokio::join!(connect(network, options, "a.test"), async {
        let (transport, _from) = listener.accept().await.unwrap();
        misbehave(transport).await
    });
    outcome.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn an_issued_certificate_is_accepted_and_the_summary_tells_what_was_agreed_on() {
    let identity = Identity::issued(|_| {});
    let stream = handshake(&identity, identity.trusted(), "a.test").await.unwrap();
    let summary = stream.tls().unwrap();
    assert_eq!(summary.version, "TLSv1_3");
    assert!(summary.cipher_suite.starts_with("TLS13_"), "{}", summary.cipher_suite);
    assert_eq!(summary.alpn.as_deref(), Some(b"http/1.1".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn a_self_signed_certificate_is_a_root_for_itself() {
    let authority = Identity::self_signed(|_| {});
    assert!(handshake(&authority, authority.trusted(), "a.test").await.is_ok());
    let end_entity = Identity::self_signed(|params| params.is_ca = IsCa::ExplicitNoCa);
    assert!(handshake(&end_entity, end_entity.trusted(), "a.test").await.is_ok());
    let unmarked = Identity::self_signed(|params| params.is_ca = IsCa::NoCa);
    assert!(handshake(&unmarked, unmarked.trusted(), "a.test").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_root_for_itself_is_still_bound_to_its_dates_and_its_name() {
    let cases = [
        (Identity::self_signed(expired), "a.test", CertificateFault::Expired),
        (Identity::self_signed(not_yet_valid), "a.test", CertificateFault::NotYetValid),
        (Identity::self_signed(|_| {}), "b.test", CertificateFault::WrongHost),
    ];
    for (identity, host, fault) in cases {
        assert_eq!(refused_as(identity, host).await, FaultKind::Certificate(fault));
    }
}

#[tokio::test(start_paused = true)]
async fn the_faults_of_a_certificate_are_told_apart() {
    let cases = [
        (Identity::issued(expired), "a.test", CertificateFault::Expired),
        (Identity::issued(not_yet_valid), "a.test", CertificateFault::NotYetValid),
        (Identity::issued(|_| {}), "b.test", CertificateFault::WrongHost),
    ];
    for (identity, host, fault) in cases {
        assert_eq!(refused_as(identity, host).await, FaultKind::Certificate(fault));
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_are_not_trusted() {
    let strangers = [
        // Another authority, of the same name as the one that is trusted.
        Identity::issued(|_| {}),
        // Self-signed, as an authority and as a server.
        Identity::self_signed(|_| {}),
        Identity::self_signed(|params| params.is_ca = IsCa::NoCa),
    ];
    for trusted in [Identity::issued(|_| {}), Identity::self_signed(|_| {})] {
        for stranger in &strangers {
            let fault = handshake(stranger, trusted.trusted(), "a.test").await.unwrap_err();
            let unknown = FaultKind::Certificate(CertificateFault::UnknownIssuer);
            assert_eq!(fault.kind(), unknown, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn insecurity_is_for_the_host_that_was_named() {
    let identity = Identity::self_signed(expired);
    let options = || Identity::issued(|_| {}).trusted().insecure_for("a.test".parse().unwrap());
    assert!(handshake(&identity, options(), "a.test").await.is_ok());
    assert!(handshake(&identity, options(), "b.test").await.is_err());
    assert!(handshake(&identity, TlsOptions::empty().insecure_everywhere(), "b.test").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_address_is_proven_by_a_certificate_for_it() {
    let with_address = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![rcgen::SanType::IpAddress("10.0.0.1".parse().unwrap())];
    };
    let identity = Identity::issued(with_address);
    assert!(handshake(&identity, identity.trusted(), "10.0.0.1").await.is_ok());
    let named = Identity::issued(|_| {});
    assert_eq!(refused_as(named, "10.0.0.1").await, FaultKind::Certificate(CertificateFault::WrongHost));
}

#[tokio::test(start_paused = true)]
async fn nobody_to_trust_is_said_so() {
    let identity = Identity::issued(|_| {});
    let fault = handshake(&identity, TlsOptions::empty(), "a.test").await.unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Tls, FaultKind::Other));
    assert!(fault.source().unwrap().to_string().contains("no trusted certificates"));
}

#[tokio::test(start_paused = true)]
async fn plain_http_on_a_tls_port_is_not_tls() {
    let fault = misbehaving(|mut transport| async move {
        transport.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        transport
    })
    .await;
    assert_eq!((fault.phase(), fault.kind()), (Phase::Tls, FaultKind::NotTls));
    assert_eq!(fault.to_string(), "tls with tcp://10.0.0.1:443 (a.test): peer does not speak tls after 0 ms");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_handshake_ends_at_its_deadline() {
    let start = clock::now();
    let fault = misbehaving(|transport| async { transport }).await;
    assert_eq!((fault.phase(), fault.kind()), (Phase::Tls, FaultKind::TimedOut));
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_drips_ends_at_its_deadline_too() {
    let start = clock::now();
    let fault = misbehaving(|mut transport| async move {
        // The header of a handshake record of 4,096 bytes, and then a byte each second.
        for byte in [0x16, 0x03, 0x03, 0x10, 0x00].into_iter().chain(std::iter::repeat_n(2, 60)) {
            if transport.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert_eq!(fault.kind(), FaultKind::TimedOut);
    assert_eq!(fault.elapsed(), Duration::from_secs(10));
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_cut_off() {
    let closed = misbehaving(|mut transport| async move {
        transport.read_u8().await.unwrap();
        transport.shutdown().await.unwrap();
        transport
    });
    assert_eq!(closed.await.kind(), FaultKind::ClosedEarly);

    let reset = misbehaving(|transport| async { transport.reset() });
    assert_eq!(reset.await.kind(), FaultKind::Reset);

    // A warning that all is over (close_notify), before anything has begun.
    let farewell = misbehaving(|mut transport| async move {
        transport.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x01, 0x00]).await.unwrap();
        transport.shutdown().await.unwrap();
        transport
    });
    let fault = farewell.await;
    assert_eq!(fault.phase(), Phase::Tls);
    assert!(matches!(fault.kind(), FaultKind::ClosedEarly | FaultKind::TlsOther), "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_records_that_say_nothing_is_cut_off() {
    let fault = misbehaving(|mut transport| async move {
        // Warning alerts (user_canceled) and empty handshake records, by the thousand.
        let nothing = [0x15, 0x03, 0x03, 0x00, 0x02, 0x01, 0x5a, 0x16, 0x03, 0x03, 0x00, 0x00];
        for _ in 0..10_000 {
            if transport.write_all(&nothing).await.is_err() {
                break;
            }
        }
        transport
    })
    .await;
    assert_eq!((fault.phase(), fault.kind()), (Phase::Tls, FaultKind::TlsOther));
    assert_eq!(fault.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_told_as_such() {
    let fault = misbehaving(|mut transport| async move {
        // A fatal handshake_failure (RFC 8446 section 6.2).
        transport.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]).await.unwrap();
        transport
    });
    assert_eq!(fault.await.kind(), FaultKind::TlsAlert);
}

#[tokio::test(start_paused = true)]
async fn a_missing_close_notify_is_passed_on() {
    let identity = Identity::issued(|_| {});
    let (network, listener) = network();
    let acceptor = identity.acceptor(&[]);
    let (client, server) = tokio::join!(connect(network, identity.trusted(), "a.test"), async {
        let (transport, _from) = listener.accept().await.unwrap();
        acceptor.accept(transport).await
    });
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    server.write_all(b"all of it?").await.unwrap();
    server.flush().await.unwrap();
    server.get_mut().0.shutdown().await.unwrap();
    let mut received = Vec::new();
    let error = client.read_to_end(&mut received).await.unwrap_err();
    assert_eq!((error.kind(), received.as_slice()), (io::ErrorKind::UnexpectedEof, b"all of it?".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn tls_runs_through_a_tunnel_that_is_itself_tls() {
    let (proxy, origin) = (Identity::issued(|_| {}), Identity::issued(|_| {}));
    let (network, listener) = network();
    let both = [proxy.root_pem.as_str(), origin.root_pem.as_str()].concat();
    let options = TlsOptions::empty().with_roots_pem(both.as_bytes()).unwrap();
    let connector = Connector::new(Arc::new(network), options);
    let target = Target::new("a.test".parse().unwrap(), 443).with_tls();
    let timeouts = ConnectTimeouts::default();
    let client = async {
        let outer = connector.connect(&target, &timeouts).await?;
        let deadline = longhaul_socket::Deadline::after(timeouts.tls);
        connector.secure(Box::new(outer), &target, deadline).await
    };
    let (outer, inner) = (proxy.acceptor(&[]), origin.acceptor(&[]));
    let (client, server) = tokio::join!(client, async {
        let (transport, _from) = listener.accept().await.unwrap();
        inner.accept(outer.accept(transport).await.unwrap()).await
    });
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    client.write_all(b"twice").await.unwrap();
    client.flush().await.unwrap();
    let mut received = [0; 5];
    server.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"twice");
}
