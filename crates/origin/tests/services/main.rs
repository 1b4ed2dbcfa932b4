//! The small services over TCP and UDP, and clients that abuse them.

#[path = "../common/mod.rs"]
mod common;

mod abuse;
mod datagrams;
mod streams;
mod town;
