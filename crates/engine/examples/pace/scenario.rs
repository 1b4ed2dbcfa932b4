//! The hosts of the scenarios: their limits, the time that an oracle needs, and the goals.

use std::time::Duration;

use longhaul_origin::limit_model::{
    Announcement, Ban, BanKind, ByteBucket, ColdCache, ConnectionLimit, ConstantAnnouncement, FairLoad,
    Flaky, Healthy, LimitModel, Queue, RandomFailure, Refusal, Schedule, Stalls, TimeScaled, TokenBucket,
    Treatment, WindowQuota, Wording,
};

/// The mean response time of most hosts, in seconds: drawn evenly from 0.7 to 1.5 times 0.1.
const ANSWER_SECONDS: f64 = 0.11;
/// The wait for the last response that never comes: an oracle waits for it too.
const SILENCE_SECONDS: f64 = 4.0;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What the host does, in words.
    pub(crate) words: &'static str,
    limit_model: fn(seed: u64, speedup: f64) -> Box<dyn LimitModel>,
    /// The time of an oracle for this many URLs, in seconds of the host's clock ...
    oracle: fn(urls: f64) -> f64,
    /// ... and the time for deadlines and whole seconds, which no speedup makes shorter.
    waits: fn(urls: f64) -> f64,
    /// URLs of one run.
    pub(crate) urls: u32,
    /// Requests in flight that the user allows.
    pub(crate) cap: u32,
    /// Names that resolve to the address.
    pub(crate) names: usize,
    /// The hosts of the other names, where each has its own behind the address.
    pub(crate) others: Option<Others>,
    pub(crate) goal: Goal,
}

/// Names that only share the address with the first one.
pub(crate) struct Others {
    limit_model: fn(seed: u64) -> Box<dyn LimitModel>,
    /// The time of an oracle for this many URLs of such a host.
    pub(crate) oracle: fn(urls: f64) -> f64,
    /// The goal for the last of them, as a multiple of that time.
    pub(crate) time_ratio: f64,
}

/// The goals for the median of the seeds; the worst seed may be 1.3 times the goal.
///
/// A host with one limit may refuse about one request in a hundred. The controller is judged by random hosts (the example
/// `zoo`), and it has no constant that is fitted to a scenario: one that had them met fewer refusals here, and lost rows at
/// hosts that were not among the scenarios.
pub(crate) struct Goal {
    pub(crate) time_ratio: f64,
    pub(crate) rejections: f64,
    /// The 95th percentile of the response time as a multiple of the least, for hosts with a queue.
    pub(crate) latency_ratio: Option<f64>,
    /// The time until as many requests are in flight as the user allows.
    pub(crate) cap_within: Option<Duration>,
}

impl Scenario {
    /// The host, this many times as fast.
    pub(crate) fn host(&self, seed: u64, speedup: f64) -> Box<dyn LimitModel> {
        Box::new(TimeScaled::new((self.limit_model)(seed, speedup), speedup))
    }

    /// The host of a name, if it is not that of the first.
    pub(crate) fn other(&self, name: usize, seed: u64, speedup: f64) -> Option<Box<dyn LimitModel>> {
        let others = self.others.as_ref().filter(|_| name > 0)?;
        let seed = seed ^ ((name as u64) << 32);
        Some(Box::new(TimeScaled::new((others.limit_model)(seed), speedup)))
    }

    /// The time of an oracle, in seconds.
    pub(crate) fn ideal_seconds(&self, speedup: f64) -> f64 {
        let urls = f64::from(self.urls);
        (self.oracle)(urls) / speedup + (self.waits)(urls)
    }
}

const fn goal(time_ratio: f64, rejections: f64) -> Goal {
    Goal { time_ratio, rejections, latency_ratio: None, cap_within: None }
}

/// A client with more than 20 requests in a second, times the speedup, is banned for a minute.
fn ban(kind: BanKind, seed: u64, speedup: f64) -> Ban {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
    let requests_max = (20.0 * speedup) as usize;
    let second = Duration::from_secs_f64(speedup);
    Ban::new(requests_max, second.mul_f64(60.0), kind, seed).within(second)
}

/// The host of the rehearsal, 2 ms away.
fn rehearsal(seed: u64, _: f64) -> Box<dyn LimitModel> {
    let faults = [
        (0.34, Treatment::Reset),
        (0.05, Treatment::Silence),
        (0.04, Treatment::Refused { status: 503, retry_after: None }),
        (0.02, Treatment::Refused { status: 429, retry_after: Some(1) }),
    ];
    Box::new(Flaky::new(Box::new(Healthy::new(0.002, seed)), &faults, 0.002, seed))
}

const ANY: f64 = f64::INFINITY;

/// The defaults of the scenarios.
const USUAL: Scenario = Scenario {
    name: "healthy",
    words: "no limit, 100 ms away",
    limit_model: |seed, _| Box::new(Healthy::new(0.1, seed)),
    oracle: |urls| urls * 0.1 / 16.0,
    waits: |_| 0.0,
    urls: 4_000,
    cap: 16,
    names: 1,
    others: None,
    goal: goal(1.03, 0.0),
};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "bucket-10",
        words: "a token bucket of 10/s (burst 20), a bare 429",
        limit_model: |seed, _| {
            Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, Refusal::BARE_429, seed))
        },
        oracle: |urls| (urls - 20.0) / 10.0,
        cap: 16,
        goal: goal(1.03, 55.0),
        ..USUAL
    },
    Scenario {
        name: "window-600",
        words: "600 in each minute, 429 with Retry-After",
        limit_model: |seed, _| Box::new(WindowQuota::new(600, 60, seed)),
        oracle: |urls| ((urls - 1.0) / 600.0).floor() * 60.0 + ((urls - 1.0) % 600.0) / 200.0,
        cap: 16,
        goal: goal(1.07, 120.0),
        ..USUAL
    },
    Scenario {
        name: "connections-8",
        words: "resets what comes beyond 8 connections",
        limit_model: |seed, _| Box::new(ConnectionLimit::new(8, seed)),
        oracle: |urls| urls * 0.22 / 8.0,
        cap: 16,
        goal: goal(1.08, 40.0),
        ..USUAL
    },
    Scenario {
        name: "ban-20",
        words: "more than 20 in a second: resets for 60 s, begun anew by each request",
        limit_model: |seed, speedup| Box::new(ban(BanKind::Reset, seed, speedup)),
        oracle: |urls| urls / 20.0,
        cap: 16,
        goal: goal(1.7, 15.0),
        ..USUAL
    },
    Scenario {
        name: "queue-30",
        words: "a queue served at 30/s, no refusal",
        limit_model: |seed, _| Box::new(Queue::new(30.0, seed)),
        oracle: |urls| urls / 30.0,
        cap: 16,
        goal: Goal { latency_ratio: Some(5.0), ..goal(1.10, 0.0) },
        ..USUAL
    },
    Scenario {
        name: "step-50-5-50",
        words: "a token bucket of 50/s, from 60 s to 240 s of 5/s",
        limit_model: |seed, _| {
            let rate = Schedule { usual: 50.0, meanwhile: 5.0, between: (60.0, 240.0) };
            Box::new(TokenBucket::new(rate, 20.0, Refusal::BARE_429, seed))
        },
        oracle: |urls| 240.0 + (urls - 3_900.0).max(0.0) / 50.0,
        cap: 16,
        goal: goal(1.15, 60.0),
        ..USUAL
    },
    Scenario {
        name: "bucket-300",
        words: "a token bucket of 300/s, a bare 429",
        limit_model: |seed, _| {
            Box::new(TokenBucket::new(Schedule::constant(300.0), 300.0, Refusal::BARE_429, seed))
        },
        oracle: |urls| (urls - 300.0) / 300.0,
        cap: 64,
        goal: goal(1.15, 70.0),
        ..USUAL
    },
    Scenario {
        name: "random-30",
        words: "breaks 30 % of its answers, whatever the pace",
        limit_model: |seed, _| Box::new(RandomFailure::new(0.3, seed)),
        oracle: |urls| urls / 0.7 * ANSWER_SECONDS / 8.0,
        cap: 8,
        goal: goal(1.10, ANY),
        ..USUAL
    },
    Scenario {
        name: "random-refusals",
        words: "refuses 10 % with a bare 429, whatever the pace",
        limit_model: |seed, _| Box::new(RandomFailure::refusing(0.1, seed)),
        oracle: |urls| urls / 0.9 * ANSWER_SECONDS / 8.0,
        cap: 8,
        goal: goal(1.5, ANY),
        ..USUAL
    },
    Scenario {
        name: "healthy",
        words: "no limit, 100 ms away",
        limit_model: |seed, _| Box::new(Healthy::new(0.1, seed)),
        oracle: |urls| urls * 0.1 / 8.0,
        cap: 8,
        goal: Goal { cap_within: Some(Duration::from_secs(1)), ..goal(1.03, 0.0) },
        ..USUAL
    },
    Scenario {
        name: "two-names",
        words: "one token bucket of 10/s for two names of one address",
        limit_model: |seed, _| {
            Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, Refusal::BARE_429, seed))
        },
        oracle: |urls| (urls - 20.0) / 10.0,
        cap: 16,
        names: 2,
        goal: goal(1.15, 320.0),
        ..USUAL
    },
    Scenario {
        name: "bytes",
        words: "a bucket of 1 MB/s (burst 2 MB) for files of 10 to 90 kB, a bare 429",
        limit_model: |seed, _| Box::new(ByteBucket::new(1_000_000.0, 2_000_000.0, seed)),
        oracle: |urls| (urls - 40.0) / 20.0,
        cap: 16,
        goal: goal(1.06, 60.0),
        ..USUAL
    },
    Scenario {
        name: "load-8",
        words: "slower with each open request, made for 8",
        limit_model: |seed, _| Box::new(FairLoad::new(8.0, seed)),
        // The best load is 0.79, where open / latency is greatest.
        oracle: |urls| urls * 0.15 / (8.0 * 0.794),
        cap: 16,
        goal: goal(1.25, 0.0),
        ..USUAL
    },
    Scenario {
        name: "cold-cache",
        words: "two seconds an answer at first, a tenth of one after half a minute",
        limit_model: |seed, _| Box::new(ColdCache::new(30.0, seed)),
        // 8 at a time; while it warms up, the integral of 8 / latency.
        oracle: |urls| {
            let warming = 30.0 * 8.0 / 1.9 * (2.0_f64 / 0.1).ln();
            30.0 + (urls - warming).max(0.0) * 0.1 / 8.0
        },
        cap: 8,
        goal: goal(1.10, 0.0),
        ..USUAL
    },
    Scenario {
        name: "quota-1500",
        words: "1,500 in each ten minutes, 429 with Retry-After",
        limit_model: |seed, _| Box::new(WindowQuota::new(1_500, 600, seed)),
        oracle: |urls| ((urls - 1.0) / 1_500.0).floor() * 600.0 + ((urls - 1.0) % 1_500.0) / 145.0,
        cap: 16,
        goal: goal(1.05, 40.0),
        ..USUAL
    },
    Scenario {
        name: "silent-ban-20",
        words: "more than 20 in a second: drops everything for 60 s, begun anew by each request",
        limit_model: |seed, speedup| Box::new(ban(BanKind::Silence, seed, speedup)),
        oracle: |urls| urls / 20.0,
        cap: 16,
        goal: goal(2.0, 40.0),
        ..USUAL
    },
    Scenario {
        name: "forbidden-10",
        words: "a token bucket of 10/s (burst 20), which says 403",
        limit_model: |seed, _| {
            let refusal = Refusal { status: 403, retry_after: false };
            Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, refusal, seed))
        },
        oracle: |urls| (urls - 20.0) / 10.0,
        cap: 16,
        goal: goal(1.06, 55.0),
        ..USUAL
    },
    Scenario {
        name: "bucket-10-retry-after",
        words: "a token bucket of 10/s (burst 20), 429 with Retry-After: 1",
        limit_model: |seed, _| {
            let refusal = Refusal { status: 429, retry_after: true };
            Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, refusal, seed))
        },
        oracle: |urls| (urls - 20.0) / 10.0,
        cap: 16,
        goal: goal(1.06, 145.0),
        ..USUAL
    },
    Scenario {
        name: "stalls-5",
        words: "never answers one request in twenty",
        limit_model: |seed, _| Box::new(Stalls::new(0.05, seed)),
        oracle: |urls| urls / 0.95 * ANSWER_SECONDS / 8.0,
        cap: 8,
        goal: goal(2.1, ANY),
        ..USUAL
    },
    Scenario {
        name: "rehearsal",
        words: "the rehearsal's mix: 34 % break, 5 % stall, 4 % of bare 503, 2 % of 429 with Retry-After: 1, 2 ms away",
        limit_model: rehearsal,
        // One request in fifty is refused and costs a second; some refusals come together: 66 requests for each.
        oracle: |_| 0.0,
        waits: |urls| urls / 0.55 / 66.0 + SILENCE_SECONDS,
        cap: 16,
        goal: goal(1.5, ANY),
        ..USUAL
    },
    Scenario {
        name: "rehearsal-short",
        words: "the rehearsal's mix for 125 URLs",
        limit_model: rehearsal,
        oracle: |_| 0.0,
        waits: |urls| urls / 0.55 / 66.0 + SILENCE_SECONDS,
        urls: 125,
        goal: goal(3.4, ANY),
        ..USUAL
    },
    Scenario {
        name: "poor-line",
        words: "no limit, 100 ms away; 2 % break, 1 % stall, 1 % of bare 503",
        limit_model: |seed, _| {
            let faults = [
                (0.02, Treatment::Reset),
                (0.01, Treatment::Silence),
                (0.01, Treatment::Refused { status: 503, retry_after: None }),
            ];
            Box::new(Flaky::new(Box::new(Healthy::new(0.1, seed)), &faults, 0.1, seed))
        },
        oracle: |urls| urls / 0.96 * 0.1 / 8.0,
        waits: |_| SILENCE_SECONDS,
        cap: 8,
        goal: goal(1.25, ANY),
        ..USUAL
    },
    Scenario {
        name: "bucket-10-poor-line",
        words: "a token bucket of 10/s (burst 20), a bare 429; 5 % break by chance",
        limit_model: |seed, _| {
            let bucket = TokenBucket::new(Schedule::constant(10.0), 20.0, Refusal::BARE_429, seed);
            Box::new(Flaky::new(Box::new(bucket), &[(0.05, Treatment::Reset)], 0.1, seed))
        },
        oracle: |urls| (urls / 0.95 - 20.0) / 10.0,
        cap: 16,
        goal: goal(1.1, 270.0),
        ..USUAL
    },
    Scenario {
        name: "ban-20-poor-line",
        words: "more than 20 in a second: resets for 60 s; 5 % break by chance",
        limit_model: |seed, speedup| {
            let ban = ban(BanKind::Reset, seed, speedup);
            Box::new(Flaky::new(Box::new(ban), &[(0.05, Treatment::Reset)], 0.1, seed))
        },
        oracle: |urls| urls / 0.95 / 20.0,
        cap: 16,
        goal: goal(2.0, 260.0),
        ..USUAL
    },
    Scenario {
        name: "announced-600",
        words: "600 in each minute, announced with RateLimit, a bare 429",
        limit_model: |seed, _| Box::new(WindowQuota::new(600, 60, seed).announcing(Wording::Structured)),
        oracle: |urls| ((urls - 1.0) / 600.0).floor() * 60.0 + ((urls - 1.0) % 600.0) / 200.0,
        cap: 16,
        goal: goal(1.03, 2.0),
        ..USUAL
    },
    Scenario {
        name: "announced-600-unix",
        words: "600 in each minute, announced with X-RateLimit-Reset as a Unix time, a bare 429",
        limit_model: |seed, _| Box::new(WindowQuota::new(600, 60, seed).announcing(Wording::UnixTime)),
        oracle: |urls| ((urls - 1.0) / 600.0).floor() * 60.0 + ((urls - 1.0) % 600.0) / 200.0,
        cap: 16,
        goal: goal(1.03, 2.0),
        ..USUAL
    },
    Scenario {
        name: "announced-constant",
        words: "no limit, 100 ms away; announces with each answer that nothing remains for a minute",
        limit_model: |seed, _| {
            let minute = Duration::from_mins(1);
            let wording = Wording::Structured;
            let said = Announcement { wording, quota: 60, window: minute, remaining: 0, reset_after: minute };
            Box::new(ConstantAnnouncement::new(Box::new(Healthy::new(0.1, seed)), said))
        },
        oracle: |urls| urls * 0.1 / 8.0,
        cap: 8,
        goal: goal(1.03, 0.0),
        ..USUAL
    },
    Scenario {
        name: "shared-hosting",
        words: "ten names at one address: a token bucket of 10/s for one of them, no limit for the others",
        limit_model: |seed, _| {
            Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, Refusal::BARE_429, seed))
        },
        oracle: |urls| (urls / 10.0 - 20.0) / 10.0,
        cap: 8,
        names: 10,
        others: Some(Others {
            limit_model: |seed| Box::new(Healthy::new(0.1, seed)),
            oracle: |urls| urls / 10.0 * 0.1 / 8.0,
            time_ratio: 1.05,
        }),
        goal: goal(1.1, 30.0),
        ..USUAL
    },
    Scenario {
        name: "two-limits",
        words: "two names at one address: a token bucket of 10/s for one, of 50/s for the other",
        limit_model: |seed, _| {
            Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, Refusal::BARE_429, seed))
        },
        oracle: |urls| (urls / 2.0 - 20.0) / 10.0,
        cap: 16,
        names: 2,
        others: Some(Others {
            limit_model: |seed| {
                Box::new(TokenBucket::new(Schedule::constant(50.0), 100.0, Refusal::BARE_429, seed))
            },
            oracle: |urls| (urls / 2.0 - 100.0) / 50.0,
            time_ratio: 1.15,
        }),
        goal: goal(1.05, 80.0),
        ..USUAL
    },
    Scenario {
        name: "two-equal-limits",
        words: "two names at one address: a token bucket of 10/s for each",
        limit_model: |seed, _| {
            Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, Refusal::BARE_429, seed))
        },
        oracle: |urls| (urls / 2.0 - 20.0) / 10.0,
        cap: 16,
        names: 2,
        others: Some(Others {
            limit_model: |seed| {
                Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, Refusal::BARE_429, seed))
            },
            oracle: |urls| (urls / 2.0 - 20.0) / 10.0,
            time_ratio: 1.05,
        }),
        goal: goal(1.05, 145.0),
        ..USUAL
    },
    Scenario {
        name: "fifty-names",
        words: "one token bucket of 10/s for fifty names of one address",
        limit_model: |seed, _| {
            Box::new(TokenBucket::new(Schedule::constant(10.0), 20.0, Refusal::BARE_429, seed))
        },
        oracle: |urls| (urls - 20.0) / 10.0,
        cap: 8,
        names: 50,
        goal: goal(1.15, 770.0),
        ..USUAL
    },
];
