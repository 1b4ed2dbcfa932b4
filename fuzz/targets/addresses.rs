//! Whatever is read as an address, endpoint or host is written so that it is read as the same again.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use longhaul_socket::{Address, Endpoint, Host};

fuzz_target!(|text: &str| {
    round_trip::<Endpoint>(text);
    round_trip::<Host>(text);
    // A path may contain what cannot be shown, and is then escaped.
    if !text.chars().any(char::is_control) {
        round_trip::<Address>(text);
    }
    if let Ok(address) = text.parse::<Address>() {
        assert!(!address.to_string().chars().any(char::is_control));
    }
});

fn round_trip<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert!(value.to_string().parse::<T>().is_ok_and(|again| again == value), "{text:?}");
    }
}
