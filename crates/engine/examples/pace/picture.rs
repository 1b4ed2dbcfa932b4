//! Draws a run: requests per second over time, and the limit of the host.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::run::{Run, Second};
use crate::scenario::Scenario;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 36.0;
/// Points of a curve. In a longer run, several seconds are averaged to a point.
const POINTS_MAX: usize = 240;
/// Ticks of an axis, besides the one at 0. More would crowd the labels.
const TICKS_MAX: f64 = 6.0;
/// Length of the line beside each entry of the legend.
const LEGEND_LINE: f64 = 24.0;
/// Width of a character of the legend, roughly.
const CHARACTER_WIDTH: f64 = 6.4;

/// A kind of mark in the picture: its name in the legend, and how its lines are drawn.
#[derive(Clone, Copy)]
struct Mark {
    name: &'static str,
    style: &'static str,
}

const SENT: Mark = Mark { name: "sent", style: "stroke=\"#2060c0\" stroke-width=\"1.5\"" };
const FAILED: Mark = Mark { name: "refused or broken", style: "stroke=\"#d03030\" stroke-width=\"2\"" };
const LIMIT: Mark = Mark { name: "limit of the host", style: "stroke=\"#999999\" stroke-dasharray=\"6 4\"" };

/// Writes the picture of a run to `directory`, under the name of the scenario.
#[expect(clippy::disallowed_methods, reason = "a picture for the documentation, not a file of a haul")]
pub(crate) fn draw(directory: &Path, scenario: &Scenario, run: &Run) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join(format!("{}.svg", scenario.name)), svg(scenario, run))
}

struct Point {
    at: f64,
    sent: f64,
    failed: f64,
    limit: Option<f64>,
}

fn points(seconds: &[Second]) -> Vec<Point> {
    let step = seconds.len().div_ceil(POINTS_MAX).max(1);
    let mean = |chunk: &[Second], of: fn(&Second) -> u32| {
        chunk.iter().map(|second| f64::from(of(second))).sum::<f64>() / chunk.len() as f64
    };
    let point = |(index, chunk): (usize, &[Second])| Point {
        at: (index * step) as f64 + chunk.len() as f64 / 2.0,
        sent: mean(chunk, |second| second.sent),
        failed: mean(chunk, |second| second.rejected),
        limit: chunk[0].limit,
    };
    // The last second is rarely a whole one.
    let whole = &seconds[..seconds.len().saturating_sub(1).max(1)];
    whole.chunks(step).enumerate().map(point).collect()
}

/// The scales of both axes, from values to coordinates.
struct Scales {
    /// Seconds at the right end.
    seconds_max: f64,
    /// Requests per second at the upper end.
    rate_max: f64,
}

impl Scales {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + seconds / self.seconds_max * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, rate: f64) -> f64 {
        HEIGHT - BOTTOM - rate / self.rate_max * (HEIGHT - TOP - BOTTOM)
    }
}

fn svg(scenario: &Scenario, run: &Run) -> String {
    let points = points(&run.seconds);
    let peak = points.iter().map(|point| point.sent.max(point.limit.unwrap_or(0.0))).fold(1.0, f64::max);
    let scales = Scales { seconds_max: run.took.as_secs_f64().max(1.0), rate_max: peak * 1.1 };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"14\" fill=\"#222222\">{}</text>\n",
        scenario.words
    );
    let (is_failing, is_limited) =
        (points.iter().any(|point| point.failed > 0.0), points.iter().any(|point| point.limit.is_some()));
    let marks = [(SENT, true), (FAILED, is_failing), (LIMIT, is_limited)];
    push_legend(&mut text, marks.into_iter().filter(|(_, is_drawn)| *is_drawn).map(|(mark, _)| mark));
    push_axes(&mut text, &scales);
    let floor = scales.y(0.0);
    for point in points.iter().filter(|point| point.failed > 0.0) {
        // A small share is still visible.
        let (at, top) = (scales.x(point.at), scales.y(point.failed).min(floor - 3.0));
        let _ = writeln!(text, "<path d=\"M{at:.1} {floor:.1} V{top:.1}\" {}/>", FAILED.style);
    }
    let limit = points.iter().filter_map(|point| Some((point.at, point.limit?)));
    push_curve(&mut text, limit, LIMIT, &scales);
    push_curve(&mut text, points.iter().map(|point| (point.at, point.sent)), SENT, &scales);
    text.push_str("</svg>\n");
    text
}

/// The legend names only what is drawn, each with a sample of its line.
fn push_legend(text: &mut String, marks: impl Iterator<Item = Mark>) {
    let baseline = 36.0;
    let title = "requests per second:";
    let _ = writeln!(text, "<text x=\"{LEFT}\" y=\"{baseline}\" fill=\"#666666\">{title}</text>");
    let mut x = LEFT + (title.len() + 2) as f64 * CHARACTER_WIDTH;
    for Mark { name, style } in marks {
        let (line_end, y) = (x + LEGEND_LINE, baseline - 4.0);
        let _ = writeln!(text, "<path d=\"M{x:.1} {y:.1} H{line_end:.1}\" fill=\"none\" {style}/>");
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{baseline}\" fill=\"#666666\">{name}</text>",
            line_end + 6.0
        );
        x = line_end + 6.0 + (name.len() + 3) as f64 * CHARACTER_WIDTH;
    }
}

fn push_axes(text: &mut String, scales: &Scales) {
    let (right, floor) = (scales.x(scales.seconds_max), scales.y(0.0));
    let _ = writeln!(
        text,
        "<path d=\"M{LEFT:.1} {TOP} V{floor:.1} H{right:.1}\" fill=\"none\" stroke=\"#999999\"/>"
    );
    for (seconds, label) in ticks(scales.seconds_max) {
        let at = scales.x(seconds);
        let _ = writeln!(
            text,
            "<path d=\"M{at:.1} {floor:.1} v4\" stroke=\"#999999\"/>\n\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666666\">{label} s</text>",
            floor + 18.0
        );
    }
    for (rate, label) in ticks(scales.rate_max) {
        let at = scales.y(rate);
        let _ = writeln!(
            text,
            "<path d=\"M{LEFT:.1} {at:.1} h-4\" stroke=\"#999999\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#666666\">{label}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
}

/// The ticks from 0 up to `max`, with their labels. They are multiples of 1, 2 or 5 times a power of ten, so that a label
/// is the exact value.
fn ticks(max: f64) -> Vec<(f64, String)> {
    let power = 10_f64.powf((max / TICKS_MAX).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let step = factors.map(|factor| factor * power).into_iter().find(|step| max / step <= TICKS_MAX);
    let step = step.unwrap_or(max);
    let decimals = usize::from(step < 1.0);
    let multiples = (0_u32..).map(|number| f64::from(number) * step).take_while(|value| *value <= max);
    multiples.map(|value| (value, format!("{value:.decimals$}"))).collect()
}

fn push_curve(text: &mut String, points: impl Iterator<Item = (f64, f64)>, mark: Mark, scales: &Scales) {
    let points: Vec<String> =
        points.map(|(at, rate)| format!("{:.1},{:.1}", scales.x(at), scales.y(rate))).collect();
    if !points.is_empty() {
        let _ = writeln!(text, "<polyline points=\"{}\" fill=\"none\" {}/>", points.join(" "), mark.style);
    }
}
