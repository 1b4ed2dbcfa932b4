//! The world of one run: a list, a host of the zoo, and what the engine has between them. The queue is the engine's
//! [`Frontier`] with a [`Controller`], and what becomes of a failed row is decided by
//! [`retry`](longhaul::retry), so what is measured is what ships. Only the exchanges are simulated, from event to event.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use longhaul::Class;
use longhaul::frontier::{Frontier, HostId, Next, Numbered, Sent};
use longhaul::pace::{Announcement, Controller, ControllerFactory, Denial, FirstByte, Signal, UserLimits};
use longhaul::retry::{self, Attempt, Decision, FailureKind, HostFailing, RetryPolicy};
use tokio::time::Instant;

use crate::Seconds;
use crate::hosts::oracle::Ideal;
use crate::hosts::{CAPTCHA, Host, Nature, Outcome, Reply, Request};
use crate::random::Random;
use crate::run::Run;

/// What every wait on a socket ends by.
const DEADLINE: Seconds = 20.0;
/// How often the shard looks at exchanges that may have fallen silent.
const LOOK_EVERY: Seconds = 0.1;
/// The network delivers late by up to this, and this share of the latency.
const JITTER: (Seconds, f64) = (0.0002, 0.02);
/// The host's key in the frontier.
const HOST: &str = "host";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Arrives(usize),
    Leaves(usize),
    Begins(usize),
    Ends(usize),
    Look,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct At(Seconds, u64, Event);

impl Eq for At {}
impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for At {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

/// A row of the list, as the shard has it.
#[derive(Debug, Clone)]
struct Job {
    url: u32,
    is_witness: bool,
    attempts: u32,
    last_failures: Option<(Class, u32)>,
}

impl Numbered for Job {
    fn row(&self) -> u64 {
        u64::from(self.url)
    }
}

impl Job {
    fn new(url: u32, is_witness: bool) -> Self {
        Self { url, is_witness, attempts: 0, last_failures: None }
    }

    fn note_failure(&mut self, class: Class) -> u32 {
        let alike = self.last_failures.filter(|&(last, _)| last == class).map_or(1, |(_, count)| count + 1);
        self.last_failures = Some((class, alike));
        alike
    }
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Exchange {
    id: HostId,
    sent: Sent,
    /// `None` once it is over.
    job: Option<Job>,
    url: u32,
    is_new: bool,
    /// Requests on its connection before it.
    before: u32,
    asked: Seconds,
    progress_at: Seconds,
    reply: Option<Reply>,
    announced: Option<(u32, Seconds)>,
    has_left: bool,
    has_begun: bool,
    is_stalled: bool,
    is_cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Row {
    Waiting,
    Done { is_right: bool },
    Failed,
}

struct World<'a> {
    host: &'a mut Host,
    frontier: Frontier<&'static str, Job>,
    start: Instant,
    now: Seconds,
    events: BinaryHeap<Reverse<At>>,
    order: u64,
    exchanges: Vec<Exchange>,
    /// Those that are not over.
    active: BTreeSet<usize>,
    idle: Vec<u32>,
    rows: Vec<Row>,
    left: u32,
    is_looking: bool,
    random: Random,
    trace: bool,
    run: Run,
}

/// Asks a host for its whole list.
pub(crate) fn run(
    pace: &Arc<dyn ControllerFactory>,
    host: &mut Host,
    is_courteous: bool,
    trace: bool,
) -> Run {
    let ideal = Ideal::of(host, is_courteous);
    let rows = host.rows;
    let limit = 30.0 * (ideal.takes + ideal.ban) + 300.0;
    let start = longhaul_socket::clock::now();
    let mut frontier = Frontier::new();
    let limits = UserLimits::window(pace.window_max(false));
    for url in 0..rows {
        frontier.push(&HOST, Job::new(url, false), None, || pace.build(limits, &[], start));
    }
    let mut world = World {
        frontier,
        start,
        now: 0.0,
        events: BinaryHeap::new(),
        order: 0,
        exchanges: Vec::new(),
        active: BTreeSet::new(),
        idle: Vec::new(),
        rows: vec![Row::Waiting; rows as usize],
        left: rows,
        is_looking: false,
        random: Random::new(u64::from(rows) ^ 0x51A7),
        trace,
        run: Run::new(ideal),
        host,
    };
    while world.left > 0 && world.now < limit {
        let wake = world.send();
        world.settle_held();
        if world.left == 0 || !world.advance(wake) {
            break;
        }
    }
    world.finish()
}

impl World<'_> {
    fn finish(mut self) -> Run {
        self.run.took = self.now;
        self.run.left = self.left;
        self.run.belief = self.belief();
        for (url, row) in self.rows.iter().enumerate() {
            let url = u32::try_from(url).expect("some thousands");
            let is_own = matches!(self.host.nature(url), Nature::Missing | Nature::Forbidden);
            self.run.lost += u32::from(match row {
                Row::Waiting => false,
                Row::Done { is_right } => !is_right,
                Row::Failed => !is_own,
            });
        }
        self.run
    }

    fn belief(&self) -> String {
        let controller = self.frontier.find(&HOST).and_then(|id| self.frontier.controller(id));
        controller.map(|controller| controller.belief().to_string()).unwrap_or_default()
    }

    fn instant(&self, at: Seconds) -> Instant {
        self.start + Duration::from_secs_f64(at)
    }

    fn push(&mut self, at: Seconds, event: Event) {
        self.order += 1;
        self.events.push(Reverse(At(at, self.order, event)));
    }

    /// Starts what may start; returns when to ask again.
    fn send(&mut self) -> Option<Seconds> {
        loop {
            let now = self.instant(self.now);
            let idle = self.idle.len();
            let witness = |row| Some(Job::new(u32::try_from(row).ok()?, true));
            match self.frontier.next_where(now, |_| true, |_| idle, witness) {
                Next::Start { host, sent, job } => self.begin(host, sent, job),
                Next::WaitUntil(at) => {
                    return Some((at - self.start).as_secs_f64().max(self.now + 1e-6));
                }
                Next::Idle => return None,
            }
        }
    }

    fn begin(&mut self, id: HostId, sent: Sent, mut job: Job) {
        job.attempts += 1;
        let (is_new, before) = self.idle.pop().map_or((true, 0), |before| (false, before));
        if self.trace {
            println!("{:.4} send {} url {}", self.now, sent.record().sequence, job.url);
        }
        let index = self.exchanges.len();
        self.run.requests += 1;
        self.exchanges.push(Exchange {
            id,
            sent,
            url: job.url,
            job: Some(job),
            is_new,
            before,
            asked: self.now,
            progress_at: self.now,
            reply: None,
            announced: None,
            has_left: false,
            has_begun: false,
            is_stalled: false,
            is_cut: false,
        });
        self.active.insert(index);
        let half = self.host.latency / 2.0;
        let late = self.random.unit() * (JITTER.0 + JITTER.1 * self.host.latency);
        self.push(self.now + half + late, Event::Arrives(index));
        self.push(self.now + DEADLINE, Event::Ends(index));
        if !self.is_looking {
            self.is_looking = true;
            self.push(self.now + LOOK_EVERY, Event::Look);
        }
    }

    fn advance(&mut self, wake: Option<Seconds>) -> bool {
        let next = self.events.peek().map(|next| next.0.0);
        match (wake, next) {
            (None, None) => return false,
            (Some(wake), None) => self.now = wake,
            (Some(wake), Some(next)) if wake < next => self.now = wake,
            (_, Some(next)) => {
                self.now = next;
                let event = self.events.pop().expect("it was there").0.2;
                match event {
                    Event::Arrives(index) => self.arrive(index),
                    Event::Leaves(index) => self.leave(index),
                    Event::Begins(index) => self.response_begins(index),
                    Event::Ends(index) => self.end(index),
                    Event::Look => self.look(),
                }
            }
        }
        true
    }

    fn response_begins(&mut self, index: usize) {
        let at = self.instant(self.now);
        let exchange = &mut self.exchanges[index];
        exchange.has_begun = true;
        exchange.progress_at = self.now;
        if exchange.job.is_some() {
            let first_byte = FirstByte { at, is_new_connection: exchange.is_new, status: 200, body_bytes: 1 };
            self.frontier.first_byte(exchange.sent, first_byte);
        }
    }

    /// What the shard does some times a second.
    fn look(&mut self) {
        let now = self.instant(self.now);
        let indices: Vec<usize> = self.active.iter().copied().collect();
        for &index in &indices {
            let exchange = &mut self.exchanges[index];
            let has_progressed = exchange.has_begun;
            // A body that is on its way makes progress.
            if has_progressed {
                exchange.progress_at = self.now;
            }
            let (id, sent) = (exchange.id, exchange.sent);
            if exchange.job.is_none() {
                continue;
            }
            let silent = Duration::from_secs_f64(self.now - exchange.progress_at);
            let stall_after = self.frontier.controller(id).and_then(Controller::stall_after);
            let is_stalled =
                exchange.is_stalled && !has_progressed || stall_after.is_some_and(|after| silent >= after);
            if is_stalled != std::mem::replace(&mut exchange.is_stalled, is_stalled) {
                self.frontier.set_stalled(id, sent, is_stalled, now);
            }
            if is_stalled && !exchange.is_cut && self.frontier.cuts_short(sent, silent) {
                self.exchanges[index].is_cut = true;
                self.leave(index);
                self.conclude(index, None, false);
            }
        }
        self.is_looking = !self.active.is_empty();
        if self.is_looking {
            self.push(self.now + LOOK_EVERY, Event::Look);
        }
    }

    fn arrive(&mut self, index: usize) {
        let exchange = &self.exchanges[index];
        if exchange.job.is_none() {
            return;
        }
        let request = Request { url: exchange.url, is_new: exchange.is_new, before: exchange.before };
        let reply = self.host.arrive(self.now, request);
        let half = self.host.latency / 2.0;
        let is_early = matches!(reply.outcome, Outcome::Refused);
        let connecting = if request.is_new && !is_early { self.host.latency } else { 0.0 };
        let announced = self.host.announced(self.now).map(|said| (said.remaining, said.reset_after));
        let exchange = &mut self.exchanges[index];
        exchange.asked += if request.is_new { self.host.latency } else { 0.0 };
        exchange.reply = Some(reply);
        exchange.announced = announced;
        let first = self.now + reply.after + connecting + half;
        if reply.is_under_way {
            self.push(self.now + connecting + reply.after + reply.body + 0.4 * half, Event::Leaves(index));
        } else {
            exchange.has_left = true;
            if reply.closes {
                self.host.disconnect();
            }
        }
        if reply.outcome != Outcome::Silence {
            if reply.body > 0.0 {
                self.push(first, Event::Begins(index));
            }
            self.push(first + reply.body, Event::Ends(index));
        }
    }

    fn leave(&mut self, index: usize) {
        let exchange = &mut self.exchanges[index];
        let Some(reply) = exchange.reply else {
            exchange.has_left = true;
            return;
        };
        if !std::mem::replace(&mut exchange.has_left, true) && reply.is_under_way {
            self.host.leave();
        }
    }

    fn end(&mut self, index: usize) {
        let exchange = &self.exchanges[index];
        if exchange.job.is_none() {
            return;
        }
        let ends = exchange.reply.filter(|reply| reply.outcome != Outcome::Silence);
        if ends.is_none() {
            self.leave(index);
        }
        let keeps = ends.is_some_and(|reply| !reply.closes);
        self.conclude(index, ends.map(|reply| reply.outcome), keeps);
    }

    /// The exchange is over: `None` where its host was silent for too long.
    fn conclude(&mut self, index: usize, outcome: Option<Outcome>, keeps: bool) {
        self.active.remove(&index);
        let now = self.instant(self.now);
        let exchange = &mut self.exchanges[index];
        let Some(job) = exchange.job.take() else { return };
        let was_counted = exchange.reply.is_none_or(|reply| reply.is_under_way || !reply.closes);
        let (id, sent, is_cut) = (exchange.id, exchange.sent, exchange.is_cut);
        let body = exchange.reply.map_or(0.0, |reply| reply.body);
        let latency = Duration::from_secs_f64((self.now - exchange.asked - body).max(0.0));
        if exchange.reply.is_some_and(|reply| reply.is_limit) {
            self.run.refusals += 1;
        }
        let has_connection = exchange.reply.is_some();
        let status = match outcome {
            Some(Outcome::Served { .. } | Outcome::Cut) => Some(200),
            Some(Outcome::Status { code, .. }) => Some(code),
            _ => None,
        };
        if let Some(status) = status.filter(|_| !exchange.has_begun) {
            let first_byte = FirstByte { at: now, is_new_connection: exchange.is_new, status, body_bytes: 1 };
            self.frontier.first_byte(sent, first_byte);
        }
        if let Some((remaining, reset_after)) = exchange.announced.filter(|_| outcome.is_some()) {
            let reset_at = self.instant(self.now + reset_after);
            self.frontier.announced(sent, Announcement { remaining: u64::from(remaining), reset_at });
        }
        if keeps {
            let before = self.exchanges[index].before;
            self.idle.push(before + 1);
        } else if was_counted && has_connection {
            self.host.disconnect();
        }
        let jitter = self.random.unit();
        let is_right = !matches!(outcome, Some(Outcome::Served { page: CAPTCHA }));
        let url = job.url;
        match outcome {
            Some(Outcome::Served { .. }) => {
                self.ended(index, Signal::Success { latency }, jitter);
                if !job.is_witness {
                    self.frontier.offer_witness(id, u64::from(url));
                    self.settle(url, Row::Done { is_right });
                }
            }
            outcome => self.judge(index, job, outcome, latency, jitter),
        }
        if self.trace {
            let (sequence, belief) = (sent.record().sequence, self.belief());
            println!("{:.4} end {sequence} url {url}: {outcome:?} cut {is_cut}; {belief}", self.now);
        }
        self.settle_held();
        let controller = self.frontier.controller(id);
        let most = controller.and_then(Controller::connections_max).unwrap_or(u32::MAX);
        while !self.idle.is_empty() && self.idle.len() + self.active.len() > most as usize {
            self.idle.remove(0);
            self.host.disconnect();
        }
    }

    fn ended(&mut self, index: usize, signal: Signal, jitter: f64) {
        let Exchange { id, sent, is_stalled, .. } = self.exchanges[index];
        let now = self.instant(self.now);
        self.frontier.ended(id, sent, signal, is_stalled, now, jitter);
    }

    /// What the shard does with a failed attempt.
    fn judge(
        &mut self,
        index: usize,
        mut job: Job,
        outcome: Option<Outcome>,
        latency: Duration,
        jitter: f64,
    ) {
        let Exchange { id, sent, is_cut, .. } = self.exchanges[index];
        let (class, status, retry_after) = match outcome {
            None | Some(Outcome::Silence) => (Class::Timeout, None, None),
            Some(Outcome::Refused) => (Class::Refused, None, None),
            Some(Outcome::Reset) => (Class::Reset, None, None),
            Some(Outcome::Status { code, retry_after }) => {
                let class = match code {
                    429 => Class::Throttled,
                    400..=499 => Class::ClientError,
                    _ => Class::ServerError,
                };
                (class, Some(code), retry_after.map(Duration::from_secs_f64))
            }
            Some(Outcome::Closed | Outcome::Cut | Outcome::Served { .. }) => (Class::Closed, None, None),
        };
        let kind = FailureKind::of(class, status, false, retry_after.is_some(), &[]);
        let signal =
            kind.signal(class, status, latency, retry_after.map(|wait| wait.min(retry::RETRY_AFTER_MAX)));
        self.ended(index, signal, jitter);
        if job.is_witness {
            return;
        }
        if matches!(signal, Signal::Success { .. }) {
            self.frontier.offer_witness(id, u64::from(job.url));
        }
        let now = self.instant(self.now);
        let Some(controller) = self.frontier.controller(id) else { return };
        let is_denied = matches!(signal, Signal::Denied { .. });
        let denial = controller.denial(sent.record(), false);
        let is_held = controller.settles_denials() && denial == Denial::Undecided;
        let host_failing = controller.failing().map(|(failures, since)| HostFailing {
            failures,
            lasted: now - since,
            served_well: controller.has_served_well(),
        });
        let attempt = Attempt {
            kind,
            attempts: job.attempts,
            uncharged: 0,
            head_waited: Duration::ZERO,
            not_ready_for: Duration::ZERO,
            alike: job.note_failure(class),
            retry_after,
            host_failing,
            concerns_url: false,
            denial: is_denied.then_some(denial),
            range_failures: 0,
            made_progress: false,
            was_cut_short: is_cut,
            is_held: is_held && !is_denied,
            is_excused: !controller.charges(sent.record()),
            is_chance: controller.explains_failures(job.attempts),
        };
        let policy = RetryPolicy::default();
        match retry::decide(&attempt, policy, now, self.random.unit()) {
            Decision::Again { at, charged } | Decision::Whole { at, charged } => {
                job.attempts -= u32::from(!charged);
                self.frontier.push(&HOST, job, Some(at), || unreachable!("the host is known"));
            }
            Decision::Doubt => self.frontier.hold(id, job),
            Decision::Park { .. } | Decision::ParkRow { .. } => self.settle(job.url, Row::Failed),
            Decision::GiveUp => {
                if retry::host_given_up(host_failing, policy) {
                    if is_denied && denial != Denial::OfUrl {
                        self.frontier.correct(id, |controller| controller.charge_denials_to_urls(now));
                    } else {
                        for job in self.frontier.drain(id) {
                            self.settle(job.url, Row::Failed);
                        }
                    }
                }
                self.settle(job.url, Row::Failed);
            }
        }
    }

    fn settle_held(&mut self) {
        for (_, job) in self.frontier.take_settled() {
            self.settle(job.url, Row::Failed);
        }
    }

    fn settle(&mut self, url: u32, row: Row) {
        if self.rows[url as usize] == Row::Waiting {
            self.rows[url as usize] = row;
            self.left -= 1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short run")]
            let second = self.now as usize;
            if self.run.seconds.len() <= second {
                self.run.seconds.resize(second + 1, 0);
            }
            self.run.seconds[second] += 1;
        }
    }
}
