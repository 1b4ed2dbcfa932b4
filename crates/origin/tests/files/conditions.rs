//! Ranges and conditions over a connection. The unit tests have a table of all conditions.

use std::time::Duration;

use crate::folder::{MODIFIED, TestFolder, pattern};

#[tokio::test(start_paused = true)]
async fn ranges() {
    let bytes = pattern(300_000);
    let folder = TestFolder::new(&[("f", &bytes)]);
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=100-", 100..300_000),
        ("bytes=-5", 299_995..300_000),
        ("bytes=70000-199999", 70_000..200_000),
        ("bytes=299999-999999", 299_999..300_000),
    ] {
        let (head, body) = folder.get("/f", &format!("Range: {range}\r\n")).await;
        assert_eq!(head.status, 206, "{range}");
        let expected = format!("bytes {}-{}/300000", part.start, part.end - 1);
        assert_eq!(head.field("content-range"), Some(expected.as_str()));
        assert!(body == bytes[part], "{range}");
    }
    for range in ["bytes=300000-", "bytes=-0"] {
        let (head, _) = folder.get("/f", &format!("Range: {range}\r\n")).await;
        assert_eq!((head.status, head.field("content-range")), (416, Some("bytes */300000")), "{range}");
    }
    for range in ["bytes=0-1,5-6", "lines=1-2", "bytes=2-1"] {
        let (head, body) = folder.get("/f", &format!("Range: {range}\r\n")).await;
        assert_eq!(head.status, 200, "{range}");
        assert!(body == bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_is_resumed_only_with_the_same_file() {
    let folder = TestFolder::new(&[("f", b"0123456789")]);
    let (head, _) = folder.get("/f", "").await;
    let tag = head.field("etag").expect("a tag").to_owned();
    let resume = format!("Range: bytes=4-\r\nIf-Range: {tag}\r\n");
    let (head, body) = folder.get("/f", &resume).await;
    assert_eq!((head.status, body.as_slice()), (206, b"456789".as_slice()));
    let by_date = format!("Range: bytes=4-\r\nIf-Range: {MODIFIED}\r\n");
    assert_eq!(folder.get("/f", &by_date).await.0.status, 206);

    // The same length, modified a nanosecond later.
    folder.put("f", b"ABCDEFGHIJ");
    folder.touch("f", httpdate::parse_http_date(MODIFIED).expect("a date") + Duration::from_nanos(1));
    let (head, body) = folder.get("/f", &resume).await;
    assert_eq!((head.status, body.as_slice()), (200, b"ABCDEFGHIJ".as_slice()));
    assert_ne!(head.field("etag"), Some(tag.as_str()));
}

#[tokio::test(start_paused = true)]
async fn conditions() {
    let folder = TestFolder::new(&[("f", b"0123456789")]);
    let (head, _) = folder.get("/f", "").await;
    let tag = head.field("etag").expect("a tag").to_owned();
    for (fields, status) in [
        (format!("If-None-Match: {tag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{tag}\r\n"), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {MODIFIED}\r\n"), 304),
        ("If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT\r\n".to_owned(), 200),
        (format!("If-Match: {tag}\r\n"), 200),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        ("If-Unmodified-Since: Sat, 05 Nov 1994 08:49:37 GMT\r\n".to_owned(), 412),
    ] {
        let (head, body) = folder.get("/f", &fields).await;
        assert_eq!(head.status, status, "{fields}");
        match status {
            200 => assert_eq!(body, b"0123456789"),
            304 => {
                assert_eq!(
                    (head.field("etag"), head.field("last-modified")),
                    (Some(tag.as_str()), Some(MODIFIED))
                );
            }
            _ => assert_ne!(body, b"0123456789"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_in_the_future_is_not_sent() {
    let folder = TestFolder::new(&[("f", b"f")]);
    let date = "Fri, 01 Jan 2100 00:00:00 GMT";
    folder.touch("f", httpdate::parse_http_date(date).expect("a date"));
    let (head, body) = folder.get("/f", &format!("If-Modified-Since: {date}\r\n")).await;
    assert_eq!((head.status, body.as_slice()), (200, b"f".as_slice()));
    assert_eq!(head.field("last-modified"), None);
    assert!(head.field("etag").is_some());
}
