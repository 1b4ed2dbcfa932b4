//! The runs of one scenario as a row of the table.

use std::fmt;
use std::time::Duration;

use crate::run::Run;
use crate::scenario::{Scenario, URLS};

/// The worst seed may be so many times the goal.
const WORST: f64 = 1.3;

pub(crate) const HEAD: &str = "| scenario | time ratio (worst) | goal | rejections (worst) | goal | longest gap, s | banned, s | else |\n|---|---|---|---|---|---|---|---|";

pub(crate) struct Row<'a> {
    scenario: &'a Scenario,
    time: Spread,
    rejections: Spread,
    gap: Spread,
    banned: Spread,
    latency: Option<Spread>,
    cap: Option<Spread>,
}

/// The median and the greatest.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    worst: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        Self { median: f64::midpoint(values[middle - 1], values[middle]), worst: values[values.len() - 1] }
    }

    fn meets(self, goal: f64) -> bool {
        self.median <= goal && self.worst <= goal * WORST
    }
}

impl<'a> Row<'a> {
    pub(crate) fn of(scenario: &'a Scenario, runs: &[Run]) -> Self {
        let oracle = (scenario.oracle)(f64::from(URLS));
        let spread = |of: &dyn Fn(&Run) -> f64| Spread::of(runs.iter().map(of));
        let seconds = |time: Option<Duration>| time.map_or(f64::INFINITY, |time| time.as_secs_f64());
        Self {
            scenario,
            time: spread(&|run| {
                if run.served == URLS { run.took.as_secs_f64() / oracle } else { f64::INFINITY }
            }),
            rejections: spread(&|run| f64::from(run.rejections)),
            gap: spread(&|run| run.longest_gap.as_secs_f64()),
            banned: spread(&|run| run.banned.as_secs_f64()),
            latency: scenario.goal.latency_ratio.map(|_| spread(&latency_ratio)),
            cap: scenario.goal.cap_within.map(|_| spread(&|run| seconds(run.cap_reached))),
        }
    }

    pub(crate) fn is_met(&self) -> bool {
        let goal = &self.scenario.goal;
        let is_quick = goal.latency_ratio.zip(self.latency).is_none_or(|(goal, found)| found.meets(goal));
        let is_wide =
            goal.cap_within.zip(self.cap).is_none_or(|(goal, found)| found.meets(goal.as_secs_f64()));
        self.time.meets(goal.time_ratio) && self.rejections.meets(goal.rejections) && is_quick && is_wide
    }
}

/// The time to an answer, 95 in 100, to the least.
fn latency_ratio(run: &Run) -> f64 {
    let mut latencies = run.latencies.clone();
    latencies.sort();
    let least = latencies.first().map_or(1.0, Duration::as_secs_f64);
    latencies.get(latencies.len() / 2).map_or(f64::INFINITY, |latency| latency.as_secs_f64() / least)
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, time, rejections, gap, banned, latency, cap } = self;
        let limit = |goal: f64| if goal.is_finite() { goal.to_string() } else { "-".to_owned() };
        write!(
            f,
            "| {} | {:.2} ({:.2}) | {} |",
            scenario.name,
            time.median,
            time.worst,
            limit(scenario.goal.time_ratio)
        )?;
        write!(
            f,
            " {:.0} ({:.0}) | {} |",
            rejections.median,
            rejections.worst,
            limit(scenario.goal.rejections)
        )?;
        write!(f, " {:.1} | {:.0} |", gap.median, banned.median)?;
        if let Some(latency) = latency {
            write!(f, " time to an answer {:.1} times the least", latency.median)?;
        }
        if let Some(cap) = cap {
            write!(f, " at its cap after {:.2} s", cap.median)?;
        }
        write!(f, "{} |", if self.is_met() { "" } else { " **missed**" })
    }
}
