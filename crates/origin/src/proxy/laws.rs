//! What holds for chains of toxics whatever comes, whenever it comes, and whatever is changed meanwhile. Time is a number
//! here: nothing waits.

use std::time::Duration;

use bytes::Bytes;
use longhaul_socket::clock;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::Instant;

use super::active_toxic::Output;
use super::effect::{Effect, ToxicKind};
use super::stream_event::StreamEvent;
use super::toxic::{Direction, InstalledToxic, Toxic};
use super::toxic_chain::ToxicChain;
use super::toxicity_draw::ToxicityDraw;
use crate::Share;

const SEED: u64 = 7;
/// More than any schedule of these tests needs.
const STEPS_MAX: usize = 1_000_000;

fn chance(connection: u64) -> ToxicityDraw {
    ToxicityDraw::new(SEED, "p".parse().expect("a name"), connection)
}

fn effect(kind: ToxicKind, attributes: &[(&str, u64)]) -> Effect {
    let mut effect = Effect::of(kind);
    for (key, value) in attributes {
        effect.set(key, *value).expect("an attribute of the kind");
    }
    effect
}

/// A toxic whose name is its number.
fn placed(id: u64, effect: Effect) -> InstalledToxic {
    let name = id.to_string().parse().expect("a name");
    InstalledToxic { id, toxic: Toxic::new(effect, Direction::Upstream).named(name) }
}

fn chain(effects: &[Effect], now: Instant) -> ToxicChain {
    let toxics: Vec<InstalledToxic> = (1..).zip(effects).map(|(id, effect)| placed(id, *effect)).collect();
    ToxicChain::new(Direction::Upstream, chance(0), &toxics, now)
}

/// What came out of a chain, with the times since the start.
#[derive(Default)]
struct Outcome {
    pieces: Vec<(Duration, Bytes)>,
    verdict: Option<(Duration, StreamEvent)>,
}

impl Outcome {
    fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect()
    }
}

/// A chain under observation.
struct Bench {
    chain: ToxicChain,
    start: Instant,
    now: Instant,
    outcome: Outcome,
}

impl Bench {
    fn new(effects: &[Effect]) -> Self {
        let start = clock::now();
        Self { chain: chain(effects, start), start, now: start, outcome: Outcome::default() }
    }

    /// Everything that comes out until then.
    fn run_until(&mut self, until: Instant) {
        for _ in 0..STEPS_MAX {
            match self.chain.next(self.now) {
                Output::StreamEvent(StreamEvent::Bytes(bytes)) => {
                    assert!(self.outcome.verdict.is_none(), "bytes after the end");
                    assert!(!bytes.is_empty());
                    self.outcome.pieces.push((self.now - self.start, bytes));
                }
                Output::StreamEvent(verdict) => {
                    self.outcome.verdict.get_or_insert((self.now - self.start, verdict));
                }
                Output::Wait(due) => {
                    assert!(due > self.now, "what is due is done at once");
                    if due > until {
                        break;
                    }
                    self.now = due;
                }
                Output::Nothing => break,
            }
        }
        self.now = self.now.max(until);
    }

    fn wait(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    fn finish(mut self) -> Outcome {
        self.run_until(self.now + Duration::from_hours(24 * 365));
        assert_eq!(self.chain.cost(), 0, "nothing is left behind");
        self.outcome
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(len).collect()
}

/// Toxics that lose nothing.
fn gentle() -> impl Strategy<Value = Effect> {
    prop_oneof![
        (0..3_000_u64, 0..500_u64).prop_map(|(latency, jitter)| effect(
            ToxicKind::Latency,
            &[("latency", latency), ("jitter", jitter)]
        )),
        (0..500_u64).prop_map(|rate| effect(ToxicKind::Bandwidth, &[("rate", rate)])),
        (0..3_000_u64).prop_map(|delay| effect(ToxicKind::SlowClose, &[("delay", delay)])),
        (0..2_000_u64, 0..2_000_u64, 0..10_000_u64).prop_map(|(average, variation, delay)| {
            let variation = variation.min(average);
            effect(
                ToxicKind::Slicer,
                &[("average_size", average), ("size_variation", variation), ("delay", delay)],
            )
        }),
    ]
}

fn any_effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        4 => gentle(),
        1 => (0..5_000_u64).prop_map(|timeout| effect(ToxicKind::Timeout, &[("timeout", timeout)])),
        1 => (0..5_000_u64).prop_map(|timeout| effect(ToxicKind::ResetPeer, &[("timeout", timeout)])),
        1 => (0..20_000_u64).prop_map(|bytes| effect(ToxicKind::LimitData, &[("bytes", bytes)])),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Wait(u64),
    Add(Effect),
    /// The n-th of those that are there.
    Remove(usize),
    RemoveAll,
    /// The n-th becomes less likely; whether it still hits is a matter of chance.
    Halve(usize),
}

fn steps(effects: impl Strategy<Value = Effect> + 'static) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..5_000_usize).prop_map(Step::Send),
        4 => (0..2_000_u64).prop_map(Step::Wait),
        2 => effects.prop_map(Step::Add),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::RemoveAll),
        1 => any::<usize>().prop_map(Step::Halve),
    ];
    vec(step, 0..40)
}

/// Takes the steps and ends; what was sent, and what came of it.
fn play(steps: &[Step]) -> (Vec<u8>, Outcome) {
    let mut bench = Bench::new(&[]);
    let (mut toxics, mut made): (Vec<InstalledToxic>, u64) = (Vec::new(), 0);
    let (mut sent, mut next) = (Vec::new(), 0_u32);
    for step in steps {
        match step {
            Step::Send(len) => {
                let bytes: Vec<u8> = (next..).flat_map(u32::to_le_bytes).take(*len).collect();
                next += u32::try_from(*len).expect("small");
                sent.extend_from_slice(&bytes);
                bench.chain.take(StreamEvent::Bytes(bytes.into()), bench.now);
            }
            Step::Wait(ms) => bench.wait(Duration::from_millis(*ms)),
            Step::Add(effect) => {
                made += 1;
                toxics.push(placed(made, *effect));
                bench.chain.apply(&toxics, bench.now);
            }
            Step::Remove(_) | Step::Halve(_) if toxics.is_empty() => {}
            Step::RemoveAll => {
                toxics.clear();
                bench.chain.apply(&toxics, bench.now);
            }
            Step::Remove(at) => {
                toxics.remove(at % toxics.len());
                bench.chain.apply(&toxics, bench.now);
            }
            Step::Halve(at) => {
                let at = at % toxics.len();
                toxics[at].toxic.toxicity = Share::percent(50);
                bench.chain.apply(&toxics, bench.now);
            }
        }
    }
    bench.chain.take(StreamEvent::End, bench.now);
    (sent, bench.finish())
}

proptest! {
    #[test]
    fn gentle_toxics_lose_nothing_double_nothing_and_keep_the_order(steps in steps(gentle())) {
        let (sent, outcome) = play(&steps);
        prop_assert!(outcome.bytes() == sent);
        prop_assert_eq!(outcome.verdict.map(|(_, verdict)| verdict), Some(StreamEvent::End));
    }

    #[test]
    fn whatever_toxics_do_what_arrives_is_how_it_began(steps in steps(any_effect())) {
        let (sent, outcome) = play(&steps);
        prop_assert!(sent.starts_with(&outcome.bytes()));
        // An end in order says that everything was there.
        if let Some((_, StreamEvent::End)) = outcome.verdict {
            prop_assert_eq!(outcome.bytes().len(), sent.len());
        }
    }

    #[test]
    fn latency_is_within_its_bounds(latency in 0..3_000_u64, jitter in 0..4_000_u64, gaps in vec(0..2_000_u64, 1..20)) {
        let mut bench = Bench::new(&[effect(ToxicKind::Latency, &[("latency", latency), ("jitter", jitter)])]);
        let mut came = Vec::new();
        for gap in gaps {
            bench.wait(Duration::from_millis(gap));
            came.push(bench.now - bench.start);
            bench.chain.take(StreamEvent::Bytes(pattern(100).into()), bench.now);
        }
        let (least, most) = (latency.saturating_sub(jitter), latency + jitter);
        let outcome = bench.finish();
        prop_assert_eq!(outcome.pieces.len(), came.len());
        for (came, (went, _)) in came.iter().zip(&outcome.pieces) {
            prop_assert!(*went >= *came + Duration::from_millis(least));
            prop_assert!(*went <= *came + Duration::from_millis(most));
        }
    }

    #[test]
    fn bandwidth_is_kept_and_used(rate in 1..1_000_u64, chunks in vec(1..20_000_usize, 1..20)) {
        let mut bench = Bench::new(&[effect(ToxicKind::Bandwidth, &[("rate", rate)])]);
        let total: usize = chunks.iter().sum();
        for chunk in chunks {
            bench.chain.take(StreamEvent::Bytes(pattern(chunk).into()), bench.now);
        }
        let outcome = bench.finish();
        let mut passed = 0_u128;
        for (at, bytes) in &outcome.pieces {
            passed += bytes.len() as u128;
            // A kilobyte a second is a byte in a million nanoseconds.
            prop_assert!(passed * 1_000_000 <= at.as_nanos() * u128::from(rate));
        }
        let ideal = Duration::from_nanos(total as u64 * 1_000_000 / rate);
        let last = outcome.pieces.last().map_or(Duration::ZERO, |(at, _)| *at);
        prop_assert!(last < ideal + Duration::from_millis(1), "{:?} for {:?}", last, ideal);
    }

    #[test]
    fn where_a_slicer_cuts_does_not_depend_on_how_the_bytes_came(
        average in 1..2_000_u64, variation in 0..2_000_u64, chunks in vec((1..3_000_usize, 0..50_u64), 1..20),
    ) {
        let variation = variation.min(average);
        let attributes = [("average_size", average), ("size_variation", variation), ("delay", 1_000)];
        let slicer = effect(ToxicKind::Slicer, &attributes);
        let total = chunks.iter().map(|(len, _)| len).sum();
        let mut whole = Bench::new(&[slicer]);
        whole.chain.take(StreamEvent::Bytes(pattern(total).into()), whole.now);
        let whole = whole.finish();
        let mut parts = Bench::new(&[slicer]);
        for (len, gap) in chunks {
            parts.wait(Duration::from_millis(gap));
            parts.chain.take(StreamEvent::Bytes(pattern(len).into()), parts.now);
        }
        let parts = parts.finish();

        let cuts = |outcome: &Outcome| {
            let mut at = 0;
            let ends = outcome.pieces.iter().map(|(_, bytes)| { at += bytes.len(); at });
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
    fn a_limit_lets_exactly_so_many_bytes_pass(limit in 0..20_000_u64, chunks in vec(1..5_000_usize, 1..10)) {
        let mut bench = Bench::new(&[effect(ToxicKind::LimitData, &[("bytes", limit)])]);
        let total: usize = chunks.iter().sum();
        for chunk in chunks {
            bench.chain.take(StreamEvent::Bytes(pattern(chunk).into()), bench.now);
        }
        bench.chain.take(StreamEvent::End, bench.now);
        let outcome = bench.finish();
        let is_reached = total as u64 >= limit;
        prop_assert_eq!(outcome.bytes().len() as u64, limit.min(total as u64));
        let verdict = if is_reached { StreamEvent::Close(ToxicKind::LimitData) } else { StreamEvent::End };
        prop_assert_eq!(outcome.verdict.map(|(_, verdict)| verdict), Some(verdict));
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn ends_come_when_they_are_due() {
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
        let mut bench = Bench::new(&[effect]);
        bench.wait(ms(100));
        bench.chain.take(StreamEvent::Bytes(pattern(5).into()), bench.now);
        bench.chain.take(StreamEvent::End, bench.now);
        let outcome = bench.finish();
        assert_eq!((outcome.verdict, outcome.pieces.len()), (expected, arrived.min(1)), "{effect:?}");
    }
}

#[test]
fn a_toxic_that_has_swallowed_something_takes_the_connection_with_it() {
    for (effect, verdict) in [
        (effect(ToxicKind::Timeout, &[]), StreamEvent::Close(ToxicKind::Timeout)),
        (effect(ToxicKind::ResetPeer, &[("timeout", 9_000)]), StreamEvent::Reset(Some(ToxicKind::ResetPeer))),
    ] {
        let mut bench = Bench::new(&[effect]);
        bench.chain.take(StreamEvent::Bytes(pattern(5).into()), bench.now);
        bench.wait(ms(10));
        bench.chain.apply(&[], bench.now);
        bench.chain.take(StreamEvent::Bytes(pattern(5).into()), bench.now);
        bench.run_until(bench.start + ms(10));
        let Outcome { verdict: found, .. } = &bench.outcome;
        assert_eq!(*found, Some((ms(10), verdict)));

        // One that has not lets the connection go on.
        let mut bench = Bench::new(&[effect]);
        bench.wait(ms(10));
        bench.chain.apply(&[], bench.now);
        bench.chain.take(StreamEvent::Bytes(pattern(5).into()), bench.now);
        assert_eq!(bench.finish().bytes(), pattern(5));
    }
}

#[test]
fn toxics_stand_in_their_order_also_when_one_begins_to_hit_later() {
    let limit = effect(ToxicKind::LimitData, &[("bytes", 3)]);
    let latency = effect(ToxicKind::Latency, &[("latency", 50)]);
    let start = clock::now();
    let mut toxics = [placed(1, latency), placed(2, limit)];
    toxics[0].toxic.toxicity = Share::NONE;
    let mut bench = Bench::new(&[]);
    bench.chain = ToxicChain::new(Direction::Upstream, chance(0), &toxics, start);
    toxics[0].toxic.toxicity = Share::ALL;
    bench.chain.apply(&toxics, bench.now);
    bench.chain.take(StreamEvent::Bytes(pattern(5).into()), bench.now);
    // Behind the latency the limit closes late; before it, it would have closed at once, and that late too.
    let outcome = bench.finish();
    assert_eq!(outcome.bytes(), pattern(3));
    assert_eq!(outcome.verdict, Some((ms(50), StreamEvent::Close(ToxicKind::LimitData))));
}

#[test]
fn a_chain_takes_no_more_than_it_should_and_goes_on() {
    let mut bench = Bench::new(&[effect(ToxicKind::Latency, &[("latency", 1_000)])]);
    let mut taken = 0_usize;
    while bench.chain.has_room() {
        bench.chain.take(StreamEvent::Bytes(Bytes::from_static(b"x")), bench.now);
        taken += 1;
        assert!(taken < 100_000, "single bytes cost more than themselves");
    }
    assert!(taken > 10_000);
    bench.wait(ms(1_000));
    assert!(bench.chain.has_room());
    assert_eq!(bench.outcome.pieces.len(), taken);
}

#[test]
fn the_same_seed_decides_the_same_and_about_as_often_as_it_should() {
    let toxic = |toxicity| {
        let latency = effect(ToxicKind::Latency, &[("latency", 1)]);
        Toxic::new(latency, Direction::Upstream).with_toxicity(toxicity)
    };
    let hits = |seed, share| -> Vec<bool> {
        let name = || "p".parse().expect("a name");
        (0..10_000).map(|number| ToxicityDraw::new(seed, name(), number).hits(&toxic(share))).collect()
    };
    let third = hits(1, Share::percent(30));
    assert_eq!(third, hits(1, Share::percent(30)));
    assert_ne!(third, hits(2, Share::percent(30)));
    let count = third.iter().filter(|hit| **hit).count();
    assert!((2_700..=3_300).contains(&count), "{count} of 10,000 are no 30 %");
    assert!(hits(1, Share::NONE).iter().all(|hit| !hit) && hits(1, Share::ALL).iter().all(|hit| *hit));
    // A larger share hits the same connections, and others.
    let half = hits(1, Share::percent(50));
    assert!(third.iter().zip(&half).all(|(third, half)| !third || *half));
}
