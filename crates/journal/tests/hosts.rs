//! What is remembered of hosts and of suspicions comes back, and what is damaged of it costs nothing else.

use std::sync::Arc;

use longhaul_journal::storage::{MemoryStorage, Storage};
use longhaul_journal::{
    HostRecord, STATE_DIRECTORY, SuspectPattern, Suspicion, read_hosts, read_suspicions, write_hosts,
    write_suspicions,
};
use proptest::prelude::*;

fn storage() -> Arc<dyn Storage> {
    let storage = MemoryStorage::new(1);
    storage.create_dir_all(&STATE_DIRECTORY.parse().expect("a path")).expect("it is in memory");
    Arc::new(storage)
}

fn file() -> longhaul_journal::storage::RelativePath {
    format!("{STATE_DIRECTORY}/hosts").parse().expect("a path")
}

prop_compose! {
    fn records()(
        host in "[a-z]{1,20}",
        limiter in ".{0,10}",
        noted_unix_ms in any::<u64>(),
        window in any::<u32>(),
        waiting in any::<u64>(),
        rate in prop::option::of((0.001_f64..1e6, 0.001_f64..1e6)),
        connections_max in prop::option::of(any::<u32>()),
        until_unix_ms in prop::option::of(any::<u64>()),
    ) -> HostRecord {
        HostRecord { host, limiter, noted_unix_ms, window, waiting, rate, connections_max, until_unix_ms }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(hosts in prop::collection::vec(records(), 0..20)) {
        let storage = storage();
        prop_assert_eq!(read_hosts(&storage), vec![]);
        write_hosts(&storage, &hosts).expect("it is in memory");
        prop_assert_eq!(&read_hosts(&storage), &hosts);
        write_hosts(&storage, &hosts[..hosts.len() / 2]).expect("it is in memory");
        prop_assert_eq!(read_hosts(&storage).len(), hosts.len() / 2);
    }

    #[test]
    fn a_loss_of_power_leaves_some_of_them_or_none(
        hosts in prop::collection::vec(records(), 1..10), earlier in prop::collection::vec(records(), 0..10), seed: u64,
    ) {
        let memory = MemoryStorage::new(seed);
        memory.create_dir_all(&STATE_DIRECTORY.parse().expect("a path")).expect("it is in memory");
        memory.sync_dir(None).expect("it is in memory");
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        write_hosts(&storage, &earlier).expect("it is in memory");
        write_hosts(&storage, &hosts).expect("it is in memory");
        let left: Arc<dyn Storage> = Arc::new(memory.crash());
        let read = read_hosts(&left);
        prop_assert!(hosts.starts_with(&read) || earlier.starts_with(&read), "{read:?}");
        write_hosts(&left, &hosts).expect("whatever is left is replaced");
        prop_assert_eq!(read_hosts(&left), hosts);
    }

    #[test]
    fn damage_is_forgotten_and_no_more(
        hosts in prop::collection::vec(records(), 1..10), at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let storage = storage();
        write_hosts(&storage, &hosts).expect("it is in memory");
        let mut opened = storage.open(&file()).expect("it was written");
        let at = at.index(usize::try_from(opened.len().expect("a length")).expect("small")) as u64;
        let mut byte = [0];
        opened.read_at(&mut byte, at).expect("it is in memory");
        opened.write_all_at(&[byte[0] ^ (1 << bit)], at).expect("it is in memory");
        let read = read_hosts(&storage);
        prop_assert!(read.len() < hosts.len());
        prop_assert_eq!(&read[..], &hosts[..read.len()]);
    }
}

#[test]
fn suspicions_come_back_and_are_no_hosts() {
    let storage = storage();
    let of = |pattern| Suspicion {
        host: "https://h.test".to_owned(),
        pattern,
        rows: 40,
        example: "https://h.test/a".to_owned(),
    };
    let suspicions = [
        of(SuspectPattern::SameBody { size: 1 << 40, blake3: [7; 32] }),
        of(SuspectPattern::MediaType { extension: String::new(), media_type: "text/html".to_owned() }),
    ];
    assert_eq!(read_suspicions(&storage), []);
    write_suspicions(&storage, &suspicions).expect("it is in memory");
    assert_eq!(read_suspicions(&storage), suspicions);
    assert_eq!(read_hosts(&storage), []);
    let path = format!("{STATE_DIRECTORY}/suspicions").parse().expect("a path");
    let mut file = storage.open(&path).expect("it is there");
    let len = file.len().expect("a length");
    file.write_all_at(b"x", len - 1).expect("it is in memory");
    assert_eq!(read_suspicions(&storage), suspicions[..1], "what is not damaged is read");
}
