//! Each wait of the crate ends although its peer does nothing: at the default timeout of the process, or at the
//! deadline of the call if it has one. Both flavours, on the loopback interface.
#![cfg(unix)]

mod asynchronous;
mod blocking;

use std::time::Duration;

use longhaul_socket::{
    Deadline, Endpoint, Fault, FaultKind, Phase, Target, TlsOptions, TlsServerOptions, clock, defaults,
};

/// The default timeout of this process; deadlines of calls are half of it.
const TIMEOUT: Duration = Duration::from_millis(160);
/// How late a wait may end on a machine that is busy with other tests.
const LATE_MAX: Duration = Duration::from_millis(250);

fn set_short_default() {
    defaults::set_timeout(TIMEOUT);
}

fn soon() -> Deadline {
    Deadline::after(TIMEOUT / 2)
}

/// Measures a wait that should time out.
struct Watch(tokio::time::Instant);

impl Watch {
    fn start() -> Self {
        Self(clock::now())
    }

    fn ended<T>(self, phase: Phase, wait: Duration, outcome: Result<T, Fault>) {
        let took = self.0.elapsed();
        let fault = outcome.err().expect("the wait to time out");
        assert_eq!((fault.phase(), fault.kind()), (phase, FaultKind::TimedOut), "{fault}");
        assert!(fault.elapsed() >= wait.mul_f64(0.9), "{fault}, too early for {wait:?}");
        assert!(took < wait + LATE_MAX, "{phase} took {took:?} of {wait:?}");
        if phase != Phase::Wait && phase != Phase::Resolve {
            assert!(fault.address().is_some(), "{fault}");
        }
    }
}

fn any(protocol: &str) -> Endpoint {
    format!("{protocol}://127.0.0.1:0").parse().unwrap()
}

fn localhost(port: u16) -> Target {
    Target::new("localhost".parse().unwrap(), port)
}

/// A server for `localhost`, and a client that trusts it.
fn identity() -> (TlsServerOptions, TlsOptions) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let server =
        TlsServerOptions::from_pem(pem.as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    (server, TlsOptions::empty().with_roots_pem(pem.as_bytes()).unwrap())
}
