//! Bytes that Longhaul did not write, in every file of a journal: it opens, says what is damaged, and loses nothing else.
#![expect(clippy::disallowed_methods, reason = "seeds are files of the repository")]

#[path = "../../../fuzz/properties/journal.rs"]
mod properties;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

/// Pieces that are mostly framed, whose payloads begin with a kind of record more often than chance would have it.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let payload = (0_u8..16, prop::collection::vec(any::<u8>(), 0..60))
        .prop_map(|(kind, rest)| [vec![kind], rest].concat());
    let piece = (prop::bool::weighted(0.8), payload).prop_map(|(framed, payload)| {
        let len = u8::try_from(payload.len()).expect("short");
        [vec![u8::from(!framed), len], payload].concat()
    });
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// The seeds of a fuzz target; there is at least one.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let seeds: Vec<_> =
        entries.map(|entry| fs::read(entry.expect("an entry").path()).expect("a readable seed")).collect();
    assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
    seeds
}

#[test]
fn every_seed_has_the_property() {
    for bytes in seeds("journal_log") {
        properties::log(&bytes);
    }
    for bytes in seeds("journal_spool") {
        properties::spool(&bytes);
    }
    for bytes in seeds("journal_hosts") {
        properties::hosts(&bytes);
    }
}

proptest! {
    #[test]
    fn any_bytes_in_the_log_leave_every_row_an_outcome(bytes in pieces()) {
        properties::log(&bytes);
    }

    #[test]
    fn any_bytes_in_the_spool_leave_every_row_an_outcome(bytes in pieces()) {
        properties::spool(&bytes);
    }

    #[test]
    fn any_bytes_are_read_as_hosts(bytes in pieces()) {
        properties::hosts(&bytes);
    }
}
