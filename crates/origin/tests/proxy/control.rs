//! The control over HTTP: its responses, and what it refuses.

use longhaul_origin::proxy::{Direction, ProxySpec};
use longhaul_origin::{RunningService, Service};
use longhaul_socket::{Network, clock};
use serde_json::{Value, json};

use crate::common::{Client, Head};
use crate::street::{Street, WAIT, endpoint, ms, pass, pattern};

struct Desk {
    street: Street,
    _control: RunningService,
}

impl Desk {
    async fn new() -> Self {
        let street = Street::new().await;
        let place = endpoint("tcp://10.0.0.2:8474");
        let control = street.host.listen(&street.network, Service::control(&street.proxies), place, None);
        Self { _control: control.expect("a free endpoint"), street }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.street.network, endpoint("tcp://10.0.0.2:8474")).await
    }

    /// One request on a connection of its own. The result is the status and the body, null if there is none.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (head, value) = self.ask_with(method, path, "", body).await;
        (head.status, value)
    }

    async fn ask_with(&self, method: &str, path: &str, fields: &str, body: &str) -> (Head, Value) {
        let mut client = self.client().await;
        let length = body.len();
        client
            .send(format!(
                "{method} {path} HTTP/1.1\r\nHost: c\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        answer(&mut client).await
    }
}

async fn answer(client: &mut Client) -> (Head, Value) {
    let head = client.head().await.expect("a head");
    if head.status == 204 {
        return (head, Value::Null);
    }
    assert_eq!(head.field("content-type"), Some("application/json"));
    let body = client.body(head.length()).await.expect("a body");
    (head, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_proxy() {
    let desk = Desk::new().await;
    let created = r#"{"name":"web","listen":"10.0.0.2:9000","upstream":"10.0.0.1:80"}"#;
    let web = json!({"name": "web", "listen": "10.0.0.2:9000", "upstream": "10.0.0.1:80", "enabled": true, "toxics": []});
    assert_eq!(desk.ask("POST", "/proxies", created).await, (201, web.clone()));
    assert_eq!(desk.ask("GET", "/proxies/web", "").await, (200, web.clone()));
    let (status, all) = desk.ask("GET", "/proxies", "").await;
    assert_eq!((status, &all["web"], all.as_object().map(serde_json::Map::len)), (200, &web, Some(2)));

    let (status, disabled) = desk.ask("POST", "/proxies/web", r#"{"enabled":false}"#).await;
    assert_eq!((status, &disabled["enabled"]), (200, &json!(false)));
    assert!(desk.street.network.dial(endpoint("tcp://10.0.0.2:9000")).await.is_err());
    let (status, enabled) = desk.ask("PATCH", "/proxies/web", r#"{"enabled":true}"#).await;
    assert_eq!((status, enabled), (200, web));
    assert_eq!(desk.ask("DELETE", "/proxies/web", "").await, (204, Value::Null));
    assert_eq!(desk.ask("GET", "/proxies/web", "").await.0, 404);

    // By default on a free port of loopback.
    let (status, free) = desk.ask("POST", "/proxies", r#"{"name":"free","upstream":"localhost:80"}"#).await;
    let listen = free["listen"].as_str().expect("an address");
    assert!(status == 201 && listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"), "{free}");
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_toxic() {
    let desk = Desk::new().await;
    let latency = json!({"name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1.0,
                         "attributes": {"latency": 500, "jitter": 0}});
    let added = r#"{"type":"latency","attributes":{"latency":500}}"#;
    assert_eq!(desk.ask("POST", "/proxies/p/toxics", added).await, (200, latency.clone()));
    let slow = r#"{"name":"slow close","type":"slow_close","stream":"UPSTREAM","toxicity":0.25,"attributes":{"delay":7.0}}"#;
    let (status, slow) = desk.ask("POST", "/proxies/p/toxics", slow).await;
    assert_eq!((status, &slow["toxicity"], &slow["stream"]), (200, &json!(0.25), &json!("upstream")));
    // Upstream toxics come first.
    assert_eq!(desk.ask("GET", "/proxies/p/toxics", "").await, (200, json!([slow, latency])));
    assert_eq!(desk.ask("GET", "/proxies/p/toxics/slow%20close", "").await, (200, slow.clone()));
    assert_eq!(desk.ask("GET", "/proxies/p", "").await.1["toxics"], json!([slow, latency]));
    let received = pass(desk.street.connect().await, Direction::Downstream, pattern(10)).await;
    assert_eq!(received.pieces[0].0, ms(500));

    // Fields that are not given stay.
    let (status, changed) =
        desk.ask("PATCH", "/proxies/p/toxics/latency_downstream", r#"{"attributes":{"jitter":5}}"#).await;
    assert_eq!((status, &changed["attributes"]), (200, &json!({"latency": 500, "jitter": 5})));
    let (status, changed) =
        desk.ask("POST", "/proxies/p/toxics/latency_downstream", r#"{"toxicity":0.5}"#).await;
    assert_eq!(
        (status, &changed["toxicity"], &changed["attributes"]["jitter"]),
        (200, &json!(0.5), &json!(5))
    );
    assert_eq!(desk.ask("DELETE", "/proxies/p/toxics/latency_downstream", "").await, (204, Value::Null));
    assert_eq!(desk.ask("DELETE", "/proxies/p/toxics/latency_downstream", "").await.0, 404);
    assert_eq!(desk.ask("GET", "/proxies/p/toxics", "").await, (200, json!([slow])));
}

#[tokio::test(start_paused = true)]
async fn populate_and_reset() {
    let desk = Desk::new().await;
    let body = r#"[{"name":"p","listen":"10.0.0.2:80","upstream":"10.0.0.1:80"},
                   {"name":"q","listen":"10.0.0.2:81","upstream":"10.0.0.1:80","enabled":false}]"#;
    let (status, populated) = desk.ask("POST", "/populate", body).await;
    assert_eq!((status, &populated["proxies"][0]["name"]), (201, &json!("p")));
    assert_eq!(populated["proxies"][1]["enabled"], json!(false));
    desk.ask("POST", "/proxies/q/toxics", r#"{"type":"timeout"}"#).await;
    assert_eq!(desk.ask("POST", "/reset", "").await, (204, Value::Null));
    let (_, reset) = desk.ask("GET", "/proxies/q", "").await;
    assert_eq!((&reset["enabled"], &reset["toxics"]), (&json!(true), &json!([])));
}

#[tokio::test(start_paused = true)]
async fn every_toxic_has_its_attributes() {
    let desk = Desk::new().await;
    for (kind, attributes) in [
        ("latency", json!({"latency": 1, "jitter": 2})),
        ("bandwidth", json!({"rate": 1})),
        ("slow_close", json!({"delay": 1})),
        ("timeout", json!({"timeout": 1})),
        ("reset_peer", json!({"timeout": 1})),
        ("slicer", json!({"average_size": 10, "size_variation": 2, "delay": 3})),
        ("limit_data", json!({"bytes": 1})),
    ] {
        let body = json!({"type": kind, "attributes": attributes}).to_string();
        let (status, toxic) = desk.ask("POST", "/proxies/p/toxics", &body).await;
        assert_eq!((status, &toxic["attributes"], &toxic["type"]), (200, &attributes, &json!(kind)));
    }
}

#[tokio::test(start_paused = true)]
async fn refusals() {
    let desk = Desk::new().await;
    desk.ask("POST", "/proxies/p/toxics", r#"{"type":"latency"}"#).await;
    let proxy = |rest: &str| format!(r#"{{"name":"a","upstream":"10.0.0.1:80"{rest}}}"#);
    let toxic = |rest: &str| format!(r#"{{"type":"bandwidth"{rest}}}"#);
    for (method, path, body, status, said) in [
        ("GET", "/nowhere", String::new(), 404, "no such path"),
        ("GET", "/proxies/q", String::new(), 404, "proxy not found"),
        ("GET", "/proxies/q/toxics", String::new(), 404, "proxy not found"),
        ("POST", "/proxies/q/toxics", "{}".to_owned(), 404, "proxy not found"),
        ("GET", "/proxies/p/toxics/t", String::new(), 404, "toxic not found"),
        ("PATCH", "/proxies/p/toxics/t", "{}".to_owned(), 404, "toxic not found"),
        ("POST", "/proxies", String::new(), 400, "bad request body: EOF while parsing"),
        ("POST", "/proxies", "[]".to_owned(), 400, "bad request body: expected an object"),
        ("POST", "/populate", "{}".to_owned(), 400, "bad request body: expected an array"),
        ("POST", "/proxies", r#"{"upstream":"h:1"}"#.to_owned(), 400, "missing required field: name"),
        ("POST", "/proxies", r#"{"name":"a"}"#.to_owned(), 400, "missing required field: upstream"),
        ("POST", "/proxies", r#"{"name":1,"upstream":"h:1"}"#.to_owned(), 400, "name: expected a string"),
        ("POST", "/proxies", r#"{"name":"a/b","upstream":"h:1"}"#.to_owned(), 400, "without slashes"),
        ("POST", "/proxies", proxy(r#","enabled":"yes""#), 400, "enabled: expected true or false"),
        (
            "POST",
            "/proxies",
            proxy(r#","listen":"example.org:80""#),
            400,
            "listen: expected a numeric address",
        ),
        (
            "POST",
            "/proxies",
            r#"{"name":"a","upstream":"h"}"#.to_owned(),
            400,
            "upstream: expected a host and a port",
        ),
        ("POST", "/proxies", r#"{"name":"p","upstream":"h:1"}"#.to_owned(), 409, "proxy already exists"),
        ("POST", "/proxies", proxy(r#","listen":"10.0.0.2:80""#), 500, "address in use"),
        ("POST", "/proxies/p/toxics", r#"{"type":"poison"}"#.to_owned(), 400, "invalid toxic type"),
        ("POST", "/proxies/p/toxics", "{}".to_owned(), 400, "invalid toxic type"),
        ("POST", "/proxies/p/toxics", toxic(r#","stream":"both""#), 400, "stream was invalid"),
        (
            "POST",
            "/proxies/p/toxics",
            toxic(r#","toxicity":1.5"#),
            400,
            "toxicity: expected a number from 0 to 1",
        ),
        (
            "POST",
            "/proxies/p/toxics",
            toxic(r#","attributes":{"rate":-1}"#),
            400,
            "rate: expected a whole number",
        ),
        (
            "POST",
            "/proxies/p/toxics",
            toxic(r#","attributes":{"rate":"9"}"#),
            400,
            "rate: expected a whole number",
        ),
        (
            "POST",
            "/proxies/p/toxics",
            toxic(r#","attributes":{"speed":9}"#),
            400,
            "no attribute `speed`: it has rate",
        ),
        ("POST", "/proxies/p/toxics", toxic(r#","attributes":[]"#), 400, "attributes: expected an object"),
        ("POST", "/proxies/p/toxics", r#"{"type":"latency"}"#.to_owned(), 409, "toxic already exists"),
        (
            "PATCH",
            "/proxies/p/toxics/latency_downstream",
            r#"{"attributes":{"latency":86400001}}"#.to_owned(),
            400,
            "latency is too large",
        ),
    ] {
        let (found, value) = desk.ask(method, path, &body).await;
        assert_eq!((found, &value["status"]), (status, &json!(status)), "{method} {path} {body}: {value}");
        let error = value["error"].as_str().expect("words");
        assert!(error.contains(said), "{method} {path} {body}: {error}");
    }
    // None of them has changed anything.
    assert_eq!(desk.ask("GET", "/proxies", "").await.1.as_object().map(serde_json::Map::len), Some(1));
    assert_eq!(desk.ask("GET", "/proxies/p/toxics", "").await.1.as_array().map(Vec::len), Some(1));

    let (head, _) = desk.ask_with("DELETE", "/proxies", "", "").await;
    assert_eq!((head.status, head.field("allow")), (405, Some("GET, POST")));
    assert_eq!(desk.ask("GET", "/version", "").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn web_browsers_are_not_served() {
    let desk = Desk::new().await;
    for field in ["User-Agent: Mozilla/5.0 (X11)\r\n", "Origin: https://evil.test\r\n"] {
        let (head, _) = desk.ask_with("POST", "/reset", field, "").await;
        assert_eq!(head.status, 403, "{field}");
    }
    assert_eq!(desk.ask_with("POST", "/reset", "User-Agent: node\r\n", "").await.0.status, 204);
}

#[tokio::test(start_paused = true)]
async fn several_requests_on_one_connection() {
    let desk = Desk::new().await;
    let mut client = desk.client().await;
    for _ in 0..3 {
        client.get("/proxies", "").await;
        assert_eq!(answer(&mut client).await.0.status, 200);
        client.send("POST /reset HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
        assert_eq!(answer(&mut client).await.0.status, 204);
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_are_limited_in_size_and_time() {
    let desk = Desk::new().await;
    let mut client = desk.client().await;
    client.send("POST /populate HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.send([format!("{:x}\r\n", 1_200_000).into_bytes(), vec![b' '; 1_200_000]].concat()).await;
    let (head, _) = answer(&mut client).await;
    assert_eq!((head.status, head.field("connection")), (413, Some("close")));

    let mut client = desk.client().await;
    client.send("POST /populate HTTP/1.1\r\nHost: c\r\nContent-Length: 9\r\n\r\n[").await;
    let start = clock::now();
    assert_eq!(answer(&mut client).await.0.status, 408);
    assert!((WAIT..=WAIT + ms(1_000)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_number_of_proxies_is_limited() {
    let desk = Desk::new().await;
    let spec = |number: usize| ProxySpec {
        name: format!("n{number}").parse().expect("a name"),
        listen: "10.0.0.2:0".parse().expect("an address"),
        upstream: "10.0.0.1:80".parse().expect("a host and a port"),
        enabled: false,
    };
    desk.street.proxies.populate((1..1_000).map(spec).collect()).await.expect("up to a thousand");
    let (status, value) = desk.ask("POST", "/proxies", r#"{"name":"x","upstream":"h:1"}"#).await;
    assert_eq!(status, 400, "{value}");
}
