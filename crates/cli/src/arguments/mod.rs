//! The command line as typed. Each value is parsed here; [`plan`](crate::plan) checks how the values fit together.
//!
//! - [`program`]: the program, its commands and the groups in which help lists them;
//! - [`haul`]: `get`, `retry`, `status`, `export`, `verify` and `forget`;
//! - [`rehearse`] and [`serve`]: the commands of a rehearsal;
//! - [`sockets`]: `connect`, `listen` and `sockets`;
//! - [`usage_error`]: what a usage error shows of the command line.
//!
//! A doc comment on a command or a flag is its help text.

mod haul;
mod program;
mod rehearse;
mod serve;
mod sockets;
mod usage_error;

pub(crate) use haul::{
    ExportArguments, ExportFormat, ForgetArguments, GetArguments, LogFormatChoice, OutputArguments,
    PaceChoice, PacePerChoice, RetryArguments, RunArguments, StatusArguments, SuspectChoice, VerifyArguments,
};
pub(crate) use program::{Arguments, Command};
pub(crate) use rehearse::RehearseArguments;
pub(crate) use serve::ServeArguments;
pub(crate) use sockets::{ConnectArguments, ListenArguments, RelayArguments, SocketsArguments};
