//! The command `longhaul`: parses the command line, runs the library, and reports to people and scripts.
//!
//! Arguments pass through three types: `arguments` holds them as typed, `plan` resolves them, and the library's
//! builder takes the result. Three readers show what comes back: the `progress` display, the JSON lines
//! (`render::json`) and the closing report. Standard output carries data and machine output only; every message for
//! people goes to standard error.
//!
//! `connect`, `listen` and `sockets` work on single sockets: `relay` copies between standard input and output and a
//! socket of `longhaul-socket`. `serve` runs the services of `longhaul-origin`, and `rehearsal` runs this program
//! against its hostile host.
//!
//! This crate refuses logic that a program which embeds the library would need too. Nothing here decides about a URL.
//!
//! The one public function is `run`; `Exit` is the contract with scripts.

mod arguments;
mod commands;
mod error;
mod exit;
mod export;
mod files;
mod plan;
mod progress;
mod rehearsal;
mod relay;
mod render;
mod serving;
mod signals;
mod signature;
mod startup;
mod stream_writer;
mod trace;
mod values;

pub use commands::run;
pub use exit::Exit;
