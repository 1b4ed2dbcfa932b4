//! Whole files, their fields, and methods.

use longhaul_origin::Ending;

use crate::common::End;
use crate::folder::{MODIFIED, TestFolder, pattern};

#[tokio::test(start_paused = true)]
async fn a_file_with_its_fields() {
    let folder = TestFolder::new(&[("a.html", b"<p>hello"), ("empty", b""), ("t b.TXT", b"t")]);
    let (head, body) = folder.get("/a.html", "").await;
    assert_eq!((head.status, body.as_slice()), (200, b"<p>hello".as_slice()));
    assert_eq!(head.field("content-type"), Some("text/html"));
    assert_eq!(head.field("last-modified"), Some(MODIFIED));
    assert_eq!(head.field("accept-ranges"), Some("bytes"));
    assert!(head.field("etag").is_some_and(|tag| tag.starts_with('"') && tag.ends_with('"')));
    assert!(head.field("date").is_some());

    let (head, body) = folder.get("/empty", "").await;
    assert_eq!((head.status, head.length(), body.len()), (200, 0, 0));
    assert_eq!(head.field("content-type"), Some("application/octet-stream"));
    let (head, body) = folder.get("/t%20b.TXT?query", "").await;
    assert_eq!((head.status, body.as_slice()), (200, b"t".as_slice()));
    assert_eq!(head.field("content-type"), Some("text/plain"));
    assert_eq!(folder.get("/absent", "").await.0.status, 404);
    assert_eq!(folder.get("/a.html/", "").await.0.status, 404);
    assert_eq!(folder.get("/a.html/b", "").await.0.status, 404);
}

#[tokio::test(start_paused = true)]
async fn files_of_every_size_on_one_connection() {
    let folder = TestFolder::new(&[]);
    let mut client = folder.client().await;
    for len in [0, 1, 4096, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 200_000, 3_000_000] {
        let bytes = pattern(len);
        folder.put("f", &bytes);
        client.get("/f", "").await;
        let head = client.head().await.expect("a head");
        assert_eq!((head.status, head.length()), (200, len));
        assert!(client.body(len).await.as_ref() == Ok(&bytes), "{len}");
    }
}

#[tokio::test(start_paused = true)]
async fn head_has_the_fields_and_no_body() {
    let folder = TestFolder::new(&[("f", &pattern(100_000)), ("d/", b"")]);
    let mut client = folder.client().await;
    for _ in 0..2 {
        client.send("HEAD /f HTTP/1.1\r\nHost: o.test\r\n\r\n").await;
        let head = client.head().await.expect("a head");
        assert_eq!((head.status, head.length()), (200, 100_000));
    }
    client.send("HEAD /d/ HTTP/1.1\r\nHost: o.test\r\nConnection: close\r\n\r\n").await;
    let head = client.head().await.expect("a head");
    assert!(head.status == 200 && head.length() > 0);
    assert_eq!(client.rest().await, (Vec::new(), End::Fin));
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_refused() {
    let folder = TestFolder::new(&[("f", b"f")]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "NONSENSE"] {
        let mut client = folder.client().await;
        client.send(format!("{method} /f HTTP/1.1\r\nHost: o.test\r\nContent-Length: 0\r\n\r\n")).await;
        let head = client.head().await.expect("a head");
        assert_eq!((head.status, head.field("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert_eq!(folder.get("/f", "").await.1, b"f");
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let folder = TestFolder::new(&[("a", b"first"), ("b", &pattern(100_000)), ("c", b"last")]);
    let mut client = folder.client().await;
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: o.test\r\n\r\n");
    client.send([request("/a"), request("/b"), request("/c")].concat()).await;
    for expected in [b"first".to_vec(), pattern(100_000), b"last".to_vec()] {
        let head = client.head().await.expect("a head");
        assert!(client.body(head.length()).await == Ok(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_client_and_an_absolute_target() {
    let folder = TestFolder::new(&[("f", b"bytes")]);
    let (answer, end) = folder.raw(b"GET /f HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with(b"\r\n\r\nbytes") && end == End::Fin);
    let (head, body) = folder.get("http://o.test/f", "").await;
    assert_eq!((head.status, body.as_slice()), (200, b"bytes".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_while_it_is_sent_is_not_completed() {
    let folder = TestFolder::new(&[("f", &pattern(1_000_000))]);
    let mut client = folder.client().await;
    client.get("/f", "").await;
    let head = client.head().await.expect("a head");
    folder.put("g", b"another");
    std::fs::write(folder.path("f"), vec![1; 1_000_000]).expect("written");
    assert!(client.body(head.length()).await.is_err(), "old and new bytes under one tag");
    let (head, body) = folder.get("/f", "").await;
    assert_eq!((head.status, body), (200, vec![1; 1_000_000]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_refused_while_it_sends_gets_the_response() {
    let folder = TestFolder::new(&[("f", b"f")]);
    let mut client = folder.client().await;
    client.send("POST /f HTTP/1.1\r\nHost: o.test\r\nContent-Length: 1000000\r\n\r\n").await;
    client.send(pattern(1_000_000)).await;
    let head = client.head().await.expect("a head");
    assert_eq!((head.status, head.field("connection")), (405, Some("close")));
    assert!(client.body(head.length()).await.is_ok());
    assert_eq!(client.rest().await, (Vec::new(), End::Fin));
}

#[tokio::test(start_paused = true)]
async fn a_request_names_its_host_once() {
    let folder = TestFolder::new(&[("f", b"bytes")]);
    for (request, status) in [
        ("GET /f HTTP/1.1\r\nHost: o.test\r\n\r\n", 200),
        ("GET /f HTTP/1.1\r\nHost:\r\n\r\n", 200),
        ("GET /f HTTP/1.0\r\n\r\n", 200),
        ("GET /f HTTP/1.1\r\n\r\n", 400),
        ("GET http://o.test/f HTTP/1.1\r\n\r\n", 400),
        ("GET /f HTTP/1.1\r\nHost: o.test\r\nHost: o.test\r\n\r\n", 400),
        ("GET /f HTTP/1.0\r\nHost: o.test\r\nHost: p.test\r\n\r\n", 400),
        ("GET /f HTTP/1.1\r\nHost: a b@@/\r\n\r\n", 400),
        ("POST /f HTTP/1.1\r\n\r\n", 400),
    ] {
        let mut client = folder.client().await;
        client.send(request).await;
        assert_eq!(client.head().await.expect("a head").status, status, "{request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_client_gets_complete_responses() {
    let bytes = pattern(1_000_000);
    let folder = TestFolder::new(&[("a", b"first"), ("big", &bytes)]);
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: o.test\r\n\r\n");
    for path in ["/big", "/a"] {
        let mut client = folder.client().await;
        client.send([request("/a"), request("/big"), request(path)].concat()).await;
        client.end().await;
        let last = if path == "/a" { b"first".as_slice() } else { &bytes };
        for expected in [b"first".as_slice(), &bytes, last] {
            let head = client.head().await.expect("a head");
            assert!(client.body(head.length()).await.is_ok_and(|body| body == expected));
        }
        assert_eq!(client.rest().await, (Vec::new(), End::Fin));
    }
    let reports = folder.wait_for_reports(2).await;
    assert!(reports.iter().all(|report| report.ending == Ending::Closed), "{reports:?}");
}
