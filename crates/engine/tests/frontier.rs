//! The frontier against a plain model: a list of jobs, each with its host and its time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use longhaul::frontier::{Frontier, HostId, Next, Sent};
use longhaul::pace::{Controller, FixedPace, Permit, Signal, UserLimits, Work};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

const CAP: u32 = 4;
const DENIED: Signal = Signal::Denied { latency: Duration::from_millis(10) };
const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };

fn new_pace() -> Box<dyn Controller> {
    Box::new(FixedPace::recalling(UserLimits::window(CAP), &[], clock::now()))
}

type Key = u16;
type Job = u64;

/// A job that waits, as the model knows it: its host, and its time if it has one.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    key: Key,
    not_before: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Flying {
    id: HostId,
    sent: Sent,
    is_stalled: bool,
}

/// The frontier and the model, which get the same calls.
struct World {
    frontier: Frontier<Key, Job>,
    waiting: BTreeMap<Job, Waiting>,
    flying: Vec<Flying>,
    /// Every job that was started or drained.
    out: BTreeSet<Job>,
    next_job: Job,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self {
            frontier: Frontier::new(),
            waiting: BTreeMap::new(),
            flying: Vec::new(),
            out: BTreeSet::new(),
            next_job: 0,
            now: clock::now(),
        }
    }

    fn push(&mut self, key: Key, after: Option<Duration>) -> Job {
        let job = self.next_job;
        self.next_job += 1;
        let not_before = after.map(|after| self.now + after);
        self.frontier.push(&key, job, not_before, new_pace);
        self.waiting.insert(job, Waiting { key, not_before });
        job
    }

    /// The job of this host that the model would start now.
    fn first_of(&self, key: Key) -> Option<Job> {
        let of_host = || self.waiting.iter().filter(move |(_, waiting)| waiting.key == key);
        let due = of_host().filter_map(|(&job, waiting)| Some((waiting.not_before?, job)));
        let due = due.filter(|&(at, _)| at <= self.now).min().map(|(_, job)| job);
        due.or_else(|| of_host().find(|(_, waiting)| waiting.not_before.is_none()).map(|(&job, _)| job))
    }

    /// Starts one job if there is one to start, and checks that it is the right one.
    fn start(&mut self) -> Option<(HostId, Key, Job)> {
        match self.frontier.next(self.now) {
            Next::Start { host, sent, job } => {
                let key = *self.frontier.key(host).expect("a host with a job in flight is known");
                assert_eq!(self.first_of(key), Some(job), "another job of this host is due first");
                self.waiting.remove(&job);
                assert!(self.out.insert(job), "the job was started twice");
                self.flying.push(Flying { id: host, sent, is_stalled: false });
                Some((host, key, job))
            }
            Next::WaitUntil(at) => {
                assert!(at > self.now, "a wait until a time that has passed");
                self.assert_nothing_can_start(Some(at));
                None
            }
            Next::Idle => {
                self.assert_nothing_can_start(None);
                None
            }
        }
    }

    /// No job that is due has a controller that permits a request, and nothing will be due before `until`.
    fn assert_nothing_can_start(&self, until: Option<Instant>) {
        let is_in_time = |at: Instant| until.is_some_and(|until| until <= at);
        let mut waiting_jobs = 0;
        for (&key, pace, waiting) in self.frontier.hosts() {
            waiting_jobs += waiting;
            if self.first_of(key).is_some() {
                match pace.clone_box().permit(Work::default(), self.now) {
                    Permit::Go(_) => panic!("a job of host {key} could be started"),
                    Permit::WaitUntil(at) => assert!(is_in_time(at), "host {key} would be woken late"),
                    Permit::WaitForAnswer => assert!(pace.in_flight() > 0, "host {key} waits for nothing"),
                }
            } else {
                let times = self.waiting.values().filter(|waiting| waiting.key == key);
                for at in times.filter_map(|waiting| waiting.not_before) {
                    assert!(is_in_time(at), "a job of host {key} would be woken late");
                }
            }
        }
        assert_eq!(waiting_jobs, self.waiting.len());
    }

    fn start_all(&mut self) {
        while self.start().is_some() {}
        assert_eq!(self.frontier.waiting(), self.waiting.len());
        assert!(self.frontier.wakes() <= self.frontier.hosts().count());
    }

    fn answer(&mut self, index: usize, signal: Signal) {
        let Flying { id, sent, is_stalled } = self.flying.swap_remove(index);
        self.frontier.ended(id, sent, signal, is_stalled, self.now, 0.5);
        self.frontier.forget_if_idle(id);
    }

    fn share(&mut self, keys: &[Key]) {
        let ids: BTreeSet<HostId> = keys.iter().filter_map(|key| self.frontier.find(key)).collect();
        let ids: Vec<HostId> = ids.into_iter().collect();
        self.frontier.share(&ids, |_| new_pace());
        assert!(ids.iter().all(|&id| self.frontier.sharing(id) == ids.len()));
    }

    fn join(&mut self, key: Key, other: Key) {
        if let Some((id, other)) = self.frontier.find(&key).zip(self.frontier.find(&other)) {
            self.frontier.join(id, other);
            assert_eq!(self.frontier.sharing(id), self.frontier.sharing(other));
        }
    }

    fn part(&mut self, key: Key) {
        if let Some(id) = self.frontier.find(&key) {
            self.frontier.part(id, new_pace());
            assert_eq!(self.frontier.sharing(id), 1);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Serves everything, and waits as the frontier says.
    fn finish(&mut self) {
        for _ in 0..100_000 {
            self.start_all();
            if !self.flying.is_empty() {
                self.answer(0, SERVED);
            } else if let Next::WaitUntil(at) = self.frontier.next(self.now) {
                self.now = at;
            } else {
                assert_eq!((self.frontier.waiting(), self.out.len() as u64), (0, self.next_job));
                assert_eq!(self.frontier.hosts().count(), 0, "a host without jobs is kept");
                return;
            }
        }
        panic!("this does not come to an end");
    }
}

#[test]
fn hosts_take_turns() {
    let mut world = World::new();
    for _ in 0..9_000 {
        world.push(0, None);
    }
    for key in 1..100 {
        for _ in 0..10 {
            world.push(key, None);
        }
    }
    // Requests end in between.
    let mut started = BTreeSet::new();
    for _ in 0..200 {
        let (_, key, _) = world.start().expect("there is enough to start");
        started.insert(key);
        world.answer(0, SERVED);
    }
    assert_eq!(started.len(), 100, "a host waited for another one");
}

#[test]
fn retried_jobs_start_before_new_ones() {
    let mut world = World::new();
    let new = world.push(1, None);
    let late = world.push(1, Some(Duration::from_secs(9)));
    let early = world.push(1, Some(Duration::from_secs(5)));
    let early_too = world.push(1, Some(Duration::from_secs(5)));
    world.pass(Duration::from_secs(10));
    let order: Vec<Job> = std::iter::from_fn(|| world.start()).map(|(_, _, job)| job).collect();
    assert_eq!(order, [early, early_too, late, new]);
}

#[test]
fn nothing_starts_before_its_time() {
    let mut world = World::new();
    let after = Duration::from_secs(5);
    world.push(1, Some(after));
    let Next::WaitUntil(at) = world.frontier.next(world.now) else {
        panic!("there is something to wait for")
    };
    assert_eq!(at, world.now + after);
    world.pass(after.saturating_sub(Duration::from_nanos(1)));
    assert!(world.start().is_none());
    world.pass(Duration::from_nanos(1));
    assert!(world.start().is_some());
}

#[test]
fn a_host_has_one_wake_however_many_jobs_it_gets() {
    let mut world = World::new();
    world.push(1, None);
    let wait = Duration::from_mins(1);
    world.start().expect("the first one starts");
    world.push(1, None);
    world.answer(0, Signal::Throttle { retry_after: Some(wait) });
    for _ in 0..2_000 {
        world.push(1, None);
        world.push(1, Some(Duration::from_secs(1)));
        assert!(world.start().is_none(), "the host asked for a pause");
    }
    assert_eq!(world.frontier.wakes(), 1);
    world.pass(wait * 2);
    assert!(world.start().is_some());
    assert!(world.start().is_none(), "one probe comes first");
}

#[test]
fn an_idle_host_is_forgotten_and_starts_again() {
    let mut world = World::new();
    for _ in 0..40 {
        world.push(1, None);
    }
    let (id, _, _) = world.start().expect("a start");
    while !world.flying.is_empty() {
        assert_eq!(world.frontier.key(id), Some(&1));
        world.answer(0, SERVED);
        world.start_all();
    }
    assert!(world.frontier.controller(id).is_none() && world.frontier.key(id).is_none());
    world.push(2, None);
    world.push(1, None);
    assert!(world.frontier.hosts().all(|(_, pace, _)| pace.belief().window == new_pace().belief().window));
}

#[test]
fn a_paused_host_is_kept_until_its_pause_ends() {
    let mut world = World::new();
    world.push(1, None);
    world.start().expect("the first one starts");
    world.answer(0, Signal::Throttle { retry_after: Some(Duration::from_mins(1)) });
    world.push(1, None);
    assert!(world.start().is_none(), "the pause was forgotten with the host");
    world.finish();
}

#[test]
fn draining_takes_waiting_jobs_and_leaves_those_in_flight() {
    let mut world = World::new();
    for _ in 0..20 {
        world.push(1, None);
        world.push(1, Some(Duration::from_secs(1)));
        world.push(2, None);
    }
    let (id, key, _) = world.start().expect("a start");
    let drained = world.frontier.drain(id);
    let expected: BTreeSet<Job> =
        world.waiting.iter().filter(|(_, waiting)| waiting.key == key).map(|(&job, _)| job).collect();
    assert_eq!(drained.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(drained.len(), expected.len());
    world.waiting.retain(|_, waiting| waiting.key != key);
    world.out.extend(drained);
    assert!(world.frontier.key(id).is_some(), "one of its jobs is in flight");
    world.answer(0, SERVED);
    assert!(world.frontier.key(id).is_none(), "a host with a wake is forgotten too");
    // The number of a forgotten host is not reused while it is in a queue.
    for key in 3..8 {
        world.push(key, None);
    }
    world.finish();
}

#[test]
fn a_suspended_host_has_its_turn_again() {
    let mut world = World::new();
    for job in 0..8 {
        world.push(job % 2, None);
    }
    let odd = |&key: &Key| key == 1;
    for _ in 0..4 {
        let Next::Start { job, .. } = world.frontier.next_where(world.now, odd, |_| 0, |_| None) else {
            panic!("four may start")
        };
        assert_eq!(job % 2, 1);
    }
    assert!(matches!(world.frontier.next_where(world.now, odd, |_| 0, |_| None), Next::Idle));
    assert!(matches!(world.frontier.next(world.now), Next::Idle), "it has no turn before resume_suspended");
    world.push(0, None);
    world.frontier.resume_suspended();
    let mut started = Vec::new();
    while let Next::Start { job, .. } = world.frontier.next(world.now) {
        started.push(job);
    }
    assert_eq!(started, [0, 2, 4, 6]);
    // A host that is forgotten while it is suspended frees its number when it has its turn.
    let mut world = World::new();
    world.push(0, None);
    assert!(matches!(world.frontier.next_where(world.now, |_| false, |_| 0, |_| None), Next::Idle));
    let id = world.frontier.hosts().count();
    assert_eq!(id, 1);
    world.frontier.resume_suspended();
    assert!(world.start().is_some());
}

/// Hosts that share a controller get its slots in turn, however many jobs each has.
#[test]
fn hosts_that_share_a_controller_take_turns() {
    let mut world = World::new();
    for key in 0..3 {
        for _ in 0..(if key == 0 { 100 } else { 10 }) {
            world.push(key, None);
        }
    }
    world.share(&[0, 1, 2]);
    let mut started = Vec::new();
    while started.len() < 30 {
        while let Some((_, key, _)) = world.start() {
            started.push(key);
        }
        assert!(world.flying.len() <= CAP as usize, "one window for all of them");
        world.answer(0, SERVED);
    }
    for key in 0..3 {
        let count = started[..30].iter().filter(|&&of| of == key).count();
        assert!((9..=11).contains(&count), "host {key} was asked {count} times: {started:?}");
    }
    world.finish();
}

/// Hosts that share a controller fail each by itself: neither the successes nor the failures of one count for the other.
#[test]
fn hosts_that_share_a_controller_fail_each_by_itself() {
    let mut world = World::new();
    for key in [0, 1] {
        for _ in 0..4 {
            world.push(key, None);
        }
    }
    world.share(&[0, 1]);
    let begun = world.now;
    for _ in 0..2 {
        while let Next::Start { host, sent, .. } = world.frontier.next(world.now) {
            let is_dead = *world.frontier.key(host).expect("it has a job in flight") == 0;
            let signal = if is_dead { Signal::Congestion } else { SERVED };
            world.frontier.ended(host, sent, signal, false, world.now, 0.5);
        }
        world.now += Duration::from_mins(10);
    }
    let [dead, alive] = [0, 1].map(|key| world.frontier.find(&key).and_then(|id| world.frontier.failing(id)));
    let (failures, since) = dead.expect("that host fails");
    assert!(failures >= 2 && since == begun, "{failures}");
    assert_eq!(alive, None);
}

/// The end of a request is reported to the controller that permitted it.
#[test]
fn requests_in_flight_do_not_count_for_the_new_controller() {
    let mut world = World::new();
    for job in 0..40 {
        world.push(job % 2, None);
    }
    world.start_all();
    assert_eq!(world.flying.len(), 8);
    world.share(&[0, 1]);
    world.start_all();
    assert_eq!(world.flying.len(), 12, "four more requests by the new controller");
    for index in (0..8).rev() {
        world.answer(index, Signal::Congestion);
    }
    let id = world.frontier.find(&0).expect("it has jobs");
    let pace = world.frontier.controller(id).expect("it is known");
    assert_eq!((pace.in_flight(), pace.failing()), (4, None));
    world.finish();
}

#[test]
fn two_hundred_thousand_events() {
    let mut random = fastrand::Rng::with_seed(5);
    let mut frontier: Frontier<Key, Job> = Frontier::new();
    let mut now = clock::now();
    let mut flying: Vec<(HostId, Sent, Job, Key)> = Vec::new();
    let mut done = BTreeSet::new();
    for job in 0..40_000 {
        frontier.push(&(random.u16(..) % 300), job, None, new_pace);
    }
    for _ in 0..2_000_000 {
        match frontier.next(now) {
            Next::Start { host, sent, job } => {
                let key = *frontier.key(host).expect("it is known");
                flying.push((host, sent, job, key));
                if flying.len() < 64 {
                    continue;
                }
            }
            Next::WaitUntil(at) if flying.is_empty() => {
                now = at;
                continue;
            }
            Next::Idle if flying.is_empty() => break,
            Next::WaitUntil(_) | Next::Idle => {}
        }
        now += Duration::from_millis(1);
        let (host, sent, job, key) = flying.swap_remove(random.usize(..flying.len()));
        let signal = match random.u8(..10) {
            0..5 => SERVED,
            5..8 => Signal::Congestion,
            8 => Signal::Throttle { retry_after: None },
            _ => Signal::Throttle { retry_after: Some(Duration::from_secs(2)) },
        };
        frontier.ended(host, sent, signal, false, now, random.f64());
        if signal == SERVED {
            assert!(done.insert(job));
            frontier.forget_if_idle(host);
        } else {
            frontier.push(&key, job, Some(now + Duration::from_secs(1)), || unreachable!("it is known"));
        }
    }
    assert_eq!((done.len(), frontier.waiting(), frontier.hosts().count()), (40_000, 0, 0));
}

#[derive(Debug, Clone)]
enum Step {
    Push { key: Key, after_ms: Option<u64> },
    Start,
    StartAll,
    Answer { index: usize, signal: Signal },
    Stall { index: usize },
    Drain { index: usize },
    Share { keys: Vec<Key> },
    Join { key: Key, other: Key },
    Part { key: Key },
    Pass { ms: u64 },
}

fn signals() -> impl Strategy<Value = Signal> {
    let throttle = prop::option::of(0_u64..3000)
        .prop_map(|wait| Signal::Throttle { retry_after: wait.map(Duration::from_millis) });
    prop_oneof![4 => Just(SERVED), 3 => Just(Signal::Congestion), 2 => throttle, 1 => Just(Signal::Neutral), 2 => Just(DENIED)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u16..5, prop::option::weighted(0.4, 0_u64..3000))
            .prop_map(|(key, after_ms)| Step::Push { key, after_ms }),
        4 => Just(Step::Start),
        2 => Just(Step::StartAll),
        6 => (any::<usize>(), signals()).prop_map(|(index, signal)| Step::Answer { index, signal }),
        2 => any::<usize>().prop_map(|index| Step::Stall { index }),
        1 => any::<usize>().prop_map(|index| Step::Drain { index }),
        1 => prop::collection::vec(0_u16..5, 1..5).prop_map(|keys| Step::Share { keys }),
        1 => (0_u16..5, 0_u16..5).prop_map(|(key, other)| Step::Join { key, other }),
        1 => (0_u16..5).prop_map(|key| Step::Part { key }),
        3 => prop_oneof![0_u64..50, 0_u64..5000].prop_map(|ms| Step::Pass { ms }),
    ];
    prop::collection::vec(step, 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_job_starts_once_and_not_before_its_time(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Push { key, after_ms } => {
                    world.push(key, after_ms.map(Duration::from_millis));
                }
                Step::Start => {
                    world.start();
                }
                Step::StartAll => world.start_all(),
                Step::Pass { ms } => world.pass(Duration::from_millis(ms)),
                Step::Share { keys } => world.share(&keys),
                Step::Join { key, other } => world.join(key, other),
                Step::Part { key } => world.part(key),
                _ if world.flying.is_empty() => {}
                Step::Answer { index, signal } => world.answer(index % world.flying.len(), signal),
                Step::Stall { index } => {
                    let index = index % world.flying.len();
                    let flying = &mut world.flying[index];
                    flying.is_stalled = !flying.is_stalled;
                    world.frontier.set_stalled(flying.id, flying.sent, flying.is_stalled, world.now);
                }
                Step::Drain { index } => {
                    let id = world.flying[index % world.flying.len()].id;
                    for job in world.frontier.drain(id) {
                        prop_assert!(world.waiting.remove(&job).is_some());
                        prop_assert!(world.out.insert(job));
                    }
                    world.frontier.forget_if_idle(id);
                }
            }
            prop_assert_eq!(world.frontier.waiting(), world.waiting.len());
        }
        world.finish();
    }
}
