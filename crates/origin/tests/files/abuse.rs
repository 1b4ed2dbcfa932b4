//! Clients of files that are slow, deaf or talk too much, and a service that stops.

use std::time::Duration;

use longhaul_origin::Ending;
use longhaul_socket::{FaultKind, Phase, clock};

use crate::common::End;
use crate::folder::{TestFolder, WAIT, pattern};

const STEP: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_head_that_arrives_one_byte_a_second_is_given_up() {
    let folder = TestFolder::new(&[("f", b"f")]);
    let start = clock::now();
    let mut client = folder.client().await;
    tokio::spawn(async move {
        for byte in b"GET /f HTTP/1.1\r\nHost: o.test\r\nX-Long: 0123456789".chunks(1) {
            client.send(byte).await;
            tokio::time::sleep(STEP).await;
        }
    });
    for _ in 0..10 {
        assert_eq!(folder.get("/f", "").await.1, b"f");
    }
    assert!(start.elapsed() < STEP);
    let reports = folder.wait_for_reports(11).await;
    let failed = Ending::Failed(Phase::Receive, FaultKind::TimedOut);
    let slow: Vec<_> = reports.iter().filter(|report| report.ending == failed).collect();
    assert_eq!(slow.len(), 1, "{reports:?}");
    assert!((WAIT..=WAIT + STEP).contains(&slow[0].elapsed), "{:?}", slow[0].elapsed);
}

#[tokio::test(start_paused = true)]
async fn silence_before_and_between_requests_ends() {
    let folder = TestFolder::new(&[("f", b"f")]);
    let _silent = folder.client().await;
    let mut client = folder.client().await;
    tokio::time::sleep(WAIT / 2).await;
    client.get("/f", "").await;
    let head = client.head().await.expect("a head");
    assert_eq!(client.body(head.length()).await.as_deref(), Ok(b"f".as_slice()));
    let reports = folder.wait_for_reports(2).await;
    let elapsed: Vec<u64> = reports.iter().map(|report| report.elapsed.as_secs()).collect();
    assert_eq!(elapsed, [WAIT.as_secs(), (WAIT + WAIT / 2).as_secs()]);
    assert!(reports.iter().all(|r| r.ending == Ending::Failed(Phase::Receive, FaultKind::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped_and_a_slow_one_is_not() {
    let bytes = pattern(1_000_000);
    let folder = TestFolder::new(&[("f", &bytes)]);
    let mut deaf = folder.client().await;
    deaf.get("/f", "").await;
    // 64 KiB every five seconds: the whole takes more than a minute.
    let mut slow = folder.client().await;
    slow.get("/f", "").await;
    let head = slow.head().await.expect("a head");
    let mut received = Vec::new();
    while received.len() < head.length() {
        let piece = (head.length() - received.len()).min(64 * 1024);
        received.extend(slow.body(piece).await.expect("it goes on"));
        tokio::time::sleep(WAIT / 4).await;
    }
    assert!(received == bytes);
    let reports = folder.wait_for_reports(1).await;
    assert_eq!(reports[0].ending, Ending::Failed(Phase::Send, FaultKind::TimedOut));
    assert!((WAIT..=WAIT + STEP).contains(&reports[0].elapsed), "{:?}", reports[0].elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_client_that_left_or_does_not_read_is_dropped() {
    let folder = TestFolder::new(&[("f", &pattern(1_000_000))]);
    let (mut gone, mut deaf) = (folder.client().await, folder.client().await);
    for client in [&mut gone, &mut deaf] {
        client.get("/f", "").await;
        client.end().await;
        client.head().await.expect("a head");
    }
    drop(gone);
    let reports = folder.wait_for_reports(2).await;
    assert_eq!(reports[0].ending, Ending::Failed(Phase::Send, FaultKind::Reset));
    assert!(reports[0].elapsed < STEP, "{:?}", reports[0].elapsed);
    assert_eq!(reports[1].ending, Ending::Failed(Phase::Send, FaultKind::TimedOut));
    assert!((WAIT..=WAIT + STEP).contains(&reports[1].elapsed), "{:?}", reports[1].elapsed);
}

#[tokio::test(start_paused = true)]
async fn heads_are_limited() {
    let folder = TestFolder::new(&[("f", b"f")]);
    let large = format!("GET /f HTTP/1.1\r\nHost: o.test\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("GET /f HTTP/1.1\r\nHost: o.test\r\n{}\r\n", "X: x\r\n".repeat(1_000));
    for request in [large, many] {
        let (answer, _) = folder.raw(request.as_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer));
    }
    let (answer, end) = folder.raw(b"\x16\x03\x01\x02\x00\x01").await;
    assert!(end == End::Fin && (answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 ")));
    let reports = folder.wait_for_reports(3).await;
    assert!(reports.iter().all(|report| report.ending == Ending::MalformedRequest), "{reports:?}");
}

#[tokio::test(start_paused = true)]
async fn a_response_in_progress_is_completed_when_the_service_stops() {
    let bytes = pattern(300_000);
    let mut folder = TestFolder::new(&[("f", &bytes)]);
    let (mut reading, mut idle) = (folder.client().await, folder.client().await);
    reading.get("/f", "").await;
    idle.get("/f", "").await;
    let head = idle.head().await.expect("a head");
    idle.body(head.length()).await.expect("the whole body");
    let head = reading.head().await.expect("a head");

    let stopping = tokio::spawn(folder.stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(idle.rest().await.0, b"");
    assert!(reading.body(head.length()).await.as_ref() == Ok(&bytes));
    assert_eq!(reading.rest().await, (Vec::new(), End::Fin));
    drop(reading);
    let stopped = tokio::time::timeout(Duration::from_secs(2), stopping).await;
    stopped.expect("stopping takes less than two seconds").expect("no panic");
    let mut endings: Vec<String> =
        folder.wait_for_reports(2).await.iter().map(|report| report.ending.to_string()).collect();
    endings.sort_unstable();
    assert_eq!(endings, ["closed", "stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_does_not_delay_a_stop() {
    let mut folder = TestFolder::new(&[("f", &pattern(1_000_000))]);
    let mut deaf = folder.client().await;
    deaf.get("/f", "").await;
    deaf.head().await.expect("a head");
    let start = clock::now();
    folder.stop().await;
    assert!(start.elapsed() < 2 * STEP, "{:?}", start.elapsed());
    assert_eq!(folder.wait_for_reports(1).await[0].ending, Ending::Stopped);
}
