//! The runs of one scenario as a row of the table.

use std::fmt;
use std::time::Duration;

use crate::run::Run;
use crate::scenario::Scenario;

/// The worst seed may be this many times the goal.
const WORST: f64 = 1.3;

/// Two figures that differ by less than this part are near each other.
const NEAR: f64 = 0.2;
/// A difference of this many rejections, in thousands of requests, is chance.
const REJECTIONS_NEAR: f64 = 5.0;

pub(crate) const HEAD: &str = "| scenario | time ratio (worst) | goal | rejections (worst) | goal | longest gap, s | banned, s | else |\n|---|---|---|---|---|---|---|---|";

pub(crate) struct Row<'a> {
    scenario: &'a Scenario,
    time: Spread,
    rejections: Spread,
    /// URLs that were given up although the host has them, over all seeds.
    lost: u32,
    gap: Spread,
    banned: Spread,
    latency: Option<Spread>,
    cap: Option<Spread>,
    others: Option<Spread>,
}

/// The median, the greatest value, and the range of nine values in ten.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    low: f64,
    high: f64,
    worst: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let below = if values.len().is_multiple_of(2) { middle - 1 } else { middle };
        let median = f64::midpoint(values[below], values[middle]);
        let greatest = values.len() - 1;
        Self {
            median,
            low: values[greatest / 20],
            high: values[greatest - greatest / 20],
            worst: values[greatest],
        }
    }

    fn meets(self, goal: f64) -> bool {
        self.median <= goal && self.worst <= goal * WORST
    }
}

impl<'a> Row<'a> {
    pub(crate) fn of(scenario: &'a Scenario, runs: &[Run], speedup: f64) -> Self {
        let ideal = scenario.ideal_seconds(speedup);
        let spread = |of: &dyn Fn(&Run) -> f64| Spread::of(runs.iter().map(of));
        let seconds = |time: Option<Duration>| time.map_or(f64::INFINITY, |time| time.as_secs_f64());
        Self {
            scenario,
            time: spread(&|run| {
                if run.served == scenario.urls { run.took.as_secs_f64() / ideal } else { f64::INFINITY }
            }),
            rejections: spread(&|run| f64::from(run.rejections)),
            lost: runs.iter().map(|run| run.lost).sum(),
            gap: spread(&|run| run.longest_gap.as_secs_f64()),
            banned: spread(&|run| run.banned.as_secs_f64()),
            latency: scenario.goal.latency_ratio.map(|_| spread(&latency_ratio)),
            others: scenario.others.as_ref().map(|others| {
                let ideal = (others.oracle)(f64::from(scenario.urls)) / speedup;
                spread(&|run| run.others_took.as_secs_f64() / ideal)
            }),
            cap: scenario.goal.cap_within.map(|_| spread(&|run| seconds(run.cap_reached))),
        }
    }

    pub(crate) fn is_met(&self) -> bool {
        let goal = &self.scenario.goal;
        let is_quick = goal.latency_ratio.zip(self.latency).is_none_or(|(goal, found)| found.meets(goal));
        let is_wide =
            goal.cap_within.zip(self.cap).is_none_or(|(goal, found)| found.meets(goal.as_secs_f64()));
        let others = self.scenario.others.as_ref().zip(self.others);
        let is_fair = others.is_none_or(|(others, found)| found.meets(others.time_ratio));
        self.time.meets(goal.time_ratio)
            && self.rejections.meets(goal.rejections)
            && is_quick
            && is_wide
            && is_fair
            && self.lost == 0
    }
}

/// The 95th percentile of the response time as a multiple of the least.
fn latency_ratio(run: &Run) -> f64 {
    let mut latencies = run.latencies.clone();
    latencies.sort();
    let least = latencies.first().map_or(1.0, Duration::as_secs_f64);
    latencies.get(latencies.len() / 2).map_or(f64::INFINITY, |latency| latency.as_secs_f64() / least)
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, time, rejections, lost, gap, banned, latency, cap, others } = self;
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
        if let Some(others) = others {
            write!(f, " the other names {:.2} ({:.2})", others.median, others.worst)?;
        }
        if *lost > 0 {
            write!(f, " {lost} lost")?;
        }
        write!(f, "{} |", if self.is_met() { "" } else { " **missed**" })
    }
}

pub(crate) const SIDES_HEAD: &str = "| scenario | simulated: time ratio | rejections | sockets: time ratio | rejections | time differs by | rejections |\n|---|---|---|---|---|---|---|";

/// The same runs in simulation and on sockets.
pub(crate) struct Sides<'a> {
    pub(crate) simulated: Row<'a>,
    pub(crate) sockets: Row<'a>,
}

impl Sides<'_> {
    /// The relative difference of the real time to the simulated one.
    fn time_difference(&self) -> f64 {
        self.sockets.time.median / self.simulated.time.median - 1.0
    }

    fn is_time_near(&self) -> bool {
        self.time_difference().abs() <= NEAR
    }

    /// Whether there are about as many as in the simulation, or as nine in ten of its seeds have.
    fn are_rejections_near(&self) -> bool {
        let Spread { median, low, high, .. } = self.simulated.rejections;
        let found = self.sockets.rejections.median;
        (found - median).abs() <= (NEAR * median).max(REJECTIONS_NEAR) || (low..=high).contains(&found)
    }

    pub(crate) fn are_near(&self) -> bool {
        self.is_time_near() && self.are_rejections_near()
    }
}

impl fmt::Display for Sides<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} |", self.simulated.scenario.name)?;
        for Row { time, rejections, .. } in [&self.simulated, &self.sockets] {
            write!(f, " {:.2} ({:.2}-{:.2}) |", time.median, time.low, time.high)?;
            let Spread { median, low, high, .. } = rejections;
            write!(f, " {median:.0} ({low:.0}-{high:.0}) |")?;
        }
        let emphasis = if self.is_time_near() { "" } else { "**" };
        write!(f, " {emphasis}{:+.0} %{emphasis} |", 100.0 * self.time_difference())?;
        let found = if self.are_rejections_near() { "near" } else { "**differ**" };
        write!(f, " {found} |")
    }
}
