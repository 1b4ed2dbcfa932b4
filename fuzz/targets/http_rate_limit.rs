//! See `longhaul_http::fuzz::rate_limit` for what has to hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| longhaul_http::fuzz::rate_limit(data));
