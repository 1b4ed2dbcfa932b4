//! Proxies with toxics: each toxic in both directions, changes while connections run, limits, and the control over HTTP.
//! All of it in a network in memory and in virtual time.

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod control;
mod ends;
mod street;
mod toxics;
