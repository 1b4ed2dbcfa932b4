//! The small services, in both protocols, and what becomes of those who abuse them.

#[path = "../common/mod.rs"]
mod common;

mod abuse;
mod datagrams;
mod streams;
mod town;
