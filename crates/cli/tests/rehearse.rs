//! A small rehearsal, and a small comparison.

mod common;

use common::{TestDirectory, text};

#[test]
fn a_rehearsal_passes() {
    let place = TestDirectory::new();
    for seed in ["1", "2"] {
        let output = place
            .longhaul(&["rehearse", "--files", "60", "--seed", seed])
            .output()
            .expect("the program starts");
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{printed}{}", text(&output.stderr));
        for line in [
            "  lost       0\n",
            "  wrong      0\n",
            "  strange    0\n",
            "0 of them requested again\n",
            "passed\n",
        ] {
            assert!(printed.contains(line), "{line}{printed}");
        }
    }
}

#[test]
fn a_directory_with_files_is_refused() {
    let place = TestDirectory::new();
    place.file("here/mine", "mine");
    let output =
        place.longhaul(&["rehearse", "--files", "1", "-d", "here"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(place.read("here/mine"), b"mine");
}

/// Without the other downloaders, which would take minutes.
#[test]
fn a_comparison_with_longhaul_alone() {
    let place = TestDirectory::new();
    let mut command = place.longhaul(&["rehearse", "--peers", "--files", "40", "-d", "comparison"]);
    let output = command.env("PATH", place.path("nowhere")).output().expect("the program starts");
    let printed = text(&output.stdout);
    let ours =
        printed.lines().find(|line| line.starts_with("longhaul ")).unwrap_or_else(|| panic!("{printed}"));
    let cells: Vec<&str> = ours.split_whitespace().collect();
    assert!(cells[2].parse::<u32>().expect("a number") >= 36, "{printed}");
    assert_eq!(cells[3..5], ["0", "0"], "{printed}");
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(text(&output.stderr).contains("wget: not installed"), "{}", text(&output.stderr));
}
