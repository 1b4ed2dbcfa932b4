//! The resources of the API.

/// What a path denotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Version,
    Proxies,
    Populate,
    Reset,
    Proxy(String),
    Toxics(String),
    Toxic(String, String),
}

impl Resource {
    /// The resource of a path, if there is one.
    pub(super) fn at(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let parts: Option<Vec<String>> = path.trim_end_matches('/').split('/').map(decoded).collect();
        let parts = parts?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Some(match *parts.as_slice() {
            ["version"] => Self::Version,
            ["proxies"] => Self::Proxies,
            ["populate"] => Self::Populate,
            ["reset"] => Self::Reset,
            ["proxies", proxy] => Self::Proxy(proxy.to_owned()),
            ["proxies", proxy, "toxics"] => Self::Toxics(proxy.to_owned()),
            ["proxies", proxy, "toxics", toxic] => Self::Toxic(proxy.to_owned(), toxic.to_owned()),
            _ => return None,
        })
    }

    /// Its methods, as the value of `Allow`.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Version => "GET",
            Self::Populate | Self::Reset => "POST",
            Self::Proxies | Self::Toxics(_) => "GET, POST",
            Self::Proxy(_) | Self::Toxic(..) => "GET, POST, PATCH, DELETE",
        }
    }
}

/// A part of a path, percent-decoded; `None` where the encoding is malformed or the result is not UTF-8.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let toxic = |proxy: &str, toxic: &str| Some(Resource::Toxic(proxy.to_owned(), toxic.to_owned()));
        for (path, expected) in [
            ("/version", Some(Resource::Version)),
            ("/proxies/", Some(Resource::Proxies)),
            ("/proxies/a%20b%2Fc", Some(Resource::Proxy("a b/c".to_owned()))),
            ("/proxies/a/toxics", Some(Resource::Toxics("a".to_owned()))),
            ("/proxies/a/toxics/b%3A", toxic("a", "b:")),
            ("/proxies/%C3%BC", Some(Resource::Proxy("ü".to_owned()))),
            ("/", None),
            ("*", None),
            ("/proxies/%C3", None),
            ("/proxies/%+1", None),
            ("/proxies/%1", None),
            ("/proxies/a/b", None),
            ("/proxies/a/toxics/b/c", None),
        ] {
            assert_eq!(Resource::at(path), expected, "{path}");
        }
    }
}
