//! Endpoints, hosts and addresses: parsing, writing, and refusing.

use std::net::IpAddr;

use longhaul_socket::{
    Address, Endpoint, Host, HostName, InvalidAddress, InvalidEndpoint, InvalidHost, Protocol, UnixPath,
};
use proptest::prelude::*;

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
    (any::<IpAddr>(), protocol, any::<u16>())
        .prop_map(|(ip, protocol, port)| Endpoint::new(ip, protocol, port))
}

proptest! {
    #[test]
    fn an_endpoint_survives_the_round_trip(endpoint in any_endpoint()) {
        prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }

    #[test]
    fn an_address_survives_the_round_trip(ip in any::<IpAddr>()) {
        let host = Host::Ip(ip);
        prop_assert_eq!(host.to_string().parse(), Ok(host.clone()));
        prop_assert_eq!(ip.to_string().parse(), Ok(host));
    }

    #[test]
    fn a_path_survives_the_round_trip(path in "[^\\p{C}]{1,25}") {
        let path = UnixPath::new(path).unwrap();
        prop_assert_eq!(path.to_string().parse(), Ok(Address::Unix(path)));
    }

    #[test]
    fn a_path_is_displayed_without_control_characters(text in any::<String>()) {
        if let Ok(address) = format!("unix://{text}").parse::<Address>() {
            prop_assert!(!address.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn a_name_is_lower_case_and_survives_the_round_trip(text in "([A-Za-z0-9_-]{1,20}\\.){0,5}[A-Za-z]{1,20}\\.?") {
        let name: HostName = text.parse().unwrap();
        prop_assert_eq!(name.as_str(), text.trim_end_matches('.').to_ascii_lowercase());
        prop_assert_eq!(name.to_string().parse(), Ok(Host::Name(name)));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = text.parse::<Endpoint>();
        if let Ok(host) = text.parse::<Host>() {
            prop_assert_eq!(host.to_string().parse(), Ok(host));
        }
    }
}

#[test]
fn invalid_endpoints_are_refused() {
    let cases = [
        ("", InvalidEndpoint::NoProtocol),
        ("127.0.0.1:80", InvalidEndpoint::NoProtocol),
        ("http://127.0.0.1:80", InvalidEndpoint::UnknownProtocol),
        ("TCP://127.0.0.1:80", InvalidEndpoint::UnknownProtocol),
        ("tcp://127.0.0.1", InvalidEndpoint::BadAddress),
        ("tcp://example.org:80", InvalidEndpoint::BadAddress),
        ("tcp://127.0.0.1:65536", InvalidEndpoint::BadAddress),
        ("tcp://127.0.0.1:80/", InvalidEndpoint::BadAddress),
        ("tcp://::1:80", InvalidEndpoint::BadAddress),
        ("tcp://[fe80::1%2]:80", InvalidEndpoint::BadAddress),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Endpoint>(), Err(error), "{text:?}");
    }
}

#[test]
fn invalid_hosts_are_refused() {
    let label = "a".repeat(64);
    let long = format!("{}b", "a.".repeat(127));
    let cases = [
        ("", InvalidHost::Empty),
        (".", InvalidHost::Empty),
        ("a..b", InvalidHost::BadLabel),
        (".a", InvalidHost::BadLabel),
        ("a..", InvalidHost::BadLabel),
        (&label, InvalidHost::BadLabel),
        (&long, InvalidHost::TooLong),
        ("a b", InvalidHost::BadCharacter(' ')),
        ("a/b", InvalidHost::BadCharacter('/')),
        ("a\r\nb", InvalidHost::BadCharacter('\r')),
        ("bücher.example", InvalidHost::BadCharacter('ü')),
        ("fe80::1%eth0", InvalidHost::BadCharacter(':')),
        ("[::1", InvalidHost::BadAddress),
        ("[127.0.0.1]", InvalidHost::BadAddress),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Host>(), Err(error), "{text:?}");
    }
}

#[test]
fn an_ipv4_address_in_another_notation_is_not_a_name() {
    for text in ["127.1", "0177.0.0.1", "0x7f.1", "2130706433", "0x7f000001", "1.2.3.4.", "a.0x", "256.1.1.1"]
    {
        assert_eq!(text.parse::<Host>(), Err(InvalidHost::EndsInNumber), "{text:?}");
    }
    for text in ["1.a", "0xg", "a.1b", "4chan.org", "_dmarc.example.org", "-a-.example.org"] {
        assert!(text.parse::<HostName>().is_ok(), "{text:?}");
    }
}

#[test]
fn a_bad_character_is_escaped_in_the_message() {
    let error = "a\x1b[2Jb".parse::<HostName>().unwrap_err();
    assert_eq!(error.to_string(), r"a host name cannot contain '\u{1b}'");
}

#[test]
fn names_may_have_253_characters() {
    let name = format!("{}bc", "a.".repeat(125));
    assert_eq!(format!("{name}d").len(), 253);
    assert!(format!("{name}d.").parse::<HostName>().is_ok());
    assert_eq!(format!("{name}de").parse::<HostName>(), Err(InvalidHost::TooLong));
}

#[test]
fn invalid_addresses_are_refused() {
    let cases = [
        ("unix://".to_owned(), InvalidAddress::BadPath),
        ("unix://a\0b".to_owned(), InvalidAddress::BadPath),
        (format!("unix:///{}", "x".repeat(103)), InvalidAddress::PathTooLong),
        ("/run/service.sock".to_owned(), InvalidAddress::BadEndpoint(InvalidEndpoint::NoProtocol)),
        ("tcp:///run".to_owned(), InvalidAddress::BadEndpoint(InvalidEndpoint::BadAddress)),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
    }
    assert!(format!("unix:///{}", "x".repeat(102)).parse::<Address>().is_ok());
    assert_eq!("udp://[::1]:53".parse::<Address>().unwrap().endpoint().unwrap().port(), 53);
}
