//! The names of URLs.
#![allow(dead_code, reason = "each target uses one property")]
#![no_main]

#[path = "../properties/list.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| properties::name(bytes));
