//! The cases that the program carries with it, so that they can be played where there is no source.

/// The files of `crates/origin/cases`, sorted by name: the name of each, and its text.
#[must_use]
pub fn cases() -> &'static [(&'static str, &'static str)] {
    &include!(concat!(env!("OUT_DIR"), "/cases.rs"))
}
