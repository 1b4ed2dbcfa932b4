//! The program `longhaul`: everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    longhaul_cli::run(std::env::args_os()).into()
}
