//! Responses of sock_diag(7).
#![allow(dead_code, reason = "each target uses one property")]
#![no_main]

#[path = "../properties/socket.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|response: &[u8]| properties::sock_diag(response));
