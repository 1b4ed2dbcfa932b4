//! The rehearsal, in small.

mod common;

use common::{Place, text};

#[test]
fn nothing_is_lost_and_nothing_is_wrong() {
    let place = Place::new();
    for seed in ["1", "2"] {
        let output =
            place.longhaul(&["rehearse", "--files", "60", "--seed", seed]).output().expect("it runs");
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
        for line in [
            "  lost       0\n",
            "  wrong      0\n",
            "  strange    0\n",
            "0 of them requested again\n",
            "passed\n",
        ] {
            assert!(said.contains(line), "{line}{said}");
        }
    }
}

#[test]
fn a_directory_that_is_in_use_is_refused() {
    let place = Place::new();
    place.file("here/mine", "mine");
    let output = place.longhaul(&["rehearse", "--files", "1", "-d", "here"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(place.read("here/mine"), b"mine");
}

/// In small, and without the others, who would take their minutes: ours is judged by what lies on disk.
#[test]
fn a_contest_of_one() {
    let place = Place::new();
    let mut command = place.longhaul(&["rehearse", "--peers", "--files", "40", "-d", "contest"]);
    let output = command.env("PATH", place.path("nowhere")).output().expect("it runs");
    let said = text(&output.stdout);
    let ours = said.lines().find(|line| line.starts_with("longhaul ")).unwrap_or_else(|| panic!("{said}"));
    let cells: Vec<&str> = ours.split_whitespace().collect();
    assert!(cells[2].parse::<u32>().expect("a number") >= 36, "{said}");
    assert_eq!(cells[3..5], ["0", "0"], "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(text(&output.stderr).contains("wget: not installed"), "{}", text(&output.stderr));
}
