//! One run: a list of URLs, a host, and the pace between them, from event to event.

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul::pace::{
    Announcement, Controller, ControllerFactory, Denial, NameAnswer, PaceKind, Permit, SendRecord,
    SharedLimitDetector, SharedLimitFinding, Signal, UserLimits, Work,
};
use longhaul_http::{HeaderMap, rate_limit};
use longhaul_origin::limit_model::{self, LimitModel, Treatment};
use longhaul_socket::clock;
use tokio::time::Instant;

use crate::scenario::Scenario;
use crate::waiting::{Url, Waiting, Waits};

/// The default deadline of every wait on a socket.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// How often the engine checks the progress of exchanges.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The time at which every run begins.
const START_UNIX_MS: u64 = 1_767_225_600_400;
/// A run that takes longer has failed.
const RUN_MAX: Duration = Duration::from_secs(40_000);

/// What a run measured.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) took: Duration,
    pub(crate) served: u32,
    pub(crate) rejections: u32,
    /// URLs that were given up although the host has them.
    pub(crate) lost: u32,
    pub(crate) longest_gap: Duration,
    /// When all names but the first were done.
    pub(crate) others_took: Duration,
    pub(crate) banned: Duration,
    pub(crate) cap_reached: Option<Duration>,
    pub(crate) latencies: Vec<Duration>,
    /// Requests, rejections and the host's limit in each second.
    pub(crate) seconds: Vec<Second>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Second {
    pub(crate) sent: u32,
    pub(crate) rejected: u32,
    pub(crate) limit: Option<f64>,
}

struct Open {
    name: usize,
    pace: usize,
    url: Url,
    record: SendRecord,
    sent: Duration,
    treatment: Treatment,
    announced: Option<HeaderMap>,
    is_stalled: bool,
}

struct World<'a> {
    factory: &'a dyn ControllerFactory,
    start: Instant,
    now: Duration,
    deadline: Duration,
    paces: Vec<Box<dyn Controller>>,
    /// The pace of each name.
    pace_of: Vec<usize>,
    shared_limits: SharedLimitDetector<(), usize>,
    /// The first name's host, and those of others where they have their own.
    hosts: Vec<Box<dyn LimitModel>>,
    host_of: Vec<usize>,
    /// The name that asks first in this turn.
    turn: usize,
    random: fastrand::Rng,
    /// Exchanges in flight, by the time of their end and the order of their start.
    open: BTreeMap<(Duration, u64), Open>,
    /// When the progress of exchanges is checked next.
    look_at: Duration,
    sequence: u64,
    waiting: Vec<Waiting>,
    run: Run,
    last_served: Duration,
}

pub(crate) fn run(
    scenario: &Scenario,
    kind: PaceKind,
    seed: u64,
    speedup: f64,
    waits: Waits,
    deadline: Duration,
) -> Run {
    let names = scenario.names;
    let urls = scenario.urls / u32::try_from(names).expect("a few");
    let (mut hosts, mut host_of) = (vec![scenario.host(seed, speedup)], vec![0]);
    for name in 1..names {
        let other = scenario.other(name, seed, speedup);
        host_of.push(other.as_ref().map_or(0, |_| hosts.len()));
        hosts.extend(other);
    }
    let (start, limits) = (clock::now(), UserLimits::window(scenario.cap));
    let mut world = World {
        factory: &kind,
        start,
        now: Duration::ZERO,
        deadline,
        paces: (0..names).map(|_| kind.build(limits, &[], start)).collect(),
        pace_of: (0..names).collect(),
        shared_limits: SharedLimitDetector::new(),
        hosts,
        host_of,
        turn: 0,
        random: fastrand::Rng::with_seed(seed),
        open: BTreeMap::new(),
        look_at: LOOK_EVERY,
        sequence: 0,
        waiting: (0..names).map(|_| Waiting::new(urls, waits)).collect(),
        run: Run::default(),
        last_served: Duration::ZERO,
    };
    while world.run.served < scenario.urls && world.now < RUN_MAX {
        let wake = world.send();
        if !world.advance(wake) {
            break;
        }
    }
    world.run.took = world.now;
    world.run
}

impl World<'_> {
    fn instant(&self, at: Duration) -> Instant {
        self.start + at
    }

    /// What the controller of this name is told with the question for a permit.
    fn work(&self, name: usize, now: Instant) -> Work {
        let pace = self.pace_of[name];
        let sharing = || (0..self.waiting.len()).filter(|&other| self.pace_of[other] == pace);
        Work {
            // The simulated hosts do not count connections.
            connections_idle: 1,
            jobs_waiting: sharing().map(|name| self.waiting[name].waiting()).sum(),
            jobs_ready: self.waiting[name].ready(now),
            jobs_held: sharing().map(|name| self.waiting[name].held()).sum(),
            jobs_in_flight: self.paces[pace].in_flight() as usize,
        }
    }

    /// Sends every request that is permitted now; returns when the next one is.
    fn send(&mut self) -> Option<Duration> {
        let mut wake: Option<Duration> = None;
        let names = self.waiting.len();
        self.turn = (self.turn + 1) % names;
        for name in (self.turn..self.turn + names).map(|name| name % names) {
            let now = self.instant(self.now);
            loop {
                let work = self.work(name, now);
                let pace = &mut self.paces[self.pace_of[name]];
                let may_be_held = self.waiting[name].held() > 0 && pace.settles_denials();
                let free_at = match self.waiting[name].next_at(now) {
                    Some(at) if at > now && !may_be_held => at,
                    None if !may_be_held => break,
                    _ => match pace.permit(work, now) {
                        Permit::Go(record) => {
                            self.begin(name, record);
                            continue;
                        }
                        Permit::WaitUntil(at) => at,
                        Permit::WaitForAnswer => break,
                    },
                };
                let at =
                    free_at.saturating_duration_since(self.start).max(self.now + Duration::from_nanos(1));
                wake = Some(wake.map_or(at, |earlier| earlier.min(at)));
                break;
            }
            self.settle(name);
        }
        wake
    }

    fn begin(&mut self, name: usize, record: SendRecord) {
        let now = self.instant(self.now);
        let pace = &mut self.paces[self.pace_of[name]];
        let pick = pace.pick(record);
        let url = self.waiting[name].take_picked(pick, now).expect("one may be asked for");
        pace.assigned(record, u64::from(url.row));
        self.second().sent += 1;
        let host = &mut self.hosts[self.host_of[name]];
        let reply = host.arrive(self.now);
        let announced = host.announces(self.now).map(|said| fields(&said, self.unix_ms()));
        let end = match reply.treatment {
            Treatment::Silence => self.now + self.deadline,
            _ => self.now + reply.after.min(self.deadline),
        };
        let key = (end, self.sequence);
        self.sequence += 1;
        self.open.insert(
            key,
            Open {
                name,
                pace: self.pace_of[name],
                url,
                record,
                sent: self.now,
                treatment: reply.treatment,
                announced,
                is_stalled: false,
            },
        );
        let in_flight: u32 = self.paces.iter().map(|pace| pace.in_flight()).sum();
        let cap: u32 = self.paces.iter().map(|pace| pace.limits().window_max).sum();
        if in_flight >= cap {
            self.run.cap_reached.get_or_insert(self.now);
        }
    }

    /// URLs that the controller takes for denied for their own sake: no host here has such URLs.
    fn settle(&mut self, name: usize) {
        for row in self.paces[self.pace_of[name]].settled() {
            if self.waiting[name].take_held(row).is_some() {
                self.run.lost += 1;
                self.run.served += 1;
            }
        }
    }

    fn unix_ms(&self) -> u64 {
        START_UNIX_MS + u64::try_from(self.now.as_millis()).expect("a short run")
    }

    fn second(&mut self) -> &mut Second {
        let index = usize::try_from(self.now.as_secs()).expect("a short run");
        while self.run.seconds.len() <= index {
            let at = Duration::from_secs(self.run.seconds.len() as u64);
            self.run.seconds.push(Second { limit: self.hosts[0].limit(at), ..Second::default() });
        }
        &mut self.run.seconds[index]
    }

    /// Advances to the next event; returns false if there is none.
    fn advance(&mut self, wake: Option<Duration>) -> bool {
        let end = self.open.first_key_value().map(|(&(end, _), _)| end);
        let look = end.map(|_| self.look_at);
        let Some(next) = [wake, end, look].into_iter().flatten().min() else { return false };
        if self.hosts[0].is_banned(self.now) {
            self.run.banned += next.saturating_sub(self.now);
        }
        self.now = next;
        if self.look_at <= self.now {
            self.look_at = self.now + LOOK_EVERY;
            let silent: Vec<_> = self.open.keys().copied().filter(|&(end, _)| end > self.now).collect();
            for key in silent {
                self.look(key);
            }
        }
        while let Some((&(end, _), _)) = self.open.first_key_value()
            && end <= self.now
        {
            let (_, open) = self.open.pop_first().expect("there is one");
            self.end(&open);
        }
        true
    }

    /// Checks an exchange without a response.
    fn look(&mut self, key: (Duration, u64)) {
        let Some(open) = self.open.get_mut(&key) else { return };
        let silent_for = self.now.saturating_sub(open.sent);
        let pace = &mut self.paces[open.pace];
        let is_stalled = pace.stall_after().is_some_and(|after| silent_for >= after);
        if is_stalled && !std::mem::replace(&mut open.is_stalled, true) {
            pace.stalled(open.record, self.start + self.now);
        }
        if is_stalled && pace.cuts_short(open.record, silent_for) {
            let open = self.open.remove(&key).expect("it is there");
            self.cut_short(&open);
        }
    }

    /// Aborts an exchange.
    fn cut_short(&mut self, open: &Open) {
        self.hosts[self.host_of[open.name]].leave(self.now);
        let (now, jitter) = (self.instant(self.now), self.random.f64());
        self.paces[open.pace].ended(open.record, Signal::Silence, open.is_stalled, now, jitter);
        self.run.rejections += 1;
        self.second().rejected += 1;
        self.waiting[open.name].cut_short(open.url, now);
    }

    /// Names that turn out to be limited together get one controller, as in the engine.
    fn look_for_shared_limits(&mut self, open: &Open, signal: Signal) {
        let is_refused = matches!(signal, Signal::Throttle { .. } | Signal::Denied { .. });
        let (now, sent_at) = (self.instant(self.now), self.instant(open.sent));
        let is_limited = self.paces[self.pace_of[open.name]].belief().is_limited();
        let news =
            self.shared_limits.answered(&(), &open.name, NameAnswer { sent_at, is_refused, is_limited }, now);
        match news {
            Some(SharedLimitFinding::One) => {
                let names: Vec<usize> = self.shared_limits.names(&()).copied().collect();
                let paces: Vec<&dyn Controller> =
                    names.iter().map(|&name| &*self.paces[self.pace_of[name]]).collect();
                let merged = self.factory.merged(&paces, now);
                for name in names {
                    self.pace_of[name] = self.paces.len();
                }
                self.paces.push(merged);
            }
            Some(SharedLimitFinding::Apart) => {
                let merged = self.factory.merged(&[&*self.paces[self.pace_of[open.name]]], now);
                self.pace_of[open.name] = self.paces.len();
                self.paces.push(merged);
            }
            None => {
                // A name that is asked later than the others.
                let mut others = self.shared_limits.names(&()).filter(|&&name| name != open.name);
                if let (true, Some(&other)) = (self.shared_limits.is_one(&(), &open.name), others.next()) {
                    self.pace_of[open.name] = self.pace_of[other];
                }
            }
        }
    }

    fn end(&mut self, open: &Open) {
        self.hosts[self.host_of[open.name]].leave(self.now);
        let latency = self.now.saturating_sub(open.sent);
        let signal = match open.treatment {
            Treatment::Served if latency < self.deadline => Signal::Success { latency },
            Treatment::Refused { status: 403, .. } => Signal::Denied { latency },
            Treatment::Refused { retry_after, .. } => {
                Signal::Throttle { retry_after: retry_after.map(Duration::from_secs) }
            }
            Treatment::Served | Treatment::Silence => Signal::Silence,
            Treatment::Reset => Signal::Congestion,
        };
        let (now, jitter) = (self.instant(self.now), self.random.f64());
        // As in the engine: any response with a head.
        let has_head = matches!(open.treatment, Treatment::Served | Treatment::Refused { .. });
        let announced = open.announced.as_ref().filter(|_| has_head);
        if let Some(said) = announced.and_then(|fields| rate_limit::parse(fields, self.unix_ms())) {
            let announcement = Announcement { remaining: said.remaining, reset_at: now + said.reset_after };
            self.paces[open.pace].announced(open.record, announcement);
        }
        self.paces[open.pace].ended(open.record, signal, open.is_stalled, now, jitter);
        let is_held = self.paces[open.pace].settles_denials()
            && self.paces[open.pace].denial(open.record, false) == Denial::Undecided;
        self.look_for_shared_limits(open, signal);
        self.settle(open.name);
        if open.url.is_witness {
            self.run.rejections += u32::from(!matches!(signal, Signal::Success { .. }));
        } else if is_held {
            self.run.rejections += 1;
            self.second().rejected += 1;
            self.waiting[open.name].hold(open.url);
        } else if matches!(signal, Signal::Success { .. }) {
            self.paces[open.pace].offer_witness(u64::from(open.url.row));
            self.run.served += 1;
            self.run.longest_gap = self.run.longest_gap.max(self.now.saturating_sub(self.last_served));
            self.last_served = self.now;
            if open.name > 0 {
                self.run.others_took = self.now;
            }
            self.run.latencies.push(latency);
        } else {
            self.run.rejections += 1;
            let is_chance = self.paces[open.pace].explains_failures(open.url.attempts + 1);
            self.waiting[open.name].failed(open.url, is_chance, signal, now, jitter);
            self.second().rejected += 1;
        }
    }
}

fn fields(said: &limit_model::Announcement, now_unix_ms: u64) -> HeaderMap {
    let fields = said.fields(now_unix_ms).into_iter();
    fields
        .map(|(name, value)| {
            let name = name.parse().expect("a field's name");
            (name, value.parse().expect("a field's value"))
        })
        .collect()
}
