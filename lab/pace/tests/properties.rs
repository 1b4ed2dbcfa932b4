//! What holds for hosts as a whole, in virtual time.

use pace_lab::Seconds;
use pace_lab::controller::{Controller, End, Fate, Memory, PacePolicy, Permit, Work};
use pace_lab::sim::run;
use pace_lab::zoo::{Host, draw};

const WORK: Work = Work { fresh: 1_000, again: 0, remaining: 1_000, idle: 8 };

/// Sends as many requests as are permitted within a time, each answered at once, and returns how many those were.
fn sent_within(pace: &mut Controller, seconds: Seconds) -> u32 {
    let (mut now, mut sent) = (0.0, 0);
    while now < seconds {
        match pace.permit(now, WORK) {
            Permit::Go(_) => {
                let ticket = pace.sent(now, sent, false);
                sent += 1;
                now += 0.001;
                let fate = pace.ended(ticket, End::Served { latency: 0.001, page: None }, now, 0.5);
                assert_eq!(fate, Fate::Done, "an answer ends its row");
            }
            Permit::At(at) => now = at.max(now + 1e-6),
            Permit::OnAnswer => panic!("nothing is under way at {now}"),
        }
    }
    sent
}

#[test]
fn a_host_that_serves_everything_is_asked_faster_and_faster() {
    let mut host = Host::new("healthy", 8_000, 0.095, 0.005, 7);
    let run = run(&mut host, PacePolicy::default(), true, false);
    assert_eq!((run.lost, run.left, run.refusals), (0, 0, 0));
    let seconds = &run.seconds;
    assert!(seconds[1] > seconds[0] && seconds[4] > 4 * seconds[0], "served in each second: {seconds:?}");
    assert!(seconds[10] >= 400, "400 files a second within 15 s: {seconds:?}");
}

#[test]
fn no_row_is_lost_and_every_list_ends() {
    for seed in 900_001..900_081 {
        let mut host = draw::draw(seed);
        let run = run(&mut host, PacePolicy::default(), true, false);
        assert_eq!((run.lost, run.left), (0, 0), "host {seed}, {}: {}", host.kind, run.belief);
    }
}

#[test]
fn a_run_follows_from_its_seed() {
    let times = [1, 2].map(|_| run(&mut draw::draw(900_005), PacePolicy::default(), true, false).took);
    assert!((times[0] - times[1]).abs() < f64::EPSILON, "{times:?}");
}

#[test]
fn a_remembered_rate_is_kept_from_the_first_request() {
    let memory = Memory { rate: Some(10.0), window: None, ban: Some(20.0) };
    let mut pace = Controller::recalling(PacePolicy::default(), &memory, 0.0);
    let sent = sent_within(&mut pace, 3.0);
    assert!((28..=32).contains(&sent), "{sent} requests in 3 s at 10/s");
    assert_eq!(pace.memory().rate, Some(10.0));
}

#[test]
fn a_remembered_window_is_kept() {
    let memory = Memory { rate: None, window: Some(2), ban: None };
    let mut pace = Controller::recalling(PacePolicy::default(), &memory, 0.0);
    let permitted = (0..8).take_while(|&url| {
        let is_permitted = matches!(pace.permit(0.0, WORK), Permit::Go(_));
        if is_permitted {
            pace.sent(0.0, url, true);
        }
        is_permitted
    });
    assert_eq!(permitted.count(), 2);
}

#[test]
fn names_of_one_host_share_what_each_was_seen_to_take() {
    let recalled = |rate| {
        let memory = Memory { rate: Some(rate), window: None, ban: None };
        Controller::recalling(PacePolicy::default(), &memory, 0.0)
    };
    let (one, other) = (recalled(10.0), recalled(30.0));
    let merged = Controller::merged(&[&one, &other], PacePolicy::default(), 0.0);
    assert!(merged.belief().contains("40.0/s"), "{}", merged.belief());
}

#[test]
fn names_of_one_host_wait_for_the_longest_retry_after() {
    let mut asked = Controller::new(PacePolicy::default());
    let ticket = asked.sent(0.0, 0, true);
    asked.ended(ticket, End::Refused { status: 429, retry_after: Some(30.0) }, 0.1, 0.0);
    let other = Controller::new(PacePolicy::default());
    let mut merged = Controller::merged(&[&other, &asked], PacePolicy::default(), 0.2);
    let Permit::At(at) = merged.permit(0.2, WORK) else { panic!("it does not wait") };
    assert!(at >= 30.1, "until {at}");
}

#[test]
fn the_terms_of_the_user_bind() {
    let terms = PacePolicy { rate_max: Some(5.0), ..PacePolicy::default() };
    let sent = sent_within(&mut Controller::new(terms), 4.0);
    assert!((19..=21).contains(&sent), "{sent} requests in 4 s at 5/s");
}
