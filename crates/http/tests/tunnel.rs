//! Tunnels through a scripted proxy: what the host is sent, and whose failure it is if something fails.

mod support;

use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use longhaul_http::h1::{self, Event, ResponseReader};
use longhaul_http::{
    Client, ClientOptions, Error, HttpUrl, Limits, Origin, Party, ProtocolFaultKind, Request, Route, Router,
    Timeouts, Tunnel, TunnelError, TunnelHandshake, TunnelRefusal, TunnelReply, Via,
};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{
    BoxFuture, Connector, Endpoint, FaultKind, Listener, Network, Phase, Stream, TlsAcceptor, TlsOptions,
    TlsServerOptions, clock,
};
use support::{Script, local, read_all, read_head};
use tokio::io::AsyncWriteExt as _;

const OPENED: &str = r#"
    request
    send "HTTP/1.1 200 OK\r\n\r\n"
"#;
const ANSWER: &str = r#"
    request
    send "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
"#;
const PROXY: &str = "http://10.0.0.9:3128/";

/// CONNECT without credentials.
struct Connect;

impl TunnelHandshake for Connect {
    fn open<'a>(
        &'a self,
        stream: &'a mut Stream,
        destination: &'a Origin,
    ) -> BoxFuture<'a, Result<(), TunnelError>> {
        Box::pin(async move {
            let host = format!("{}:{}", destination.host(), destination.port());
            stream.send(format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.receive_exact(&mut byte).await?;
                head.extend(byte);
            }
            let mut reader = ResponseReader::new(http::Method::CONNECT, h1::Limits::default());
            let read = reader.read(&head).map_err(|fault| TunnelError::Malformed(fault.into()))?;
            match read.event {
                Some(Event::Head(head, _)) if head.status == 200 => Ok(()),
                Some(Event::Head(head, _)) => {
                    let retry_after = head.fields.get(RETRY_AFTER).cloned();
                    let reply = TunnelReply::Status(head.status);
                    Err(TunnelError::Refused(TunnelRefusal { reply, retry_after }))
                }
                _ => Err(TunnelError::Malformed("no final head".into())),
            }
        })
    }
}

/// Reaches every origin through a tunnel.
struct ViaTunnel {
    proxy: Origin,
    handshake: Arc<dyn TunnelHandshake>,
}

impl Router for ViaTunnel {
    fn route(&self, origin: &Origin) -> Route {
        Route::Tunnel(Tunnel::new(self.proxy.clone(), origin.clone(), Arc::clone(&self.handshake)))
    }
}

fn url(text: &str) -> HttpUrl {
    text.parse().expect("the test's own URL")
}

fn listen(network: &MemoryNetwork) -> Box<dyn Listener> {
    let endpoint: Endpoint = "tcp://10.0.0.9:3128".parse().expect("an endpoint");
    network.listen(endpoint).expect("nobody else listens there")
}

/// A client that reaches every host through `proxy`, which plays the n-th script on its n-th connection.
fn client(proxy: &str, scripts: Vec<Script>, timeouts: Timeouts) -> Client {
    let network = MemoryNetwork::new();
    let listener = listen(&network);
    tokio::task::spawn_local(async move {
        for script in scripts {
            let Ok((transport, _)) = listener.accept().await else { return };
            tokio::task::spawn_local(script.play(transport));
        }
    });
    client_on(network, proxy, timeouts)
}

fn client_on(network: MemoryNetwork, proxy: &str, timeouts: Timeouts) -> Client {
    let connector = Connector::new(Arc::new(network), TlsOptions::empty().insecure_everywhere());
    let router = ViaTunnel { proxy: url(proxy).origin().clone(), handshake: Arc::new(Connect) };
    let options = ClientOptions { router: Arc::new(router), ..ClientOptions::default() };
    Client::new(Arc::new(connector), Limits::default(), timeouts, options)
}

/// The error of a request for `text` over a connection on which the proxy plays `script`.
async fn failed(text: &str, script: &str) -> Error {
    let client = client(PROXY, vec![Script::parse(script)], Timeouts::default());
    client.send(&Request::get(url(text))).await.map(|_| ()).expect_err("it has no response")
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_carries_requests_to_its_own_host_only() {
    local(async {
        let first = Script::parse(&format!("{OPENED}{ANSWER}{ANSWER}"));
        let second = Script::parse(&format!("{OPENED}{ANSWER}"));
        let seen = [first.seen.clone(), second.seen.clone()];
        let client = client(PROXY, vec![first, second], Timeouts::default());
        for text in ["http://a.test/1", "http://a.test/2", "http://b.test:81/3"] {
            let mut response = client.send(&Request::get(url(text))).await.expect("a head");
            assert_eq!(read_all(&mut response.body).await.expect("a body"), b"hello");
            assert_eq!((response.head.peer.via, response.head.peer.host_endpoint()), (Via::Tunnel, None));
            assert_eq!(client.idle_connections(url(text).origin()), 1);
        }
        let seen = seen.map(|seen| seen.borrow().iter().map(|head| first_lines(head)).collect::<Vec<_>>());
        let connect = |host: &str| format!("CONNECT {host} HTTP/1.1, Host: {host}");
        let get = |path: &str, host: &str| format!("GET {path} HTTP/1.1, Host: {host}");
        assert_eq!(seen[0], [connect("a.test:80"), get("/1", "a.test"), get("/2", "a.test")]);
        assert_eq!(seen[1], [connect("b.test:81"), get("/3", "b.test:81")]);
    })
    .await;
}

fn first_lines(head: &str) -> String {
    head.lines().take(2).collect::<Vec<_>>().join(", ")
}

#[tokio::test(start_paused = true)]
async fn tls_is_spoken_with_the_host_through_the_tunnel() {
    local(async {
        let network = MemoryNetwork::new();
        let listener = listen(&network);
        let certificate = rcgen::generate_simple_self_signed(["a.test".to_owned()]).expect("a certificate");
        let (chain, key) = (vec![certificate.cert.der().to_vec()], certificate.signing_key.serialize_der());
        let options = TlsServerOptions::from_der(chain, key).expect("an identity");
        let acceptor = TlsAcceptor::new(options.offering(&[b"http/1.1"])).expect("an identity");
        let host = tokio::task::spawn_local(async move {
            let (mut transport, _) = listener.accept().await.expect("a connection");
            let connect = read_head(&mut transport).await.expect("a request for a tunnel");
            transport.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("room");
            let stream = acceptor.accept(Stream::plain(transport)).await.expect("a handshake");
            assert_eq!(stream.tls().and_then(|tls| tls.alpn).as_deref(), Some(&b"http/1.1"[..]));
            let mut transport: Box<dyn longhaul_socket::Transport> = Box::new(stream);
            let get = read_head(&mut transport).await.expect("a request");
            transport.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("room");
            transport.flush().await.expect("room");
            [first_lines(&connect), first_lines(&get)]
        });
        let client = client_on(network, PROXY, Timeouts::default());
        let response = client.send(&Request::get(url("https://a.test/x"))).await.expect("a head");
        assert_eq!(response.head.status, 204);
        let expected = ["CONNECT a.test:443 HTTP/1.1, Host: a.test:443", "GET /x HTTP/1.1, Host: a.test"];
        assert_eq!(host.await.expect("the host has served"), expected);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_its_status_and_whose_it_is() {
    local(async {
        for (status, party) in
            [(403, Party::Proxy), (407, Party::Proxy), (429, Party::Proxy), (502, Party::Host)]
        {
            let script = format!(
                r#"
                request
                send "HTTP/1.1 {status} No\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"
            "#
            );
            let error = failed("https://a.test/", &script).await;
            let refusal = error.tunnel_refusal().expect("it was refused");
            assert_eq!(refusal.reply, TunnelReply::Status(status));
            assert_eq!(refusal.retry_after(0), Some(Duration::from_secs(7)));
            assert_eq!((error.phase(), error.party()), (Phase::Tunnel, party), "{status}");
            let text =
                format!("tunnel with proxy tcp://10.0.0.9:3128: refused with status {status} after 0 ms");
            assert_eq!(error.to_string(), text);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_does_not_respond_is_left_at_the_deadline() {
    local(async {
        for total in [None, Some(Duration::from_secs(3))] {
            let timeouts = Timeouts { tunnel: Duration::from_secs(7), total, ..Timeouts::default() };
            let client = client(PROXY, vec![Script::parse("request")], timeouts);
            let started = clock::now();
            let sent = client.send(&Request::get(url("http://a.test/"))).await;
            let error = sent.map(|_| ()).expect_err("it has no response");
            assert_eq!(started.elapsed(), total.unwrap_or(timeouts.tunnel));
            assert_eq!((error.phase(), error.fault_kind()), (Phase::Tunnel, Some(FaultKind::TimedOut)));
            // It has accepted the connection: most likely it waits for the host.
            assert_eq!(error.party(), Party::Host);
            assert_eq!(client.open_connections(), 0);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn half_a_response_of_the_proxy_is_its_own_failure() {
    local(async {
        let half = r#"
            request
            send "HTTP/1.1 200 O"
        "#;
        for (end, kind) in [("close", FaultKind::ClosedEarly), ("reset", FaultKind::Reset)] {
            let error = failed("http://a.test/", &format!("{half}\n{end}")).await;
            assert_eq!((error.phase(), error.fault_kind()), (Phase::Tunnel, Some(kind)));
            assert_eq!(error.party(), Party::Proxy);
        }
        let error = failed("http://a.test/", "request\nsend \"SSH-2.0-x\\r\\n\\r\\n\"").await;
        assert_eq!(error.protocol_fault_kind(), Some(ProtocolFaultKind::BadTunnel));
        assert_eq!((error.phase(), error.party()), (Phase::Tunnel, Party::Proxy));
    })
    .await;
}

/// The same phase is the proxy's before the tunnel is open, and the host's after it.
#[tokio::test(start_paused = true)]
async fn a_failure_is_of_the_proxy_before_the_tunnel_and_of_the_host_after_it() {
    local(async {
        let garbage = "send \"220 ready\\r\\n\"";
        let of_host = failed("https://a.test/", &format!("{OPENED}{garbage}")).await;
        assert_eq!((of_host.phase(), of_host.party()), (Phase::Tls, Party::Host));
        let scripts = vec![Script::parse(garbage)];
        let proxy_with_tls = client("https://10.0.0.9:3128/", scripts, Timeouts::default());
        let sent = proxy_with_tls.send(&Request::get(url("https://a.test/"))).await;
        let of_proxy = sent.map(|_| ()).expect_err("it has no response");
        assert_eq!((of_proxy.phase(), of_proxy.party()), (Phase::Tls, Party::Proxy));
        let absent = client("http://10.0.0.8:3128/", Vec::new(), Timeouts::default());
        let refused = absent.send(&Request::get(url("http://a.test/"))).await;
        let refused = refused.map(|_| ()).expect_err("nobody listens there");
        assert_eq!((refused.phase(), refused.party()), (Phase::Connect, Party::Proxy));
        let closed = failed("http://a.test/", &format!("{OPENED}request\nclose")).await;
        assert_eq!((closed.phase(), closed.party()), (Phase::Head, Party::Host));
    })
    .await;
}
