//! Parsers of values on the command line: times, sizes, tries, header fields, addresses. Each error says what is accepted;
//! clap puts the name of the flag in front of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use longhaul::retry::Tries;
use longhaul::{Class, RESERVED_FIELDS};
use longhaul_origin::proxy::ListenAddress;
use longhaul_socket::Host;

/// The smallest size of a log file: some tens of lines.
const LOG_BYTES_MIN: u64 = 4096;

/// The longest accepted time: a year. A longer one is a typing error, and a much longer one overflows clocks.
const TIME_MAX: Duration = Duration::from_hours(365 * 24);
/// The port of name servers (RFC 1035 section 4.2).
const NAME_SERVER_PORT: u16 = 53;
const TIME_EXPECTED: &str =
    "expected a time such as 500ms, 20s, 5m or 2h; a number without a unit is in seconds";
const ESCAPE_EXPECTED: &str = r"after a backslash, expected one of r n t 0 \ or x and two hexadecimal digits";
const SIZE_EXPECTED: &str = "expected a number of bytes such as 500, 64k, 2.5M or 1G (k is 1024)";
const RATE_EXPECTED: &str =
    "expected a host and a number of requests per second, minute or hour, such as example.org=10/s";
const TRIES_EXPECTED: &str = "expected a number from 1, or `inf`: what wget means by 0 is `inf`, and what curl means by `--retry 0` is 1";

/// Parses a time above zero. A wait without an end is not offered, whatever 0 means elsewhere.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let time = duration_or_zero(text)?;
    if time.is_zero() {
        return Err(
            "expected a time above zero; for one that hardly ever passes, write a long one such as 24h"
                .to_owned(),
        );
    }
    Ok(time)
}

/// Parses `500ms`, `20s`, `5m`, `2h`, or a number of seconds; decimals are accepted. More than a year is an error.
pub(crate) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    let (number, seconds_per_unit) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else if let Some(number) = text.strip_suffix('m') {
        (number, 60.0)
    } else if let Some(number) = text.strip_suffix('h') {
        (number, 3600.0)
    } else {
        (text, 1.0)
    };
    let seconds = decimal(number).ok_or(TIME_EXPECTED)? * seconds_per_unit;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| "at most a year is accepted")?;
    if time > TIME_MAX {
        return Err("at most a year is accepted".to_owned());
    }
    Ok(time)
}

/// Parses a number of bytes with an optional unit `k`, `M` or `G`, each 1024 times the one before; decimals are accepted.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, bytes_per_unit) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1024.0),
        Some((at, 'm' | 'M')) => (&text[..at], 1024.0 * 1024.0),
        Some((at, 'g' | 'G')) => (&text[..at], 1024.0 * 1024.0 * 1024.0),
        _ => (text, 1.0),
    };
    let bytes = decimal(number).ok_or(SIZE_EXPECTED)? * bytes_per_unit;
    // An f64 holds every whole number up to here exactly.
    if bytes > 9e15 {
        return Err("at most 8 million gigabytes are accepted".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and below 2^53"
    )]
    Ok(bytes.round() as u64)
}

/// Parses a minimum speed in bytes per second, as [`size`] does; 0 turns it off.
pub(crate) fn minimum_speed(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?).map_err(|_| "at most 4G per second are accepted".to_owned())
}

/// Parses the size at which a log is renamed.
pub(crate) fn log_size(text: &str) -> Result<u64, String> {
    size(text).and_then(|size| {
        if size >= LOG_BYTES_MIN {
            Ok(size)
        } else {
            Err(format!("at least {LOG_BYTES_MIN} bytes are needed"))
        }
    })
}

/// Parses the number of attempts per URL.
pub(crate) fn tries(text: &str) -> Result<Tries, String> {
    if text.eq_ignore_ascii_case("inf") {
        return Ok(Tries::Unlimited);
    }
    match text.parse() {
        Ok(most) if most >= 1 => Ok(Tries::AtMost(most)),
        _ => Err(TRIES_EXPECTED.to_owned()),
    }
}

/// Parses `Name: value`. A name or value that could change the framing of a request is an error.
pub(crate) fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected a field such as `Accept-Language: en`")?;
    let name: HeaderName =
        name.trim().parse().map_err(|_| "the part before the colon is not a field name")?;
    if RESERVED_FIELDS.contains(&name) {
        return Err(format!("the field {name} is set by longhaul itself"));
    }
    Ok((name, field_value(value.trim())?))
}

/// Parses the value of a request field: one line of printable text.
pub(crate) fn field_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| "a field value is one line without control characters".to_owned())
}

/// Parses the class of a failure.
pub(crate) fn class(text: &str) -> Result<Class, String> {
    text.parse().map_err(|_| {
        let classes: Vec<&str> = Class::ALL.iter().map(|class| class.as_str()).collect();
        format!("expected one of {}", classes.join(", "))
    })
}

/// Parses the name or the address of a host, without a scheme or a port.
pub(crate) fn host(text: &str) -> Result<String, String> {
    match text.parse::<Host>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("expected a host's name or address, without scheme and port: {error}")),
    }
}

/// Parses `HOST=10/s`, `HOST=300/m` or `HOST=500/h` into the host and the minimum time between two requests.
pub(crate) fn host_rate(text: &str) -> Result<(Host, Duration), String> {
    let (host, rate) = text.rsplit_once('=').ok_or(RATE_EXPECTED)?;
    let host = host
        .parse()
        .map_err(|error| format!("expected a host's name or address, without scheme and port: {error}"))?;
    let (number, unit) = rate.split_once('/').ok_or(RATE_EXPECTED)?;
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(RATE_EXPECTED.to_owned()),
    };
    let per_unit = decimal(number).filter(|&number| number > 0.0).ok_or(RATE_EXPECTED)?;
    let spacing = Duration::try_from_secs_f64(seconds / per_unit).map_err(|_| RATE_EXPECTED)?;
    if spacing > TIME_MAX {
        return Err("expected at least one request per year".to_owned());
    }
    Ok((host, spacing))
}

/// Parses the endpoint of the control API: a port of loopback, or an address and a port.
pub(crate) fn control_address(text: &str) -> Result<ListenAddress, String> {
    let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let address = if is_port { format!("127.0.0.1:{text}") } else { text.to_owned() };
    address
        .parse()
        .map_err(|_| "expected a port of loopback, or an address and a port: 8474, [::1]:8474".to_owned())
}

/// Parses the address of a name server; the port is 53 unless given.
pub(crate) fn name_server(text: &str) -> Result<SocketAddr, String> {
    let address =
        text.parse().or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, NAME_SERVER_PORT)));
    address
        .map_err(|_| "expected an address such as 192.0.2.1, 127.0.0.1:5353 or [2001:db8::1]:53".to_owned())
}

/// Parses a text in which `\\r`, `\\n`, `\\t`, `\\0`, `\\\\` and `\\xHH` stand for bytes.
pub(crate) fn escaped_bytes(text: &str) -> Result<Arc<[u8]>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let escape = after.chars().next().ok_or(ESCAPE_EXPECTED)?;
        rest = &after[escape.len_utf8()..];
        bytes.push(match escape {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '0' => 0,
            '\\' => b'\\',
            'x' => {
                let digits =
                    rest.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let digits = digits.ok_or(ESCAPE_EXPECTED)?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).map_err(|_| ESCAPE_EXPECTED)?
            }
            _ => return Err(ESCAPE_EXPECTED.to_owned()),
        });
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes.into())
}

/// Parses digits with an optional fraction: no sign, no exponent, no `inf`.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain && text.starts_with(|first: char| first.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let accepted = [
            ("500ms", 500),
            ("20s", 20_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("20", 20_000),
            ("1.5", 1_500),
            ("0.25s", 250),
        ];
        for (text, milliseconds) in accepted {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in
            ["", "s", "ms", "0", "0s", "-1", "+1", "1e3", "inf", "1 s", "5d", "9000h", "1.2.3", ".5", "ß"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        let accepted = [
            ("0", 0),
            ("500", 500),
            ("64k", 65_536),
            ("64K", 65_536),
            ("2.5M", 2_621_440),
            ("1G", 1 << 30),
            ("1g", 1 << 30),
        ];
        for (text, bytes) in accepted {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "-1", "1T", "1kB", "1e3", "99999999999G", "ß"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(duration_or_zero("0"), Ok(Duration::ZERO));
        assert!(duration("0").is_err());
        assert_eq!(minimum_speed("0"), Ok(0));
        assert!(minimum_speed("5G").is_err());
    }

    #[test]
    fn numbers_of_tries() {
        assert_eq!(tries("3"), Ok(Tries::AtMost(3)));
        assert_eq!(tries("inf"), Ok(Tries::Unlimited));
        for text in ["", "0", "-1", "many", "99999999999"] {
            assert!(tries(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers() {
        let (name, value) = header("Accept-Language:  en, fr ").expect("a field");
        assert_eq!((name.as_str(), value.to_str().ok()), ("accept-language", Some("en, fr")));
        for text in ["no colon", ": v", "A b: c", "X: a\r\nY: b", "Host: other", "range: bytes=0-", "X: \0"] {
            assert!(header(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn control_addresses() {
        for (text, expected) in
            [("8474", "127.0.0.1:8474"), ("[::1]:0", "[::1]:0"), ("localhost:80", "127.0.0.1:80")]
        {
            assert_eq!(
                control_address(text).map(|address| address.to_string()).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
        for text in ["", "99999", "example.org:80", "127.0.0.1", "+8474", "http://127.0.0.1:80"] {
            assert!(control_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn escapes() {
        let table: [(&str, &[u8]); 5] = [
            ("", b""),
            ("plain ü", "plain ü".as_bytes()),
            (r"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"),
            (r"\\n\x00\xFf\0\t", b"\\n\x00\xff\0\t"),
            (r"\x0a1", b"\n1"),
        ];
        for (text, bytes) in table {
            assert_eq!(escaped_bytes(text).as_deref(), Ok(bytes), "{text}");
        }
        for text in [r"\", r"\q", r"\x", r"\x1", r"\xg0", r"\x+1", r"\xü", r"\ü"] {
            assert!(escaped_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn name_servers() {
        let table =
            [("192.0.2.1", "192.0.2.1:53"), ("127.0.0.1:5353", "127.0.0.1:5353"), ("::1", "[::1]:53")];
        for (text, address) in table {
            assert_eq!(
                name_server(text).map(|address| address.to_string()),
                Ok(address.to_owned()),
                "{text}"
            );
        }
        for text in ["", "dns.test", "192.0.2.1:", "192.0.2.1:99999"] {
            assert!(name_server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts() {
        for text in ["printer.test", "192.0.2.1", "[::1]"] {
            assert!(host(text).is_ok(), "{text}");
        }
        for text in ["", "https://printer.test", "printer.test:443", "a b"] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_of_hosts() {
        for (text, spacing_ms) in
            [("a.test=10/s", 100), ("a.test=0.5/s", 2_000), ("192.0.2.1=300/m", 200), ("[::1]=60/h", 60_000)]
        {
            let (host, spacing) = host_rate(text).expect(text);
            assert_eq!(spacing.as_millis(), spacing_ms, "{host}");
        }
        for text in [
            "",
            "a.test",
            "a.test=",
            "a.test=10",
            "a.test=0/s",
            "a.test=-1/s",
            "=1/s",
            "a b=1/s",
            "a.test=1/d",
        ] {
            assert!(host_rate(text).is_err(), "{text}");
        }
    }
}
