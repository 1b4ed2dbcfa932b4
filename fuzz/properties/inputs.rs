//! Inputs for the properties on the stable toolchain: the seeds of `fuzz/seeds`, and mutations of them.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The seeds of one target; there is at least one.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no seeds", folder.display());
    paths.iter().map(|path| fs::read(path).expect("a seed is readable")).collect()
}

/// A seed with some bytes replaced, inserted or removed, or any bytes at all.
pub(crate) fn input(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<Index>(), any::<u8>(), 0..4_u8);
    let mutated =
        (select(seeds(target)), prop::collection::vec(edit, 0..8)).prop_map(|(mut bytes, edits)| {
            for (index, byte, kind) in edits {
                let at = index.index(bytes.len() + 1);
                match kind {
                    0 => bytes.insert(at, byte),
                    1 => bytes.truncate(at),
                    _ if at == bytes.len() => {}
                    2 => bytes[at] = byte,
                    _ => drop(bytes.remove(at)),
                }
            }
            bytes
        });
    prop_oneof![3 => mutated, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}
