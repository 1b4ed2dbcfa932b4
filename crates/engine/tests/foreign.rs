//! Lists and URLs of strangers, whatever they are made of.
#![expect(clippy::disallowed_methods, reason = "seeds are files of the repository")]

#[path = "../../../fuzz/properties/list.rs"]
mod properties;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

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
    for bytes in seeds("list_lines") {
        properties::list_lines(&bytes);
    }
    for bytes in seeds("names") {
        properties::name(&bytes);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_list(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        properties::list_lines(&bytes);
    }

    #[test]
    fn any_lines_are_a_list(
        lines in prop::collection::vec(
            "(#|\u{feff}| |\t)?(http://)?[a-z./:@%]{0,20}(\tsize=[0-9a-]{0,5})?(\tsha256=[0-9a-f]{0,66})?\r?",
            0..20,
        ),
    ) {
        properties::list_lines(lines.join("\n").as_bytes());
    }

    #[test]
    fn any_url_has_a_safe_name_of_its_own(url in "[a-z]{1,5}(:[0-9]{1,4})?(/[\\PC%./ -]{0,40}){0,4}(\\?\\PC{0,30})?") {
        properties::name(url.as_bytes());
    }

    #[test]
    fn a_long_url_has_a_safe_name_of_its_own(url in "[a-z]{1,5}/\\PC{100,900}(\\?\\PC{0,300})?") {
        properties::name(url.as_bytes());
    }
}
