//! Snapshots of `--help`: every change of the command line shows in review.

mod common;

use common::{TestDirectory, text};

fn help(arguments: &[&str]) -> String {
    let output = TestDirectory::new().longhaul(arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    text(&output.stdout)
}

#[test]
fn of_the_program() {
    insta::assert_snapshot!(help(&["--help"]));
}

#[test]
fn of_get() {
    insta::assert_snapshot!(help(&["get", "--help"]));
}

#[test]
fn of_status() {
    insta::assert_snapshot!(help(&["status", "--help"]));
}

#[test]
fn of_retry() {
    insta::assert_snapshot!(help(&["retry", "-h"]));
}

#[test]
fn of_export() {
    insta::assert_snapshot!(help(&["export", "--help"]));
}

#[test]
fn of_verify() {
    insta::assert_snapshot!(help(&["verify", "--help"]));
}

#[test]
fn of_forget() {
    insta::assert_snapshot!(help(&["forget", "--help"]));
}

#[test]
fn of_rehearse() {
    insta::assert_snapshot!(help(&["rehearse", "--help"]));
}

#[test]
fn of_serve() {
    insta::assert_snapshot!(help(&["serve", "--help"]));
}

#[test]
fn of_connect() {
    insta::assert_snapshot!(help(&["connect", "--help"]));
}

#[test]
fn of_listen() {
    insta::assert_snapshot!(help(&["listen", "--help"]));
}

#[test]
fn of_sockets() {
    insta::assert_snapshot!(help(&["sockets", "--help"]));
}
