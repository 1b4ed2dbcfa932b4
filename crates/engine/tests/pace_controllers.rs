//! The seam of the pace: whatever implements `Controller` can run a haul, and hears of its requests in order.

mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::Settings;
use longhaul::pace::{
    Belief, Controller, ControllerFactory, FirstByte, FixedPace, Limiter, Memory, PaceKind, Permit,
    SendRecord, Signal, UserLimits, WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC, WINDOW_MAX, Work,
};
use longhaul_socket::clock;
use tokio::time::Instant;
use world::{ORIGIN, Reply, World, list, simulate};

/// What a controller heard, as `(sequence, what)`.
type Log = Arc<Mutex<Vec<(u64, Heard)>>>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Heard {
    Permitted(Work),
    FirstByte { is_new_connection: bool },
    Ended(Signal),
}

/// The simplest controller: one request at a time, whatever happens.
#[derive(Debug, Clone)]
struct OneAtATime {
    limits: UserLimits,
    next_sequence: u64,
    in_flight: u32,
    log: Log,
}

impl OneAtATime {
    fn note(&self, sequence: u64, heard: Heard) {
        self.log.lock().expect("no test panics with it").push((sequence, heard));
    }
}

impl Controller for OneAtATime {
    fn permit(&mut self, work: Work, _now: Instant) -> Permit {
        if self.in_flight == 1 {
            return Permit::WaitForAnswer;
        }
        let sequence = self.next_sequence;
        (self.next_sequence, self.in_flight) = (sequence + 1, 1);
        self.note(sequence, Heard::Permitted(work));
        Permit::Go(SendRecord { sequence, in_flight: 1, served: 0 })
    }

    fn first_byte(&mut self, sent: SendRecord, first_byte: FirstByte) {
        self.note(sent.sequence, Heard::FirstByte { is_new_connection: first_byte.is_new_connection });
    }

    fn ended(&mut self, sent: SendRecord, signal: Signal, _: bool, _: Instant, _: f64) {
        self.in_flight = 0;
        self.note(sent.sequence, Heard::Ended(signal));
    }

    fn in_flight(&self) -> u32 {
        self.in_flight
    }

    fn limits(&self) -> UserLimits {
        self.limits
    }

    fn belief(&self) -> Belief {
        Belief { limiter: Limiter::Cap, window: 1, rate: None, blocked_until: None }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

#[derive(Debug, Default)]
struct OneAtATimeFactory(Log);

impl ControllerFactory for OneAtATimeFactory {
    fn build(&self, limits: UserLimits, _memories: &[Memory], _now: Instant) -> Box<dyn Controller> {
        Box::new(OneAtATime { limits, next_sequence: 0, in_flight: 0, log: Arc::clone(&self.0) })
    }
}

/// A factory of one's own has the caps of the default pace; only the controller that widens its window by itself may exceed them.
#[test]
fn the_caps_are_those_of_the_default_pace() {
    let own = OneAtATimeFactory(Log::default());
    for (is_private, cap) in [(false, WINDOW_CAP_PUBLIC), (true, WINDOW_CAP_PRIVATE)] {
        assert_eq!(own.window_max(is_private), cap);
        assert_eq!(PaceKind::Fixed.window_max(is_private), cap);
        assert_eq!(PaceKind::Inference.window_max(is_private), WINDOW_MAX);
    }
}

#[test]
fn a_controller_of_ones_own_runs_a_haul_and_hears_of_each_request_in_order() {
    simulate(async {
        let world = World::new(1);
        let _host = world.scripted(ORIGIN, |request| match request.number {
            3 => Reply::status(429).body("too fast"),
            _ => Reply::status(200).body("a"),
        });
        let log = Log::default();
        let factory = Arc::new(OneAtATimeFactory(Arc::clone(&log)));
        let run =
            world.haul(list(5)).settings(move |settings: &mut Settings| settings.pace = factory).run().await;
        assert_eq!(run.counts(), (5, 0, 0, 0));
        let log = log.lock().expect("the haul has ended");
        assert_eq!(log.len(), 3 * 6, "five files, one of them requested twice: {log:?}");
        for (number, heard) in log.chunks(3).enumerate() {
            assert!(heard.iter().all(|&(sequence, _)| sequence == number as u64), "{log:?}");
            let [(_, permitted), (_, first_byte), (_, ended)] = *heard else { panic!("three each") };
            let is_first = number == 0;
            let Heard::Permitted(work) = permitted else { panic!("a permit comes first: {log:?}") };
            assert_eq!(work.connections_idle, usize::from(!is_first));
            assert!((1..=5).contains(&work.jobs_waiting), "{work:?}");
            assert_eq!(first_byte, Heard::FirstByte { is_new_connection: is_first });
            let is_refused = ended == Heard::Ended(Signal::Throttle { retry_after: None });
            assert_eq!(is_refused, number == 2, "{log:?}");
        }
    });
}

/// The controllers that exist and one that does not, against the same host: each loads it as it says.
#[test]
fn several_controllers_can_be_compared_on_one_host() {
    let most_at_once = |factory: Arc<dyn ControllerFactory>| {
        simulate(async {
            let world = World::new(1);
            let log = Arc::new(Mutex::new(Vec::new()));
            let times = Arc::clone(&log);
            let clock = world.clock;
            let _host = world.scripted(ORIGIN, move |_| {
                times.lock().expect("no script panics").push(clock.unix_ms());
                Reply::status(200).body("a")
            });
            let change = move |settings: &mut Settings| {
                (settings.pace, settings.jobs_per_host_max) = (factory, Some(8));
            };
            let run = world.haul(list(40)).settings(change).run().await;
            assert_eq!(run.counts(), (40, 0, 0, 0));
            let times = log.lock().expect("the haul has ended");
            times.iter().filter(|&&at| at == times[0]).count()
        })
    };
    let fixed = most_at_once(Arc::new(PaceKind::Fixed));
    let inference = most_at_once(Arc::new(PaceKind::Inference));
    let single = most_at_once(Arc::new(OneAtATimeFactory::default()));
    assert_eq!((fixed, inference, single), (8, 4, 1));
}

#[test]
fn a_fixed_pace_keeps_its_window_and_only_a_pause_that_the_host_asks_for_stops_it() {
    let now = clock::now();
    let mut pace = FixedPace::recalling(UserLimits::window(8), &[], now);
    let mut fill = |signal: Signal| {
        let mut requests = Vec::new();
        while let Permit::Go(sent) = pace.permit(Work::default(), now) {
            requests.push(sent);
        }
        let count = requests.len();
        for sent in requests {
            pace.ended(sent, signal, false, now, 0.0);
        }
        (count, pace.belief())
    };
    let refused = Signal::Throttle { retry_after: None };
    let slow = |seconds| Signal::Success { latency: Duration::from_secs(seconds) };
    for signal in [slow(1), slow(30), Signal::Congestion, Signal::Absent, refused, slow(1)] {
        let (count, belief) = fill(signal);
        assert_eq!((count, belief.window, belief.limiter), (8, 8, Limiter::Cap), "{signal:?}");
    }
    let asked = Signal::Throttle { retry_after: Some(Duration::from_secs(20)) };
    let (_, belief) = fill(asked);
    assert_eq!(
        (belief.limiter, belief.blocked_until),
        (Limiter::RetryAfter, Some(now + Duration::from_secs(20)))
    );
    let later = now + Duration::from_secs(20);
    let Permit::Go(probe) = pace.permit(Work::default(), later) else { panic!("the pause is over") };
    assert_eq!(pace.permit(Work::default(), later), Permit::WaitForAnswer, "one request at a time follows");
    pace.ended(probe, slow(1), false, later, 0.0);
    assert!((0..8).all(|_| matches!(pace.permit(Work::default(), later), Permit::Go(_))), "it was served");
}
