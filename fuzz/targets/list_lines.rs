//! The lines of a list.
#![allow(dead_code, reason = "each target uses one property")]
#![no_main]

#[path = "../properties/list.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| properties::list_lines(bytes));
