//! The record of an exchange, for archives: both heads verbatim, and only where the request asks for it.

mod support;

use std::time::Duration;

use longhaul_http::{HeaderName, HeaderValue, Request};
use longhaul_socket::clock;
use support::{Scene, Script, local, read_all, url};

/// Spaces, capitals and a repeated field, which a parsed head does not keep.
const HEAD: &str = "HTTP/1.1 200  Fine \r\nX-Odd:   a\r\nx-odd: B\r\nContent-Length: 2\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn the_heads_are_kept_verbatim_where_they_are_asked_for() {
    local(async {
        let interim = r#"send "HTTP/1.1 103 Early Hints\r\n\r\n""#;
        let send = format!("send {:?}", format!("{HEAD}ok"));
        let script = format!("request\nwait 3s\n{interim}\nwait 1s\n{send}\nrequest\n{send}");
        let script = Script::parse(&script);
        let seen = script.seen.clone();
        let scene = Scene::new(vec![script]);
        let begun = clock::now();
        let (name, value) =
            (HeaderName::from_static("authorization"), HeaderValue::from_static("Bearer secret"));
        let request = Request::get(url("/a?b")).with_record(true).with_header(name, value);
        let mut recorded = scene.client.send(&request).await.expect("a response");
        let record = recorded.record.take().expect("it was asked for");
        assert_eq!(record.response_head, HEAD);
        let request = String::from_utf8(record.request_head.to_vec()).expect("ASCII");
        assert!(request.starts_with("GET /a?b HTTP/1.1\r\n") && request.ends_with("\r\n\r\n"), "{request}");
        assert!(request.contains("\r\nHost: 10.0.0.1\r\n"), "{request}");
        assert!(request.contains("\r\nAuthorization: Bearer secret\r\n"), "{request}");
        assert_eq!(request, seen.borrow()[0], "byte by byte as the peer received it");
        let shown = format!("{record:?}");
        assert!(!shown.contains("secret") && !shown.contains("X-Odd"), "{shown}");
        assert_eq!(record.first_byte_at - begun, Duration::from_secs(3), "the interim response counts");
        assert_eq!(read_all(&mut recorded.body).await.expect("a body"), b"ok");
        let plain = scene.get().await.expect("a response");
        assert_eq!(plain.record, None, "nothing is kept unasked");
        assert!(!plain.is_new_connection);
    })
    .await;
}
