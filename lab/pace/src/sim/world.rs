//! The world of one run, from event to event.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use super::rows::Row;
use super::{Pacer, Run};
use crate::Seconds;
use crate::controller::{End, Permit, Phase, Pick, Ticket, Work};
use crate::random::Random;
use crate::zoo::oracle::Ideal;
use crate::zoo::{Host, Nature, Outcome, Reply, Request};

/// What every wait on a socket ends by.
const DEADLINE: Seconds = 20.0;
/// How often the controller looks at exchanges that may have fallen silent.
const LOOK_EVERY: Seconds = 0.1;
/// The network delivers late by up to this, and this share of the latency.
const JITTER: (Seconds, f64) = (0.0002, 0.02);

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

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Exchange {
    ticket: Ticket,
    url: u32,
    is_new: bool,
    /// Requests on its connection before it.
    before: u32,
    asked: Seconds,
    reply: Option<Reply>,
    announced: Option<(u32, Seconds)>,
    is_over: bool,
    has_left: bool,
    has_begun: bool,
}

pub(super) struct World<'a, P> {
    pub(super) host: &'a mut Host,
    pub(super) pace: P,
    pub(super) now: Seconds,
    events: BinaryHeap<Reverse<At>>,
    pub(super) order: u64,
    exchanges: Vec<Exchange>,
    by_ticket: std::collections::HashMap<Ticket, usize>,
    idle: Vec<u32>,
    fresh: VecDeque<u32>,
    pub(super) again: BinaryHeap<Reverse<(Micros, u64, u32)>>,
    pub(super) rows: Vec<Row>,
    pub(super) charged: Vec<u32>,
    pub(super) left: u32,
    is_looking: bool,
    random: Random,
    trace: bool,
    pub(super) run: Run,
}

/// Microseconds, so that they can be ordered.
type Micros = u64;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short positive time")]
pub(super) fn micros(at: Seconds) -> Micros {
    (at * 1e6).ceil() as u64
}

/// Asks a host for its whole list.
pub(super) fn run<P: Pacer>(pace: P, host: &mut Host, is_courteous: bool, trace: bool) -> Run {
    let ideal = Ideal::of(host, is_courteous);
    let rows = host.rows;
    let limit = 30.0 * (ideal.takes + ideal.ban) + 300.0;
    let mut world = World {
        pace,
        now: 0.0,
        events: BinaryHeap::new(),
        order: 0,
        exchanges: Vec::new(),
        by_ticket: std::collections::HashMap::new(),
        idle: Vec::new(),
        fresh: (0..rows).collect(),
        again: BinaryHeap::new(),
        rows: vec![Row::Waiting; rows as usize],
        charged: vec![0; rows as usize],
        left: rows,
        is_looking: false,
        random: Random::new(u64::from(rows) ^ 0x51A7),
        trace,
        run: Run {
            took: 0.0,
            ideal,
            refusals: 0,
            requests: 0,
            lost: 0,
            left: 0,
            belief: String::new(),
            seconds: Vec::new(),
        },
        host,
    };
    while world.left > 0 && world.now < limit {
        let wake = world.send();
        world.settle_all();
        if !world.advance(wake) {
            break;
        }
    }
    world.finish()
}

impl<P: Pacer> World<'_, P> {
    fn finish(mut self) -> Run {
        self.run.took = self.now;
        self.run.left = self.left;
        self.run.belief = self.pace.belief();
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

    fn push(&mut self, at: Seconds, event: Event) {
        self.order += 1;
        self.events.push(Reverse(At(at, self.order, event)));
    }

    fn send(&mut self) -> Option<Seconds> {
        loop {
            let now = micros(self.now);
            let ready = self.again.peek().is_some_and(|next| next.0.0 <= now);
            let work = Work {
                fresh: u32::try_from(self.fresh.len()).expect("some thousands"),
                again: u32::from(ready),
                remaining: self.left,
                idle: u32::try_from(self.idle.len()).expect("some hundreds"),
            };
            let next_again = self.again.peek().map(|next| next.0.0 as f64 * 1e-6);
            let wake = match self.pace.permit(self.now, work) {
                Permit::Go(pick) => {
                    let Some(url) = self.pick(pick, ready) else { return next_again };
                    self.begin(url);
                    continue;
                }
                Permit::At(at) => Some(at.max(self.now + 1e-9)),
                Permit::OnAnswer => None,
            };
            return match (wake, next_again.filter(|&at| at > self.now)) {
                (Some(wake), Some(again)) => Some(wake.min(again)),
                (wake, again) => wake.or(again),
            };
        }
    }

    fn pick(&mut self, pick: Pick, is_ready: bool) -> Option<u32> {
        match pick {
            Pick::Held(url) | Pick::Served(url) => Some(url),
            Pick::Any if is_ready => self.again.pop().map(|next| next.0.2),
            Pick::Elsewhere if !self.fresh.is_empty() => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
                let at = (self.random.unit() * self.fresh.len() as f64) as usize;
                self.fresh.remove(at)
            }
            Pick::Any => self.fresh.pop_front(),
            Pick::Elsewhere => self.again.pop().map(|next| next.0.2),
        }
    }

    fn begin(&mut self, url: u32) {
        let (is_new, before) = self.idle.pop().map_or((true, 0), |before| (false, before));
        let ticket = self.pace.sent(self.now, url, is_new);
        if self.trace {
            println!("{:.4} send {} url {url}", self.now, ticket_number(ticket));
        }
        let index = self.exchanges.len();
        self.run.requests += 1;
        self.exchanges.push(Exchange {
            ticket,
            url,
            is_new,
            before,
            asked: self.now,
            reply: None,
            announced: None,
            is_over: false,
            has_left: false,
            has_begun: false,
        });
        self.by_ticket.insert(ticket, index);
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
                self.happen(event);
            }
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives(index) => self.arrive(index),
            Event::Leaves(index) => self.leave(index),
            Event::Begins(index) => {
                let exchange = &mut self.exchanges[index];
                exchange.has_begun = true;
                if !exchange.is_over {
                    let ticket = exchange.ticket;
                    self.pace.heard(ticket, self.now);
                }
            }
            Event::Ends(index) => self.end(index),
            Event::Look => self.look(),
        }
    }

    fn look(&mut self) {
        let mut is_any = false;
        for index in self.by_ticket.values() {
            let exchange = &self.exchanges[*index];
            is_any = true;
            // A body that is on its way makes progress.
            if let Some(reply) = exchange.reply
                && reply.body > 0.0
                && exchange.has_begun
            {
                self.pace.heard(exchange.ticket, self.now);
            }
        }
        for ticket in self.pace.look(self.now) {
            if let Some(index) = self.by_ticket.get(&ticket).copied() {
                self.leave(index);
                self.conclude(index, End::Cut, false);
            }
        }
        self.is_looking = is_any;
        if is_any {
            self.push(self.now + LOOK_EVERY, Event::Look);
        }
    }

    fn arrive(&mut self, index: usize) {
        let exchange = &self.exchanges[index];
        if exchange.is_over {
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
        if exchange.is_over {
            return;
        }
        let latency = self.now - exchange.asked - exchange.reply.map_or(0.0, |reply| reply.body);
        let ends = exchange.reply.filter(|reply| reply.outcome != Outcome::Silence);
        let end = ends.map_or(End::Silent, |reply| match reply.outcome {
            Outcome::Served { page } => End::Served { latency, page: Some(page) },
            Outcome::Status { code: 404, .. } => End::Missing { latency },
            Outcome::Status { code: 403, .. } => End::Denied { status: 403 },
            Outcome::Status { code, retry_after } => End::Refused { status: code, retry_after },
            Outcome::Refused => End::Broken(Phase::Connect),
            Outcome::Reset => End::Broken(Phase::Reset),
            Outcome::Closed => End::Broken(Phase::Closed),
            Outcome::Cut => End::Broken(Phase::Body),
            Outcome::Silence => End::Silent,
        });
        if end == End::Silent {
            self.leave(index);
        }
        let keeps = ends.is_some_and(|reply| !reply.closes);
        self.conclude(index, end, keeps);
    }

    fn conclude(&mut self, index: usize, end: End, keeps: bool) {
        let exchange = &mut self.exchanges[index];
        exchange.is_over = true;
        let (ticket, url, before) = (exchange.ticket, exchange.url, exchange.before);
        let was_counted = exchange.reply.is_none_or(|reply| reply.is_under_way || !reply.closes);
        if let Some((remaining, reset_after)) = exchange.announced.filter(|_| end != End::Cut) {
            self.pace.announced(ticket, remaining, reset_after, self.now);
        }
        if exchange.reply.is_some_and(|reply| reply.is_limit) {
            self.run.refusals += 1;
        }
        if keeps {
            self.idle.push(before + 1);
        } else if was_counted && exchange.reply.is_some() {
            self.host.disconnect();
        }
        self.by_ticket.remove(&ticket);
        let jitter = self.random.unit();
        let fate = self.pace.ended(ticket, end, self.now, jitter);
        if self.trace {
            println!(
                "{:.4} end {} url {url}: {end:?} {fate:?}; {}",
                self.now,
                ticket_number(ticket),
                self.pace.belief()
            );
        }
        self.follow(url, end, fate);
        self.settle_all();
        let busy = self.by_ticket.len();
        let most = self.pace.connections() as usize;
        while !self.idle.is_empty() && self.idle.len() + busy > most {
            self.idle.remove(0);
            self.host.disconnect();
        }
    }
}

fn ticket_number(ticket: Ticket) -> u64 {
    ticket.number()
}
