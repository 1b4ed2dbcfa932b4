//! The small services over UDP, on loopback.

use std::time::Duration;

use longhaul_origin::{Limits, RunningService, Service, ServiceHost};
use longhaul_socket::{Deadline, Endpoint, FaultKind, SystemNetwork, UdpSocket};

const ANSWER_TIME: Duration = Duration::from_secs(10);

fn host() -> ServiceHost {
    ServiceHost::new(Limits::default(), |_| {})
}

fn start(host: &ServiceHost, service: Service) -> RunningService {
    let any = "udp://127.0.0.1:0".parse().expect("an endpoint");
    host.listen(&SystemNetwork::new(), service, any, None).expect("a free port")
}

fn client() -> UdpSocket {
    UdpSocket::bind("udp://127.0.0.1:0".parse().expect("an endpoint")).expect("a free port")
}

async fn ask(client: &UdpSocket, service: Endpoint, datagram: &[u8]) -> Vec<u8> {
    client.send_to(datagram, service).await.expect("sent");
    let mut buffer = vec![0; 65_535];
    let answer = client.receive_from_within(&mut buffer, Deadline::after(ANSWER_TIME)).await;
    let (length, from) = answer.expect("an answer");
    assert_eq!(from, service);
    buffer.truncate(length);
    buffer
}

#[tokio::test]
async fn each_service_replies() {
    let (host, client) = (host(), client());
    let echo = start(&host, Service::Echo);
    for datagram in [b"".as_slice(), b"hello", &[7; 1400], &vec![8; 60_000]] {
        assert_eq!(ask(&client, echo.endpoint(), datagram).await, datagram);
    }
    let daytime = start(&host, Service::Daytime);
    let line = ask(&client, daytime.endpoint(), b"").await;
    let line = std::str::from_utf8(&line).expect("text").strip_suffix("\r\n").expect("a line");
    httpdate::parse_http_date(line).expect("a date");

    let time = start(&host, Service::Time);
    assert_eq!(ask(&client, time.endpoint(), b"").await.len(), 4);

    let characters = start(&host, Service::CharacterGenerator);
    for _ in 0..20 {
        let answer = ask(&client, characters.endpoint(), b"").await;
        assert!(answer.len() <= 512);
        assert!(answer.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n')));
    }
}

#[tokio::test]
async fn discard_and_possible_services_get_no_reply() {
    let host = host();
    let (echo, discard) = (start(&host, Service::Echo), start(&host, Service::Discard));
    // An echo service on the same port elsewhere would send the reply back for ever.
    let twin = Endpoint::new([127, 0, 0, 2].into(), echo.endpoint().protocol(), echo.endpoint().port());
    let twin = UdpSocket::bind(twin).expect("a port of another address");
    twin.send_to(b"loop", echo.endpoint()).await.expect("sent");
    let client = client();
    client.send_to(b"nothing", discard.endpoint()).await.expect("sent");
    // Datagrams are served in order: this reply comes after those for the twin.
    assert_eq!(ask(&client, echo.endpoint(), b"echo").await, b"echo");
    for silent in [&twin, &client] {
        let fault = silent.try_receive_from(&mut [0; 64]).expect_err("nothing has come");
        assert_eq!(fault.kind(), FaultKind::WouldBlock);
    }
    echo.stop().await;
}

#[tokio::test]
async fn replies_to_one_address_are_limited() {
    let (host, client) = (host(), client());
    let characters = start(&host, Service::CharacterGenerator);
    let echo = start(&host, Service::Echo);
    for _ in 0..400 {
        client.send_to(b"", characters.endpoint()).await.expect("sent");
    }
    // Two services have two sockets; this gives the first one the time to receive everything.
    for _ in 0..100 {
        let mark = UdpSocket::bind("udp://127.0.0.1:0".parse().expect("an endpoint")).expect("a free port");
        assert_eq!(ask(&mark, echo.endpoint(), b"mark").await, b"mark");
    }
    let mut answers = 0;
    while client.try_receive_from(&mut [0; 1024]).is_ok() {
        answers += 1;
    }
    // The limit is per second; on a machine that takes several seconds there are more replies.
    assert!((1..400).contains(&answers), "{answers} answers to 400 datagrams");
}

#[tokio::test]
async fn files_are_not_served_over_udp() {
    let directory = std::env::temp_dir();
    let service = Service::files(longhaul_origin::Folder::open(directory).expect("a directory"));
    let any = "udp://127.0.0.1:0".parse().expect("an endpoint");
    let refused = host().listen(&SystemNetwork::new(), service, any, None);
    assert_eq!(refused.map(drop).expect_err("refused").kind(), FaultKind::Unsupported);
}
