//! One module a command, and the way to it.

mod connect;
mod dry_run;
mod export;
mod get;
mod listen;
mod rehearse;
mod retry;
mod run;
mod serve;
mod sockets;
mod status;

use std::io::Write as _;

pub use run::run;

/// Says something to people. Where standard error is closed the exit code has to say it.
fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
