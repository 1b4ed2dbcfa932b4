//! The sockets of this machine: which process holds them, and malformed tables.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "tests open sockets of their own")]

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use longhaul_socket::table::{inet_rows, unix_rows};
use longhaul_socket::{
    Endpoint, OpenSocket, Protocol, SocketName, SocketOptions, SocketState, open_sockets, owner,
};
use proptest::prelude::*;

fn pids(socket: &OpenSocket) -> Vec<u32> {
    socket.processes.iter().map(|process| process.pid).collect()
}

fn owner_of(endpoint: Endpoint) -> OpenSocket {
    owner(endpoint).expect("proc is readable").unwrap_or_else(|| panic!("no socket holds {endpoint}"))
}

#[test]
fn each_kind_of_socket_is_listed_with_this_process() {
    for ip in ["127.0.0.1", "::1"] {
        let Ok(listener) = TcpListener::bind((ip, 0)) else {
            println!("skipped: this machine has no {ip}");
            continue;
        };
        let here = Endpoint::tcp(listener.local_addr().unwrap());
        let client = TcpStream::connect(here.socket_addr()).unwrap();
        let (_server, _) = listener.accept().unwrap();
        let there = Endpoint::tcp(client.local_addr().unwrap());
        let udp = UdpSocket::bind((ip, 0)).unwrap();

        let held = owner_of(here);
        assert_eq!((held.state, pids(&held)), (SocketState::Listening, vec![std::process::id()]));
        assert_eq!((held.local, held.remote), (SocketName::Endpoint(here), None));
        let held = owner_of(there);
        assert_eq!((held.state, pids(&held)), (SocketState::Established, vec![std::process::id()]));
        assert_eq!(held.remote, Some(SocketName::Endpoint(here)));
        let held = owner_of(Endpoint::udp(udp.local_addr().unwrap()));
        assert_eq!((held.state, pids(&held)), (SocketState::Unconnected, vec![std::process::id()]));

        let touching = open_sockets()
            .unwrap()
            .into_iter()
            .filter(|socket| socket.touches(here) && !pids(socket).is_empty());
        assert_eq!(touching.count(), 3, "the listener and both ends");
    }
}

#[test]
fn the_process_that_holds_a_socket_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::tcp(listener.local_addr().unwrap());
    let mut command = Command::new("sleep");
    command.arg("60").stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
    let child = command.spawn().map(Child).expect("sleep(1)");
    // Dropping it closes our own copy of the descriptor.
    drop(command);
    let held = owner_of(endpoint);
    assert_eq!(pids(&held), [child.0.id()]);
    assert_eq!(held.processes[0].name, "sleep");
}

struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_wildcard_socket_holds_each_address_and_an_exact_one_takes_precedence() {
    let all = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = all.local_addr().unwrap().port();
    let wanted: Endpoint = format!("udp://127.0.0.1:{port}").parse().unwrap();
    assert_eq!(owner_of(wanted).local.to_string(), format!("udp://0.0.0.0:{port}"));
    assert!(
        owner(format!("tcp://127.0.0.1:{port}").parse().unwrap())
            .unwrap()
            .is_none_or(|held| held.state != SocketState::Unconnected)
    );
}

#[test]
fn a_wildcard_endpoint_matches_a_socket_at_any_address() {
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let held = Endpoint::udp(one.local_addr().unwrap());
    for ip in ["0.0.0.0", "[::]"] {
        let all: Endpoint = format!("udp://{ip}:{}", held.port()).parse().unwrap();
        let found = owner_of(all);
        assert_eq!((found.local.endpoint(), pids(&found)), (Some(held), vec![std::process::id()]), "{ip}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let all: Endpoint = format!("tcp://0.0.0.0:{}", listener.local_addr().unwrap().port()).parse().unwrap();
    let of_this_process = |socket: &OpenSocket| socket.touches(all) && !pids(socket).is_empty();
    assert_eq!(open_sockets().unwrap().iter().filter(|socket| of_this_process(socket)).count(), 3);
    drop((client, server));
    let unused: Endpoint = format!("tcp://127.0.0.2:{}", all.port()).parse().unwrap();
    assert_eq!(owner(unused).unwrap(), None);
}

/// First a socket at the endpoint itself, then one at all addresses, then one at an address that the endpoint includes.
#[test]
fn the_best_match_is_the_owner() {
    let six = |v6_only: bool, port: u16| {
        let options = SocketOptions { v6_only: Some(v6_only), ..SocketOptions::default() };
        let endpoint = format!("udp://[::]:{port}").parse().unwrap();
        longhaul_socket::blocking::UdpSocket::bind_with(endpoint, &options)
    };
    let Ok(both) = six(false, 0) else { return println!("skipped: this machine has no IPv6") };
    let loopback: Endpoint = format!("udp://127.0.0.1:{}", both.local().port()).parse().unwrap();
    assert_eq!(owner_of(loopback).local, SocketName::Endpoint(both.local()));
    assert_eq!(owner_of(loopback).v6_only, Some(false));

    let only = six(true, 0).unwrap();
    let port = only.local().port();
    let loopback: Endpoint = format!("udp://127.0.0.1:{port}").parse().unwrap();
    assert_eq!(owner_of(only.local()).v6_only, Some(true));
    let keeps_away =
        owner(loopback).unwrap().is_none_or(|holder| holder.local != SocketName::Endpoint(only.local()));
    assert!(keeps_away, "it refuses IPv4");
    // Another process may have bound it meanwhile.
    if let Ok(beside) = UdpSocket::bind(("127.0.0.1", port)) {
        assert_eq!(
            owner_of(loopback).local,
            SocketName::Endpoint(Endpoint::udp(beside.local_addr().unwrap()))
        );
        assert_eq!(owner_of(only.local()).local, SocketName::Endpoint(only.local()));
    }
}

#[test]
fn a_closed_socket_has_no_owner() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::udp(udp.local_addr().unwrap());
    drop(udp);
    let holder = owner(endpoint).unwrap();
    assert!(holder.is_none_or(|holder| pids(&holder) != [std::process::id()]));
}

#[test]
fn a_unix_domain_socket_is_listed_with_its_path() {
    // The last path contains a row of the table of /proc.
    for name in ["table sock", "two\nlines\n", "a\n0: 00000002 00000000 00010000 0001 01 47 /b"] {
        let directory = std::env::temp_dir().join(format!("longhaul-{}", std::process::id()));
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let sockets = open_sockets().unwrap();
        let wanted = SocketName::Unix(path.to_str().unwrap().to_owned());
        let found = sockets.iter().find(|socket| socket.local == wanted).expect("it is in the table");
        assert_eq!((found.state, pids(found)), (SocketState::Listening, vec![std::process::id()]));
        assert!(!sockets.iter().any(|socket| socket.local == SocketName::Unix("/b".to_owned())));
        drop(listener);
        std::fs::remove_dir_all(directory).unwrap();
    }
}

const HEADER: &str =
    "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n";

#[cfg(target_endian = "little")]
#[test]
fn rows_of_the_four_tables_are_parsed() {
    let rest = "00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000 100 0 0 10 0";
    let table = [
        (
            "0100007F:1F92 00000000:0000 0A",
            Protocol::Tcp,
            "tcp://127.0.0.1:8082",
            None,
            SocketState::Listening,
        ),
        (
            "0100007F:C474 0200007F:C665 01",
            Protocol::Tcp,
            "tcp://127.0.0.1:50292",
            Some("tcp://127.0.0.2:50789"),
            SocketState::Established,
        ),
        (
            "0100007F:D33E 00000000:0000 07",
            Protocol::Udp,
            "udp://127.0.0.1:54078",
            None,
            SocketState::Unconnected,
        ),
        (
            "00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07",
            Protocol::Udp,
            "udp://[::1]:53",
            None,
            SocketState::Unconnected,
        ),
        (
            "B80D01200000000000000000010000FF:0050 B80D0120000000000000000002000000:0051 08",
            Protocol::Tcp,
            "tcp://[2001:db8::ff00:1]:80",
            Some("tcp://[2001:db8::2]:81"),
            SocketState::CloseWait,
        ),
        (
            "0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:0051 06",
            Protocol::Tcp,
            "tcp://127.0.0.1:80",
            Some("tcp://127.0.0.1:81"),
            SocketState::TimeWait,
        ),
    ];
    for (row, protocol, local, remote, state) in table {
        let read = inet_rows(&format!("{HEADER}   0: {row} {rest}\n"), protocol);
        assert_eq!(read.len(), 1, "{row}");
        assert_eq!(read[0].local.to_string(), local);
        assert_eq!(read[0].remote.as_ref().map(ToString::to_string).as_deref(), remote);
        assert_eq!((read[0].state, read[0].inode), (state, 4711));
    }
}

#[test]
fn malformed_rows_are_left_out() {
    let rest = "00000000:00000000 00:00000000 00000000 0 0";
    let rows = [
        String::new(),
        "0:".to_owned(),
        format!("0: 0100007F:1F92 00000000:0000 0A {rest}"),
        format!("0: 0100007F:1F92 00000000:0000 0A {rest} -1"),
        format!("0: 0100007F:1F92 00000000:0000 0A {rest} 99999999999999999999999"),
        format!("0: +100007F:1F92 00000000:0000 0A {rest} 1"),
        format!("0: 0100007F:+F92 00000000:0000 0A {rest} 1"),
        format!("0: 0100007F:1F921 00000000:0000 0A {rest} 1"),
        format!("0: 0100007F1F92 00000000:0000 0A {rest} 1"),
        format!("0: 0100007é:1F92 00000000:0000 0A {rest} 1"),
        format!("0: éééééééééééééééé:1F92 00000000:0000 0A {rest} 1"),
        format!("0: 0100007F:1F92 00000000:0000 1FF {rest} 1"),
    ];
    for row in rows {
        assert_eq!(inet_rows(&format!("{HEADER}{row}\n"), Protocol::Tcp), [], "{row}");
    }
    let unknown = format!("{HEADER}0: 0100007F:1F92 00000000:0000 FF {rest} 1");
    assert_eq!(inet_rows(&unknown, Protocol::Tcp)[0].state, SocketState::Unknown);
    for row in ["", ":", "0: 2 0 0 1 1 5 /x", "0: 00000002 00000000 00010000 0001 01 /x", "0: 00000002"] {
        assert_eq!(unix_rows(&format!("Num\n{row}\n")), [], "{row}");
    }
}

#[test]
fn a_path_is_not_changed() {
    let rows = unix_rows(
        "Num       RefCount Protocol Flags    Type St Inode Path\n\
         0000000000000000: 00000002 00000000 00010000 0001 01 17 /a  b \u{1b}[2J\n\
         0000000000000000: 00000003 00000000 00000000 0001 03    18\n\
         0000000000000000: 00000003 00000000 00000000 0001 03    19 @abstract\n\
         \n0: of two\r\nlines\n",
    );
    let places: Vec<String> = rows.iter().map(|row| row.local.to_string()).collect();
    assert_eq!(places, ["unix:///a  b \u{1b}[2J", "unix://", "unix://@abstract\n\n0: of two\r\nlines"]);
}

proptest! {
    /// Parsing any text ends, and no row comes from fewer bytes than a row has.
    #[test]
    fn any_text_is_parsed_without_inventing_rows(text in "\\PC*(\n[0-9A-F: ]{0,120}){0,20}") {
        let lines = text.lines().count();
        prop_assert!(inet_rows(&text, Protocol::Tcp).len() < lines.max(1));
        prop_assert!(unix_rows(&text).len() < lines.max(1));
    }

    /// A row that Linux could write is parsed.
    #[test]
    fn a_row_in_the_format_of_linux_is_parsed(words in prop::array::uniform4(any::<u32>()), port in 1_u16.., state in 1_u8..=11, inode in any::<u64>()) {
        let ip: std::net::IpAddr = {
            let mut bytes = [0; 16];
            for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
                to.copy_from_slice(&word.to_ne_bytes());
            }
            std::net::Ipv6Addr::from(bytes).to_canonical()
        };
        let address = words.map(|word| format!("{word:08X}")).concat();
        let text = format!("{HEADER}  7: {address}:{port:04X} {address}:{port:04X} {state:02X} 00000000:00000000 00:00000000 00000000 0 0 {inode} 1 0\n");
        let rows = inet_rows(&text, Protocol::Tcp);
        let expected = SocketName::Endpoint(Endpoint::new(ip, Protocol::Tcp, port));
        prop_assert_eq!(&rows[0].local, &expected);
        prop_assert_eq!(rows[0].remote.as_ref(), Some(&expected));
        prop_assert_eq!(rows[0].inode, inode);
        prop_assert_ne!(rows[0].state, SocketState::Unknown);
    }
}
