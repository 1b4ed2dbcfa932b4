//! The content is a pure function of seed, path and generation.

use longhaul_origin::{Share, Site, Sizes};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_split_gives_the_same_bytes(
        seed: u64,
        size in 0_u64..5_000,
        cuts in prop::collection::vec(0_usize..700, 0..40),
    ) {
        let content = Site::new(seed).content(&format!("/a?size={size}"));
        let whole = content.to_vec();
        prop_assert_eq!(whole.len() as u64, size);

        let mut offset = 0;
        for cut in cuts {
            let mut piece = vec![0; cut];
            let filled = content.fill(offset as u64, &mut piece);
            prop_assert_eq!(filled, cut.min(whole.len() - offset));
            prop_assert_eq!(&piece[..filled], &whole[offset..offset + filled]);
            offset += filled;
        }
    }

    #[test]
    fn lengths_are_within_their_bounds(seed: u64, low in 0_u64..1_000, spread in 0_u64..1_000, path in "/[a-z]{0,8}") {
        let site = Site::new(seed).with_sizes(Sizes::between(low, low + spread));
        let len = site.content(&path).len();
        prop_assert!((low..=low + spread).contains(&len));
        prop_assert_eq!(site.content(&format!("{path}?latency=5&chunked")), site.content(&path));
    }
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    for size in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let content = Site::new(3).content(&format!("/a?size={size}"));
        assert_eq!(content.blake3(), *blake3::hash(&content.to_vec()).as_bytes(), "{size} bytes");
    }
}

#[test]
fn seed_path_and_size_each_change_the_content() {
    let base = Site::new(1).content("/a?size=64");
    for other in [
        Site::new(2).content("/a?size=64"),
        Site::new(1).content("/b?size=64"),
        Site::new(1).content("/a?size=65"),
    ] {
        assert_ne!(base.etag(), other.etag());
        assert_ne!(base.to_vec(), other.to_vec()[..64]);
    }
    assert_eq!(base, Site::new(1).content("/a?size=64"));
}

#[test]
fn there_are_no_bytes_beyond_the_end_of_the_largest_content() {
    let content = Site::new(1).content("/a?size=18446744073709551615");
    assert_eq!(content.len(), longhaul_origin::SIZE_BYTES_MAX);
    let mut buffer = [0; 16];
    assert_eq!(content.fill(content.len() - 3, &mut buffer), 3);
    assert_eq!(content.fill(content.len(), &mut buffer), 0);
    assert_eq!(content.fill(u64::MAX, &mut buffer), 0);
}

#[test]
fn a_new_generation_keeps_the_length_and_nothing_else() {
    let site = Site::new(1);
    let (first, other) = (site.content("/a"), site.content("/b"));

    site.next_generation_of("/a?chunked");
    let second = site.content("/a");
    assert_eq!(first.len(), second.len());
    assert_ne!(first.etag(), second.etag());
    assert_ne!(first.to_vec(), second.to_vec());
    assert!(first.last_modified() < second.last_modified());
    assert_eq!(site.content("/b"), other);

    site.next_generation();
    assert_ne!(site.content("/a"), second);
    assert_ne!(site.content("/b"), other);
}

#[test]
fn the_absent_share_is_a_share_of_the_paths() {
    let site = Site::new(9).with_absent_share(Share::percent(10));
    let absent = (0..10_000).filter(|number| !site.exists(&format!("/{number}"))).count();
    assert!((850..1_150).contains(&absent), "{absent} of 10,000");

    let gone =
        (0..1_000).map(|number| format!("/{number}")).find(|path| !site.exists(path)).expect("one in ten");
    assert!(!site.exists(&format!("{gone}?size=3")));
    site.set_exists(&gone, true);
    assert!(site.exists(&gone));
}
