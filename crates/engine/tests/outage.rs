//! The outage detector: from responses, timeouts and probes it concludes whether our own network is down.

use std::time::Duration;

use longhaul::outage::{
    ADDRESSES_SILENT_MIN, BELIEVED_FOR, Connectivity, HEARD_LATELY, OutageDetector, PROBE_EVERY, PROBES_MAX,
    ProbeRound, SILENCE_COUNTS, Timeout, WELL_FOR,
};
use longhaul_socket::{Endpoint, LocalRoute, clock};
use proptest::prelude::*;
use tokio::time::Instant;

fn endpoint(host: u8) -> Endpoint {
    format!("tcp://198.51.100.{host}:80").parse().expect("an endpoint")
}

/// A detector and its clock.
struct Scene {
    outage: OutageDetector,
    now: Instant,
}

impl Scene {
    /// A network on which so many hosts have just responded.
    fn with_hosts(hosts: u8) -> Self {
        let now = clock::now() + HEARD_LATELY;
        let mut scene = Self { outage: OutageDetector::new(false, now), now };
        (0..hosts).for_each(|host| scene.heard(host));
        scene
    }

    fn later(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn heard(&mut self, host: u8) {
        self.outage.heard(Some(endpoint(host)), self.now, self.now);
    }

    /// An attempt failed that had waited for so many seconds.
    fn silent(&mut self, host: u8, seconds: u64, route: LocalRoute) {
        let since = self.now.checked_sub(Duration::from_secs(seconds)).expect("the clock began earlier");
        self.outage.silent(Timeout { endpoint: Some(endpoint(host)), since, route }, self.now);
    }

    fn round(&mut self) -> ProbeRound {
        let at = self.outage.next_round_at(self.now).expect("a round of probes is due");
        self.now = self.now.max(at);
        self.outage.round(self.now)
    }

    fn connectivity(&self) -> Connectivity {
        self.outage.state().connectivity
    }
}

#[test]
fn a_response_refutes_a_timeout() {
    let mut scene = Scene::with_hosts(5);
    scene.later(20);
    scene.heard(1);
    scene.later(1);
    scene.silent(0, 20, LocalRoute::Present);
    assert_eq!(scene.connectivity(), Connectivity::Up);
    assert_eq!(scene.outage.state().judged_through, scene.now, "the failure may be judged at once");
}

/// A host behind a proxy shows that the network is there, and gives no endpoint to probe.
#[test]
fn a_response_from_an_unknown_endpoint_counts_and_is_not_probed() {
    let mut scene = Scene::with_hosts(0);
    scene.outage.heard(None, scene.now, scene.now);
    assert_eq!(scene.outage.heard_lately(scene.now).count(), 0);
    scene.outage.silent(Timeout { endpoint: None, since: scene.now, route: LocalRoute::Absent }, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Down, "a missing route is still noticed");
    scene.later(1);
    scene.outage.heard(None, scene.now, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Up);
}

#[test]
fn a_response_from_before_the_outage_refutes_nothing() {
    let mut scene = Scene::with_hosts(5);
    // The attempt began before the last response of any host, and has waited long since.
    scene.later(15);
    scene.silent(0, 20, LocalRoute::Present);
    assert_eq!(scene.connectivity(), Connectivity::Suspect);
    assert!(scene.outage.state().judged_through < scene.now);
}

#[test]
fn one_response_ends_the_doubt() {
    let mut scene = Scene::with_hosts(5);
    scene.later(15);
    scene.silent(0, 10, LocalRoute::Present);
    let round = scene.round();
    assert_eq!(round.endpoints, [4, 3, 2, 1, 0].map(endpoint), "the silent one is probed last");
    assert!(scene.outage.next_round_at(scene.now).is_none(), "there is one round at a time");
    scene.later(1);
    scene.outage.round_ended(true, LocalRoute::Present, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Up);
    assert_eq!(scene.outage.state().judged_through, scene.now);
    assert_eq!(scene.outage.state().last_outage_end, None, "there was no outage");
    scene.silent(1, 10, LocalRoute::Present);
    assert_eq!(scene.connectivity(), Connectivity::Up, "a probe has just been answered");
    scene.now += WELL_FOR;
    scene.silent(1, 10, LocalRoute::Present);
    assert_eq!(scene.connectivity(), Connectivity::Suspect);
}

#[test]
fn without_any_response_the_network_is_down_until_there_is_one() {
    let mut scene = Scene::with_hosts(5);
    scene.later(15);
    scene.silent(0, 10, LocalRoute::Present);
    let _ = scene.round();
    scene.later(2);
    scene.outage.round_ended(false, LocalRoute::Present, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Down);
    assert_eq!(scene.outage.down_since(), Some(scene.now));
    for _ in 0..100 {
        let began = scene.now;
        let round = scene.round();
        assert!(scene.now - began <= PROBE_EVERY);
        assert!(!round.endpoints.is_empty() && round.endpoints.len() <= PROBES_MAX);
        scene.later(2);
        scene.outage.round_ended(false, LocalRoute::Present, scene.now);
        assert_eq!(scene.connectivity(), Connectivity::Down);
    }
    let _ = scene.round();
    scene.outage.round_ended(true, LocalRoute::Present, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Up);
    assert_eq!(scene.outage.state().last_outage_end, Some(scene.now));
}

#[test]
fn a_response_to_an_exchange_ends_an_outage() {
    let mut scene = Scene::with_hosts(5);
    scene.later(15);
    scene.silent(0, 10, LocalRoute::Present);
    let _ = scene.round();
    scene.outage.round_ended(false, LocalRoute::Present, scene.now);
    scene.later(30);
    scene.heard(3);
    assert_eq!(scene.connectivity(), Connectivity::Up);
}

#[test]
fn two_silent_hosts_are_no_outage() {
    let mut scene = Scene::with_hosts(2);
    scene.later(15);
    scene.silent(0, 10, LocalRoute::Present);
    let _ = scene.round();
    scene.outage.round_ended(false, LocalRoute::Present, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Up);
    const { assert!(2 < ADDRESSES_SILENT_MIN) };
}

#[test]
fn the_only_host_is_charged_unless_there_is_no_route() {
    let mut scene = Scene::with_hosts(1);
    scene.later(15);
    scene.silent(0, 10, LocalRoute::Present);
    assert_eq!((scene.connectivity(), scene.outage.state().judged_through), (Connectivity::Up, scene.now));
    scene.silent(0, 0, LocalRoute::Absent);
    assert_eq!(scene.connectivity(), Connectivity::Down);
    // The way out is back: whether the host is there is its own affair.
    let round = scene.round();
    assert_eq!(round.endpoints, [endpoint(0)]);
    scene.outage.round_ended(false, LocalRoute::Absent, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Down);
    let _ = scene.round();
    scene.outage.round_ended(false, LocalRoute::Present, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Up);
}

#[test]
fn a_missing_route_counts_in_spite_of_a_recent_response() {
    let mut scene = Scene::with_hosts(5);
    scene.silent(0, 0, LocalRoute::Absent);
    assert_eq!(scene.connectivity(), Connectivity::Down);
}

#[test]
fn the_canary_is_probed() {
    let now = clock::now();
    let mut outage = OutageDetector::new(true, now);
    let silence = Timeout { endpoint: Some(endpoint(0)), since: now, route: LocalRoute::Unknown };
    outage.silent(silence, now + SILENCE_COUNTS);
    assert_eq!(outage.state().connectivity, Connectivity::Suspect);
    let now = now + SILENCE_COUNTS;
    assert_eq!(outage.round(now), ProbeRound { endpoints: Vec::new(), canary: true });
    outage.round_ended(false, LocalRoute::Unknown, now);
    assert_eq!(outage.state().connectivity, Connectivity::Down);
}

#[test]
fn an_outage_without_evidence_from_routes_is_given_up() {
    let mut scene = Scene::with_hosts(5);
    scene.later(15);
    scene.silent(0, 10, LocalRoute::Present);
    let _ = scene.round();
    scene.outage.round_ended(false, LocalRoute::Present, scene.now);
    scene.now += BELIEVED_FOR;
    let _ = scene.round();
    scene.outage.round_ended(false, LocalRoute::Present, scene.now);
    assert_eq!(scene.connectivity(), Connectivity::Up, "the run has to end");
}

#[derive(Debug, Clone)]
enum Step {
    Heard(u8),
    Silent { host: u8, seconds: u64, route: LocalRoute },
    ProbeRound { answered: bool, route: LocalRoute },
    Later(u64),
}

fn routes() -> impl Strategy<Value = LocalRoute> {
    prop_oneof![4 => Just(LocalRoute::Present), 1 => Just(LocalRoute::Absent), 1 => Just(LocalRoute::Unknown)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..20_u8).prop_map(Step::Heard),
        (0..20_u8, 0..30_u64, routes()).prop_map(|(host, seconds, route)| Step::Silent {
            host,
            seconds,
            route
        }),
        (any::<bool>(), routes()).prop_map(|(answered, route)| Step::ProbeRound { answered, route }),
        (0..100_u64).prop_map(Step::Later),
    ];
    prop::collection::vec(step, 0..100)
}

proptest! {
    /// After any history there is a next action, rounds are bounded, and one response ends the outage.
    #[test]
    fn no_history_leads_to_a_state_without_a_next_action(steps in steps()) {
        let mut scene = Scene::with_hosts(0);
        let mut is_asking = false;
        for step in steps {
            match step {
                Step::Heard(host) => scene.heard(host),
                Step::Silent { host, seconds, route } => scene.silent(host, seconds, route),
                Step::Later(seconds) => scene.later(seconds),
                Step::ProbeRound { answered, route } => {
                    if is_asking {
                        scene.outage.round_ended(answered, route, scene.now);
                        is_asking = false;
                    } else if scene.outage.next_round_at(scene.now).is_some_and(|at| at <= scene.now) {
                        prop_assert!(scene.outage.round(scene.now).endpoints.len() <= PROBES_MAX);
                        is_asking = true;
                    }
                }
            }
            if is_asking && scene.connectivity() == Connectivity::Up {
                // Somebody was heard meanwhile; the round that is under way ends and changes nothing.
                scene.outage.round_ended(false, LocalRoute::Present, scene.now);
                prop_assert_eq!(scene.connectivity(), Connectivity::Up);
                is_asking = false;
            }
            let is_waiting = scene.outage.next_round_at(scene.now).is_some();
            prop_assert_eq!(scene.connectivity() == Connectivity::Up, !is_waiting && !is_asking);
            prop_assert!(scene.connectivity() == Connectivity::Suspect || scene.outage.state().judged_through <= scene.now);
        }
        scene.later(1);
        scene.heard(0);
        prop_assert_eq!(scene.connectivity(), Connectivity::Up);
    }
}
