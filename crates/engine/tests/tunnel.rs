//! A proxy relays bytes to the hosts: what it refuses is charged to no host, and what it reports of a host is.

mod world;

use std::sync::Arc;
use std::time::Duration;

use longhaul::{
    HttpUrl, Origin, Route, Router, Tunnel, TunnelError, TunnelHandshake, TunnelRefusal, TunnelReply,
};
use longhaul_socket::{BoxFuture, Endpoint, Stream};
use world::{EventKind, Plan, Reply, Request, Scripted, World, list_of, simulate};

/// Files of each host.
const FILES: usize = 10;
/// Tries of a URL that the proxy refuses to serve.
const TRIES_REFUSED: usize = 5;

/// CONNECT, as far as a scripted proxy needs it.
struct Connect;

impl TunnelHandshake for Connect {
    fn open<'a>(
        &'a self,
        stream: &'a mut Stream,
        destination: &'a Origin,
    ) -> BoxFuture<'a, Result<(), TunnelError>> {
        Box::pin(async move {
            let host = format!("{}:{}", destination.host(), destination.port());
            stream.send(format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.receive_exact(&mut byte).await?;
                head.extend(byte);
            }
            let status = std::str::from_utf8(&head[9..12]).ok().and_then(|digits| digits.parse().ok());
            match status.ok_or_else(|| TunnelError::Malformed("no status".into()))? {
                200 => Ok(()),
                status => {
                    let reply = TunnelReply::Status(status);
                    Err(TunnelError::Refused(TunnelRefusal { reply, retry_after: None }))
                }
            }
        })
    }
}

struct ViaTunnel(Origin, Arc<Connect>);

impl Router for ViaTunnel {
    fn route(&self, origin: &Origin) -> Route {
        Route::Tunnel(Tunnel::new(self.0.clone(), origin.clone(), self.1.clone()))
    }
}

/// A proxy that responds with `status_of` to CONNECT, and serves every file in the place of the hosts.
fn proxy(world: &World, status_of: impl Fn(&str) -> u16 + Send + Sync + 'static) -> Scripted {
    let endpoint: Endpoint = "tcp://127.0.0.1:3128".parse().expect("an endpoint");
    world.scripted_at(endpoint, move |request| {
        if !is_connect(request) {
            return Reply::status(200).body(request.path.clone());
        }
        match status_of(&request.path) {
            200 => Reply::status(200),
            status => Reply::status(status).body(""),
        }
    })
}

fn is_connect(request: &Request) -> bool {
    !request.path.starts_with('/')
}

fn haul(world: &World, hosts: usize) -> Plan<'_> {
    let url: HttpUrl = "http://127.0.0.1:3128/".parse().expect("a URL");
    let router = Arc::new(ViaTunnel(url.origin().clone(), Arc::new(Connect)));
    let list: String = (0..hosts).map(|host| list_of(&format!("host-{host}.test"), FILES)).collect();
    world.haul(list).builder(|builder| builder.router(router))
}

#[test]
fn hosts_are_served_through_tunnels() {
    simulate(async {
        let world = World::new(1);
        let proxy = proxy(&world, |_| 200);
        let run = haul(&world, 3).run().await;
        assert_eq!(run.counts(), (3 * FILES as u64, 0, 0, 0), "{:#?}", run.events);
        let (tunnels, files): (Vec<_>, Vec<_>) = proxy.requests().into_iter().partition(is_connect);
        assert!((3..3 * FILES).contains(&tunnels.len()), "connections are used again");
        assert_eq!(files.len(), 3 * FILES);
    });
}

/// No retry changes what the proxy wants: each URL fails after a few seconds, and its host is not given up for it.
#[test]
fn a_proxy_that_always_refuses_ends_the_run() {
    for (status, class) in [(407, "auth"), (403, "4xx")] {
        simulate(async {
            let world = World::new(1);
            let proxy = proxy(&world, move |_| status);
            let run = haul(&world, 2).run().await;
            assert_eq!(run.counts(), (0, 2 * FILES as u64, 0, 0), "{:#?}", run.events);
            assert!(run.events_of(EventKind::Failed).all(|event| event.class() == class));
            assert_eq!(proxy.requests().len(), 2 * FILES * TRIES_REFUSED, "every URL has its tries");
            assert!(run.elapsed < Duration::from_mins(1), "{:?}", run.elapsed);
        });
    }
}

/// The proxy is at work, so the host is what failed.
#[test]
fn a_host_that_the_proxy_cannot_reach_is_given_up() {
    simulate(async {
        let world = World::new(1);
        let _proxy = proxy(&world, |host| if host == "host-0.test:80" { 502 } else { 200 });
        let run = haul(&world, 2).run().await;
        assert_eq!(run.counts(), (FILES as u64, FILES as u64, 0, 0), "{:#?}", run.events);
        assert!(
            run.events_of(EventKind::Failed)
                .all(|event| event.url.contains("host-0") && event.class() == "5xx")
        );
        assert_eq!(run.events_of(EventKind::Offline).count(), 0);
    });
}
