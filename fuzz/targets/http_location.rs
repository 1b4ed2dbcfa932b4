//! See `longhaul_http::fuzz::location` for what has to hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| longhaul_http::fuzz::location(data));
