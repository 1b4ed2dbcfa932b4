//! The prior: which hosts there are, and how often. A host follows from its seed alone.
//!
//! Rates are drawn log-uniformly from 0.5 to 2,000/s, latencies from 1 to 500 ms. A list is so long that an oracle needs some
//! seconds to some minutes, within 20 to 20,000 rows. Half of the hosts fail by chance as well; a third close connections
//! after 1, 10 or 100 requests. Bans last as long as operators let them (2, 5, 10, 20, 30, 60 s) or anything between 1 and
//! 60 s, and count over 1 s twice as often as over all longer times together.

use super::gate::{Form, Gate, Rule};
use super::{Host, Natures, Noise, Service};
use crate::random::Random;

/// Kinds, with their share of the zoo.
pub(crate) const KINDS: &[(&str, f64)] = &[
    ("healthy", 8.0),
    ("bucket", 10.0),
    ("delay", 3.0),
    ("window", 6.0),
    ("sliding", 5.0),
    ("nested", 3.0),
    ("quota", 3.0),
    ("announced", 2.0),
    ("requests", 5.0),
    ("connections", 4.0),
    ("opens", 4.0),
    ("ban", 14.0),
    ("silent-ban", 4.0),
    ("denying-ban", 5.0),
    ("captcha", 2.0),
    ("opens-ban", 2.0),
    ("queue", 4.0),
    ("load", 4.0),
    ("bandwidth", 2.0),
    ("cold", 3.0),
    ("counting", 4.0),
    ("changing", 4.0),
    ("own-refusals", 4.0),
    ("slow-urls", 2.0),
    ("half-dead", 1.0),
];

/// The host of a seed.
#[must_use]
pub(crate) fn draw(seed: u64) -> Host {
    let mut random = Random::new(seed ^ 0x005E_ED00);
    let total: f64 = KINDS.iter().map(|(_, share)| share).sum();
    let mut drawn = random.unit() * total;
    let mut kind = KINDS[0].0;
    for &(name, share) in KINDS {
        kind = name;
        drawn -= share;
        if drawn < 0.0 {
            break;
        }
    }
    of_kind(kind, seed, &mut random)
}

/// How those are refused who ask too often.
fn refusal(random: &mut Random) -> Form {
    let forms = [
        Form::Status(429),
        Form::Status(429),
        Form::Status(503),
        Form::Status(503),
        Form::Status(403),
        Form::RetryUntil(429),
        Form::RetryAfter(429, 1.0),
        Form::Closed,
        Form::Reset,
        Form::Status(500),
    ];
    choose(random, &forms)
}

fn choose(random: &mut Random, forms: &[Form]) -> Form {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the length")]
    let index = (random.unit() * forms.len() as f64) as usize;
    forms[index]
}

fn ban_length(random: &mut Random) -> f64 {
    if random.chance(0.5) {
        random.pick(&[2.0, 5.0, 10.0, 20.0, 30.0, 60.0])
    } else {
        random.log_between(1.0, 60.0)
    }
}

/// What a ban counts over.
fn horizon(random: &mut Random) -> f64 {
    random.pick(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 10.0, 60.0, 5.0])
}

fn noise(random: &mut Random) -> Noise {
    if random.chance(0.5) {
        return Noise::default();
    }
    let share: f64 = random.pick(&[0.02, 0.02, 0.05, 0.1, 0.25]);
    let form = choose(
        random,
        &[Form::Reset, Form::Reset, Form::Refused, Form::Silence, Form::Status(503), Form::Closed, Form::Cut],
    );
    let share = if form == Form::Silence { share.min(0.1) } else { share };
    Noise(vec![(share, form)])
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind")]
fn of_kind(kind: &'static str, seed: u64, random: &mut Random) -> Host {
    let latency = random.log_between(0.001, 0.5);
    let service = random.log_between(0.001, 0.03);
    let mut rate = random.log_between(0.5, 2_000.0);
    let seconds = random.log_between(6.0, 120.0);
    let mut host = Host::new(kind, 0, latency, service, seed);
    host.keep_alive = random.pick(&[u32::MAX, u32::MAX, u32::MAX, u32::MAX, 1, 10, 100]);
    host.noise = noise(random);
    let mut gates = Vec::new();
    // What its limits allow in the long run; the list is so long that it takes `seconds`.
    let mut sustained = f64::INFINITY;
    match kind {
        "healthy" => {}
        "bucket" => {
            let burst = (rate * random.pick(&[0.0, 0.2, 0.5, 1.0, 2.0, 5.0])).max(1.0);
            gates.push(Gate::new(Rule::Bucket { rate, burst }, refusal(random)));
            sustained = rate;
        }
        "changing" => {
            let burst = (rate * random.pick(&[0.2, 0.5, 1.0])).max(1.0);
            gates.push(Gate::new(Rule::Bucket { rate, burst }, refusal(random)));
            let times = random.pick(&[0.1, 0.25, 0.5, 2.0, 4.0]);
            host.change = (times, seconds * 0.3, seconds * 0.7);
            sustained = rate * (0.6 + 0.4 * times);
        }
        "delay" => {
            let burst = random.pick(&[5.0, 10.0, 20.0, 50.0]);
            gates.push(Gate::new(Rule::Delay { rate, burst }, refusal(random)));
            sustained = rate;
        }
        "window" | "sliding" | "counting" => {
            let over = random.pick(&[1.0, 5.0, 10.0, 20.0, 60.0]);
            let limit = (rate * over).floor().max(1.0);
            let counts = kind == "counting";
            let phase = random.between(0.0, over);
            let rule = match kind {
                "window" => Rule::Window { limit, over, counts: random.chance(0.3), phase },
                "counting" if random.chance(0.5) => Rule::Table { limit: limit.max(4.0), over },
                _ => Rule::Sliding { limit, over, counts },
            };
            gates.push(Gate::new(rule, refusal(random)));
            sustained = limit / over;
        }
        "nested" => {
            let limit = rate.floor().max(2.0);
            let long = (limit * random.pick(&[15.0, 30.0, 45.0])).floor();
            let form = refusal(random);
            gates.push(Gate::new(Rule::Sliding { limit, over: 1.0, counts: false }, form));
            gates.push(Gate::new(Rule::Sliding { limit: long, over: 60.0, counts: false }, form));
            sustained = limit;
        }
        "quota" | "announced" => {
            let over = random.pick(&[60.0, 120.0, 300.0]);
            let limit = random.log_between(20.0, 5_000.0).floor();
            let phase = random.between(0.0, over * 0.5);
            let form = if random.chance(0.5) { Form::RetryUntil(429) } else { refusal(random) };
            gates.push(Gate::new(Rule::Window { limit, over, counts: false, phase }, form));
            host.announces = kind == "announced";
            rate = limit * random.between(0.3, 3.0) / seconds;
            sustained = rate;
        }
        "requests" | "connections" => {
            let max = random.pick(&[1, 2, 4, 4, 8, 16, 32]);
            let form = refusal(random);
            let rule = if kind == "requests" { Rule::Requests { max } } else { Rule::Connections { max } };
            let form = if kind == "connections" && random.chance(0.5) { Form::Refused } else { form };
            gates.push(Gate::new(rule, form));
        }
        "opens" => {
            let over = random.pick(&[1.0, 3.0, 10.0]);
            let limit = (random.log_between(2.0, 100.0) * over).floor();
            let form = choose(
                random,
                &[Form::Refused, Form::Refused, Form::Reset, Form::Silence, Form::Status(503)],
            );
            gates.push(Gate::new(Rule::Opens { limit, over, counts: random.chance(0.3) }, form));
            host.keep_alive = random.pick(&[1, 1, 10, 100, u32::MAX]);
            sustained = limit / over * f64::from(host.keep_alive.min(100_000));
        }
        "ban" | "silent-ban" | "denying-ban" | "captcha" => {
            let over = horizon(random);
            let limit = (rate * over).floor().max(1.0);
            let rule = Rule::Ban { limit, over, lasts: ban_length(random), extends: random.chance(0.5) };
            let form = match kind {
                "silent-ban" => Form::Silence,
                "denying-ban" => Form::Status(403),
                "captcha" => Form::Captcha,
                _ => choose(
                    random,
                    &[
                        Form::Reset,
                        Form::Reset,
                        Form::Closed,
                        Form::Refused,
                        Form::Refused,
                        Form::Status(503),
                        Form::Status(429),
                        Form::RetryUntil(429),
                        Form::Tarpit(10.0),
                    ],
                ),
            };
            gates.push(Gate::new(rule, form));
            sustained = limit / over;
        }
        "opens-ban" => {
            let limit = random.pick(&[10.0, 20.0, 50.0, 100.0]);
            let over = random.pick(&[1.0, 3.0, 10.0]);
            let rule = Rule::OpensBan { limit, over, lasts: ban_length(random), extends: random.chance(0.5) };
            gates.push(Gate::new(rule, choose(random, &[Form::Refused, Form::Silence, Form::Reset])));
            host.keep_alive = random.pick(&[1, 1, 10, 100]);
            sustained = limit / over * f64::from(host.keep_alive);
        }
        "queue" => {
            host.service = Service::Queue { rate };
            sustained = rate;
        }
        "load" => {
            host.service = Service::Load { usual: service * 3.0, made_for: random.log_between(2.0, 64.0) };
        }
        "bandwidth" => {
            let bytes_per_second = random.log_between(100_000.0, 10_000_000.0);
            let bytes = bytes_per_second * random.log_between(0.05, 2.0);
            host.service = Service::Bandwidth { usual: service, bytes_per_second, bytes };
        }
        "cold" => {
            let usual = service + 0.02;
            host.service = if random.chance(0.5) {
                Service::Cold { usual, answers: random.pick(&[50, 200, 500]), times: 5.0 }
            } else {
                Service::Warming { cold: usual * 20.0, warm: usual, over: random.between(5.0, 30.0) }
            };
        }
        "own-refusals" => {
            host.natures = match random.pick(&[0, 1, 2, 3]) {
                0 => Natures { forbidden: random.pick(&[0.02, 0.1, 0.3]), ..Natures::default() },
                1 => Natures { later: (0.03, random.pick(&[1.0, 2.0, 5.0])), ..Natures::default() },
                2 => Natures { missing: random.pick(&[0.1, 0.5]), forbidden: 0.02, ..Natures::default() },
                _ => Natures { alike: random.pick(&[0.05, 0.3]), missing: 0.02, ..Natures::default() },
            };
            if random.chance(0.3) {
                let burst = rate.max(1.0);
                gates.push(Gate::new(Rule::Bucket { rate, burst }, refusal(random)));
                sustained = rate;
            }
        }
        "slow-urls" => {
            let share = random.pick(&[0.005, 0.02, 0.05]);
            let slow = (share, random.pick(&[3.0, 6.0, 12.0]));
            host.natures = Natures { slow, are_slow_first: random.chance(0.5), ..Natures::default() };
        }
        _ => gates.push(Gate::new(Rule::HalfDead, Form::Status(503))),
    }
    host.gates = gates;
    set_rows(&mut host, sustained, seconds);
    host
}

/// As many rows as an oracle asks for in about so many seconds.
fn set_rows(host: &mut Host, sustained: f64, seconds: f64) {
    let by_window = (64.0 / (host.latency + 0.05)).max(1.0);
    let rows = (sustained.min(by_window) * seconds).clamp(20.0, 20_000.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 20,000")]
    let rows = rows as u32;
    host.rows = rows;
    // Bounded, so that an oracle needs some minutes at most.
    for _ in 0..12 {
        if super::oracle::Ideal::of(host, true).takes <= 240.0 || host.rows <= 20 {
            break;
        }
        host.rows = (host.rows * 2 / 3).max(20);
    }
}
