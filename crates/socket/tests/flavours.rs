//! The two flavours have the same names and methods. Most of them are written once, in the `calls` of each group; here
//! the public functions that each flavour writes by hand are compared.

use std::collections::BTreeSet;

/// The public functions of a source file, in the order of names.
fn functions(source: &str) -> BTreeSet<&str> {
    let public = source.lines().filter_map(|line| line.trim_start().strip_prefix("pub "));
    let functions = public.filter_map(|line| {
        let line = line.trim_start_matches("const ").trim_start_matches("async ");
        line.trim_start_matches("$($async)? ").strip_prefix("fn ")
    });
    functions.filter_map(|line| line.split(['(', '<']).next()).collect()
}

/// Public functions that only the async file has, and those that only the blocking one has.
fn differences<'a>(asynchronous: &[&'a str], blocking: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let ours: BTreeSet<&str> = asynchronous.iter().flat_map(|source| functions(source)).collect();
    let theirs = functions(blocking);
    (ours.difference(&theirs).copied().collect(), theirs.difference(&ours).copied().collect())
}

#[test]
fn the_flavours_have_the_same_methods() {
    let nothing = (Vec::new(), Vec::new());
    assert!(functions(include_str!("../src/stream/calls.rs")).len() > 20, "the functions are found");
    let only_async = |name| (vec![name], Vec::new());

    // A stream over a transport of the caller's own: the seam for simulations and tunnels.
    let stream = include_str!("../src/stream/asynchronous.rs");
    assert_eq!(differences(&[stream], include_str!("../src/stream/blocking.rs")), only_async("plain"));
    assert_eq!(
        differences(
            &[include_str!("../src/datagram/asynchronous.rs")],
            include_str!("../src/datagram/blocking.rs")
        ),
        nothing
    );
    let listeners = [include_str!("../src/listener/tcp.rs"), include_str!("../src/listener/unix.rs")];
    assert_eq!(differences(&listeners, include_str!("../src/listener/blocking.rs")), nothing);
    // Likewise TLS over such a transport. A pool of idle connections asks whether their addresses are still ours.
    assert_eq!(
        differences(
            &[include_str!("../src/connect/asynchronous.rs")],
            include_str!("../src/connect/blocking.rs")
        ),
        (vec!["is_own", "secure"], Vec::new())
    );
}

#[test]
fn messages_monitored_streams_and_acceptors_have_the_same_methods() {
    assert_eq!(
        functions(include_str!("../src/framing/asynchronous.rs")),
        functions(include_str!("../src/framing/blocking.rs"))
    );
    let monitored = |source: &'static str| &source[source.find("impl<S> MonitoredStream<S>").unwrap()..];
    let asynchronous = functions(monitored(include_str!("../src/speed/asynchronous.rs")));
    assert!(asynchronous.contains("receive"), "the functions are found");
    assert_eq!(asynchronous, functions(monitored(include_str!("../src/speed/blocking.rs"))));
    assert_eq!(
        functions(include_str!("../src/listener/tls.rs")),
        functions(include_str!("../src/listener/blocking_tls.rs"))
    );
}
