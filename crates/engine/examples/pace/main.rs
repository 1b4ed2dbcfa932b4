//! Pace against hosts that limit it, in virtual time and on sockets: the tables and the pictures of `docs/pace-lab.md`.
//!
//! ```sh
//! cargo run --release -p longhaul --example pace                          # the table
//! cargo run --release -p longhaul --example pace -- --check               # fails where a goal is missed
//! cargo run --release -p longhaul --example pace -- --svg docs/pace       # one picture a scenario
//! cargo run --release -p longhaul --example pace -- --factor 10           # hosts ten times as fast
//! cargo run --release -p longhaul --example pace -- --factor 10 --sockets # the same beside the real engine
//! ```
//!
//! The name of a scenario runs that one alone. `--controller fixed` simulates another controller (`inference` by default). `--seeds N` sets how often each runs (12 times in virtual time, once on
//! sockets), `--at-once N` how many of these hauls at a time. `--trace` writes to standard error how long each simulated
//! run took, and what the host saw on its sockets. Failed URLs wait as in the engine before they are
//! requested again, unless `--no-waits` is given. `--deadline
//! SECONDS` replaces the deadline of every simulated wait, 20 s. With `TMPDIR` in memory, the disk has no influence.

mod picture;
mod run;
mod scenario;
mod sockets;
mod table;
mod waiting;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use longhaul::pace::PaceKind;
use run::Run;
use scenario::{SCENARIOS, Scenario};
use waiting::Waits;

/// Seeds of one cell of the table.
const SEEDS: u64 = 12;
/// Seeds of the simulation beside the sockets. Some medians lie between two outcomes of a run, and virtual time is cheap.
const SEEDS_BESIDE: u64 = 100;

/// The parsed command line.
#[derive(Default)]
struct Arguments {
    is_check: bool,
    pictures: Option<PathBuf>,
    speedup: Option<f64>,
    waits: Waits,
    deadline: Option<f64>,
    is_real: bool,
    is_traced: bool,
    controller: PaceKind,
    seeds: Option<u64>,
    at_once: Option<usize>,
    names: Vec<String>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} what?"));
            match word.as_str() {
                "--check" => arguments.is_check = true,
                "--sockets" => arguments.is_real = true,
                "--no-waits" => arguments.waits = Waits::None,
                "--trace" => arguments.is_traced = true,
                "--controller" => arguments.controller = controller(&value()?)?,
                "--svg" => arguments.pictures = Some(PathBuf::from(value()?)),
                "--factor" => arguments.speedup = Some(positive(&value()?)?),
                "--at-once" => arguments.at_once = Some(positive(&value()?)?),
                "--deadline" => arguments.deadline = Some(positive(&value()?)?),
                "--seeds" => arguments.seeds = Some(positive(&value()?)?),
                name if SCENARIOS.iter().any(|scenario| scenario.name == name) => arguments.names.push(word),
                _ => return Err(format!("no such scenario: {word}")),
            }
        }
        Ok(arguments)
    }

    fn speedup(&self) -> f64 {
        self.speedup.unwrap_or(1.0)
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| name == scenario.name)
    }

    fn simulate(&self, scenario: &Scenario, seeds: u64, waits: Waits) -> Vec<Run> {
        let deadline = self.deadline.map_or(run::DEADLINE, Duration::from_secs_f64);
        let simulate = |seed| {
            let run = run::run(scenario, self.controller, seed, self.speedup(), waits, deadline);
            if self.is_traced {
                let (seconds, rejections) = (run.took.as_secs_f64(), run.rejections);
                eprintln!("simulated {} {seed}: {seconds:.2} s, {rejections} rejections", scenario.name);
            }
            run
        };
        (0..seeds).map(simulate).collect()
    }
}

fn controller(name: &str) -> Result<PaceKind, String> {
    match name {
        "inference" => Ok(PaceKind::Inference),
        "fixed" => Ok(PaceKind::Fixed),
        _ => Err(format!("no such controller: {name}")),
    }
}

fn positive<T: std::str::FromStr + PartialOrd + Default>(text: &str) -> Result<T, String> {
    text.parse()
        .ok()
        .filter(|value| *value > T::default())
        .ok_or_else(|| format!("no positive number: {text}"))
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", if arguments.is_real { table::SIDES_HEAD } else { table::HEAD });
    let mut missed = 0;
    for scenario in SCENARIOS.iter().filter(|scenario| arguments.wants(scenario)) {
        let row = if arguments.is_real {
            side_by_side(&arguments, scenario)
        } else {
            simulated(&arguments, scenario)
        };
        match row {
            Ok(is_met) => missed += usize::from(!is_met),
            Err(error) => {
                eprintln!("{}: {error}", scenario.name);
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{missed} missed");
    if arguments.is_check && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Prints one row of the table; returns whether its goals are met.
fn simulated(arguments: &Arguments, scenario: &Scenario) -> Result<bool, String> {
    let runs = arguments.simulate(scenario, arguments.seeds.unwrap_or(SEEDS), arguments.waits);
    let row = table::Row::of(scenario, &runs, arguments.speedup());
    println!("{row}");
    if let Some(directory) = &arguments.pictures {
        picture::draw(directory, scenario, &runs[0]).map_err(|error| format!("no picture: {error}"))?;
    }
    Ok(row.is_met())
}

/// Prints one row of both tables; returns whether they are near each other.
fn side_by_side(arguments: &Arguments, scenario: &Scenario) -> Result<bool, String> {
    let speedup = arguments.speedup();
    let seeds: Vec<u64> = (0..arguments.seeds.unwrap_or(1)).collect();
    let mut real = Vec::with_capacity(seeds.len());
    for seeds in seeds.chunks(arguments.at_once.unwrap_or(1)) {
        let runs: Vec<_> = thread::scope(|scope| {
            let run = |&seed| scope.spawn(move || sockets::run(scenario, seed, speedup, arguments.is_traced));
            let threads: Vec<_> = seeds.iter().map(run).collect();
            threads.into_iter().map(|thread| thread.join().expect("a run does not panic")).collect()
        });
        for run in runs {
            real.push(run.map_err(|error| error.to_string())?);
        }
    }
    let sides = table::Sides {
        simulated: table::Row::of(
            scenario,
            &arguments.simulate(scenario, SEEDS_BESIDE, Waits::OfRetry),
            speedup,
        ),
        sockets: table::Row::of(scenario, &real, speedup),
    };
    println!("{sides}");
    Ok(sides.are_near())
}
