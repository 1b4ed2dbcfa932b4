//! Fetches every URL of a list over a number of connections at once, discards the bodies and tells the rate.
//!
//! `cargo run --release -p longhaul-http --example get_many -- LIST CONNECTIONS`
#![expect(clippy::disallowed_methods, reason = "a tool for measuring, which reads a list")]

use std::cell::RefCell;
use std::error::Error;
use std::sync::Arc;
use std::{env, fs};

use longhaul_http::{Client, ClientOptions, HttpUrl, Limits, Request, Timeouts};
use longhaul_socket::{Connector, SystemNetwork, TlsOptions, clock};
use tokio::task::LocalSet;

#[derive(Default)]
struct Tally {
    requests: u64,
    failures: u64,
    bytes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(list), Some(connections)) = (arguments.next(), arguments.next()) else {
        return Err("usage: get_many LIST CONNECTIONS".into());
    };
    let list = fs::read_to_string(list)?;
    let urls: Vec<HttpUrl> = list.lines().map(str::parse).collect::<Result<_, _>>()?;
    let connections: usize = connections.parse()?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (tally, elapsed) = LocalSet::new().block_on(&runtime, async {
        let started = clock::now();
        let tally = get_all(urls, connections).await;
        (tally, started.elapsed())
    });
    let Tally { requests, failures, bytes } = tally;
    let rate = requests as f64 / elapsed.as_secs_f64();
    println!(
        "{requests} requests, {failures} failures, {bytes} bytes, {:.3} s, {rate:.0} requests/s",
        elapsed.as_secs_f64()
    );
    Ok(())
}

async fn get_all(urls: Vec<HttpUrl>, connections: usize) -> Tally {
    let connector = Arc::new(Connector::new(Arc::new(SystemNetwork::new()), TlsOptions::default()));
    let client = Client::new(connector, Limits::default(), Timeouts::default(), ClientOptions::default());
    let queue = std::rc::Rc::new(RefCell::new(urls.into_iter()));
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (client, queue) = (client.clone(), queue.clone());
            tokio::task::spawn_local(async move {
                let mut tally = Tally::default();
                loop {
                    let next = queue.borrow_mut().next();
                    let Some(url) = next else { return tally };
                    tally.requests += 1;
                    match get(&client, url).await {
                        Ok(bytes) => tally.bytes += bytes,
                        Err(error) => {
                            tally.failures += 1;
                            eprintln!("{error}");
                        }
                    }
                }
            })
        })
        .collect();
    let mut sum = Tally::default();
    for worker in workers {
        let tally = worker.await.unwrap_or_default();
        sum.requests += tally.requests;
        sum.failures += tally.failures;
        sum.bytes += tally.bytes;
    }
    sum
}

async fn get(client: &Client, url: HttpUrl) -> Result<u64, longhaul_http::Error> {
    let mut response = client.send(&Request::get(url)).await?;
    while response.body.chunk().await?.is_some() {}
    Ok(response.body.received())
}
