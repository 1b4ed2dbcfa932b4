//! TLS over the network in memory: sessions here, certificates and misbehaving servers in the other files.

mod identity;
mod misbehaviour;
mod trust;

use std::io;
use std::sync::Arc;

use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{
    ConnectTimeouts, Connector, Deadline, Fault, InvalidIdentity, Listener, Network, Stream, Target,
    TlsAcceptor, TlsOptions, TlsServerOptions,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::identity::Identity;

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

/// A handshake of a client with these options, and its result on the client's side.
async fn handshake(identity: &Identity, options: TlsOptions, host: &str) -> Result<Stream, Fault> {
    let (network, listener) = network();
    let acceptor = identity.acceptor(&[b"http/1.1"]);
    let (outcome, _server) = tokio::join!(connect(network, options, host), async {
        let (transport, _from) = listener.accept().await.unwrap();
        acceptor.accept(transport).await
    });
    outcome
}

#[tokio::test(start_paused = true)]
async fn an_issued_certificate_is_accepted_and_the_summary_has_the_parameters() {
    let identity = Identity::issued(|_| {});
    let stream = handshake(&identity, identity.trusted(), "a.test").await.unwrap();
    let summary = stream.tls().unwrap();
    assert_eq!(summary.version, "TLSv1_3");
    assert!(summary.cipher_suite.starts_with("TLS13_"), "{}", summary.cipher_suite);
    assert_eq!(summary.alpn.as_deref(), Some(b"http/1.1".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn a_missing_close_notify_is_reported() {
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
async fn tls_runs_within_tls() {
    let (proxy, origin) = (Identity::issued(|_| {}), Identity::issued(|_| {}));
    let (network, listener) = network();
    let both = [proxy.root_pem.as_str(), origin.root_pem.as_str()].concat();
    let options = TlsOptions::empty().with_roots_pem(both.as_bytes()).unwrap();
    let connector = Connector::new(Arc::new(network), options);
    let target = Target::new("a.test".parse().unwrap(), 443).with_tls();
    let timeouts = ConnectTimeouts::default();
    let client = async {
        let outer = connector.connect(&target, &timeouts).await?;
        let deadline = Deadline::after(timeouts.tls);
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

#[tokio::test(start_paused = true)]
async fn our_acceptor_and_our_connector_agree() {
    let identity = Identity::issued(|_| {});
    let (network, listener) = network();
    let acceptor = TlsAcceptor::new(identity.server_options().offering(&[b"http/1.1"])).unwrap();
    let (client, server) = tokio::join!(connect(network, identity.trusted(), "a.test"), async {
        let (transport, _from) = listener.accept().await.unwrap();
        acceptor.accept(Stream::plain(transport)).await
    });
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    assert_eq!(client.tls(), server.tls());
    assert_eq!(client.peer_certificates().len(), 1);
    assert!(server.peer_certificates().is_empty());
    client.send(b"ping").await.unwrap();
    client.shutdown_write().await.unwrap();
    let mut buffer = [0; 16];
    assert_eq!(server.receive(&mut buffer).await.unwrap(), 4);
    assert_eq!(server.receive(&mut buffer).await.unwrap(), 0);
    server.send(b"pong").await.unwrap();
    server.close().await.unwrap();
    assert_eq!(client.receive(&mut buffer).await.unwrap(), 4);
    assert_eq!(client.receive(&mut buffer).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_accept_of_a_client_that_stalls_in_the_handshake_ends_at_its_deadline() {
    let identity = Identity::issued(|_| {});
    let (network, listener) = network();
    let _silent = network.dial(listener.endpoint()).await.unwrap();
    let (transport, from) = listener.accept().await.unwrap();
    let acceptor = TlsAcceptor::new(identity.server_options()).unwrap();
    let fault = acceptor.accept(Stream::plain(transport)).await.unwrap_err();
    assert_eq!(fault.to_string(), format!("tls with {from}: timed out after 20000 ms"));
}

#[test]
fn an_invalid_identity_is_refused_when_it_is_made() {
    let (one, other) = (Identity::issued(|_| {}), Identity::issued(|_| {}));
    assert!(matches!(TlsServerOptions::from_pem(b"", b""), Err(InvalidIdentity::BadKey)));
    let no_key = TlsServerOptions::from_der(one.chain_der(), b"no key".to_vec());
    assert!(matches!(no_key, Err(InvalidIdentity::BadKey)));
    let without_certificate = TlsServerOptions::from_der(Vec::new(), one.key_der());
    assert!(matches!(without_certificate, Err(InvalidIdentity::NoCertificate)));
    let stranger = TlsServerOptions::from_der(one.chain_der(), other.key_der()).unwrap();
    assert!(matches!(TlsAcceptor::new(stranger), Err(InvalidIdentity::Unusable(_))));
}
