//! Before and after each request: a hook adds fields from earlier responses, whichever shard makes the next request.

mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use longhaul::{ExchangeHook, Head, HeaderMap, HttpUrl, Request, Via};
use world::{Reply, World, simulate};

/// One cookie for each registered domain, here the last two labels of a host, and the URLs of all requests.
#[derive(Default)]
struct Jar {
    cookies: Mutex<BTreeMap<String, http::HeaderValue>>,
    requests: Mutex<Vec<String>>,
}

fn domain(url: &HttpUrl) -> String {
    let host = url.origin().host().to_string();
    let labels: Vec<&str> = host.rsplit('.').take(2).collect();
    labels.join(".")
}

impl ExchangeHook for Jar {
    fn before(&self, request: &Request, _via: Via, fields: &mut HeaderMap) {
        self.requests.lock().expect("no test panics within").push(request.url().to_string());
        let cookies = self.cookies.lock().expect("no test panics within");
        if let Some(cookie) = cookies.get(&domain(request.url())) {
            fields.insert(http::header::COOKIE, cookie.clone());
        }
    }

    fn after(&self, request: &Request, head: &Head) {
        if let Some(cookie) = head.headers.get(http::header::SET_COOKIE) {
            let mut cookies = self.cookies.lock().expect("no test panics within");
            cookies.insert(domain(request.url()), cookie.clone());
        }
    }
}

#[test]
fn a_cookie_of_one_host_reaches_its_sibling_on_another_shard_and_no_stranger() {
    for shards in [1, 2, 3] {
        simulate(async {
            let world = World::new(1);
            let login = world.scripted("login.site.test", |request| match request.path.as_str() {
                "/in" => Reply::status(302).field("Set-Cookie", "id=7").field("Location", "/on").body(""),
                _ => Reply::status(302).field("Location", "http://files.site.test/a").body(""),
            });
            let files = world.scripted("files.site.test", |request| match request.field("cookie") {
                Some("id=7") => Reply::status(302).field("Location", "http://stranger.test/b").body(""),
                _ => Reply::status(403).body(""),
            });
            let stranger = world.scripted("stranger.test", |_| Reply::status(200).body("content"));
            let jar = Arc::new(Jar::default());
            let hook = Arc::clone(&jar);
            let plan =
                world.haul("http://login.site.test/in\n").settings(|settings| settings.shards = shards);
            let run = plan.builder(|builder| builder.exchange_hook(hook)).run().await;
            assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
            let sent: Vec<_> = [&login, &files, &stranger]
                .iter()
                .flat_map(|host| host.requests())
                .map(|request| request.field("cookie").map(str::to_owned))
                .collect();
            assert_eq!(
                sent,
                [None, Some("id=7".to_owned()), Some("id=7".to_owned()), None],
                "{shards} shards"
            );
            let hops = [
                "http://login.site.test/in",
                "http://login.site.test/on",
                "http://files.site.test/a",
                "http://stranger.test/b",
            ];
            assert_eq!(*jar.requests.lock().expect("no test panics within"), hops);
        });
    }
}
