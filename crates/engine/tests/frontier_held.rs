//! Jobs that the frontier holds for hosts of one controller: the controller names rows, and the frontier finds the host of each.

use std::sync::{Arc, Mutex, MutexGuard};

use longhaul::frontier::{Frontier, HostId, Next};
use longhaul::pace::{
    Belief, Controller, Denial, Limiter, Permit, Pick, SendRecord, Signal, UserLimits, Work,
};
use longhaul_socket::clock;
use tokio::time::Instant;

const HOSTS: u16 = 5;

/// What the controller says next.
#[derive(Debug, Default)]
struct Orders {
    sequence: u64,
    settled: Vec<u64>,
    held: Option<u64>,
}

/// A controller that permits every request, and settles denials as a test orders.
#[derive(Debug, Clone, Default)]
struct Ordered(Arc<Mutex<Orders>>);

impl Ordered {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().expect("no test panics with it")
    }
}

impl Controller for Ordered {
    fn permit(&mut self, _: Work, _: Instant) -> Permit {
        let mut orders = self.orders();
        orders.sequence += 1;
        Permit::Go(SendRecord { sequence: orders.sequence, in_flight: 1, served: 0 })
    }

    fn pick(&mut self, _: SendRecord) -> Pick {
        self.orders().held.take().map_or(Pick::Next, Pick::Held)
    }

    fn ended(&mut self, _: SendRecord, _: Signal, _: bool, _: Instant, _: f64) {}

    fn denial(&self, _: SendRecord, _: bool) -> Denial {
        Denial::Undecided
    }

    fn settles_denials(&self) -> bool {
        true
    }

    fn settled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.orders().settled)
    }

    fn in_flight(&self) -> u32 {
        0
    }

    fn limits(&self) -> UserLimits {
        UserLimits::default()
    }

    fn belief(&self) -> Belief {
        Belief { limiter: Limiter::Cap, window: 1, rate: None, blocked_until: None }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

/// Hosts that share a controller; each holds two rows, 10 and 11 times its key.
struct Scene {
    frontier: Frontier<u16, u64>,
    controller: Ordered,
    hosts: Vec<HostId>,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let (controller, now) = (Ordered::default(), clock::now());
        let mut frontier = Frontier::new();
        for key in 1..=HOSTS {
            for row in [10, 11] {
                frontier.push(&key, row * u64::from(key), None, || Box::new(controller.clone()));
            }
        }
        let hosts: Vec<HostId> = (1..=HOSTS).filter_map(|key| frontier.find(&key)).collect();
        frontier.share(&hosts, |_| Box::new(controller.clone()));
        let mut scene = Self { frontier, controller, hosts, now };
        let mut started = Vec::new();
        while let Next::Start { host, sent, job } = scene.frontier.next(now) {
            started.push((host, sent, job));
        }
        for (host, sent, job) in started {
            scene.frontier.hold(host, job);
            scene.frontier.ended(host, sent, Signal::Neutral, false, now, 0.0);
        }
        assert_eq!(scene.frontier.held(), 2 * usize::from(HOSTS));
        scene
    }

    fn key_of(row: u64) -> u16 {
        u16::try_from(if row.is_multiple_of(10) { row / 10 } else { row / 11 }).expect("a small number")
    }
}

#[test]
fn a_row_is_settled_at_the_host_that_holds_it() {
    let mut scene = Scene::new();
    let settled = [50, 11, 33, 20];
    scene.controller.orders().settled.extend(settled);
    // Whichever host asks.
    let Next::Start { .. } = scene.frontier.next(scene.now) else { panic!("a held job may start") };
    let taken = scene.frontier.take_settled();
    let expected: Vec<(HostId, u64)> =
        settled.iter().map(|&row| (scene.hosts[usize::from(Scene::key_of(row)) - 1], row)).collect();
    assert_eq!(taken, expected);
    assert_eq!(scene.frontier.held(), 2 * usize::from(HOSTS) - settled.len() - 1, "one is in flight");
}

#[test]
fn a_held_row_starts_at_the_host_that_holds_it() {
    let mut scene = Scene::new();
    for row in [44, 10, 55, 22] {
        scene.controller.orders().held = Some(row);
        let Next::Start { host, job, .. } = scene.frontier.next(scene.now) else { panic!("row {row}") };
        assert_eq!((scene.frontier.key(host).copied(), job), (Some(Scene::key_of(row)), row));
    }
    assert_eq!(scene.frontier.held(), 2 * usize::from(HOSTS) - 4);
}

#[test]
fn a_row_that_is_held_no_more_is_not_settled() {
    let mut scene = Scene::new();
    // The held jobs of a host that gets another controller wait like any other.
    scene.frontier.part(scene.hosts[0], Box::new(Ordered::default()));
    assert_eq!(scene.frontier.held(), 2 * usize::from(HOSTS) - 2);
    assert_eq!(scene.frontier.take_held(scene.hosts[1]).len(), 2);
    assert_eq!(scene.frontier.drain(scene.hosts[2]).len(), 2);
    assert_eq!(scene.frontier.held(), 2 * usize::from(HOSTS) - 6);
    scene.controller.orders().settled.extend([10, 11, 20, 22, 30, 33, 40]);
    while let Next::Start { .. } = scene.frontier.next(scene.now) {}
    let settled: Vec<u64> = scene.frontier.take_settled().into_iter().map(|(_, row)| row).collect();
    assert!(settled.iter().all(|&row| row == 40), "{settled:?}");
    assert_eq!(scene.frontier.held(), 0);
}
