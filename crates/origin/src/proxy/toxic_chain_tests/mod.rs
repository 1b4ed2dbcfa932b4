//! Tests of chains of toxics. Time is an argument, so nothing waits.

mod examples;
mod properties;

use std::time::Duration;

use bytes::Bytes;
use longhaul_socket::clock;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::Instant;

use crate::proxy::active_toxic::Output;
use crate::proxy::effect::{Effect, ToxicKind};
use crate::proxy::stream_event::StreamEvent;
use crate::proxy::toxic::{Direction, InstalledToxic, Toxic};
use crate::proxy::toxic_chain::ToxicChain;
use crate::proxy::toxicity_draw::ToxicityDraw;
use crate::random::Share;

const SEED: u64 = 7;
/// More steps than any schedule of these tests needs.
const STEPS_MAX: usize = 1_000_000;

fn draws(connection: u64) -> ToxicityDraw {
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
    ToxicChain::new(Direction::Upstream, draws(0), &toxics, now)
}

/// The events that came out of a chain, with the times since the start.
#[derive(Default)]
struct Passed {
    pieces: Vec<(Duration, Bytes)>,
    end: Option<(Duration, StreamEvent)>,
}

impl Passed {
    fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect()
    }
}

/// A chain, its time, and what came out of it.
struct TestChain {
    chain: ToxicChain,
    start: Instant,
    now: Instant,
    passed: Passed,
}

impl TestChain {
    fn new(effects: &[Effect]) -> Self {
        let start = clock::now();
        Self { chain: chain(effects, start), start, now: start, passed: Passed::default() }
    }

    /// Collects everything that comes out until `until`.
    fn run_until(&mut self, until: Instant) {
        for _ in 0..STEPS_MAX {
            match self.chain.next(self.now) {
                Output::StreamEvent(StreamEvent::Bytes(bytes)) => {
                    assert!(self.passed.end.is_none(), "no bytes follow the end");
                    assert!(!bytes.is_empty());
                    self.passed.pieces.push((self.now - self.start, bytes));
                }
                Output::StreamEvent(end) => {
                    self.passed.end.get_or_insert((self.now - self.start, end));
                }
                Output::Wait(due) => {
                    assert!(due > self.now, "an event that is due comes out at once");
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

    fn finish(mut self) -> Passed {
        self.run_until(self.now + Duration::from_hours(24 * 365));
        assert_eq!(self.chain.cost(), 0, "nothing is left in the chain");
        self.passed
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(len).collect()
}

/// Toxics that discard nothing.
fn lossless() -> impl Strategy<Value = Effect> {
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
        4 => lossless(),
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
    /// Removes the n-th toxic.
    Remove(usize),
    RemoveAll,
    /// Makes the n-th toxic less likely; whether it still affects the connection is drawn.
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

/// Runs the steps, and ends the stream. The result is what was sent, and what passed.
fn play(steps: &[Step]) -> (Vec<u8>, Passed) {
    let mut test = TestChain::new(&[]);
    let (mut toxics, mut made): (Vec<InstalledToxic>, u64) = (Vec::new(), 0);
    let (mut sent, mut next) = (Vec::new(), 0_u32);
    for step in steps {
        match step {
            Step::Send(len) => {
                let bytes: Vec<u8> = (next..).flat_map(u32::to_le_bytes).take(*len).collect();
                next += u32::try_from(*len).expect("small");
                sent.extend_from_slice(&bytes);
                test.chain.take(StreamEvent::Bytes(bytes.into()), test.now);
            }
            Step::Wait(ms) => test.wait(Duration::from_millis(*ms)),
            Step::Add(effect) => {
                made += 1;
                toxics.push(placed(made, *effect));
                test.chain.apply(&toxics, test.now);
            }
            Step::Remove(_) | Step::Halve(_) if toxics.is_empty() => {}
            Step::RemoveAll => {
                toxics.clear();
                test.chain.apply(&toxics, test.now);
            }
            Step::Remove(at) => {
                toxics.remove(at % toxics.len());
                test.chain.apply(&toxics, test.now);
            }
            Step::Halve(at) => {
                let at = at % toxics.len();
                toxics[at].toxic.toxicity = Share::percent(50);
                test.chain.apply(&toxics, test.now);
            }
        }
    }
    test.chain.take(StreamEvent::End, test.now);
    (sent, test.finish())
}
