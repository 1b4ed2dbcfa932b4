//! `RateLimit` and its kin.
#![allow(dead_code, reason = "each target uses one property")]
#![no_main]

#[path = "../properties/http.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| properties::rate_limit(data));
