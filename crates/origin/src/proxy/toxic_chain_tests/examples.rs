//! Single chains, with the expected times and ends.

use std::time::Duration;

use bytes::Bytes;
use longhaul_socket::clock;

use super::{Passed, TestChain, draws, effect, pattern, placed};
use crate::proxy::effect::ToxicKind;
use crate::proxy::stream_event::StreamEvent;
use crate::proxy::toxic::{Direction, Toxic};
use crate::proxy::toxic_chain::ToxicChain;
use crate::proxy::toxicity_draw::ToxicityDraw;
use crate::random::Share;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn ends_pass_at_their_time() {
    let closes = |kind| Some((ms(500), StreamEvent::Close(kind)));
    for (effect, expected, arrived) in [
        (effect(ToxicKind::SlowClose, &[("delay", 400)]), Some((ms(500), StreamEvent::End)), 5),
        (effect(ToxicKind::Latency, &[("latency", 400)]), Some((ms(500), StreamEvent::End)), 5),
        (effect(ToxicKind::Timeout, &[("timeout", 500)]), closes(ToxicKind::Timeout), 0),
        (effect(ToxicKind::Timeout, &[("timeout", 0)]), None, 0),
        (
            effect(ToxicKind::ResetPeer, &[("timeout", 400)]),
            Some((ms(500), StreamEvent::Reset(Some(ToxicKind::ResetPeer)))),
            0,
        ),
        (
            effect(ToxicKind::ResetPeer, &[]),
            Some((ms(100), StreamEvent::Reset(Some(ToxicKind::ResetPeer)))),
            0,
        ),
    ] {
        let mut test = TestChain::new(&[effect]);
        test.wait(ms(100));
        test.chain.take(StreamEvent::Bytes(pattern(5).into()), test.now);
        test.chain.take(StreamEvent::End, test.now);
        let passed = test.finish();
        assert_eq!((passed.end, passed.pieces.len()), (expected, arrived.min(1)), "{effect:?}");
    }
}

#[test]
fn removing_a_toxic_that_has_discarded_data_ends_the_connection() {
    for (effect, end) in [
        (effect(ToxicKind::Timeout, &[]), StreamEvent::Close(ToxicKind::Timeout)),
        (effect(ToxicKind::ResetPeer, &[("timeout", 9_000)]), StreamEvent::Reset(Some(ToxicKind::ResetPeer))),
    ] {
        let mut test = TestChain::new(&[effect]);
        test.chain.take(StreamEvent::Bytes(pattern(5).into()), test.now);
        test.wait(ms(10));
        test.chain.apply(&[], test.now);
        test.chain.take(StreamEvent::Bytes(pattern(5).into()), test.now);
        test.run_until(test.start + ms(10));
        let Passed { end: found, .. } = &test.passed;
        assert_eq!(*found, Some((ms(10), end)));

        // If it has discarded nothing, the connection goes on.
        let mut test = TestChain::new(&[effect]);
        test.wait(ms(10));
        test.chain.apply(&[], test.now);
        test.chain.take(StreamEvent::Bytes(pattern(5).into()), test.now);
        assert_eq!(test.finish().bytes(), pattern(5));
    }
}

#[test]
fn toxics_keep_their_order_when_one_begins_to_affect_later() {
    let limit = effect(ToxicKind::LimitData, &[("bytes", 3)]);
    let latency = effect(ToxicKind::Latency, &[("latency", 50)]);
    let start = clock::now();
    let mut toxics = [placed(1, latency), placed(2, limit)];
    toxics[0].toxic.toxicity = Share::NONE;
    let mut test = TestChain::new(&[]);
    test.chain = ToxicChain::new(Direction::Upstream, draws(0), &toxics, start);
    toxics[0].toxic.toxicity = Share::ALL;
    test.chain.apply(&toxics, test.now);
    test.chain.take(StreamEvent::Bytes(pattern(5).into()), test.now);
    // Behind the latency the limit closes after 50 ms. Before it, the close would be delayed, too, but with other bytes.
    let passed = test.finish();
    assert_eq!(passed.bytes(), pattern(3));
    assert_eq!(passed.end, Some((ms(50), StreamEvent::Close(ToxicKind::LimitData))));
}

#[test]
fn a_full_chain_accepts_nothing_until_something_has_passed() {
    let mut test = TestChain::new(&[effect(ToxicKind::Latency, &[("latency", 1_000)])]);
    let mut taken = 0_usize;
    while test.chain.has_room() {
        test.chain.take(StreamEvent::Bytes(Bytes::from_static(b"x")), test.now);
        taken += 1;
        assert!(taken < 100_000, "an event costs more memory than its bytes");
    }
    assert!(taken > 10_000);
    test.wait(ms(1_000));
    assert!(test.chain.has_room());
    assert_eq!(test.passed.pieces.len(), taken);
}

#[test]
fn the_same_seed_draws_the_same_connections_in_about_the_right_share() {
    let toxic = |toxicity| {
        let latency = effect(ToxicKind::Latency, &[("latency", 1)]);
        Toxic::new(latency, Direction::Upstream).with_toxicity(toxicity)
    };
    let affected = |seed, share| -> Vec<bool> {
        let name = || "p".parse().expect("a name");
        (0..10_000).map(|number| ToxicityDraw::new(seed, name(), number).affects(&toxic(share))).collect()
    };
    let third = affected(1, Share::percent(30));
    assert_eq!(third, affected(1, Share::percent(30)));
    assert_ne!(third, affected(2, Share::percent(30)));
    let count = third.iter().filter(|is_affected| **is_affected).count();
    assert!((2_700..=3_300).contains(&count), "{count} of 10,000 are no 30 %");
    assert!(
        affected(1, Share::NONE).iter().all(|hit| !hit) && affected(1, Share::ALL).iter().all(|hit| *hit)
    );
    // A larger share hits the same connections, and others.
    let half = affected(1, Share::percent(50));
    assert!(third.iter().zip(&half).all(|(third, half)| !third || *half));
}
