//! A script for a peer on one connection.
//!
//! ```text
//! request                     reads one request head
//! send "HTTP/1.1 200 OK\r\n"  sends these bytes
//! repeat 100 "x"              sends them so many times
//! drip 500ms "abc"            sends them byte by byte, with a pause before each
//! wait 5s                     does nothing for a while
//! close | reset               ends the connection; without either it stays open, in silence
//! ```

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use longhaul_socket::Transport;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Request,
    Send(Vec<u8>),
    Repeat(usize, Vec<u8>),
    Drip(Duration, Vec<u8>),
    Wait(Duration),
    Close,
    Reset,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// The request heads that came.
    pub(crate) seen: Rc<RefCell<Vec<String>>>,
}

impl Script {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Self { steps: lines.map(step).collect(), seen: Rc::default() }
    }

    /// Plays the script to its end, or until the other side closes.
    pub(crate) async fn play(self, mut transport: Box<dyn Transport>) {
        for step in &self.steps {
            let alive = match step {
                Step::Request => match super::read_head(&mut transport).await {
                    Some(head) => {
                        self.seen.borrow_mut().push(head);
                        true
                    }
                    None => false,
                },
                Step::Send(bytes) => transport.write_all(bytes).await.is_ok(),
                Step::Repeat(times, bytes) => repeat(&mut transport, *times, bytes).await,
                Step::Drip(pause, bytes) => drip(&mut transport, *pause, bytes).await,
                Step::Wait(pause) => {
                    sleep(*pause).await;
                    true
                }
                Step::Close => {
                    let _ = transport.shutdown().await;
                    return;
                }
                Step::Reset => return transport.reset(),
            };
            if !alive {
                return;
            }
        }
        pending::<()>().await;
    }
}

async fn repeat(transport: &mut Box<dyn Transport>, times: usize, bytes: &[u8]) -> bool {
    for _ in 0..times {
        if transport.write_all(bytes).await.is_err() {
            return false;
        }
    }
    true
}

async fn drip(transport: &mut Box<dyn Transport>, pause: Duration, bytes: &[u8]) -> bool {
    for byte in bytes {
        sleep(pause).await;
        if transport.write_all(&[*byte]).await.is_err() {
            return false;
        }
    }
    true
}

fn step(line: &str) -> Step {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "request" => Step::Request,
        "send" => Step::Send(quoted(rest)),
        "repeat" => {
            let (times, text) = rest.split_once(' ').expect("repeat TIMES TEXT");
            Step::Repeat(times.parse().expect("a number"), quoted(text))
        }
        "drip" => {
            let (pause, text) = rest.split_once(' ').expect("drip PAUSE TEXT");
            Step::Drip(duration(pause), quoted(text))
        }
        "wait" => Step::Wait(duration(rest)),
        "close" => Step::Close,
        "reset" => Step::Reset,
        _ => panic!("no such step: {line}"),
    }
}

pub(crate) fn duration(text: &str) -> Duration {
    match text.strip_suffix("ms") {
        Some(ms) => Duration::from_millis(ms.parse().expect("a number")),
        None => Duration::from_secs(text.trim_end_matches('s').parse().expect("a number")),
    }
}

fn quoted(text: &str) -> Vec<u8> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("a text in quotes");
    let mut bytes = Vec::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let byte = match character {
            '\\' => match characters.next() {
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some('0') => 0,
                Some('t') => b'\t',
                Some(other) => u8::try_from(other).expect("an escape of ASCII"),
                None => panic!("an escape at the end of {text}"),
            },
            other => u8::try_from(other).expect("bytes"),
        };
        bytes.push(byte);
    }
    bytes
}
