//! The tables of `/proc/net`.
#![allow(dead_code, reason = "each target uses one property")]
#![no_main]

#[path = "../properties/socket.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| properties::socket_tables(text));
