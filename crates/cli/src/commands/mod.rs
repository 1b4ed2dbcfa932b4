//! One module a command, and the way to it.

mod dry_run;
mod export;
mod get;
mod rehearse;
mod retry;
mod run;
mod status;

pub use run::run;
