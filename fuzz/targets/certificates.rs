//! Certificates in DER form.
#![allow(dead_code, reason = "each target uses one property")]
#![no_main]

#[path = "../properties/socket.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| properties::certificates(bytes));
