//! A limit model behind listeners, in a network in memory and in virtual time.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Client, End};
use longhaul_origin::limit_model::{
    Ban, BanKind, ConnectionLimit, Decision, Healthy, LimitModel, Refusal, Schedule, Stalls, TimeScaled,
    TokenBucket, Treatment, WindowQuota, Wording,
};
use longhaul_origin::{
    ExchangeRecord, LimitingServer, LimitingStats, Options, RunningLimitingServer, Site, Sizes, VirtualHosts,
};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Endpoint, Network};

/// A server with a limit model at two addresses of a network in memory.
struct Town {
    network: MemoryNetwork,
    host: LimitingServer,
    site: Arc<Site>,
    seen: Arc<Mutex<Vec<ExchangeRecord>>>,
    listeners: Vec<RunningLimitingServer>,
}

impl Town {
    fn new(limit_model: impl LimitModel + 'static) -> Self {
        Self::with_options(limit_model, Options::default())
    }

    fn with_options(limit_model: impl LimitModel + 'static, options: Options) -> Self {
        let network = MemoryNetwork::new();
        let site = Arc::new(Site::new(7).with_sizes(Sizes::fixed(1_000)));
        let seen: Arc<Mutex<Vec<ExchangeRecord>>> = Arc::default();
        let book = Arc::clone(&seen);
        let host = LimitingServer::new(Box::new(limit_model), Arc::clone(&site), options, move |exchange| {
            book.lock().expect("nobody panics").push(*exchange);
        });
        let listeners = ["tcp://10.0.0.1:80", "tcp://10.0.0.2:80"]
            .iter()
            .map(|endpoint| endpoint.parse().expect("an endpoint"))
            .map(|endpoint: Endpoint| host.listen(&network, endpoint).expect("a free endpoint"))
            .collect();
        Self { network, host, site, seen, listeners }
    }

    async fn client(&self, listener: usize) -> Client {
        Client::connect(&self.network as &dyn Network, self.listeners[listener].endpoint()).await
    }

    /// The status and the `Retry-After` of one `GET` on a connection of its own.
    async fn status(&self, listener: usize) -> Result<(u16, Option<String>), End> {
        let mut client = self.client(listener).await;
        client.get("/a", "").await;
        let head = client.head().await?;
        let body = client.body(head.length()).await?;
        if head.status == 200 {
            assert_eq!(body, self.site.content("/a").to_vec());
        }
        Ok((head.status, head.field("retry-after").map(str::to_owned)))
    }

    fn seen(&self) -> Vec<ExchangeRecord> {
        self.seen.lock().expect("nobody panics").clone()
    }

    async fn stop(self) -> LimitingStats {
        for listener in self.listeners {
            listener.stop().await;
        }
        self.host.stats()
    }
}

#[tokio::test(start_paused = true)]
async fn all_listeners_share_one_bucket() {
    let refusal = Refusal { status: 429, retry_after: true };
    let town = Town::new(TokenBucket::new(Schedule::constant(0.1), 2.0, refusal, 1));
    assert_eq!(town.status(0).await, Ok((200, None)));
    assert_eq!(town.status(1).await, Ok((200, None)));
    assert_eq!(town.status(0).await, Ok((429, Some("10".to_owned()))));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(town.status(1).await, Ok((200, None)));
    let stats = town.stop().await;
    assert_eq!((stats.arrivals, stats.served, stats.refused, stats.abandoned), (4, 3, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn each_name_behind_one_listener_has_its_own_counts() {
    let network = MemoryNetwork::new();
    let site = Arc::new(Site::new(7));
    let host = || {
        let bucket = TokenBucket::new(Schedule::constant(0.1), 1.0, Refusal::BARE_429, 1);
        LimitingServer::new(Box::new(bucket), Arc::clone(&site), Options::default(), |_| {})
    };
    let (others, named) = (host(), host());
    let hosts = VirtualHosts::new(others.clone()).with("A.test", named.clone());
    let listener = hosts.listen(&network, "tcp://10.0.0.1:80".parse().expect("an endpoint")).expect("free");
    let mut client = Client::connect(&network as &dyn Network, listener.endpoint()).await;
    let mut statuses = Vec::new();
    let asked = [("/a", "a.test"), ("/a", "b.test:80"), ("/a", "a.TEST:8080"), ("http://c.test/a", "a.test")];
    for (target, name) in asked {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: {name}\r\n\r\n")).await;
        let head = client.head().await.expect("a head");
        client.body(head.length()).await.expect("a body");
        statuses.push(head.status);
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
    assert_eq!([others, named].map(|host| host.stats().arrivals), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn responses_on_one_connection_come_when_the_model_says() {
    let town = Town::new(Healthy::new(2.0, 1));
    let mut client = town.client(0).await;
    for _ in 0..3 {
        client.get("/a", "").await;
        let head = client.head().await.expect("a head");
        client.body(head.length()).await.expect("a body");
    }
    let took: Vec<Duration> = town.seen().iter().map(ExchangeRecord::took).collect();
    assert!(took.iter().all(|took| (1_799..=2_201).contains(&took.as_millis())), "{took:?}");
    assert_eq!(town.seen()[0].arrived, Duration::ZERO, "the clock begins with the first request");
}

#[tokio::test(start_paused = true)]
async fn a_request_above_the_limit_is_reset_and_frees_its_slot() {
    let town = Town::new(ConnectionLimit::new(1, 1));
    let (first, second) = tokio::join!(town.status(0), town.status(1));
    assert_eq!((first, second), (Ok((200, None)), Err(End::Reset)));
    assert_eq!(town.status(1).await, Ok((200, None)));
    assert_eq!(town.seen().iter().map(|seen| seen.in_flight).max(), Some(2));
    assert_eq!(town.stop().await.resets, 1);
}

#[tokio::test(start_paused = true)]
async fn silence_ends() {
    let options = Options { stall: Duration::from_secs(30), ..Options::default() };
    let town = Town::with_options(Stalls::new(1.0, 1), options);
    assert_eq!(town.status(0).await, Err(End::Fin));
    let seen = town.seen();
    assert_eq!((seen[0].treatment, seen[0].is_whole), (Treatment::Silence, false));
    assert_eq!(seen[0].took().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_frees_its_slot() {
    let town = Town::new(ConnectionLimit::new(1, 1));
    let mut client = town.client(0).await;
    client.get("/a", "").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(town.status(0).await, Ok((200, None)));
    let stats = town.stop().await;
    assert_eq!((stats.served, stats.abandoned), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_timed() {
    let town = Town::new(Ban::new(2, Duration::from_mins(1), BanKind::Reset, 1));
    let statuses = tokio::join!(town.status(0), town.status(0), town.status(1));
    assert_eq!(statuses, (Ok((200, None)), Ok((200, None)), Err(End::Reset)));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(town.status(0).await, Ok((200, None)));
    let banned = town.stop().await.banned.as_secs();
    assert!((60..=62).contains(&banned), "{banned}");
}

#[tokio::test(start_paused = true)]
async fn malformed_requests_do_not_reach_the_model() {
    let town = Town::new(Healthy::new(0.1, 1));
    let mut client = town.client(0).await;
    client.send("HELO there\r\n\r\n").await;
    assert_eq!(client.head().await.expect("a head").status, 400);
    assert_eq!(town.stop().await.arrivals, 0);
}

#[test]
fn a_speedup_raises_rates_shortens_windows_and_keeps_quotas() {
    let second = Duration::from_secs(1);
    let mut window = TimeScaled::new(Box::new(WindowQuota::new(3, 60, 1)), 10.0);
    let treatments = |host: &mut TimeScaled, at: Duration| {
        (0..4).map(|_| host.arrive(at).treatment).filter(|treatment| *treatment == Treatment::Served).count()
    };
    assert_eq!(treatments(&mut window, second), 3);
    assert_eq!(
        window.arrive(second).treatment,
        Treatment::Refused { status: 429, retry_after: Some(5) },
        "50 s of its own"
    );
    assert_eq!(treatments(&mut window, 6 * second), 3);
    let mut healthy = TimeScaled::new(Box::new(Healthy::new(1.0, 1)), 10.0);
    let Decision { after, .. } = healthy.arrive(second);
    assert!((90..=110).contains(&after.as_millis()), "{after:?}");
    let bucket = TokenBucket::new(Schedule::constant(5.0), 1.0, Refusal::BARE_429, 1);
    assert_eq!(TimeScaled::new(Box::new(bucket), 10.0).limit(second), Some(50.0));
}

#[test]
fn a_ban_counts_over_its_window() {
    let ban = Ban::new(2, Duration::from_mins(1), BanKind::Reset, 1);
    let mut ban = ban.within(Duration::from_secs(10));
    let treatments: Vec<Treatment> =
        [0, 5, 11, 12].map(|at| ban.arrive(Duration::from_secs(at)).treatment).into();
    assert_eq!(treatments, [Treatment::Served, Treatment::Served, Treatment::Served, Treatment::Reset]);
}

#[tokio::test(start_paused = true)]
async fn an_announced_quota_is_in_every_response() {
    for (wording, remaining, reset) in [
        (Wording::Structured, "ratelimit", None),
        (Wording::UnixTime, "x-ratelimit-remaining", Some("x-ratelimit-reset")),
    ] {
        let town = Town::new(WindowQuota::new(2, 60, 1).announcing(wording));
        let mut client = town.client(0).await;
        for (status, left) in [(200, "1"), (200, "0"), (429, "0")] {
            client.get("/a", "").await;
            let head = client.head().await.expect("an answer");
            client.body(head.length()).await.expect("its body");
            let said = head.field(remaining).expect("it is announced").to_owned();
            match reset.map(|reset| head.field(reset).expect("with its end").parse::<u64>()) {
                Some(unix_seconds) => {
                    assert_eq!(said, left);
                    assert!(unix_seconds.expect("a number") > 1_000_000_000);
                }
                None => assert_eq!(said, format!("\"default\";r={left};t=60")),
            }
            assert_eq!((head.status, head.field("retry-after")), (status, None));
        }
        town.stop().await;
    }
}
