//! Pace against hosts that limit it, in virtual time: the table of `docs/pace.md` and its pictures.
//!
//! ```sh
//! cargo run --release -p longhaul --example pace                    # the table
//! cargo run --release -p longhaul --example pace -- --check         # fails where a goal is missed
//! cargo run --release -p longhaul --example pace -- --svg docs/pace # one picture a scenario
//! ```

mod controller;
mod picture;
mod run;
mod scenario;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use scenario::SCENARIOS;

/// Seeds of one cell of the table.
const SEEDS: u64 = 12;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut is_check, mut pictures, mut only) = (false, None, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => is_check = true,
            "--svg" => pictures = arguments.next().map(PathBuf::from),
            name => only = Some(name.to_owned()),
        }
    }
    println!("{}", table::HEAD);
    let mut missed = 0;
    for scenario in
        SCENARIOS.iter().filter(|scenario| only.as_deref().is_none_or(|only| only == scenario.name))
    {
        let runs: Vec<_> = (0..SEEDS).map(|seed| run::run::<controller::Current>(scenario, seed)).collect();
        let row = table::Row::of(scenario, &runs);
        println!("{row}");
        missed += usize::from(!row.is_met());
        if let Some(directory) = &pictures
            && let Err(error) = picture::draw(directory, scenario, &runs[0])
        {
            eprintln!("cannot draw {}: {error}", scenario.name);
            return ExitCode::FAILURE;
        }
    }
    println!("{missed} missed");
    if is_check && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
