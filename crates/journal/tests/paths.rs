//! Paths that cannot leave their root.

use longhaul_journal::storage::{RelativePath, RelativePathError};
use proptest::prelude::*;

#[test]
fn what_could_leave_the_root_is_refused() {
    let long = "x".repeat(256);
    for (text, error) in [
        ("", RelativePathError::EmptyComponent),
        ("/etc/passwd", RelativePathError::EmptyComponent),
        ("a//b", RelativePathError::EmptyComponent),
        ("a/", RelativePathError::EmptyComponent),
        (".", RelativePathError::DotComponent),
        ("a/../b", RelativePathError::DotComponent),
        ("..", RelativePathError::DotComponent),
        ("a\0b", RelativePathError::Nul),
        (long.as_str(), RelativePathError::TooLong),
    ] {
        assert_eq!(text.parse::<RelativePath>(), Err(error), "{text:?}");
    }
    assert_eq!("a/".repeat(3000).parse::<RelativePath>(), Err(RelativePathError::TooLong));
}

#[test]
fn a_path_is_taken_apart_and_put_together() {
    let path: RelativePath = "a/b/c.txt".parse().unwrap();
    assert_eq!((path.file_name(), path.parent().unwrap().as_str()), ("c.txt", "a/b"));
    assert_eq!(path.components().collect::<Vec<_>>(), ["a", "b", "c.txt"]);
    assert_eq!(path.parent().unwrap().join("d/e").unwrap().to_string(), "a/b/d/e");
    assert_eq!(path.join("../x"), Err(RelativePathError::DotComponent));
    assert_eq!("a".parse::<RelativePath>().unwrap().parent(), None);
}

proptest! {
    #[test]
    fn an_accepted_path_stays_beneath(text in "[./a\\PC]{0,20}") {
        if let Ok(path) = text.parse::<RelativePath>() {
            prop_assert!(!path.as_str().starts_with('/'));
            prop_assert!(path.components().all(|component| !["", ".", ".."].contains(&component)));
            prop_assert_eq!(path.as_str(), text);
        }
    }
}
