//! Frames and records of the log.
#![allow(dead_code, reason = "each target uses one property")]
#![no_main]

#[path = "../properties/journal.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| properties::log(bytes));
