//! The command `longhaul`: arguments in, a haul, and what people and scripts are told about it.
//!
//! A command goes through three types: `arguments` as they were typed, a `plan` in which every value is resolved,
//! and the library's own builder. What comes back, the stream of events and the report, is shown by three readers: the
//! `progress` display, the JSON lines (`render::json`) and the closing report. Standard output carries data and
//! machine output only; everything said to people goes to standard error.
//!
//! Beside the hauls there are tools for the hand, `connect`, `listen` and `sockets`: `exchange` joins standard input and
//! output to a socket of `longhaul-socket`.
//!
//! Absent on purpose: whatever a program that embeds the library would need too. Nothing here decides about a URL.
//!
//! The one public function is [`run`]; [`Exit`] is the contract with scripts.

mod arguments;
mod commands;
mod error;
mod exchange;
mod exit;
mod export;
mod files;
mod plan;
mod progress;
mod rehearsal;
mod render;
mod serving;
mod signals;
mod startup;
mod values;

pub use commands::run;
pub use exit::Exit;
