//! Whatever has happened to a host, its pace never stops.

use std::collections::VecDeque;
use std::time::Duration;

use longhaul::pace::{
    Announcement, Controller, InferencePace, Memory, Permit, SendRecord, Signal, UserLimits, Work,
};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

const JITTER: f64 = 0.5;

/// A host with many rows that may be requested now.
const WORK: Work =
    Work { connections_idle: 8, jobs_waiting: 1_000, jobs_ready: 1_000, jobs_held: 0, jobs_in_flight: 0 };

/// The response time of a host that has recovered.
const ANSWER: Duration = Duration::from_secs(5);
/// A host that has recovered serves [`SERVED`] requests within this time, whatever was before: an hour that it asked for, a
/// pause of ten minutes, and the least rate.
const RECOVERED_WITHIN: Duration = Duration::from_hours(4);
const SERVED: u32 = 40;

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    Answer {
        index: usize,
        signal: Signal,
        said: Option<(u64, u64)>,
        jitter: f64,
    },
    ToggleStall {
        index: usize,
    },
    Pass {
        ms: u64,
    },
    /// The host is merged with idle ones: requests in flight are reported to the old controller.
    Merge {
        idle: usize,
    },
}

fn signals() -> impl Strategy<Value = Signal> {
    prop_oneof![
        3 => (0_u64..10_000).prop_map(|ms| Signal::Success { latency: Duration::from_millis(ms) }),
        3 => Just(Signal::Congestion),
        1 => Just(Signal::Absent),
        1 => (0_u64..10_000).prop_map(|ms| Signal::Denied { latency: Duration::from_millis(ms) }),
        2 => prop::option::of(0_u64..3_600_000)
            .prop_map(|ms| Signal::Throttle { retry_after: ms.map(Duration::from_millis) }),
        1 => Just(Signal::Neutral),
    ]
}

/// The announced remaining count, and the milliseconds until the reset.
fn said() -> impl Strategy<Value = Option<(u64, u64)>> {
    prop::option::of((0_u64..20, prop_oneof![Just(3_600_000), 0_u64..10_000_000]))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Ask),
        5 => (any::<usize>(), signals(), said(), 0.0..1.0)
            .prop_map(|(index, signal, said, jitter)| Step::Answer { index, signal, said, jitter }),
        2 => any::<usize>().prop_map(|index| Step::ToggleStall { index }),
        2 => prop_oneof![0_u64..100, 0_u64..60_000].prop_map(|ms| Step::Pass { ms }),
        1 => (0_usize..3).prop_map(|idle| Step::Merge { idle }),
    ];
    // Consecutive failures differ from single ones: some runs have one kind of signal only.
    prop_oneof![
        3 => prop::collection::vec(step, 0..300),
        1 => (signals(), 0_usize..60).prop_map(|(signal, count)| {
            let answer = Step::Answer { index: 0, signal, said: None, jitter: JITTER };
            [Step::Ask, answer, Step::Pass { ms: 20_000 }].repeat(count)
        }),
    ]
}

/// The controller, and what the caller knows.
struct World {
    pace: InferencePace,
    cap: u32,
    flying: Vec<(SendRecord, bool)>,
    /// Requests in flight when the last pause began.
    before_pause: u32,
    now: Instant,
}

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Ask => self.ask(),
            Step::Pass { ms } => self.now += Duration::from_millis(ms),
            Step::Merge { idle } => {
                let idle = vec![InferencePace::new(UserLimits::window(self.cap), self.now); idle];
                let memories: Vec<Memory> =
                    idle.iter().chain([&self.pace]).map(|pace| pace.memory(self.now)).collect();
                self.pace = InferencePace::recalling(UserLimits::window(self.cap), &memories, self.now);
                self.flying.clear();
                self.before_pause = 0;
            }
            _ if self.flying.is_empty() => {}
            Step::Answer { index, signal, said, jitter } => {
                let (sent, was_stalled) = self.flying.swap_remove(index % self.flying.len());
                if let Some((remaining, reset_ms)) = said {
                    let reset_at = self.now + Duration::from_millis(reset_ms);
                    self.pace.announced(sent, Announcement { remaining, reset_at });
                }
                self.pace.ended(sent, signal, was_stalled, self.now, jitter);
                if self.pace.belief().blocked_until.is_some() {
                    self.before_pause = self.pace.in_flight();
                }
            }
            Step::ToggleStall { index } => {
                let index = index % self.flying.len();
                let (sent, is_stalled) = &mut self.flying[index];
                *is_stalled = !*is_stalled;
                if *is_stalled {
                    self.pace.stalled(*sent, self.now);
                } else {
                    self.pace.revived(*sent, self.now);
                }
            }
        }
        self.check();
    }

    fn stalled(&self) -> u32 {
        u32::try_from(self.flying.iter().filter(|(_, is_stalled)| *is_stalled).count()).expect("a few")
    }

    fn ask(&mut self) {
        let blocked_until = self.pace.belief().blocked_until.filter(|&until| self.now < until);
        match self.pace.permit(WORK, self.now) {
            Permit::Go(sent) => {
                assert_eq!(blocked_until, None, "a permit during a pause");
                self.flying.push((sent, false));
                // After a pause only its probes count; earlier requests are still in flight.
                let slots = self.pace.belief().window + self.stalled().min(8 * self.cap) + self.before_pause;
                assert!(self.pace.in_flight() <= slots, "more requests in flight than slots");
            }
            Permit::WaitUntil(until) => {
                assert!(until > self.now && blocked_until.is_none_or(|blocked| until <= blocked));
                assert!(until - self.now <= Duration::from_hours(1).mul_f64(1.05));
            }
            Permit::WaitForAnswer => assert!(!self.flying.is_empty(), "no request is in flight to wait for"),
        }
    }

    fn check(&self) {
        assert!(
            (1..=self.cap).contains(&self.pace.belief().window),
            "a window of {}",
            self.pace.belief().window
        );
        assert_eq!(self.pace.in_flight() as usize, self.flying.len());
    }

    /// The host serves everything from now on, and has to have served this many requests within [`RECOVERED_WITHIN`].
    fn recover(&mut self, requests: u32) {
        let (began, mut served) = (self.now, 0);
        let mut open: VecDeque<(Instant, SendRecord)> = self
            .flying
            .drain(..)
            .map(|(sent, is_stalled)| {
                if is_stalled {
                    self.pace.revived(sent, self.now);
                }
                (began, sent)
            })
            .collect();
        while served < requests {
            let wake_at = loop {
                match self.pace.permit(WORK, self.now) {
                    Permit::Go(sent) => open.push_back((self.now + ANSWER, sent)),
                    Permit::WaitUntil(until) => break Some(until),
                    Permit::WaitForAnswer => break None,
                }
            };
            let answer_at = open.front().map(|&(at, _)| at);
            let next = [wake_at, answer_at].into_iter().flatten().min().expect("some action is possible");
            self.now = self.now.max(next);
            assert!(self.now - began <= RECOVERED_WITHIN, "{served} requests were served");
            if answer_at.is_some_and(|at| at <= self.now)
                && let Some((_, sent)) = open.pop_front()
            {
                self.pace.ended(sent, Signal::Success { latency: ANSWER }, false, self.now, JITTER);
                served += 1;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_history_stops_the_pace(cap in 1_u32..40, steps in steps()) {
        let now = clock::now();
        let mut world = World { pace: InferencePace::new(UserLimits::window(cap), now), cap, flying: Vec::new(), before_pause: 0, now };
        let mut again = World { pace: InferencePace::new(UserLimits::window(cap), now), cap, flying: Vec::new(), before_pause: 0, now };
        for &step in &steps {
            world.take(step);
            again.take(step);
        }
        prop_assert_eq!(format!("{:?}", world.pace), format!("{:?}", again.pace), "the same history gave another state");
        world.recover(SERVED);
    }
}
