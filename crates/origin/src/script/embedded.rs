//! The embedded cases, so that they can be played without the source code.

/// The name and the text of each file of `crates/origin/cases`, sorted by name.
#[must_use]
pub fn cases() -> &'static [(&'static str, &'static str)] {
    &include!(concat!(env!("OUT_DIR"), "/cases.rs"))
}
