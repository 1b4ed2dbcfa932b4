//! Limiters that operators use, as models, and hosts made by hand.

use super::gate::{Form, Gate, Rule};
use super::{Host, Natures, Noise, Service};

fn host(kind: &'static str, rows: u32, milliseconds: f64, rule: Rule, form: Form, seed: u64) -> Host {
    let mut host = Host::new(kind, rows, milliseconds / 1_000.0, 0.001, seed);
    host.gates.push(Gate::new(rule, form));
    host
}

/// All of them, with a seed for their draws.
#[must_use]
#[expect(clippy::too_many_lines, reason = "one entry for each")]
pub(crate) fn table(seed: u64) -> Vec<Host> {
    let ban = |limit, over, lasts, extends| Rule::Ban { limit, over, lasts, extends };
    let mut hosts = vec![
        host(
            "nginx limit_req 100/s, no burst, 503",
            2_500,
            2.0,
            Rule::Bucket { rate: 100.0, burst: 1.0 },
            Form::Status(503),
            seed,
        ),
        host(
            "nginx limit_req 20/s burst 5 nodelay, 403",
            600,
            2.0,
            Rule::Bucket { rate: 20.0, burst: 6.0 },
            Form::Status(403),
            seed,
        ),
        host(
            "nginx limit_req 20/s burst 5, 403",
            600,
            2.0,
            Rule::Delay { rate: 20.0, burst: 5.0 },
            Form::Status(403),
            seed,
        ),
        host(
            "nginx limit_req 20/s burst 5 nodelay, 444",
            600,
            2.0,
            Rule::Bucket { rate: 20.0, burst: 6.0 },
            Form::Closed,
            seed,
        ),
        host(
            "haproxy 20 requests in 10 s, 429, counting",
            100,
            2.0,
            Rule::Table { limit: 20.0, over: 10.0 },
            Form::Status(429),
            seed,
        ),
        host(
            "haproxy more than 4 connections: 503",
            1_000,
            50.0,
            Rule::Connections { max: 4 },
            Form::Status(503),
            seed,
        ),
    ];
    let mut opens = host(
        "haproxy 10 new connections in 3 s, no keep-alive",
        100,
        2.0,
        Rule::Opens { limit: 10.0, over: 3.0, counts: true },
        Form::Refused,
        seed,
    );
    opens.keep_alive = 1;
    hosts.push(opens);
    hosts.push(host(
        "haproxy silent-drop beyond 50 in 10 s",
        300,
        2.0,
        Rule::Table { limit: 50.0, over: 10.0 },
        Form::Silence,
        seed,
    ));
    for form in [Form::Status(403), Form::Status(429), Form::Closed] {
        hosts.push(host(
            "haproxy ban of 30 s after 50 in 1 s",
            1_500,
            2.0,
            ban(50.0, 1.0, 30.0, true),
            form,
            seed,
        ));
    }
    hosts.push(host(
        "haproxy ban of 5 s after 100 in 1 s",
        3_000,
        2.0,
        ban(100.0, 1.0, 5.0, true),
        Form::Closed,
        seed,
    ));
    hosts.push(host("two backends, one dead", 1_000, 2.0, Rule::HalfDead, Form::Status(503), seed));
    hosts.push(host(
        "mod_evasive 50/s, 403 for 10 s, extended",
        1_500,
        2.0,
        ban(50.0, 1.0, 10.0, true),
        Form::Status(403),
        seed,
    ));
    let mut opens = host(
        "nftables 10 new connections/s, no keep-alive",
        300,
        2.0,
        Rule::Opens { limit: 10.0, over: 1.0, counts: false },
        Form::Reset,
        seed,
    );
    opens.keep_alive = 1;
    hosts.push(opens);
    let mut opens = host(
        "nftables ban of 20 s, extended",
        400,
        2.0,
        Rule::OpensBan { limit: 20.0, over: 1.0, lasts: 20.0, extends: true },
        Form::Silence,
        seed,
    );
    opens.keep_alive = 1;
    hosts.push(opens);
    hosts.push(host(
        "lighttpd 403 beyond 4 at a time",
        800,
        1.0,
        Rule::Requests { max: 4 },
        Form::Status(403),
        seed,
    ));
    hosts.push(host("limit_conn 1", 200, 1.0, Rule::Requests { max: 1 }, Form::Status(503), seed));
    let count = hosts.len();
    for host in &mut hosts[count - 2..] {
        host.service = Service::Steady(0.1);
    }
    hosts.push(host(
        "serves ten, then 403 for 6 s",
        257,
        5.0,
        ban(10.0, 1.0, 6.0, false),
        Form::Status(403),
        seed,
    ));
    hosts.push(host(
        "serves one, then 403 for 6 s",
        60,
        5.0,
        ban(1.0, 1.0, 6.0, false),
        Form::Status(403),
        seed,
    ));
    hosts
}

/// Hosts made by hand: scenarios that say something which the zoo does not, and chance failures of each kind.
#[must_use]
#[expect(clippy::too_many_lines, reason = "one entry for each")]
pub(crate) fn scenarios(seed: u64) -> Vec<Host> {
    let noisy = |kind, rows, latency: f64, noise: &[(f64, Form)]| {
        let mut host = Host::new(kind, rows, latency * 0.9, latency * 0.1, seed);
        host.noise = Noise(noise.to_vec());
        host
    };
    let mix = [
        (0.34, Form::Reset),
        (0.05, Form::Silence),
        (0.04, Form::Status(503)),
        (0.02, Form::RetryAfter(429, 1.0)),
    ];
    let with = |mut host: Host, service| {
        host.service = service;
        host
    };
    let mut hosts = vec![
        host("bucket-10", 4_000, 99.0, Rule::Bucket { rate: 10.0, burst: 20.0 }, Form::Status(429), seed),
        host("bucket-300", 4_000, 99.0, Rule::Bucket { rate: 300.0, burst: 300.0 }, Form::Status(429), seed),
        host(
            "window-600",
            4_000,
            99.0,
            Rule::Window { limit: 600.0, over: 60.0, counts: true, phase: 0.0 },
            Form::RetryUntil(429),
            seed,
        ),
        host(
            "quota-1500",
            4_000,
            99.0,
            Rule::Window { limit: 1_500.0, over: 600.0, counts: true, phase: 0.0 },
            Form::RetryUntil(429),
            seed,
        ),
        with(
            host("connections-8", 4_000, 1.0, Rule::Requests { max: 8 }, Form::Reset, seed),
            Service::Steady(0.22),
        ),
        host(
            "ban-20",
            4_000,
            99.0,
            Rule::Ban { limit: 20.0, over: 1.0, lasts: 60.0, extends: true },
            Form::Reset,
            seed,
        ),
        host(
            "silent-ban-20",
            4_000,
            99.0,
            Rule::Ban { limit: 20.0, over: 1.0, lasts: 60.0, extends: true },
            Form::Silence,
            seed,
        ),
        host("forbidden-10", 4_000, 99.0, Rule::Bucket { rate: 10.0, burst: 20.0 }, Form::Status(403), seed),
        host(
            "bucket-10-retry-after",
            4_000,
            99.0,
            Rule::Bucket { rate: 10.0, burst: 20.0 },
            Form::RetryUntil(429),
            seed,
        ),
        with(Host::new("queue-30", 4_000, 0.05, 0.0, seed), Service::Queue { rate: 30.0 }),
        with(Host::new("load-8", 4_000, 0.001, 0.1, seed), Service::Load { usual: 0.1, made_for: 8.0 }),
        with(
            Host::new("cold-cache", 4_000, 0.01, 0.1, seed),
            Service::Warming { cold: 1.9, warm: 0.09, over: 30.0 },
        ),
        Host::new("healthy", 4_000, 0.095, 0.005, seed),
        Host::new("healthy-long", 20_000, 0.095, 0.005, seed),
        noisy("random-30", 4_000, 0.1, &[(0.3, Form::Reset)]),
        noisy("random-refusals", 4_000, 0.1, &[(0.1, Form::Status(429))]),
        noisy("stalls-5", 4_000, 0.1, &[(0.05, Form::Silence)]),
        noisy("rehearsal", 4_000, 0.002, &mix),
        noisy("rehearsal-short", 125, 0.002, &mix),
        noisy(
            "poor-line",
            4_000,
            0.1,
            &[(0.02, Form::Reset), (0.01, Form::Silence), (0.01, Form::Status(503))],
        ),
    ];
    let mut step =
        host("step-50-5-50", 4_000, 99.0, Rule::Bucket { rate: 50.0, burst: 20.0 }, Form::Status(429), seed);
    step.change = (0.1, 60.0, 240.0);
    hosts.push(step);
    for kind in ["announced-600", "announced-constant"] {
        let rule = Rule::Window { limit: 600.0, over: 60.0, counts: true, phase: 0.0 };
        let mut announced = host(kind, 4_000, 99.0, rule, Form::Status(429), seed);
        announced.announces = true;
        if kind == "announced-600" {
            hosts.push(announced);
        }
    }
    let mut later = Host::new("own Retry-After 3 %", 2_000, 0.02, 0.002, seed);
    later.natures = Natures { later: (0.03, 2.0), ..Natures::default() };
    hosts.push(later);
    let mut slow = Host::new("12 slow first", 52, 0.02, 0.002, seed);
    slow.natures = Natures { slow: (0.23, 15.0), are_slow_first: true, ..Natures::default() };
    hosts.push(slow);
    for (kind, share, form) in [
        ("noise 2 % reset", 0.02, Form::Reset),
        ("noise 2 % refused", 0.02, Form::Refused),
        ("noise 2 % silence", 0.02, Form::Silence),
        ("noise 2 % 503", 0.02, Form::Status(503)),
        ("noise 2 % cut", 0.02, Form::Cut),
        ("noise 10 % reset", 0.1, Form::Reset),
        ("noise 10 % refused", 0.1, Form::Refused),
        ("noise 10 % silence", 0.1, Form::Silence),
        ("noise 10 % 503", 0.1, Form::Status(503)),
        ("noise 10 % cut", 0.1, Form::Cut),
    ] {
        for (rows, latency) in [(500, 0.1), (5_000, 0.05)] {
            hosts.push(noisy(kind, rows, latency, &[(share, form)]));
        }
    }
    hosts
}
