//! How a host answers.

use super::{ALIKE, Announced, CAPTCHA, Form, Gate, Host, Nature, Natures, Noise, Outcome, Reply, Request};
use super::{Service, State, gate};
use crate::Seconds;
use crate::random::Random;

impl Host {
    /// A host without limits, of which the rest is set by its fields.
    #[must_use]
    pub(crate) fn new(kind: &'static str, rows: u32, latency: Seconds, service: Seconds, seed: u64) -> Self {
        Self {
            kind,
            rows,
            latency,
            service: Service::Steady(service),
            gates: Vec::new(),
            keep_alive: u32::MAX,
            noise: Noise::default(),
            natures: Natures::default(),
            announces: false,
            change: (1.0, 0.0, 0.0),
            seed,
            random: Random::new(seed ^ 0xA11CE),
            state: State::default(),
        }
    }

    /// What is special about a URL.
    #[must_use]
    pub(crate) fn nature(&self, url: u32) -> Nature {
        let n = self.natures;
        let mut random = Random::new(self.seed.rotate_left(17) ^ (u64::from(url) << 20));
        let mut drawn = random.unit();
        let (slow_share, slow) = n.slow;
        if n.are_slow_first {
            if f64::from(url) < slow_share * f64::from(self.rows) {
                return Nature::Slow(slow);
            }
        } else {
            drawn -= slow_share;
            if drawn < 0.0 {
                return Nature::Slow(slow);
            }
        }
        let retry_after = n.later.1;
        let times = if random.chance(0.5) { 1 } else { 2 };
        let natures = [
            (n.missing, Nature::Missing),
            (n.forbidden, Nature::Forbidden),
            (n.later.0, Nature::Later { retry_after, times }),
            (n.alike, Nature::Alike),
        ];
        for (share, nature) in natures {
            drawn -= share;
            if drawn < 0.0 {
                return nature;
            }
        }
        Nature::Usual
    }

    /// How many times the usual rates its limits have now.
    fn scale(&self, now: Seconds) -> f64 {
        let (times, from, to) = self.change;
        if (from..to).contains(&now) { times } else { 1.0 }
    }

    /// A request has arrived, or the first packet of its connection if that is new.
    pub(crate) fn arrive(&mut self, now: Seconds, request: Request) -> Reply {
        if request.is_new {
            self.state.connections += 1;
        }
        let scale = self.scale(now);
        let mut refused = None;
        let view = gate::View {
            now,
            scale,
            is_new: request.is_new,
            under_way: self.state.under_way,
            connections: self.state.connections,
        };
        for gate in &mut self.gates {
            if let Some(form) = gate.refuses(&view) {
                // A dead backend is no limit.
                refused = Some((form, gate.is_of_connections(), gate.rule == gate::Rule::HalfDead));
                break;
            }
        }
        let noise = self.noise(now);
        let closes = request.before + 1 >= self.keep_alive;
        if let Some((form, is_of_connections, is_dead)) = refused {
            let reply = self.refuse(form, request, now);
            return Reply { is_limit: !is_dead, closes: reply.closes || is_of_connections, ..reply };
        }
        if let Some(form) = noise {
            let reply = self.refuse(form, request, now);
            // A response that is cut has the status of the URL; only that of a file shows that the URL is served.
            let is_file = !matches!(self.nature(request.url), Nature::Missing | Nature::Forbidden);
            let outcome = if form == Form::Cut && !is_file { Outcome::Closed } else { reply.outcome };
            return Reply { outcome, ..reply };
        }
        let after = self.service_time(now) + self.gates.iter().map(Gate::delay).sum::<f64>();
        let nature = self.nature(request.url);
        let (outcome, after) = match nature {
            Nature::Missing => (Outcome::Status { code: 404, retry_after: None }, after),
            Nature::Forbidden => (Outcome::Status { code: 403, retry_after: None }, after),
            Nature::Slow(seconds) => (self.page(request.url), seconds.max(after)),
            Nature::Alike => (Outcome::Served { page: ALIKE }, after),
            Nature::Later { retry_after, times } => {
                let asked = self.state.asked_later.entry(request.url).or_default();
                if *asked < times {
                    *asked += 1;
                    (Outcome::Status { code: 429, retry_after: Some(retry_after) }, after)
                } else {
                    (self.page(request.url), after)
                }
            }
            Nature::Usual => (self.page(request.url), after),
        };
        let body = match self.service {
            Service::Bandwidth { bytes_per_second, bytes, .. } => {
                self.random.between(0.5, 1.5) * bytes / bytes_per_second
            }
            _ => 0.0,
        };
        self.state.under_way += 1;
        self.state.answered += 1;
        Reply { outcome, after, body, closes, is_limit: false, is_under_way: true }
    }

    #[expect(clippy::unused_self, reason = "a host may have pages of its own one day")]
    fn page(&self, url: u32) -> Outcome {
        Outcome::Served { page: 1_000 + u64::from(url) }
    }

    fn noise(&mut self, _now: Seconds) -> Option<Form> {
        if self.noise.0.is_empty() {
            return None;
        }
        let mut drawn = self.random.unit();
        for (share, form) in &self.noise.0 {
            drawn -= share;
            if drawn < 0.0 {
                return Some(*form);
            }
        }
        None
    }

    fn refuse(&mut self, form: Form, request: Request, now: Seconds) -> Reply {
        let (outcome, mut after, closes) = match form {
            Form::Status(code) => (Outcome::Status { code, retry_after: None }, 0.0, false),
            Form::RetryAfter(code, seconds) => {
                (Outcome::Status { code, retry_after: Some(seconds) }, 0.0, false)
            }
            Form::RetryUntil(code) => {
                let until = self.gates.iter().map(|gate| gate.free_again(now)).fold(now, f64::max);
                let wait = (until - now).ceil().max(1.0);
                (Outcome::Status { code, retry_after: Some(wait) }, 0.0, false)
            }
            Form::Closed => (Outcome::Closed, 0.0, true),
            Form::Refused if request.is_new => (Outcome::Refused, 0.0, true),
            Form::Refused | Form::Reset => (Outcome::Reset, 0.0, true),
            Form::Silence => (Outcome::Silence, f64::INFINITY, true),
            Form::Tarpit(seconds) => (Outcome::Closed, seconds, true),
            Form::Captcha => (Outcome::Served { page: CAPTCHA }, 0.0, false),
            Form::Cut => (Outcome::Cut, self.service_time(now), true),
        };
        if after == 0.0 {
            after = 0.0005;
        }
        Reply { outcome, after, body: 0.0, closes, is_limit: false, is_under_way: false }
    }

    fn service_time(&mut self, now: Seconds) -> Seconds {
        let spread = self.random.between(0.85, 1.15);
        match self.service {
            Service::Steady(usual) | Service::Bandwidth { usual, .. } => usual * spread,
            Service::Queue { rate } => {
                let free_at = self.state.busy_until.max(now);
                self.state.busy_until = free_at + self.random.exponential(1.0 / rate);
                self.state.busy_until - now
            }
            Service::Load { usual, made_for } => {
                let load = f64::from(self.state.under_way + 1) / made_for;
                usual * (1.0 + load.powi(3)) * spread
            }
            Service::Cold { usual, answers, times } => {
                usual * spread * if self.state.answered < answers { times } else { 1.0 }
            }
            Service::Warming { cold, warm, over } => {
                (warm + (cold - warm) * (1.0 - now / over).max(0.0)) * spread
            }
        }
    }

    /// A request that was under way has ended, or was abandoned.
    pub(crate) fn leave(&mut self) {
        self.state.under_way = self.state.under_way.saturating_sub(1);
    }

    /// A connection has been closed by either side, or was never accepted.
    pub(crate) fn disconnect(&mut self) {
        self.state.connections = self.state.connections.saturating_sub(1);
    }

    /// What it announces now, if it does.
    pub(crate) fn announced(&mut self, now: Seconds) -> Option<Announced> {
        let scale = self.scale(now);
        self.announces.then(|| self.gates.first().and_then(|gate| gate.announced(now, scale))).flatten()
    }
}
