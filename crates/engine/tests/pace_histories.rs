//! Whatever has happened to a host, its pace never comes to a halt, and comes back to its cap.

use std::time::Duration;

use longhaul::pace::{Pace, Permit, Signal, Ticket};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };
const JITTER: f64 = 0.5;

/// Successes after which the window is at its cap, whatever was before. Each of them adds at least 1/window, so the
/// square of the window grows by more than 2; but a test of whether slowing down helps may hold it for 32 answers first.
const fn answers_to_cap(cap: u32) -> u32 {
    cap * cap / 2 + 1 + 32
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    Answer { index: usize, signal: Signal, jitter: f64 },
    ToggleStall { index: usize },
    Pass { ms: u64 },
}

fn signals() -> impl Strategy<Value = Signal> {
    prop_oneof![
        3 => (0_u64..10_000).prop_map(|ms| Signal::Success { latency: Duration::from_millis(ms) }),
        3 => Just(Signal::Congestion),
        2 => prop::option::of(0_u64..3_600_000)
            .prop_map(|ms| Signal::Throttle { retry_after: ms.map(Duration::from_millis) }),
        1 => Just(Signal::Neutral),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Ask),
        5 => (any::<usize>(), signals(), 0.0..1.0)
            .prop_map(|(index, signal, jitter)| Step::Answer { index, signal, jitter }),
        2 => any::<usize>().prop_map(|index| Step::ToggleStall { index }),
        2 => prop_oneof![0_u64..100, 0_u64..60_000].prop_map(|ms| Step::Pass { ms }),
    ];
    // Whether failures come in rows or alone makes a difference: some runs have one kind of answer only.
    prop_oneof![
        3 => prop::collection::vec(step, 0..300),
        1 => (signals(), 0_usize..60).prop_map(|(signal, count)| {
            let answer = Step::Answer { index: 0, signal, jitter: JITTER };
            [Step::Ask, answer, Step::Pass { ms: 20_000 }].repeat(count)
        }),
    ]
}

/// The controller, and what the caller knows.
struct World {
    pace: Pace,
    cap: u32,
    flying: Vec<(Ticket, bool)>,
    now: Instant,
}

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Ask => self.ask(),
            Step::Pass { ms } => self.now += Duration::from_millis(ms),
            _ if self.flying.is_empty() => {}
            Step::Answer { index, signal, jitter } => {
                let (ticket, was_stalled) = self.flying.swap_remove(index % self.flying.len());
                self.pace.answered(ticket, signal, was_stalled, self.now, jitter);
            }
            Step::ToggleStall { index } => {
                let index = index % self.flying.len();
                let (ticket, is_stalled) = &mut self.flying[index];
                *is_stalled = !*is_stalled;
                if *is_stalled { self.pace.stalled(*ticket) } else { self.pace.revived(*ticket) }
            }
        }
        self.check();
    }

    fn stalled(&self) -> u32 {
        u32::try_from(self.flying.iter().filter(|(_, is_stalled)| *is_stalled).count()).expect("a few")
    }

    fn ask(&mut self) {
        let blocked_until = self.pace.blocked_until().filter(|&until| self.now < until);
        match self.pace.permit(self.now) {
            Permit::Go(ticket) => {
                assert_eq!(blocked_until, None, "a permit for a host that is left alone");
                self.flying.push((ticket, false));
                let places = self.pace.window() + self.stalled().min(2 * self.cap);
                assert!(self.pace.in_flight() <= places, "more in flight than there are places");
            }
            Permit::WaitUntil(until) => {
                assert_eq!(blocked_until, Some(until));
                assert!(until - self.now <= Duration::from_hours(1).mul_f64(1.05));
            }
            Permit::WaitForAnswer => assert!(!self.flying.is_empty(), "there is no answer to wait for"),
        }
    }

    fn check(&self) {
        assert!((1..=self.cap).contains(&self.pace.window()), "a window of {}", self.pace.window());
        assert_eq!(self.pace.in_flight() as usize, self.flying.len());
    }

    /// Whatever was: the host serves everything from now on. Returns how many answers that took to reach the cap.
    fn recover(&mut self) -> u32 {
        let mut answers = 0;
        while self.pace.window() < self.cap || self.pace.blocked_until().is_some() {
            self.ask();
            if self.flying.is_empty() {
                self.now = self.pace.blocked_until().expect("some action is possible");
            } else {
                self.take(Step::Answer { index: 0, signal: SERVED, jitter: JITTER });
                answers += 1;
            }
            assert!(answers < 100_000, "the window does not open");
        }
        answers
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_history_stops_it(cap in 1_u32..40, steps in steps()) {
        let now = clock::now();
        let mut world = World { pace: Pace::new(cap), cap, flying: Vec::new(), now };
        let mut again = World { pace: Pace::new(cap), cap, flying: Vec::new(), now };
        for &step in &steps {
            world.take(step);
            again.take(step);
        }
        prop_assert_eq!(format!("{:?}", world.pace), format!("{:?}", again.pace), "one history, one state");
        // What was sent before a block has to be answered before the probe, too.
        let in_flight = world.pace.in_flight();
        let answers = world.recover();
        prop_assert!(answers <= answers_to_cap(cap) + in_flight + 1, "{answers} answers to a window of {cap}");
    }
}
