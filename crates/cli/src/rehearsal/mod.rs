//! Tests the promises of this program on the user's machine: a server that misbehaves, `kill -9` in the middle, a resume,
//! and a comparison of every byte.
//!
//! - [`server`]: the server, in this process, on loopback;
//! - [`child`]: the program as a child process, and the events that it prints;
//! - [`kill_and_resume`]: the steps of a rehearsal, each with a deadline;
//! - [`inspection`]: compares the files and the records with what the server has;
//! - [`scoreboard`]: the result for people;
//! - [`comparison`] and [`downloader`]: the same server for other downloaders, with the command line of each.
//!
//! The child is judged by the files it left and by the requests the server counted, and not by its own report.

mod child;
mod comparison;
mod downloader;
mod inspection;
mod kill_and_resume;
mod scoreboard;
mod server;
mod settings;

pub(crate) use comparison::compare_downloaders;
pub(crate) use kill_and_resume::kill_and_resume;
pub(crate) use settings::Rehearsal;
