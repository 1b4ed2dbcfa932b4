//! The hostile server as a program, for scripts: it serves until its standard input ends, and then prints its counts.
//!
//! ```text
//! origin --listen tcp://127.0.0.1:0 [--listen ...] [--seed N] [--mix none|rehearsal] [--latency-ms N]
//!        [--absent-share 0.1] [--size-bytes MIN[-MAX]] [--stall-seconds N]
//! ```
//!
//! It prints its endpoints first, one per line, with their real ports. The last line is one JSON object. All endpoints belong to
//! one server: an attempt on a path counts, whichever endpoint receives it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use longhaul_origin::{FaultMix, HostileServer, Options, Share, Site, Sizes, Stats};
use longhaul_socket::{Endpoint, SystemNetwork};
use tokio::sync::oneshot;

fn main() -> ExitCode {
    let plan = match Plan::parse(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("origin: {error}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(serve(plan))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("origin: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(plan: Plan) -> io::Result<()> {
    let network = SystemNetwork::new();
    let site = Site::new(plan.seed).with_sizes(plan.sizes).with_absent_share(plan.absent_share);
    let origin = HostileServer::new(Arc::new(site), plan.faults, plan.options);
    let mut listeners = Vec::new();
    for endpoint in plan.endpoints {
        listeners.push(origin.listen(&network, endpoint)?);
    }

    let mut output = io::stdout();
    for listener in &listeners {
        writeln!(output, "{}", listener.endpoint())?;
    }
    output.flush()?;

    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        // An error of the input ends it, too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    // The thread sends, or it has panicked: the input has ended in both cases.
    let _ = end.await;

    for listener in listeners {
        listener.stop().await;
    }
    writeln!(output, "{}", json(&origin.stats()))
}

/// The parsed arguments.
struct Plan {
    endpoints: Vec<Endpoint>,
    seed: u64,
    faults: FaultMix,
    absent_share: Share,
    sizes: Sizes,
    options: Options,
}

impl Plan {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut plan = Self {
            endpoints: Vec::new(),
            seed: 1,
            faults: FaultMix::none(),
            absent_share: Share::NONE,
            sizes: Sizes::default(),
            options: Options::default(),
        };
        while let Some(name) = arguments.next() {
            let text = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--listen" => plan.endpoints.push(value(&name, &text)?),
                "--seed" => plan.seed = value(&name, &text)?,
                "--mix" => {
                    plan.faults = match text.as_str() {
                        "none" => FaultMix::none(),
                        "rehearsal" => FaultMix::rehearsal(),
                        _ => return Err(format!("--mix {text}: expected none or rehearsal").into()),
                    }
                }
                "--latency-ms" => plan.options.latency = Duration::from_millis(value(&name, &text)?),
                "--stall-seconds" => plan.options.stall = Duration::from_secs(value(&name, &text)?),
                "--absent-share" => plan.absent_share = value(&name, &text)?,
                "--size-bytes" => {
                    let (min, max) = text.split_once('-').unwrap_or((&text, &text));
                    plan.sizes = Sizes::between(value(&name, min)?, value(&name, max)?);
                }
                _ => return Err(format!("no such option: {name}").into()),
            }
        }
        if plan.endpoints.is_empty() {
            return Err("no endpoint: give --listen tcp://127.0.0.1:0".into());
        }
        Ok(plan)
    }
}

fn value<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{name} {text}: {error}"))
}

fn json(stats: &Stats) -> String {
    let mut faults_met: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in &stats.faults_met {
        *faults_met.entry(kind.as_str()).or_default() += count;
    }
    let numbers = [
        ("connections", stats.connections),
        ("connections_open_max", stats.connections_open_max),
        ("accept_failures", stats.accept_failures),
        ("requests", stats.requests),
        ("requests_untracked", stats.requests_untracked),
        ("paths", stats.paths),
        ("in_flight_max", stats.in_flight_max),
        ("responses_complete", stats.responses_complete),
        ("bytes_served", stats.bytes_served),
        ("bytes_served_twice", stats.bytes_served_twice),
    ];
    let numbers = numbers.map(|(name, number)| format!("\"{name}\":{number}")).join(",");
    format!("{{{numbers},\"statuses\":{},\"faults_met\":{}}}", object(&stats.statuses), object(&faults_met))
}

/// A JSON object; the keys are numbers and plain words, so nothing needs escaping.
fn object(counts: &BTreeMap<impl Display, u64>) -> String {
    let members: Vec<String> = counts.iter().map(|(key, count)| format!("\"{key}\":{count}")).collect();
    format!("{{{}}}", members.join(","))
}
