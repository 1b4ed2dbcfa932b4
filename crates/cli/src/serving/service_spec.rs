//! An argument of `serve`: a service, its endpoint and its options.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use longhaul_origin::proxy::{InvalidName, InvalidUpstream, Name, Upstream};
use longhaul_origin::{FaultMix, Service};
use longhaul_socket::{Endpoint, Protocol};
use thiserror::Error;

/// A service to run.
#[derive(Debug, Clone)]
pub(crate) struct ServiceSpec {
    pub(crate) content: Content,
    scheme: Scheme,
    /// `None` for all addresses of this machine.
    ip: Option<IpAddr>,
    port: u16,
}

/// The kind of a service, with its options.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// One of the small services of the old RFCs.
    Small(Service),
    Files {
        directory: PathBuf,
        /// The certificate file and the key file, for `https://`.
        identity: Option<(PathBuf, PathBuf)>,
    },
    Seeded {
        seed: u64,
        faults: FaultMix,
    },
    Proxy {
        name: Name,
        upstream: Upstream,
    },
    /// The test cases of `longhaul_origin::script`.
    Hostile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Tcp,
    Udp,
    Http,
    Https,
}

impl Scheme {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn protocol(self) -> Protocol {
        match self {
            Self::Udp => Protocol::Udp,
            Self::Tcp | Self::Http | Self::Https => Protocol::Tcp,
        }
    }
}

impl ServiceSpec {
    /// The endpoints to listen on: one, or two for all addresses of this machine, IPv4 first.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let endpoint = |ip| Endpoint::new(ip, self.scheme.protocol(), self.port);
        match self.ip {
            Some(ip) => vec![endpoint(ip)],
            None => vec![endpoint(Ipv4Addr::UNSPECIFIED.into()), endpoint(Ipv6Addr::UNSPECIFIED.into())],
        }
    }

    /// The line for scripts, such as `echo tcp://127.0.0.1:7007`.
    pub(crate) fn line(&self, endpoint: Endpoint) -> String {
        format!("{} {}://{}", self.name(), self.scheme.as_str(), endpoint.socket_addr())
    }

    fn name(&self) -> &'static str {
        match &self.content {
            Content::Small(service) => service.name(),
            Content::Files { .. } => "files",
            Content::Seeded { .. } => "seeded",
            Content::Proxy { .. } => "proxy",
            Content::Hostile => "hostile",
        }
    }
}

impl FromStr for ServiceSpec {
    type Err = InvalidServiceSpec;

    fn from_str(text: &str) -> Result<Self, InvalidServiceSpec> {
        let (name, rest) = text.split_once('=').ok_or(InvalidServiceSpec::NoService)?;
        let words = words(rest);
        let mut words = words.iter().map(String::as_str);
        let (scheme, address) =
            words.next().and_then(|place| place.split_once("://")).ok_or(InvalidServiceSpec::NoEndpoint)?;
        let scheme = match scheme {
            "tcp" => Scheme::Tcp,
            "udp" => Scheme::Udp,
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidServiceSpec::UnknownScheme),
        };
        let (ip, port) = place(address)?;
        let mut options = Options::read(words)?;
        let content = content(name, scheme, &mut options)?;
        options.finish()?;
        match content {
            Content::Proxy { .. } if ip.is_none() => return Err(InvalidServiceSpec::ProxyEverywhere),
            // It redirects to ports of loopback, which other machines cannot reach.
            Content::Hostile if !ip.is_some_and(|ip| ip.is_loopback()) => {
                return Err(InvalidServiceSpec::HostileElsewhere);
            }
            _ => {}
        }
        Ok(Self { content, scheme, ip, port })
    }
}

/// Splits at commas. Two commas stand for one that belongs to the word.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(',') {
        let doubled = after.strip_prefix(',');
        if let Some(word) = words.last_mut() {
            word.push_str(before);
            word.push_str(if doubled.is_some() { "," } else { "" });
        }
        if doubled.is_none() {
            words.push(String::new());
        }
        rest = doubled.unwrap_or(after);
    }
    words.last_mut().into_iter().for_each(|word| word.push_str(rest));
    words
}

fn content(name: &str, scheme: Scheme, options: &mut Options<'_>) -> Result<Content, InvalidServiceSpec> {
    let small = match name {
        "echo" => Some(Service::Echo),
        "discard" => Some(Service::Discard),
        "daytime" => Some(Service::Daytime),
        "time" => Some(Service::Time),
        "chargen" => Some(Service::CharacterGenerator),
        "files" | "seeded" | "proxy" | "hostile" => None,
        _ => return Err(InvalidServiceSpec::UnknownService),
    };
    if let Some(service) = small {
        return match scheme {
            Scheme::Tcp | Scheme::Udp => Ok(Content::Small(service)),
            Scheme::Http | Scheme::Https => Err(InvalidServiceSpec::NotHttp),
        };
    }
    match (name, scheme) {
        ("files", Scheme::Http | Scheme::Https) => {
            let directory = options.take("dir").ok_or(InvalidServiceSpec::Missing("dir"))?.into();
            let identity = if scheme == Scheme::Https {
                let cert = options.take("cert").ok_or(InvalidServiceSpec::Missing("cert"))?.into();
                let key = options.take("key").ok_or(InvalidServiceSpec::Missing("key"))?.into();
                Some((cert, key))
            } else {
                None
            };
            Ok(Content::Files { directory, identity })
        }
        ("seeded", Scheme::Http) => {
            let seed = match options.take("seed") {
                Some(seed) => seed.parse().map_err(|_| InvalidServiceSpec::BadSeed)?,
                None => 1,
            };
            let faults = match options.take("mix") {
                None | Some("none") => FaultMix::none(),
                Some("rehearsal") => FaultMix::rehearsal(),
                Some(_) => return Err(InvalidServiceSpec::BadMix),
            };
            Ok(Content::Seeded { seed, faults })
        }
        ("seeded", Scheme::Https) => Err(InvalidServiceSpec::SeededOverTls),
        ("proxy", Scheme::Tcp) => {
            let upstream = options.take("to").ok_or(InvalidServiceSpec::NoUpstream)?.parse()?;
            let name = options.take("name").unwrap_or("proxy").parse()?;
            Ok(Content::Proxy { name, upstream })
        }
        ("proxy", _) => Err(InvalidServiceSpec::OnlyTcp),
        ("hostile", Scheme::Http) => Ok(Content::Hostile),
        ("hostile", Scheme::Https) => Err(InvalidServiceSpec::HostileOverTls),
        _ => Err(InvalidServiceSpec::OnlyHttp),
    }
}

/// Parses a numeric address and a port. A name is refused: it can have several addresses, and they can change.
fn place(text: &str) -> Result<(Option<IpAddr>, u16), InvalidServiceSpec> {
    if let Some(port) = text.strip_prefix(':') {
        let is_plain = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        return match port.parse() {
            Ok(port) if is_plain => Ok((None, port)),
            _ => Err(InvalidServiceSpec::BadPlace),
        };
    }
    match text.parse() {
        Ok(SocketAddr::V6(v6)) if v6.scope_id() != 0 => Err(InvalidServiceSpec::BadPlace),
        Ok(address) => Ok((Some(address.ip()), address.port())),
        Err(_) => Err(InvalidServiceSpec::BadPlace),
    }
}

/// The options `KEY=VALUE` that have not been taken yet.
struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    fn read(words: impl Iterator<Item = &'a str>) -> Result<Self, InvalidServiceSpec> {
        let option = |word: &'a str| match word.split_once('=') {
            Some((key, value)) if !value.is_empty() => Ok((key, value)),
            _ => Err(InvalidServiceSpec::BadOption(word.to_owned())),
        };
        words.map(option).collect::<Result<_, _>>().map(Self)
    }

    fn take(&mut self, key: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(known, _)| *known == key)?;
        Some(self.0.remove(at).1)
    }

    /// An option that was not taken is unknown, or a repetition.
    fn finish(self) -> Result<(), InvalidServiceSpec> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(InvalidServiceSpec::UnknownOption((*key).to_owned())),
        }
    }
}

/// Why an argument is not a service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidServiceSpec {
    #[error("expected SERVICE=ENDPOINT, such as echo=tcp://127.0.0.1:7007")]
    NoService,
    #[error("the services are echo, discard, daytime, time, chargen, files, seeded, proxy and hostile")]
    UnknownService,
    #[error("expected an endpoint, such as tcp://127.0.0.1:7007 or http://[::1]:8080")]
    NoEndpoint,
    #[error("an endpoint begins with tcp://, udp://, http:// or https://")]
    UnknownScheme,
    #[error(
        "expected a numeric address and a port, such as 127.0.0.1:80, [::1]:80, or :80 for every address"
    )]
    BadPlace,
    #[error("this service speaks tcp:// or udp://")]
    NotHttp,
    #[error("this service speaks http:// or https://")]
    OnlyHttp,
    #[error("the seeded server speaks http:// only")]
    SeededOverTls,
    #[error("the hostile server speaks http:// only")]
    HostileOverTls,
    #[error("the hostile server listens on loopback only, such as http://127.0.0.1:9000")]
    HostileElsewhere,
    #[error("a proxy speaks tcp:// only")]
    OnlyTcp,
    #[error("to= is missing: the server behind the proxy, as in to=example.org:443")]
    NoUpstream,
    #[error("to=: {0}")]
    BadUpstream(#[from] InvalidUpstream),
    #[error("name=: {0}")]
    BadName(#[from] InvalidName),
    #[error("a proxy listens on one address, such as tcp://127.0.0.1:9000")]
    ProxyEverywhere,
    #[error("{0}= is missing: files need dir=DIR, and over https:// also cert=FILE and key=FILE")]
    Missing(&'static str),
    #[error("a seed is a number from 0")]
    BadSeed,
    #[error("the mixes of faults are none and rehearsal")]
    BadMix,
    #[error("`{0}` is not an option: expected KEY=VALUE between commas; write a comma in a value twice")]
    BadOption(String),
    #[error("the option `{0}` is unknown to this service, or was given twice")]
    UnknownOption(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let service_spec: ServiceSpec = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        service_spec.endpoints().into_iter().map(|endpoint| service_spec.line(endpoint)).collect()
    }

    #[test]
    fn service_specs() {
        for (text, expected) in [
            ("echo=tcp://127.0.0.1:7007", ["echo tcp://127.0.0.1:7007"].as_slice()),
            ("echo=udp://[::1]:0", &["echo udp://[::1]:0"]),
            ("daytime=tcp://:7013", &["daytime tcp://0.0.0.0:7013", "daytime tcp://[::]:7013"]),
            ("files=http://127.0.0.1:8080,dir=./a=b", &["files http://127.0.0.1:8080"]),
            ("files=https://127.0.0.1:8443,key=k,dir=d,cert=c", &["files https://127.0.0.1:8443"]),
            ("seeded=http://127.0.0.1:0,mix=rehearsal,seed=7", &["seeded http://127.0.0.1:0"]),
            ("proxy=tcp://127.0.0.1:9000,to=[::1]:443,name=web", &["proxy tcp://127.0.0.1:9000"]),
            ("hostile=http://127.0.0.1:9000", &["hostile http://127.0.0.1:9000"]),
            ("hostile=http://[::1]:0", &["hostile http://[::1]:0"]),
        ] {
            assert_eq!(lines(text), expected, "{text}");
        }
    }

    #[test]
    fn a_comma_in_a_value_is_written_twice() {
        for (text, expected) in [
            ("a,b", ["a", "b"].as_slice()),
            ("a,,b", &["a,b"]),
            ("a,,,b,", &["a,", "b", ""]),
            (",,,,", &[",,"]),
            ("", &[""]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        let service_spec: ServiceSpec =
            "files=http://127.0.0.1:7,dir=./a,,b".parse().expect("a valid service");
        let Content::Files { directory, .. } = service_spec.content else { panic!("files") };
        assert_eq!(directory, PathBuf::from("./a,b"));
    }

    #[test]
    fn refusals() {
        use InvalidServiceSpec::{
            BadMix, BadName, BadOption, BadPlace, BadSeed, BadUpstream, HostileElsewhere, HostileOverTls,
            Missing, NoEndpoint, NoService, NoUpstream, NotHttp, OnlyHttp, OnlyTcp, ProxyEverywhere,
            SeededOverTls, UnknownOption, UnknownScheme, UnknownService,
        };
        for (text, expected) in [
            ("echo", NoService),
            ("tcp://127.0.0.1:7", NoService),
            ("ecco=tcp://127.0.0.1:7", UnknownService),
            ("echo=127.0.0.1:7", NoEndpoint),
            ("echo=unix:///tmp/a", UnknownScheme),
            ("echo=tcp://localhost:7", BadPlace),
            ("echo=tcp://127.0.0.1", BadPlace),
            ("echo=tcp://:+7", BadPlace),
            ("echo=tcp://:70000", BadPlace),
            ("echo=tcp://[fe80::1%1]:7", BadPlace),
            ("echo=http://127.0.0.1:7", NotHttp),
            ("files=tcp://127.0.0.1:7,dir=.", OnlyHttp),
            ("seeded=https://127.0.0.1:7", SeededOverTls),
            ("files=http://127.0.0.1:7", Missing("dir")),
            ("files=https://127.0.0.1:7,dir=.", Missing("cert")),
            ("files=https://127.0.0.1:7,dir=.,cert=c", Missing("key")),
            ("seeded=http://127.0.0.1:7,seed=x", BadSeed),
            ("seeded=http://127.0.0.1:7,mix=x", BadMix),
            ("proxy=http://127.0.0.1:7,to=a:1", OnlyTcp),
            ("proxy=udp://127.0.0.1:7,to=a:1", OnlyTcp),
            ("proxy=tcp://127.0.0.1:7", NoUpstream),
            ("proxy=tcp://127.0.0.1:7,to=a", BadUpstream(InvalidUpstream::NoPort)),
            ("proxy=tcp://127.0.0.1:7,to=a:0", BadUpstream(InvalidUpstream::NoPort)),
            ("proxy=tcp://127.0.0.1:7,to=a:1,name=b/c", BadName(InvalidName)),
            ("proxy=tcp://:7,to=a:1", ProxyEverywhere),
            ("hostile=tcp://127.0.0.1:7", OnlyHttp),
            ("hostile=https://127.0.0.1:7", HostileOverTls),
            ("hostile=http://:7", HostileElsewhere),
            ("hostile=http://0.0.0.0:7", HostileElsewhere),
            ("hostile=http://192.0.2.1:7", HostileElsewhere),
            ("hostile=http://127.0.0.1:7,seed=1", UnknownOption("seed".into())),
            ("echo=tcp://127.0.0.1:7,dir", BadOption("dir".into())),
            ("files=http://127.0.0.1:7,dir=", BadOption("dir=".into())),
            ("echo=tcp://127.0.0.1:7,dir=.", UnknownOption("dir".into())),
            ("files=http://127.0.0.1:7,dir=.,dir=.", UnknownOption("dir".into())),
            ("files=http://127.0.0.1:7,dir=.,cert=c", UnknownOption("cert".into())),
        ] {
            assert_eq!(text.parse::<ServiceSpec>().map(drop), Err(expected), "{text}");
        }
    }
}
