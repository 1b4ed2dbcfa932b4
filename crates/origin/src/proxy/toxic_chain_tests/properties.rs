//! Properties of chains, whatever is sent, and whatever is changed meanwhile.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Passed, TestChain, any_effect, effect, lossless, pattern, play, steps};
use crate::proxy::effect::ToxicKind;
use crate::proxy::stream_event::StreamEvent;

proptest! {
    #[test]
    fn lossless_toxics_lose_duplicate_and_reorder_nothing(steps in steps(lossless())) {
        let (sent, passed) = play(&steps);
        prop_assert!(passed.bytes() == sent);
        prop_assert_eq!(passed.end.map(|(_, end)| end), Some(StreamEvent::End));
    }

    #[test]
    fn what_passes_any_toxics_is_a_prefix_of_what_was_sent(steps in steps(any_effect())) {
        let (sent, passed) = play(&steps);
        prop_assert!(sent.starts_with(&passed.bytes()));
        // An orderly end means that everything has passed.
        if let Some((_, StreamEvent::End)) = passed.end {
            prop_assert_eq!(passed.bytes().len(), sent.len());
        }
    }

    #[test]
    fn latency_is_within_its_bounds(latency in 0..3_000_u64, jitter in 0..4_000_u64, gaps in vec(0..2_000_u64, 1..20)) {
        let mut test = TestChain::new(&[effect(ToxicKind::Latency, &[("latency", latency), ("jitter", jitter)])]);
        let mut came = Vec::new();
        for gap in gaps {
            test.wait(Duration::from_millis(gap));
            came.push(test.now - test.start);
            test.chain.take(StreamEvent::Bytes(pattern(100).into()), test.now);
        }
        let (least, most) = (latency.saturating_sub(jitter), latency + jitter);
        let passed = test.finish();
        prop_assert_eq!(passed.pieces.len(), came.len());
        for (came, (went, _)) in came.iter().zip(&passed.pieces) {
            prop_assert!(*went >= *came + Duration::from_millis(least));
            prop_assert!(*went <= *came + Duration::from_millis(most));
        }
    }

    #[test]
    fn bandwidth_is_used_and_not_exceeded(rate in 1..1_000_u64, chunks in vec(1..20_000_usize, 1..20)) {
        let mut test = TestChain::new(&[effect(ToxicKind::Bandwidth, &[("rate", rate)])]);
        let total: usize = chunks.iter().sum();
        for chunk in chunks {
            test.chain.take(StreamEvent::Bytes(pattern(chunk).into()), test.now);
        }
        let passed = test.finish();
        let mut bytes_passed = 0_u128;
        for (at, bytes) in &passed.pieces {
            bytes_passed += bytes.len() as u128;
            // A kilobyte per second is a byte per million nanoseconds.
            prop_assert!(bytes_passed * 1_000_000 <= at.as_nanos() * u128::from(rate));
        }
        let ideal = Duration::from_nanos(total as u64 * 1_000_000 / rate);
        let last = passed.pieces.last().map_or(Duration::ZERO, |(at, _)| *at);
        prop_assert!(last < ideal + Duration::from_millis(1), "{:?} for {:?}", last, ideal);
    }

    #[test]
    fn the_cuts_of_a_slicer_do_not_depend_on_how_the_bytes_arrived(
        average in 1..2_000_u64, variation in 0..2_000_u64, chunks in vec((1..3_000_usize, 0..50_u64), 1..20),
    ) {
        let variation = variation.min(average);
        let attributes = [("average_size", average), ("size_variation", variation), ("delay", 1_000)];
        let slicer = effect(ToxicKind::Slicer, &attributes);
        let total = chunks.iter().map(|(len, _)| len).sum();
        let mut whole = TestChain::new(&[slicer]);
        whole.chain.take(StreamEvent::Bytes(pattern(total).into()), whole.now);
        let whole = whole.finish();
        let mut parts = TestChain::new(&[slicer]);
        for (len, gap) in chunks {
            parts.wait(Duration::from_millis(gap));
            parts.chain.take(StreamEvent::Bytes(pattern(len).into()), parts.now);
        }
        let parts = parts.finish();

        let cuts = |passed: &Passed| {
            let mut at = 0;
            let ends = passed.pieces.iter().map(|(_, bytes)| { at += bytes.len(); at });
            ends.collect::<std::collections::BTreeSet<usize>>()
        };
        prop_assert!(cuts(&whole).is_subset(&cuts(&parts)));
        let spread = (average - variation).max(1)..=average + variation;
        let (_, all_but_the_last) = whole.pieces.split_last().expect("something was sent");
        for (number, (at, bytes)) in (0_u64..).zip(all_but_the_last) {
            prop_assert!(spread.contains(&(bytes.len() as u64)), "{} of {}", bytes.len(), average);
            prop_assert_eq!(*at, Duration::from_millis(number));
        }
    }

    #[test]
    fn a_limit_passes_exactly_its_bytes(limit in 0..20_000_u64, chunks in vec(1..5_000_usize, 1..10)) {
        let mut test = TestChain::new(&[effect(ToxicKind::LimitData, &[("bytes", limit)])]);
        let total: usize = chunks.iter().sum();
        for chunk in chunks {
            test.chain.take(StreamEvent::Bytes(pattern(chunk).into()), test.now);
        }
        test.chain.take(StreamEvent::End, test.now);
        let passed = test.finish();
        let is_reached = total as u64 >= limit;
        prop_assert_eq!(passed.bytes().len() as u64, limit.min(total as u64));
        let end = if is_reached { StreamEvent::Close(ToxicKind::LimitData) } else { StreamEvent::End };
        prop_assert_eq!(passed.end.map(|(_, end)| end), Some(end));
    }
}
