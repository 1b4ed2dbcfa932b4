//! The program `longhaul`. All of its code is in the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    longhaul_cli::run(std::env::args_os()).into()
}
