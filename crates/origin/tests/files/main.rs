//! Files over HTTP: the responses to requests, and that nothing outside of the folder is served.
#![expect(clippy::disallowed_methods, reason = "the tests make the files that are served")]

#[path = "../common/mod.rs"]
mod common;

mod abuse;
mod conditions;
mod directories;
mod folder;
mod requests;
mod traversal;
