//! Messages in pieces of a stream.
#![allow(dead_code, reason = "each target uses one property")]
#![no_main]

#[path = "../properties/socket.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| properties::framing(input.0.into(), input.1.into(), input.2));
