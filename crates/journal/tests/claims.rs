//! Claims against a map, with so little memory that the table on disk is used and doubled.

mod common;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use common::path;
use longhaul_journal::Claims;
use longhaul_journal::storage::{MemoryStorage, Storage};
use proptest::prelude::*;

fn storage() -> MemoryStorage {
    let storage = MemoryStorage::new(1);
    storage.create_dir_all(&path(".longhaul")).unwrap();
    storage
}

fn key(number: u64) -> Vec<u8> {
    format!("https://example.org/{number}").into_bytes()
}

#[test]
fn many_claims_are_kept_through_every_doubling() {
    let storage = storage();
    let mut claims = Claims::with_memory_limit(Arc::new(storage.clone()), 10);
    for number in 0..20_000 {
        assert_eq!(claims.claim(&key(number), number).unwrap(), None);
        assert_eq!(claims.claim(&key(number / 2), 0).unwrap(), Some(number / 2));
    }
    for number in 0..20_000 {
        assert_eq!(claims.claim(&key(number), 0).unwrap(), Some(number));
    }
    drop(claims);
    assert!(storage.list(&path(".longhaul")).unwrap().is_empty());
}

#[test]
fn few_claims_touch_no_disk() {
    let storage = storage();
    let before = storage.operation_count();
    let mut claims = Claims::new(Arc::new(storage.clone()));
    for number in 0..10_000 {
        assert_eq!(claims.claim(&key(number), number).unwrap(), None);
    }
    assert_eq!(storage.operation_count(), before);
}

#[test]
fn a_claim_that_failed_can_be_made_again() {
    for at in 0..120 {
        let storage = storage();
        let mut claims = Claims::with_memory_limit(Arc::new(storage.clone()), 4);
        storage.fail_after(at, io::ErrorKind::StorageFull);
        for number in 0..600 {
            let answer =
                claims.claim(&key(number), number).or_else(|_| claims.claim(&key(number), number)).unwrap();
            // A write that failed may have gone through: then the claim is found, and it is this one.
            assert!(answer.is_none_or(|earlier| earlier == number), "{number} at {at}: {answer:?}");
        }
        for number in 0..600 {
            assert_eq!(claims.claim(&key(number), 0).unwrap(), Some(number), "{number} at {at}");
        }
    }
}

proptest! {
    #[test]
    fn claims_are_a_map(limit in 0_usize..40, keys in prop::collection::vec(0_u64..300, 0..600)) {
        let mut claims = Claims::with_memory_limit(Arc::new(storage()), limit);
        let mut model = BTreeMap::new();
        for (value, number) in (0..).zip(keys) {
            let expected = model.get(&number).copied();
            model.entry(number).or_insert(value);
            prop_assert_eq!(claims.claim(&key(number), value).unwrap(), expected);
        }
    }
}
