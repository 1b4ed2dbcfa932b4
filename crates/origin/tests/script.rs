//! The stage of a case, tested with plain sockets.

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul_origin::script::{Case, Proof, Stage, content};
use longhaul_socket::{Deadline, FaultKind, HostName, LookupError, Network as _, Stream, SystemNetwork};

const WAIT: Duration = Duration::from_secs(10);

/// A stage with the hosts and the name server of this text. The run that a case needs is added, and not made.
fn stage(hosts: &str) -> Stage {
    let text = format!(
        "number = 1\ntitle = \"\"\nthen = \"\"\noutcome = []\n{hosts}\n\
         [[run]]\narguments = []\nwithin = \"1s\"\n[run.expect]\n"
    );
    let case = Case::parse("001-t.toml", &text).expect("a case");
    let Proof::Play { hosts, dns, .. } = case.proof else { panic!("it is played") };
    Stage::open(&hosts, dns.as_ref(), &BTreeMap::new(), BTreeMap::new()).expect("free ports")
}

async fn connected(stage: &Stage, host: &str) -> Stream {
    let address = stage.fill(&format!("tcp://{{{host}}}"));
    let endpoint: longhaul_socket::Endpoint = address.parse().expect("an endpoint");
    Stream::connect_within(endpoint, Deadline::after(WAIT)).await.expect("it listens")
}

/// Everything that is received until the end.
async fn answer(stream: &mut Stream, request: &str) -> String {
    stream.send(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(received @ 1..) = stream.receive_within(&mut buffer, Deadline::after(WAIT)).await {
        answer.extend_from_slice(&buffer[..received]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_first_matching_response_is_played_and_everything_is_recorded() {
    let stage = stage(
        r#"
        [hosts.host]
        answer = [
            { path = "/a", request = "1", steps = [{ head = ["HTTP/1.1 200 OK", "Location: http://{host}/{x}"] }, "cut"] },
            { path = "/a", steps = [{ repeat = { times = 3, text = "again " } }, "close"] },
        ]"#,
    );
    let first = answer(&mut connected(&stage, "host").await, "GET /a HTTP/1.1\r\nX: y\r\n\r\n").await;
    assert_eq!(first, stage.fill("HTTP/1.1 200 OK\r\nLocation: http://{host}/{x}\r\n\r\n"));
    let second = answer(&mut connected(&stage, "host").await, "GET /a HTTP/1.1\r\n\r\n").await;
    assert_eq!(second, "again again again ");
    let record = stage.record();
    assert_eq!((record.requests(Some("host")), record.connections("host")), (2, 2));
    assert_eq!(record.heads("host")[0], "GET /a HTTP/1.1\r\nX: y\r\n\r\n");
    assert!(record.text().contains(r"host#1 < GET /a HTTP/1.1\r\nX: y\r\n\r\n"), "{}", record.text());
    assert_eq!(record.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn a_request_without_a_planned_response_is_reported() {
    let stage = stage("[hosts.host]\nanswer = [{ path = \"/a\", steps = [] }]");
    assert_eq!(answer(&mut connected(&stage, "host").await, "GET /b HTTP/1.1\r\n\r\n").await, "");
    assert_eq!(stage.record().unexpected(), ["host#1: no response is planned to request 1 for /b"]);
}

#[tokio::test]
async fn a_well_behaved_host_serves_the_rest_of_its_own_version_only() {
    let stage =
        stage(r#"hosts.host.answer = [{ steps = [{ serve = { size = 900, etag = '"one"' } }, "close"] }]"#);
    let ask = async |fields: &str| {
        let request = format!("GET /a HTTP/1.1\r\n{fields}\r\n");
        answer(&mut connected(&stage, "host").await, &request).await
    };
    let rest = ask("Range: bytes=899-\r\nIf-Range: \"one\"\r\n").await;
    assert!(rest.contains("206 Partial Content") && rest.contains("bytes 899-899/900"), "{rest}");
    assert!(rest.ends_with(&*String::from_utf8_lossy(&content(899, 1))), "{rest}");
    assert!(ask("Range: bytes=899-\r\nIf-Range: \"two\"\r\n").await.contains("200 OK"));
}

#[tokio::test]
async fn a_host_refuses_or_ignores_connections_as_planned() {
    let stage =
        stage("[hosts.closed]\nlisten-mode = \"refuses\"\n[hosts.hole]\nlisten-mode = \"black-hole\"");
    for (host, kind, wait) in [("closed", FaultKind::Refused, WAIT), ("hole", FaultKind::TimedOut, WAIT / 50)]
    {
        let address: longhaul_socket::Endpoint =
            stage.fill(&format!("tcp://{{{host}}}")).parse().expect("an endpoint");
        let fault = Stream::connect_within(address, Deadline::after(wait)).await.map(drop).unwrap_err();
        assert_eq!(fault.kind(), kind, "{host}");
    }
}

#[tokio::test]
async fn names_are_answered_as_planned() {
    let stage = stage(
        r#"
        [dns]
        answer = [
            { name = "none.test", reply = { code = "NXDOMAIN" } },
            { name = "alias.test", reply = { alias = "a.test" } },
            { over = "udp", reply = "truncated" },
            { name = "many.test", reply = { many = 300 } },
            { reply = { addresses = ["127.0.0.1", "::1"] } },
        ]"#,
    );
    let network = SystemNetwork::with_name_servers(vec![stage.fill("{dns}").parse().expect("an address")]);
    let name = |text: &str| text.parse::<HostName>().expect("a name");
    let lookup = async |text: &str| {
        let name = name(text);
        Deadline::after(WAIT).bound(network.lookup(&name)).await.expect("in time")
    };
    assert_eq!(lookup("a.test").await.expect("both").len(), 2);
    assert_eq!(lookup("many.test").await.expect("all").len(), 300);
    assert!(matches!(lookup("none.test").await, Err(LookupError::NotFound)));
    assert!(stage.record().queries() >= 8, "{}", stage.record().text());
}
