//! The effect of each toxic in its direction, and none in the other one.

use std::io::ErrorKind;

use longhaul_origin::proxy::{Direction, Toxic, ToxicKind};
use longhaul_origin::{Ending, Limits, Share};
use longhaul_socket::clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::street::{PROXY, Received, Street, WAIT, bound, ms, pass, pattern, toxic};

const BOTH: [Direction; 2] = [Direction::Upstream, Direction::Downstream];

/// What passes a proxy with this toxic in a direction, and how the connection ended.
async fn through(toxic: Option<Toxic>, direction: Direction, len: usize) -> (Received, Ending) {
    let street = Street::new().await;
    if let Some(toxic) = toxic {
        street.proxies.add_toxic(PROXY, toxic).await.expect("a new name");
    }
    let received = pass(street.connect().await, direction, pattern(len)).await;
    let [report] = street.reports(1).await[..] else { panic!("one connection") };
    assert_eq!(report.service, "proxy");
    (received, report.ending)
}

/// Like `through`, and asserts that everything arrives in order.
async fn all_through(toxic: Toxic, direction: Direction, len: usize) -> Received {
    let (received, ending) = through(Some(toxic), direction, len).await;
    assert!(received.bytes() == pattern(len), "{} of {len} bytes", received.bytes().len());
    assert_eq!((received.end, ending), (Ok(()), Ending::Closed));
    received
}

#[tokio::test(start_paused = true)]
async fn without_toxics_everything_passes_at_once() {
    for direction in BOTH {
        let (received, ending) = through(None, direction, 300_000).await;
        assert!(received.bytes() == pattern(300_000));
        assert_eq!((received.ended, received.end, ending), (ms(0), Ok(()), Ending::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn latency() {
    for direction in BOTH {
        let late = |direction| toxic(ToxicKind::Latency, direction, &[("latency", 300)]);
        let received = all_through(late(direction), direction, 200_000).await;
        assert_eq!((received.pieces[0].0, received.ended), (ms(300), ms(300)));
        let other = BOTH[usize::from(direction == Direction::Upstream)];
        let received = all_through(late(other), direction, 1_000).await;
        assert_eq!(received.pieces[0].0, ms(0), "{direction}");
    }
}

#[tokio::test(start_paused = true)]
async fn jitter_differs_between_connections_and_not_between_runs() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let jitter = [("latency", 300), ("jitter", 100)];
        let street = Street::with_toxic(toxic(ToxicKind::Latency, Direction::Upstream, &jitter)).await;
        let mut times = Vec::new();
        for _ in 0..20 {
            let received = pass(street.connect().await, Direction::Upstream, pattern(10)).await;
            times.push(received.pieces[0].0);
        }
        assert!(times.iter().all(|time| (ms(200)..=ms(401)).contains(time)), "{times:?}");
        let distinct: std::collections::BTreeSet<_> = times.iter().collect();
        assert!(distinct.len() > 10, "{times:?}");
        runs.push(times);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(start_paused = true)]
async fn bandwidth() {
    for direction in BOTH {
        let received =
            all_through(toxic(ToxicKind::Bandwidth, direction, &[("rate", 100)]), direction, 500_000).await;
        assert!((ms(5_000)..ms(5_100)).contains(&received.ended), "{:?}", received.ended);
        // The speed is even: a tenth of the bytes arrives in a tenth of the time.
        let soon = received.pieces.iter().filter(|(at, _)| *at <= ms(500));
        let soon: usize = soon.map(|(_, bytes)| bytes.len()).sum();
        assert!((40_000..=50_000).contains(&soon), "{soon}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_close() {
    for direction in BOTH {
        let received =
            all_through(toxic(ToxicKind::SlowClose, direction, &[("delay", 700)]), direction, 1_000).await;
        assert_eq!((received.pieces[0].0, received.ended), (ms(0), ms(700)));
    }
}

#[tokio::test(start_paused = true)]
async fn held_bytes_arrive_although_their_sender_has_left() {
    for (kind, key) in [(ToxicKind::SlowClose, "delay"), (ToxicKind::Latency, "latency")] {
        let slow = toxic(kind, Direction::Upstream, &[(key, 600_000)]);
        assert_eq!(all_through(slow, Direction::Upstream, 1_000).await.ended, ms(600_000));
    }
}

#[tokio::test(start_paused = true)]
async fn timeout() {
    for direction in BOTH {
        let (received, ending) =
            through(Some(toxic(ToxicKind::Timeout, direction, &[("timeout", 900)])), direction, 10).await;
        assert_eq!((received.bytes().len(), received.end, received.ended), (0, Ok(()), ms(900)));
        assert_eq!(ending, Ending::Toxic(ToxicKind::Timeout));
        assert_eq!(ending.to_string(), "ended by timeout");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_toxic_may_outlast_the_idle_limit_while_the_peers_stay() {
    let street =
        Street::with_toxic(toxic(ToxicKind::Timeout, Direction::Upstream, &[("timeout", 600_000)])).await;
    let mut pair = street.connect().await;
    let start = clock::now();
    pair.client.write_all(b"hello?").await.expect("taken");
    assert_eq!(bound(pair.client.read(&mut [0; 1])).await.expect("an end in order"), 0);
    assert_eq!(start.elapsed(), ms(600_000));

    // A connection whose client has left ends.
    let mut pair = street.connect().await;
    let start = clock::now();
    pair.client.write_all(b"hello?").await.expect("taken");
    drop(pair.client);
    assert!(matches!(bound(pair.server.read(&mut [0; 1])).await, Ok(0) | Err(_)));
    assert!(start.elapsed() <= WAIT + ms(10), "{:?}", start.elapsed());

    // A connection that the client has reset ends at once.
    let pair = street.connect().await;
    let (start, mut server) = (clock::now(), pair.server);
    pair.client.reset();
    let error = bound(server.read(&mut [0; 1])).await.expect_err("a reset");
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::ConnectionReset, ms(0)));
}

#[tokio::test(start_paused = true)]
async fn reset_peer() {
    for direction in BOTH {
        let reset = toxic(ToxicKind::ResetPeer, direction, &[("timeout", 250)]);
        let (received, ending) = through(Some(reset.clone()), direction, 10).await;
        assert_eq!((received.bytes().len(), received.ended), (0, ms(250)));
        assert_eq!(received.end, Err(ErrorKind::ConnectionReset));
        assert_eq!(ending, Ending::Toxic(ToxicKind::ResetPeer));

        // The sender is reset, too.
        let street = Street::with_toxic(reset).await;
        let (mut sender, _receiver) = street.connect().await.along(direction);
        sender.write_all(b"?").await.expect("taken");
        let error = sender.read(&mut [0; 1]).await.expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test(start_paused = true)]
async fn slicer() {
    for direction in BOTH {
        let attributes = [("average_size", 100), ("size_variation", 20), ("delay", 5_000)];
        let received = all_through(toxic(ToxicKind::Slicer, direction, &attributes), direction, 5_000).await;
        let (_, all_but_the_last) = received.pieces.split_last().expect("pieces");
        assert!(all_but_the_last.iter().all(|(_, bytes)| (80..=120).contains(&bytes.len())));
        let sizes: std::collections::BTreeSet<usize> =
            all_but_the_last.iter().map(|(_, bytes)| bytes.len()).collect();
        assert!(sizes.len() > 5, "{sizes:?}");
        // A pause of 5 ms between any two of them.
        let count = u64::try_from(received.pieces.len()).expect("few");
        assert_eq!(received.pieces.last().map(|(at, _)| *at), Some(ms(5 * (count - 1))));
    }
}

#[tokio::test(start_paused = true)]
async fn limit_data() {
    for direction in BOTH {
        for (limit, len) in [(1_000, 300_000), (100_000, 300_000), (0, 10), (1_000, 1_000)] {
            let limited = toxic(ToxicKind::LimitData, direction, &[("bytes", limit)]);
            let (received, ending) = through(Some(limited), direction, len).await;
            assert!(received.bytes() == pattern(usize::try_from(limit).expect("small")), "{limit} of {len}");
            assert_eq!((received.end, ending), (Ok(()), Ending::Toxic(ToxicKind::LimitData)));
        }
        let received =
            all_through(toxic(ToxicKind::LimitData, direction, &[("bytes", 1_000)]), direction, 999).await;
        assert_eq!(received.bytes().len(), 999);
    }
}

#[tokio::test(start_paused = true)]
async fn several_toxics_apply_in_order() {
    let street =
        Street::with_toxic(toxic(ToxicKind::Bandwidth, Direction::Downstream, &[("rate", 10)])).await;
    for further in [
        toxic(ToxicKind::Latency, Direction::Downstream, &[("latency", 1_000)]),
        toxic(ToxicKind::LimitData, Direction::Downstream, &[("bytes", 5_000)]),
        toxic(ToxicKind::SlowClose, Direction::Downstream, &[("delay", 100)]),
    ] {
        street.proxies.add_toxic(PROXY, further).await.expect("a new name");
    }
    let received = pass(street.connect().await, Direction::Downstream, pattern(20_000)).await;
    assert!(received.bytes() == pattern(5_000));
    // 500 ms for the bandwidth, a second for the latency, and 100 ms for the slow close.
    assert!((ms(1_600)..ms(1_660)).contains(&received.ended), "{:?}", received.ended);
}

#[tokio::test(start_paused = true)]
async fn toxicity_is_a_share_of_the_connections_and_depends_on_the_seed() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let street = Street::with(Limits::waiting(WAIT), seed).await;
        let half = toxic(ToxicKind::ResetPeer, Direction::Upstream, &[]).with_toxicity(Share::percent(50));
        street.proxies.add_toxic(PROXY, half).await.expect("a new name");
        let mut resets = Vec::new();
        for _ in 0..40 {
            let received = pass(street.connect().await, Direction::Upstream, pattern(10)).await;
            resets.push(received.end.is_err());
        }
        let count = resets.iter().filter(|reset| **reset).count();
        assert!((8..=32).contains(&count), "{count} of 40");
        // A reset counts connections from zero.
        street.proxies.reset().await.expect("it listens already");
        let again = toxic(ToxicKind::ResetPeer, Direction::Upstream, &[]).with_toxicity(Share::percent(50));
        street.proxies.add_toxic(PROXY, again).await.expect("a new name");
        let received = pass(street.connect().await, Direction::Upstream, pattern(10)).await;
        assert_eq!(received.end.is_err(), resets[0]);
        runs.push(resets);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
