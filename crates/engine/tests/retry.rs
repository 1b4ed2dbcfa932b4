//! What becomes of a failed attempt.

use std::time::Duration;

use longhaul::Class;
use longhaul::pace::{Denial, Signal};
use longhaul::retry::{
    Attempt, Decision, FailureKind, HEAD_PATIENCE, HEAD_TIMEOUT_MAX, HOST_FAILURES_MIN, HOST_PATIENCE,
    HostFailing, PARKED_MAX, RANGE_FAILURES_MIN, RETRY_AFTER_MAX, RetryPolicy, Tries, decide, head_timeout,
    host_given_up,
};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

const LATENCY: Duration = Duration::from_millis(7);
const WELL: Signal = Signal::Success { latency: LATENCY };
/// The longest wait between two attempts of one URL.
const WAIT_MAX: Duration = Duration::from_secs(30);

const fn permanent(tries: u32) -> FailureKind {
    FailureKind::Permanent { tries }
}

/// The first failure of a URL on a healthy host.
const fn first(kind: FailureKind) -> Attempt {
    Attempt {
        kind,
        attempts: 1,
        alike: 1,
        not_ready_for: Duration::ZERO,
        uncharged: 0,
        head_waited: Duration::ZERO,
        retry_after: None,
        host_failing: None,
        concerns_url: false,
        denial: None,
        range_failures: 0,
        made_progress: false,
        was_cut_short: false,
        is_excused: false,
        is_held: false,
        is_chance: false,
    }
}

/// 403.
const DENIED: Signal = Signal::Denied { latency: LATENCY };

/// A host that has failed so long that its URLs are given up.
const HOST_GONE: Option<HostFailing> = Some(failing(HOST_FAILURES_MIN, HOST_PATIENCE));

const fn failing(failures: u32, lasted: Duration) -> HostFailing {
    HostFailing { failures, lasted, served_well: false }
}

fn wait(decision: Decision, now: Instant) -> Duration {
    let Decision::Again { at, .. } = decision else { panic!("{decision:?} is no further attempt") };
    at - now
}

#[test]
fn decisions_are_as_the_table_says() {
    let unthrottled = |kind: FailureKind| (kind, Signal::Congestion);
    let cases = [
        (Class::Refused, None, (FailureKind::Transient, Signal::Absent)),
        (Class::Unreachable, None, (FailureKind::Transient, Signal::Absent)),
        (Class::Reset, None, unthrottled(FailureKind::Transient)),
        (Class::Closed, None, unthrottled(FailureKind::Transient)),
        (Class::Timeout, None, (FailureKind::Transient, Signal::Silence)),
        (Class::Slow, None, (FailureKind::Transient, Signal::Silence)),
        (Class::Dns, None, (FailureKind::Transient, Signal::Absent)),
        (Class::Tls, None, (permanent(1), Signal::Neutral)),
        (Class::Protocol, None, (permanent(3), WELL)),
        (Class::Mismatch, Some(200), (permanent(3), WELL)),
        (Class::Protocol, Some(206), (permanent(3), WELL)),
        (Class::Redirect, Some(302), (permanent(1), WELL)),
        (Class::Auth, Some(401), (permanent(1), WELL)),
        (Class::Auth, Some(407), (permanent(1), WELL)),
        (Class::ClientError, Some(400), (permanent(1), WELL)),
        (Class::ClientError, Some(403), (permanent(1), DENIED)),
        (Class::ClientError, Some(418), (permanent(1), DENIED)),
        (Class::ClientError, Some(404), (permanent(1), WELL)),
        (Class::ClientError, Some(408), (FailureKind::Transient, WELL)),
        (Class::ClientError, Some(410), (permanent(1), WELL)),
        (Class::ClientError, Some(425), (FailureKind::Transient, WELL)),
        (Class::Throttled, Some(429), (FailureKind::Throttled, Signal::Throttle { retry_after: None })),
        (Class::ServerError, Some(500), (FailureKind::Transient, Signal::ServerError)),
        (Class::ServerError, Some(501), (permanent(1), Signal::Neutral)),
        (Class::ServerError, Some(502), (FailureKind::Transient, Signal::ServerError)),
        (Class::ServerError, Some(503), (FailureKind::Throttled, Signal::Throttle { retry_after: None })),
        (Class::ServerError, Some(504), (FailureKind::Transient, Signal::ServerError)),
        (Class::ServerError, Some(505), (permanent(1), Signal::Neutral)),
        (Class::ServerError, Some(509), (FailureKind::Throttled, Signal::Throttle { retry_after: None })),
        (Class::ServerError, Some(529), (FailureKind::Throttled, Signal::Throttle { retry_after: None })),
        (Class::NotReady, Some(202), (FailureKind::NotReady, WELL)),
        (Class::Protocol, Some(207), (permanent(1), WELL)),
        (Class::ServerError, Some(999), (FailureKind::Transient, Signal::ServerError)),
        (Class::File, None, (permanent(1), Signal::Neutral)),
        (Class::List, None, (permanent(1), Signal::Neutral)),
        (Class::TooLarge, Some(200), (permanent(1), Signal::Neutral)),
        (Class::Suspect, Some(200), (permanent(1), Signal::Neutral)),
        (Class::Other, None, (permanent(1), Signal::Neutral)),
        (Class::Local, None, (FailureKind::Local, Signal::Neutral)),
    ];
    for (class, status, (kind, signal)) in cases {
        let found = FailureKind::of(class, status, false, false, &[]);
        assert_eq!((found, found.signal(class, status, LATENCY, None)), (kind, signal), "{class} {status:?}");
    }
    for class in Class::ALL {
        assert!(cases.iter().any(|(tested, ..)| tested == class), "{class} is not in the table");
    }
}

#[test]
fn a_name_that_does_not_exist_is_tried_twice() {
    let kind = FailureKind::of(Class::Dns, None, true, false, &[]);
    assert_eq!(kind, permanent(2));
    assert_eq!(kind.signal(Class::Dns, None, LATENCY, None), Signal::Absent);
}

#[test]
fn statuses_that_the_user_names_are_retried() {
    let of =
        |class, status| FailureKind::of(class, Some(status), false, false, &[401, 403, 404, 429, 501, 503]);
    for (class, status) in [(Class::ClientError, 404), (Class::ClientError, 403), (Class::Auth, 401)] {
        assert_eq!(of(class, status), FailureKind::Transient, "{status}");
        let signal = of(class, status).signal(class, Some(status), LATENCY, None);
        assert_eq!(signal, if status == 403 { DENIED } else { WELL }, "the host is healthy, {status}");
    }
    assert_eq!(of(Class::ServerError, 501), FailureKind::Transient);
    assert_eq!(of(Class::ClientError, 410), permanent(1));
    // Statuses that throttle are retried anyway, and still reach the pace.
    assert_eq!(of(Class::Throttled, 429), FailureKind::Throttled);
    assert_eq!(of(Class::ServerError, 503), FailureKind::Throttled);
}

#[test]
fn permanent_failures_have_few_tries() {
    let now = clock::now();
    let after = |tries, alike, attempts| {
        let attempt = Attempt { alike, attempts, ..first(permanent(tries)) };
        decide(&attempt, Tries::default().into(), now, 0.5)
    };
    assert_eq!(after(1, 1, 1), Decision::GiveUp);
    assert!(matches!(after(2, 1, 1), Decision::Again { charged: true, .. }));
    assert_eq!(after(2, 2, 2), Decision::GiveUp);
    assert!(
        matches!(after(3, 1, 9), Decision::Again { .. }),
        "failures of another class before do not count"
    );
    assert_eq!(after(3, 1, 20), Decision::GiveUp, "not beyond the tries of a URL");
    assert_eq!(decide(&first(permanent(1)), Tries::Unlimited.into(), now, 0.5), Decision::GiveUp);
}

#[test]
fn a_url_is_given_up_after_its_tries() {
    let now = clock::now();
    for most in [1, 2, 20] {
        for attempts in 1..30 {
            let attempt = Attempt { attempts, ..first(FailureKind::Transient) };
            let gives_up = decide(&attempt, Tries::AtMost(most).into(), now, 0.5) == Decision::GiveUp;
            assert_eq!(gives_up, attempts >= most, "attempt {attempts} of {most}");
        }
    }
}

#[test]
fn unlimited_tries_give_up_no_retryable_failure() {
    let now = clock::now();
    for kind in [FailureKind::Transient, FailureKind::Throttled, FailureKind::Local] {
        let attempt = Attempt {
            attempts: u32::MAX,
            alike: u32::MAX,
            host_failing: Some(failing(u32::MAX, Duration::MAX)),
            ..first(kind)
        };
        assert!(wait(decide(&attempt, Tries::Unlimited.into(), now, 1.0), now) <= WAIT_MAX);
    }
}

#[test]
fn only_failures_of_the_url_are_charged() {
    let now = clock::now();
    for (kind, is_charged) in [
        (FailureKind::Transient, true),
        (FailureKind::Throttled, false),
        (FailureKind::Local, false),
        (permanent(2), true),
    ] {
        let Decision::Again { charged, .. } = decide(&first(kind), Tries::default().into(), now, 0.5) else {
            panic!("{kind:?} is tried again");
        };
        assert_eq!(charged, is_charged, "{kind:?}");
    }
}

#[test]
fn attempts_with_progress_are_not_charged() {
    let now = clock::now();
    let attempt = Attempt {
        attempts: 20,
        host_failing: HOST_GONE,
        made_progress: true,
        ..first(FailureKind::Transient)
    };
    assert!(matches!(
        decide(&attempt, Tries::default().into(), now, 0.5),
        Decision::Again { charged: false, .. }
    ));
}

#[test]
fn local_failures_give_up_neither_url_nor_host() {
    let now = clock::now();
    let attempt = Attempt { attempts: 99, host_failing: HOST_GONE, ..first(FailureKind::Local) };
    assert!(wait(decide(&attempt, Tries::AtMost(1).into(), now, 0.5), now) >= Duration::from_secs(1));
}

#[test]
fn a_requested_pause_is_respected() {
    let now = clock::now();
    let after = |kind, retry_after| {
        decide(&Attempt { retry_after: Some(retry_after), ..first(kind) }, Tries::default().into(), now, 0.5)
    };
    let minute = Duration::from_mins(1);
    for kind in [FailureKind::Throttled, FailureKind::Transient] {
        assert_eq!(wait(after(kind, minute), now), minute);
        assert_eq!(wait(after(kind, RETRY_AFTER_MAX), now), RETRY_AFTER_MAX);
        let longer = RETRY_AFTER_MAX + Duration::from_secs(1);
        assert_eq!(after(kind, longer), Decision::Park { until: now + longer });
        let century = longhaul_http::retry_after::RETRY_AFTER_MAX;
        assert_eq!(after(kind, PARKED_MAX), Decision::Park { until: now + PARKED_MAX });
        assert_eq!(
            after(kind, century),
            Decision::ParkRow { until: now + PARKED_MAX },
            "it may be of the URL"
        );
        let repeated = Attempt {
            retry_after: Some(century),
            host_failing: Some(failing(2, Duration::from_secs(1))),
            ..first(kind)
        };
        let decision = decide(&repeated, Tries::default().into(), now, 0.5);
        assert_eq!(decision, Decision::Park { until: now + PARKED_MAX });
    }
    let day = RETRY_AFTER_MAX * 24;
    let of_url = |kind| {
        let attempt = Attempt { retry_after: Some(day), concerns_url: true, ..first(kind) };
        decide(&attempt, Tries::default().into(), now, 0.5)
    };
    assert_eq!(of_url(FailureKind::Transient), Decision::ParkRow { until: now + day }, "a lock, a conflict");
    assert_eq!(
        of_url(FailureKind::Throttled),
        Decision::Park { until: now + day },
        "a pace concerns the host"
    );
    assert!(wait(after(FailureKind::Transient, Duration::ZERO), now) > Duration::ZERO);
    assert_eq!(
        after(permanent(1), RETRY_AFTER_MAX * 24),
        Decision::GiveUp,
        "a 404 is permanent, whatever its Retry-After"
    );
    assert!(wait(after(FailureKind::Local, RETRY_AFTER_MAX * 24), now) <= WAIT_MAX);
}

#[test]
fn a_host_is_given_up_after_many_failures_and_a_long_time() {
    let retry_policy = RetryPolicy::from(Tries::AtMost(20));
    let moment = Duration::from_millis(1);
    assert!(host_given_up(HOST_GONE, retry_policy));
    assert!(!host_given_up(None, retry_policy));
    assert!(
        !host_given_up(Some(failing(HOST_FAILURES_MIN - 1, HOST_PATIENCE * 10)), retry_policy),
        "too few"
    );
    assert!(
        !host_given_up(Some(failing(1000, HOST_PATIENCE.saturating_sub(moment))), retry_policy),
        "too soon"
    );
    assert!(!host_given_up(Some(failing(1000, HOST_PATIENCE * 10)), Tries::Unlimited.into()));
    let served = |lasted| Some(HostFailing { failures: 1000, lasted, served_well: true });
    assert!(!host_given_up(served(HOST_PATIENCE * 4), retry_policy), "it may have banned us");
    assert!(host_given_up(served(HOST_PATIENCE * 5), retry_policy));
    let longer = RetryPolicy { host: HOST_PATIENCE * 2, ..retry_policy };
    assert!(!host_given_up(HOST_GONE, longer), "the user allows more time");

    let now = clock::now();
    for kind in [FailureKind::Transient, FailureKind::Throttled] {
        let attempt = Attempt { host_failing: HOST_GONE, ..first(kind) };
        assert_eq!(decide(&attempt, retry_policy, now, 0.5), Decision::GiveUp, "{kind:?}");
    }
}

#[test]
fn waits_grow_to_their_cap() {
    let now = clock::now();
    for jitter in [0.0, 0.5, 1.0] {
        let waits: Vec<Duration> = (1..40)
            .map(|attempts| {
                wait(
                    decide(
                        &Attempt { attempts, ..first(FailureKind::Transient) },
                        Tries::Unlimited.into(),
                        now,
                        jitter,
                    ),
                    now,
                )
            })
            .collect();
        assert!(waits.is_sorted(), "{waits:?}");
        assert!(waits[0] >= Duration::from_millis(50) && waits[0] <= Duration::from_millis(100));
        let longest = waits[38];
        assert!(longest >= WAIT_MAX / 2 && longest <= WAIT_MAX, "{longest:?}");
    }
}

#[test]
fn an_aborted_attempt_is_repeated_at_once_and_not_charged() {
    let now = clock::now();
    let attempt = Attempt { was_cut_short: true, attempts: 1_000, ..first(FailureKind::Transient) };
    assert_eq!(
        decide(&attempt, RetryPolicy::default(), now, 0.5),
        Decision::Again { at: now, charged: false }
    );
}

#[test]
fn waits_do_not_grow_where_the_host_fails_randomly() {
    let now = clock::now();
    let wait_of = |attempts| {
        let attempt = Attempt {
            attempts,
            is_excused: false,
            is_held: false,
            is_chance: true,
            ..first(FailureKind::Transient)
        };
        wait(decide(&attempt, Tries::Unlimited.into(), now, 0.5), now)
    };
    assert_eq!(wait_of(8), wait_of(1));
}

fn kinds() -> impl Strategy<Value = FailureKind> {
    prop_oneof![
        Just(FailureKind::Transient),
        Just(FailureKind::Throttled),
        Just(FailureKind::Local),
        Just(FailureKind::ProxyRefusal),
        Just(FailureKind::NotReady),
        (1_u32..4).prop_map(permanent)
    ]
}

prop_compose! {
    fn attempts()(
        kind in kinds(),
        attempts in prop_oneof![1_u32..40, any::<u32>()],
        alike in 1_u32..10,
        uncharged in 0_u32..40,
        head_waited in (0_u64..2000).prop_map(Duration::from_secs),
        not_ready_for in (0_u64..8000).prop_map(Duration::from_secs),
        retry_after in prop::option::of((0_u64..3_153_600_000).prop_map(Duration::from_secs)),
        host_failing in prop::option::of((any::<u32>(), 0_u64..1_000_000, any::<bool>())),
        concerns_url in any::<bool>(),
        denial in prop::option::of(prop_oneof![Just(Denial::OfUrl), Just(Denial::Undecided), Just(Denial::OfPace)]),
        range_failures in 0_u32..10,
        made_progress in any::<bool>(),
        was_cut_short in prop::bool::weighted(0.1),
        (is_excused, is_held, is_chance) in any::<(bool, bool, bool)>(),
    ) -> Attempt {
        let host_failing = host_failing.map(|(failures, seconds, served_well)| HostFailing {
            failures,
            lasted: Duration::from_secs(seconds),
            served_well,
        });
        Attempt { kind, attempts, uncharged, head_waited, alike, not_ready_for, retry_after, host_failing, concerns_url, denial,
            range_failures, made_progress, was_cut_short, is_excused, is_held, is_chance }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_wait_is_real_and_bounded(
        attempt in attempts(),
        tries in prop_oneof![(1_u32..40).prop_map(Tries::AtMost), (1_u32..40).prop_map(Tries::Charged), Just(Tries::Unlimited)],
        jitter in 0.0..1.0,
    ) {
        let now = clock::now();
        let decision = decide(&attempt, tries.into(), now, jitter);
        // A range that may be what fails gives a row no try that it would not have otherwise, but for one after a denial.
        if let Decision::Whole { at, charged } = decision {
            prop_assert!(attempt.range_failures > 0);
            let without = decide(&Attempt { range_failures: 0, ..attempt }, tries.into(), now, jitter);
            let is_denied = attempt.denial.is_some() && matches!(without, Decision::GiveUp | Decision::Doubt);
            let again = Decision::Again { at, charged };
            prop_assert!(without == again || is_denied);
            prop_assert!(!is_denied || !host_given_up(attempt.host_failing, tries.into()));
        }
        match decision {
            Decision::Again { at, .. } | Decision::Whole { at, .. } => {
                let wait = at - now;
                let asked = attempt.retry_after.filter(|&asked| asked <= RETRY_AFTER_MAX).unwrap_or_default();
                prop_assert!(wait <= asked.max(WAIT_MAX), "{wait:?}");
                let is_told_to_come_at_once =
                    attempt.kind == FailureKind::Throttled && attempt.retry_after == Some(Duration::ZERO);
                let is_at_once = attempt.was_cut_short || is_told_to_come_at_once;
                prop_assert!(wait >= Duration::from_millis(50) || is_at_once, "{wait:?}");
            }
            Decision::Park { until } | Decision::ParkRow { until } => {
                prop_assert!(until - now > RETRY_AFTER_MAX && until - now <= PARKED_MAX);
                let is_asked_for =
                    matches!(attempt.kind, FailureKind::Throttled | FailureKind::Transient | FailureKind::ProxyRefusal);
                prop_assert!(is_asked_for);
            }
            Decision::Doubt => prop_assert!(attempt.denial == Some(Denial::Undecided) || attempt.is_held),
            Decision::GiveUp => prop_assert_ne!(attempt.kind, FailureKind::Local),
        }
    }

    #[test]
    fn jitter_spreads_over_half_of_the_wait(attempts in 1_u32..60, jitter in 0.0..1.0) {
        let now = clock::now();
        let attempt = Attempt { attempts, ..first(FailureKind::Transient) };
        let wait_at = |jitter| wait(decide(&attempt, Tries::Unlimited.into(), now, jitter), now);
        prop_assert!(wait_at(0.0) <= wait_at(jitter) && wait_at(jitter) <= wait_at(1.0));
        prop_assert!(wait_at(0.0).abs_diff(wait_at(1.0) / 2) < Duration::from_micros(1));
    }
}

/// The proxy may ask for a wait; whatever it says, the URL fails after a few tries, and none is charged.
#[test]
fn what_a_proxy_refuses_is_final_after_a_few_tries() {
    let now = clock::now();
    let refused = |alike, retry_after| {
        let attempt = Attempt { alike, retry_after, attempts: 99, ..first(FailureKind::ProxyRefusal) };
        decide(&attempt, RetryPolicy::default(), now, 0.5)
    };
    let again = |seconds| Decision::Again { at: now + Duration::from_secs(seconds), charged: false };
    assert_eq!(refused(1, None), again(1));
    assert_eq!(refused(4, Some(Duration::from_secs(9))), again(9));
    assert_eq!(refused(5, None), Decision::GiveUp);
    assert_eq!(
        FailureKind::ProxyRefusal.signal(Class::ClientError, Some(403), LATENCY, None),
        Signal::Neutral,
        "the host has denied nothing"
    );
}

/// Statuses that hosts send with a time for the next request, and what they mean by it.
#[test]
fn a_time_for_the_next_request_makes_some_statuses_temporary() {
    let of = |status| FailureKind::of(Class::ClientError, Some(status), false, true, &[]);
    for status in [403, 420, 430] {
        assert_eq!(of(status), FailureKind::Throttled, "{status}");
        let signal = of(status).signal(Class::ClientError, Some(status), LATENCY, Some(LATENCY));
        assert_eq!(signal, Signal::Throttle { retry_after: Some(LATENCY) }, "{status}");
    }
    for status in [408, 409, 421, 423, 425] {
        assert_eq!(of(status), FailureKind::Transient, "{status}");
        let now = clock::now();
        let attempt = Attempt { retry_after: Some(Duration::from_secs(40)), ..first(of(status)) };
        assert_eq!(wait(decide(&attempt, RetryPolicy::default(), now, 0.5), now), Duration::from_secs(40));
    }
    for status in [400, 404, 410, 451] {
        assert_eq!(of(status), permanent(1), "{status}");
    }
}

/// A number of tries that the user gives bounds the requests of a URL, whatever they run into.
#[test]
fn the_tries_of_the_user_bound_refused_attempts_too() {
    let now = clock::now();
    for kind in [FailureKind::Throttled, FailureKind::NotReady, FailureKind::Transient, permanent(1)] {
        let decision = |uncharged, tries: Tries| {
            let denial = (kind == permanent(1)).then_some(Denial::OfPace);
            let attempt =
                Attempt { uncharged, denial, retry_after: Some(Duration::from_secs(9)), ..first(kind) };
            decide(&attempt, tries.into(), now, 0.5)
        };
        assert_eq!(decision(0, Tries::AtMost(1)), Decision::GiveUp, "{kind:?}");
        assert_eq!(decision(2, Tries::AtMost(3)), Decision::GiveUp, "{kind:?}");
        assert!(matches!(decision(1, Tries::AtMost(3)), Decision::Again { .. }), "{kind:?}");
        assert!(matches!(decision(99, Tries::Charged(2)), Decision::Again { .. }), "{kind:?}");
        assert!(matches!(decision(99, Tries::Unlimited), Decision::Again { .. }), "{kind:?}");
    }
    let year = Attempt { retry_after: Some(RETRY_AFTER_MAX * 9), ..first(FailureKind::Throttled) };
    assert_eq!(
        decide(&year, Tries::AtMost(1).into(), now, 0.5),
        Decision::GiveUp,
        "not parked for another one"
    );
    let progress = Attempt { made_progress: true, ..first(FailureKind::Transient) };
    assert!(matches!(decide(&progress, Tries::AtMost(1).into(), now, 0.5), Decision::Again { .. }));
}

#[test]
fn the_deadline_of_a_head_grows_and_ends() {
    let seconds = Duration::from_secs;
    let grown = |timeouts| head_timeout(seconds(20), HEAD_TIMEOUT_MAX, timeouts);
    assert_eq!([0, 1, 2, 3, 4, 5].map(grown), [20, 40, 80, 160, 300, 300].map(seconds));
    assert_eq!(grown(u32::MAX), HEAD_TIMEOUT_MAX);
    assert_eq!(head_timeout(seconds(900), HEAD_TIMEOUT_MAX, 3), seconds(900), "never below the first");
    let (now, late) = (clock::now(), Attempt { head_waited: HEAD_PATIENCE, ..first(FailureKind::Transient) });
    assert_eq!(decide(&late, RetryPolicy::default(), now, 0.5), Decision::GiveUp);
    assert!(matches!(decide(&late, Tries::Unlimited.into(), now, 0.5), Decision::Again { .. }));
}

/// A file that its host is still making is waited for as the host says, and no longer than the policy says.
#[test]
fn a_file_that_is_not_ready_is_waited_for() {
    let now = clock::now();
    let after = |seconds, retry_after: Option<u64>| {
        let attempt = Attempt {
            not_ready_for: Duration::from_secs(seconds),
            retry_after: retry_after.map(Duration::from_secs),
            attempts: 1000,
            ..first(FailureKind::NotReady)
        };
        decide(&attempt, RetryPolicy::default(), now, 1.0)
    };
    let again = |seconds| Decision::Again { at: now + Duration::from_secs(seconds), charged: false };
    assert_eq!(after(0, None), again(2));
    assert_eq!(after(0, Some(0)), again(1), "a host that always says 0 is not asked without pause");
    assert_eq!(after(0, Some(600)), again(600));
    assert_eq!(after(3000, Some(600)), again(600));
    assert_eq!(after(3001, Some(600)), Decision::GiveUp, "it would be asked later than the policy allows");
    assert_eq!(after(0, Some(4000)), Decision::GiveUp);
}

#[test]
fn a_denial_follows_what_the_controller_says() {
    let now = clock::now();
    let denied = |denial, alike| {
        let attempt = Attempt { denial: Some(denial), alike, ..first(permanent(1)) };
        decide(&attempt, RetryPolicy::default(), now, 0.5)
    };
    assert_eq!(denied(Denial::OfUrl, 1), Decision::GiveUp);
    assert_eq!(denied(Denial::Undecided, 1), Decision::Doubt);
    assert!(matches!(denied(Denial::OfPace, 1), Decision::Again { charged: false, .. }));
    assert_eq!(denied(Denial::OfPace, 6), Decision::GiveUp, "six denials concern the URL");
}

/// A host that may break on ranges is asked for the whole once: after five failures, or with the last try that the user allows.
#[test]
fn the_whole_is_requested_where_the_range_may_be_what_fails() {
    let now = clock::now();
    let failed = |kind, attempts, range_failures| Attempt { attempts, range_failures, ..first(kind) };
    let decision = |attempt: &Attempt, tries: Tries| decide(attempt, tries.into(), now, 0.5);
    let is_whole = |decision| matches!(decision, Decision::Whole { .. });
    for range_failures in 0..RANGE_FAILURES_MIN {
        let attempt = failed(FailureKind::Transient, 5, range_failures);
        assert!(matches!(decision(&attempt, Tries::default()), Decision::Again { charged: true, .. }));
    }
    let five = failed(FailureKind::Transient, 5, RANGE_FAILURES_MIN);
    for tries in [Tries::default(), Tries::AtMost(20), Tries::Unlimited] {
        assert!(is_whole(decision(&five, tries)));
    }
    assert!(is_whole(decision(&Attempt { kind: FailureKind::Throttled, ..five }, Tries::default())));
    for excused in [Attempt { is_excused: true, ..five }, Attempt { is_chance: true, ..five }] {
        assert!(!is_whole(decision(&excused, Tries::default())), "the failures say nothing about the range");
    }
    let first_of_host =
        Attempt { host_failing: Some(failing(5, Duration::ZERO)), ..failed(FailureKind::Transient, 1, 1) };
    assert!(is_whole(decision(&first_of_host, Tries::default())), "before the host is given up");
    let gone = Attempt { host_failing: HOST_GONE, ..five };
    assert_eq!(decision(&gone, Tries::default()), Decision::GiveUp, "the host is given up all the same");

    for most in 2..9 {
        for tries in [Tries::AtMost(most), Tries::Charged(most)] {
            let before_last = failed(FailureKind::Transient, most - 1, 1);
            assert!(is_whole(decision(&before_last, tries)), "the last of {most} tries");
            let last = failed(FailureKind::Transient, most, RANGE_FAILURES_MIN);
            assert_eq!(decision(&last, tries), Decision::GiveUp, "the limit of the user holds");
        }
    }
    let refused = Attempt { uncharged: 1, ..failed(FailureKind::Throttled, 1, 1) };
    assert!(is_whole(decision(&refused, Tries::AtMost(3))), "refusals count where the user gives a number");
    let malformed = Attempt { alike: 2, ..failed(permanent(3), 2, 1) };
    assert!(is_whole(decision(&malformed, Tries::default())));
    let patient = Attempt { head_waited: HEAD_PATIENCE / 2, ..failed(FailureKind::Transient, 2, 2) };
    assert!(is_whole(decision(&patient, Tries::default())), "the next deadline would be the last");
}

/// A range that is denied may be denied because it is one. The whole is requested after a pause, and only where the pace is not known to
/// be the reason.
#[test]
fn the_whole_is_requested_where_a_range_is_denied() {
    let now = clock::now();
    let denied = |denial, range_failures| {
        let attempt = Attempt { denial: Some(denial), range_failures, ..first(permanent(1)) };
        decide(&attempt, RetryPolicy::default(), now, 0.5)
    };
    for denial in [Denial::OfUrl, Denial::Undecided] {
        let Decision::Whole { at, charged: true } = denied(denial, 1) else {
            panic!("{:?}", denied(denial, 1))
        };
        assert!(at > now);
    }
    assert!(matches!(denied(Denial::OfPace, 1), Decision::Again { charged: false, .. }));
    assert_eq!((denied(Denial::OfUrl, 0), denied(Denial::Undecided, 0)), (Decision::GiveUp, Decision::Doubt));
    let once = Attempt { denial: Some(Denial::OfUrl), range_failures: 1, ..first(permanent(1)) };
    assert_eq!(decide(&once, Tries::AtMost(1).into(), now, 0.5), Decision::GiveUp);
}
