//! How proxied connections end when no toxic ends them, and their limits.

use std::io::ErrorKind;
use std::time::Duration;

use longhaul_origin::proxy::{Direction, ToxicKind};
use longhaul_origin::{Ending, Limits};
use longhaul_socket::{FaultKind, Network, Phase, clock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::street::{PROXY, Street, WAIT, bound, ms, spec, toxic};

#[tokio::test(start_paused = true)]
async fn one_direction_may_end_before_the_other() {
    let street = Street::new().await;
    let mut pair = street.connect().await;
    pair.client.write_all(b"question").await.expect("taken");
    pair.client.shutdown().await.expect("ended");
    let mut question = Vec::new();
    bound(pair.server.read_to_end(&mut question)).await.expect("an end");
    tokio::time::sleep(Duration::from_secs(10)).await;
    pair.server.write_all(b"answer").await.expect("taken");
    drop(pair.server);
    let mut answer = Vec::new();
    bound(pair.client.read_to_end(&mut answer)).await.expect("an end");
    assert_eq!((question.as_slice(), answer.as_slice()), (b"question".as_slice(), b"answer".as_slice()));
    let [report] = street.reports(1).await[..] else { panic!("one connection") };
    assert_eq!((report.bytes_in, report.bytes_out, report.ending), (8, 6, Ending::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_passed_on_after_what_was_sent_before_it() {
    for direction in [Direction::Upstream, Direction::Downstream] {
        let street = Street::with_toxic(toxic(ToxicKind::Latency, direction, &[("latency", 200)])).await;
        let (mut sender, mut receiver) = street.connect().await.along(direction);
        let start = clock::now();
        sender.write_all(b"last").await.expect("taken");
        sender.reset();
        let mut bytes = Vec::new();
        let error = bound(receiver.read_to_end(&mut bytes)).await.expect_err("a reset");
        assert_eq!((bytes.as_slice(), error.kind()), (b"last".as_slice(), ErrorKind::ConnectionReset));
        assert_eq!(start.elapsed(), ms(200));
        let expected = match direction {
            Direction::Upstream => Ending::Failed(Phase::Receive, FaultKind::Reset),
            Direction::Downstream => Ending::Upstream(Phase::Receive, FaultKind::Reset),
        };
        assert_eq!(street.reports(1).await[0].ending, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_server_that_reads_no_more_arrive() {
    // The response is in progress when the upload fails.
    let street =
        Street::with_toxic(toxic(ToxicKind::Latency, Direction::Downstream, &[("latency", 500)])).await;
    let mut pair = street.connect().await;
    pair.server.write_all(b"no").await.expect("taken");
    drop(pair.server);
    let upload = vec![7; 1 << 20];
    let _ = bound(pair.client.write_all(&upload)).await;
    let mut answer = [0; 2];
    bound(pair.client.read_exact(&mut answer)).await.expect("it was said");
    assert_eq!(&answer, b"no");
    drop(pair.client);
    assert_eq!(street.reports(1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn bytes_before_a_close_by_a_toxic_are_not_lost_to_a_reset() {
    let street =
        Street::with_toxic(toxic(ToxicKind::LimitData, Direction::Downstream, &[("bytes", 4)])).await;
    let mut pair = street.connect().await;
    // There are unread bytes when the connection is closed.
    let (mut reading, mut writing) = tokio::io::split(pair.client);
    let upload = tokio::spawn(async move { bound(writing.write_all(&vec![7; 8 << 20])).await });
    tokio::time::sleep(ms(100)).await;
    pair.server.write_all(b"answer").await.expect("taken");
    let mut bytes = Vec::new();
    bound(reading.read_to_end(&mut bytes)).await.expect("an end in order");
    assert_eq!(bytes, b"answ");
    drop((reading, pair.server));
    let _ = upload.await.expect("no panic");
    assert_eq!(street.reports(1).await[0].ending, Ending::Toxic(ToxicKind::LimitData));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_neither_side_uses_ends() {
    let street = Street::new().await;
    let mut pair = street.connect().await;
    pair.client.write_all(b"a").await.expect("taken");
    pair.server.read_exact(&mut [0; 1]).await.expect("passed on");
    // Half of the idle time is not silence.
    tokio::time::sleep(WAIT / 2).await;
    pair.server.write_all(b"b").await.expect("taken");
    pair.client.read_exact(&mut [0; 1]).await.expect("passed on");
    let start = clock::now();
    assert!(matches!(bound(pair.client.read(&mut [0; 1])).await, Ok(0) | Err(_)));
    assert!((WAIT..=WAIT + ms(10)).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert!(matches!(bound(pair.server.read(&mut [0; 1])).await, Ok(0) | Err(_)));
    let [report] = street.reports(1).await[..] else { panic!("one connection") };
    assert_eq!(report.ending, Ending::Failed(Phase::Receive, FaultKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_dropped() {
    for direction in [Direction::Upstream, Direction::Downstream] {
        let street = Street::new().await;
        let (mut sender, deaf) = street.connect().await.along(direction);
        let start = clock::now();
        let sent = bound(sender.write_all(&vec![0; 8 << 20])).await;
        assert!(sent.is_err(), "{direction}");
        assert!((WAIT..=WAIT + ms(1_000)).contains(&start.elapsed()), "{:?}", start.elapsed());
        drop(deaf);
        let expected = match direction {
            Direction::Upstream => Ending::Upstream(Phase::Send, FaultKind::TimedOut),
            Direction::Downstream => Ending::Failed(Phase::Send, FaultKind::TimedOut),
        };
        assert_eq!(street.reports(1).await[0].ending, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_not_idle() {
    let street = Street::with(Limits { write_time: 3 * WAIT, ..Limits::waiting(WAIT) }, 1).await;
    let mut pair = street.connect().await;
    let start = clock::now();
    assert!(bound(pair.client.write_all(&vec![0; 8 << 20])).await.is_err());
    assert!((3 * WAIT..=3 * WAIT + ms(1_000)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_a_slow_toxic_is_limited() {
    let street = Street::with_toxic(toxic(ToxicKind::Bandwidth, Direction::Upstream, &[("rate", 1)])).await;
    let mut pair = street.connect().await;
    let mut taken = 0_usize;
    let all = async {
        loop {
            taken += pair.client.write(&[0; 10_000]).await.expect("taken");
        }
    };
    let endless = tokio::time::timeout(Duration::from_secs(5), all).await;
    assert!(endless.is_err());
    assert!(taken < 2 << 20, "{taken} bytes are held for a server that is to get 5,000");
}

#[tokio::test(start_paused = true)]
async fn the_upstream_may_refuse_or_not_answer() {
    let street = Street::new().await;
    let limits = [
        ("10.0.0.9:80", Ending::Upstream(Phase::Connect, FaultKind::Refused)),
        ("10.0.0.8:80", Ending::Upstream(Phase::Connect, FaultKind::TimedOut)),
        ("nowhere.test:80", Ending::Upstream(Phase::Resolve, FaultKind::NameNotFound)),
    ];
    street.network.silence("tcp://10.0.0.8:80".parse().unwrap());
    for (number, (upstream, ending)) in (1..).zip(limits) {
        let name = number.to_string();
        let listen = format!("10.0.0.2:{}", 90 + number);
        let proxy = street.proxies.add(spec(&name, &listen, upstream)).await.expect("a free endpoint");
        let mut client = street.network.dial(proxy.listen.endpoint()).await.expect("it listens");
        assert_eq!(bound(client.read(&mut [0; 1])).await.expect("an end in order"), 0);
        let report = street.reports(number).await[number - 1];
        assert_eq!(report.ending, ending);
        assert!(report.elapsed <= WAIT, "{:?}", report.elapsed);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_above_the_limit_wait() {
    let street = Street::with(Limits { connections_max: 1, ..Limits::waiting(WAIT) }, 1).await;
    let first = street.connect().await;
    let second = street.dial().await;
    let too_early = tokio::time::timeout(Duration::from_secs(5), street.connect()).await;
    assert!(too_early.is_err(), "the second is served beside the first");
    drop((first, second));
    street.connect().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_everything() {
    let street = Street::with_toxic(toxic(ToxicKind::Timeout, Direction::Upstream, &[])).await;
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(street.connect().await);
    }
    let start = clock::now();
    street.proxies.stop().await;
    assert!(start.elapsed() < Duration::from_secs(2));
    let reports = street.reports(3).await;
    assert!(reports.iter().all(|report| report.ending == Ending::Stopped), "{reports:?}");
    assert!(street.proxies.get(PROXY).await.is_err());
}
