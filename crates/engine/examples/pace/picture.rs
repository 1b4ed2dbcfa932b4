//! A run as a picture: requests a second over time against what the host takes.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::run::{Run, Second};
use crate::scenario::Scenario;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 36.0;
/// Points of a curve; longer runs are averaged.
const POINTS_MAX: usize = 240;

#[expect(clippy::disallowed_methods, reason = "a picture for the documentation, not a file of a haul")]
pub(crate) fn draw(directory: &Path, scenario: &Scenario, run: &Run) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join(format!("{}.svg", scenario.name)), svg(scenario, run))
}

struct Point {
    at: f64,
    sent: f64,
    rejected: f64,
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
        rejected: mean(chunk, |second| second.rejected),
        limit: chunk[0].limit,
    };
    // The last second is seldom whole.
    let whole = &seconds[..seconds.len().saturating_sub(1).max(1)];
    whole.chunks(step).enumerate().map(point).collect()
}

fn svg(scenario: &Scenario, run: &Run) -> String {
    let points = points(&run.seconds);
    let span = run.took.as_secs_f64().max(1.0);
    let peak =
        points.iter().map(|point| point.sent.max(point.limit.unwrap_or(0.0))).fold(1.0, f64::max) * 1.1;
    let x = |at: f64| LEFT + at / span * (WIDTH - LEFT - 20.0);
    let y = |rate: f64| HEIGHT - BOTTOM - rate / peak * (HEIGHT - TOP - BOTTOM);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"14\" fill=\"#222222\">{}</text>\n\
         <text x=\"{LEFT}\" y=\"36\" fill=\"#666666\">requests a second over time: sent (blue), refused (red), what the host takes (grey)</text>\n",
        scenario.words
    );
    let (left, right, floor) = (x(0.0), x(span), y(0.0));
    let _ = writeln!(
        text,
        "<path d=\"M{left:.1} {TOP} V{floor:.1} H{right:.1}\" fill=\"none\" stroke=\"#999999\"/>"
    );
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (at, label) = (x(span * share), span * share);
        let _ = writeln!(
            text,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666666\">{label:.0} s</text>",
            floor + 18.0
        );
    }
    for share in [0.0, 0.5, 1.0] {
        let (at, label) = (y(peak * share / 1.1), peak * share / 1.1);
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#666666\">{label:.0}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    for point in points.iter().filter(|point| point.rejected > 0.0) {
        let (at, top) = (x(point.at), y(point.rejected).min(floor - 3.0));
        let _ = writeln!(
            text,
            "<path d=\"M{at:.1} {floor:.1} V{top:.1}\" stroke=\"#d03030\" stroke-width=\"2\"/>"
        );
    }
    let limit = points.iter().filter_map(|point| Some((point.at, point.limit?)));
    curve(&mut text, limit, "#999999", "stroke-dasharray=\"6 4\"", &x, &y);
    curve(
        &mut text,
        points.iter().map(|point| (point.at, point.sent)),
        "#2060c0",
        "stroke-width=\"1.5\"",
        &x,
        &y,
    );
    text.push_str("</svg>\n");
    text
}

fn curve(
    text: &mut String,
    points: impl Iterator<Item = (f64, f64)>,
    colour: &str,
    style: &str,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) {
    let points: Vec<String> = points.map(|(at, rate)| format!("{:.1},{:.1}", x(at), y(rate))).collect();
    if !points.is_empty() {
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" {style}/>",
            points.join(" ")
        );
    }
}
