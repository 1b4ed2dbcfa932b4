//! Files over HTTP: what a request is answered with, and that nothing outside of the folder is.
#![expect(clippy::disallowed_methods, reason = "the tests make the files that are served")]

#[path = "../common/mod.rs"]
mod common;

mod abuse;
mod conditions;
mod directories;
mod folder;
mod requests;
mod traversal;
