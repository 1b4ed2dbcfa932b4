//! The faults are a pure function of seed, path and attempt.

use std::collections::BTreeMap;

use longhaul_origin::{CONSECUTIVE_FAULTS_MAX, FaultMix, InjectedFault, Share};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_rehearsal_ends(seed: u64, path in "/[a-z]{1,8}") {
        let mix = FaultMix::none().with(InjectedFault::Status500, Share::ALL);
        let mut in_a_row = 0;
        for attempt in 1..100 {
            in_a_row = if mix.fault_of(seed, &path, attempt).is_some() { in_a_row + 1 } else { 0 };
            prop_assert!(in_a_row <= CONSECUTIVE_FAULTS_MAX);
        }
    }
}

#[test]
fn the_rehearsal_fails_forty_requests_of_a_hundred() {
    let mix = FaultMix::rehearsal();
    let mut met: BTreeMap<InjectedFault, u32> = BTreeMap::new();
    for path in 0..100_000 {
        if let Some(kind) = mix.fault_of(1, &format!("/{path}"), 1) {
            *met.entry(kind).or_default() += 1;
        }
    }
    assert!((39_000..41_000).contains(&met.values().sum::<u32>()), "{met:?}");
    assert!((5_700..6_300).contains(&met[&InjectedFault::ResetInBody]), "{met:?}");
    assert!((850..1_150).contains(&met[&InjectedFault::Drip]), "{met:?}");
    assert_eq!(met.len(), 11, "{met:?}");
}

#[test]
fn another_seed_path_size_or_attempt_meets_other_faults() {
    let mix = FaultMix::rehearsal();
    let fates =
        |seed, path: &str| (1..200).map(|attempt| mix.fault_of(seed, path, attempt)).collect::<Vec<_>>();
    assert_eq!(fates(1, "/a"), fates(1, "/a?latency=3&chunked"));
    assert_ne!(fates(1, "/a"), fates(2, "/a"));
    assert_ne!(fates(1, "/a"), fates(1, "/b"));
    assert_ne!(fates(1, "/a"), fates(1, "/a?size=1"));
}

#[test]
fn rules_come_before_shares_and_in_their_order() {
    let mix = FaultMix::none()
        .with(InjectedFault::Status503, Share::ALL)
        .on("/a", 2..=3, InjectedFault::Drip)
        .under("/a", ..5, InjectedFault::Status500)
        .under("/b/", 100.., InjectedFault::StallInBody);
    let fate = |path, attempt| mix.fault_of(1, path, attempt);
    assert_eq!(fate("/a", 1), Some(InjectedFault::Status500));
    assert_eq!(fate("/a", 2), Some(InjectedFault::Drip));
    assert_eq!(fate("/a?size=7", 3), Some(InjectedFault::Drip));
    assert_eq!(fate("/ab", 2), Some(InjectedFault::Status500));
    assert_eq!(fate("/a", 5), Some(InjectedFault::Status503));
    // Rules apply to every seventh attempt, too; shares do not.
    assert_eq!(fate("/b/c", 105), Some(InjectedFault::StallInBody));
    assert_eq!(fate("/c", 105), None);
}

#[test]
fn not_found_is_drawn_by_path() {
    let mix = FaultMix::none().with(InjectedFault::NotFound, Share::percent(20));
    let mut absent = 0;
    for path in (0..1_000).map(|number| format!("/{number}")) {
        let fates: Vec<_> = (1..20).map(|attempt| mix.fault_of(1, &path, attempt)).collect();
        assert!(fates.iter().all(|fate| *fate == fates[0]), "{path}");
        absent += u32::from(fates[0].is_some());
    }
    assert!((150..250).contains(&absent), "{absent} of 1,000");
}

#[test]
fn a_share_can_be_replaced() {
    let mix = FaultMix::rehearsal()
        .with(InjectedFault::Status500, Share::ALL)
        .with(InjectedFault::Status500, Share::NONE);
    assert!((1..1_000).all(|attempt| mix.fault_of(1, "/a", attempt) != Some(InjectedFault::Status500)));
    assert_eq!(Share::percent(200), Share::ALL);
    assert_eq!(Share::percent(4).to_string(), "4 %");
}
