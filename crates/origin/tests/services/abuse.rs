//! Clients that never read, never send, or send a byte a second: each ends at its deadline, and no other client is delayed.

use std::time::Duration;

use longhaul_origin::{Ending, Service};
use longhaul_socket::{FaultKind, Phase, Transport, clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::town::{Town, WAIT};

/// How much later than its deadline a connection may end: the step of a client that does something each second.
const STEP: Duration = Duration::from_secs(1);

async fn a_byte_a_second(mut stream: Box<dyn Transport>) {
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(STEP).await;
    }
}

/// Sends as much as possible, and reads nothing.
async fn never_reads(mut stream: Box<dyn Transport>) -> Box<dyn Transport> {
    while stream.write_all(&[0; 4096]).await.is_ok() {}
    stream
}

#[tokio::test(start_paused = true)]
async fn echo_drops_slow_clients_and_serves_the_others() {
    let town = Town::new(Service::Echo);
    tokio::spawn(a_byte_a_second(town.connect().await));
    let deaf = tokio::spawn(never_reads(town.connect().await));
    let _silent = town.connect().await;
    for round in 0..100_u8 {
        let start = clock::now();
        let mut stream = town.connect().await;
        let mut buffer = [0; 1024];
        stream.write_all(&[round; 1024]).await.expect("taken");
        stream.read_exact(&mut buffer).await.expect("echoed");
        assert_eq!(buffer, [round; 1024]);
        assert!(start.elapsed() < STEP, "held up for {:?}", start.elapsed());
    }
    let reports = town.wait_for_reports(103).await;
    let mut failures: Vec<_> = reports
        .iter()
        .filter(|report| report.ending != Ending::Closed)
        .map(|r| (r.ending, r.elapsed))
        .collect();
    failures.sort_by_key(|(ending, _)| ending.to_string());
    let endings: Vec<Ending> = failures.iter().map(|(ending, _)| *ending).collect();
    let expected = [
        Ending::Failed(Phase::Receive, FaultKind::TimedOut),
        Ending::Failed(Phase::Receive, FaultKind::TooSlow),
        Ending::Failed(Phase::Send, FaultKind::TimedOut),
    ];
    assert_eq!(endings, expected, "{reports:?}");
    for (ending, elapsed) in failures {
        assert!((WAIT..=WAIT + STEP).contains(&elapsed), "{ending} after {elapsed:?}");
    }
    let _ = deaf.await;
}

#[tokio::test(start_paused = true)]
async fn chargen_drops_a_client_that_does_not_read() {
    let town = Town::new(Service::CharacterGenerator);
    let _deaf = town.connect().await;
    let [report] = town.wait_for_reports(1).await[..] else { panic!("one connection") };
    assert_eq!(report.ending, Ending::Failed(Phase::Send, FaultKind::TimedOut));
    assert!((WAIT..=WAIT + STEP).contains(&report.elapsed), "{:?}", report.elapsed);
}

#[tokio::test(start_paused = true)]
async fn daytime_does_not_wait_for_a_client_that_stays() {
    let town = Town::new(Service::Daytime);
    tokio::spawn(a_byte_a_second(town.connect().await));
    let [report] = town.wait_for_reports(1).await[..] else { panic!("one connection") };
    assert_eq!(report.ending, Ending::Closed);
    assert!(report.elapsed <= 3 * STEP, "{:?}", report.elapsed);
}
