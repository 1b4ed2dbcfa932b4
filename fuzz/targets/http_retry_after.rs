//! See `longhaul_http::fuzz::retry_after` for what has to hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| longhaul_http::fuzz::retry_after(data));
