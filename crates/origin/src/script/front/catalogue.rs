//! The cases by name and number, and the path that a client of each requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use thiserror::Error;

use crate::script::case::{Case, InvalidCase, Proof};
use crate::script::dns_plan::DnsPlan;
use crate::script::host_plan::HostPlan;
use crate::script::run_plan::Run;

/// All cases, sorted by name.
#[derive(Debug)]
pub(super) struct Catalogue(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    /// The name of its file without the ending, such as `016-early-fin`.
    name: String,
    number: u16,
    summary: String,
    offer: Result<Offer, Unoffered>,
}

/// A case that any client can try.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) name: String,
    pub(super) hosts: BTreeMap<String, HostPlan>,
    pub(super) dns: Option<DnsPlan>,
    /// What the case's own run requests first.
    pub(super) requested: CaseUrl,
}

/// A URL of a case, in parts that may contain placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CaseUrl {
    pub(super) scheme: &'static str,
    /// The name of the host.
    pub(super) host: String,
    /// Begins with a slash.
    pub(super) path: String,
}

/// Why a case is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Unoffered {
    #[error("it is not played: other tests cover it")]
    NotPlayed,
    #[error("it has no host")]
    NoHost,
    #[error("its host speaks TLS with certificates that only the tests trust")]
    Tls,
}

/// Why a word does not lead to a case.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum NotFound {
    #[error("there is no case `{0}`; / lists them")]
    Unknown(String),
    #[error("case {0} cannot be tried here: {1}")]
    Unoffered(String, Unoffered),
    #[error("several cases have this number: {}", .0.join(", "))]
    Several(Vec<String>),
}

impl Catalogue {
    pub(super) fn read(files: &[(&str, &str)]) -> Result<Self, InvalidCase> {
        files.iter().map(|(file, text)| Entry::read(file, text)).collect::<Result<_, _>>().map(Self)
    }

    /// The case of a name, such as `016-early-fin`, or of a number that only one offered case has, such as `016`.
    pub(super) fn find(&self, word: &str) -> Result<&Offer, NotFound> {
        let Some(entry) = self.0.iter().find(|entry| entry.name == word) else {
            return self.find_number(word);
        };
        entry.offer.as_ref().map_err(|&reason| NotFound::Unoffered(entry.name.clone(), reason))
    }

    fn find_number(&self, word: &str) -> Result<&Offer, NotFound> {
        let is_plain = word.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<u16> = word.parse().ok().filter(|_| is_plain);
        let mut offers = Vec::new();
        let mut reason = NotFound::Unknown(word.to_owned());
        for entry in self.0.iter().filter(|entry| Some(entry.number) == number) {
            match &entry.offer {
                Ok(offer) => offers.push(offer),
                Err(why) => reason = NotFound::Unoffered(entry.name.clone(), *why),
            }
        }
        match offers.as_slice() {
            [] => Err(reason),
            [offer] => Ok(offer),
            several => {
                Err(NotFound::Several(several.iter().map(|offer| format!("/case/{}", offer.name)).collect()))
            }
        }
    }

    /// A line for each offered case: its path, and its description.
    pub(super) fn list(&self) -> String {
        let mut text = String::new();
        for Entry { name, number, summary, offer } in &self.0 {
            if offer.is_err() {
                continue;
            }
            let short = format!("{number:03}");
            let word = if self.find_number(&short).is_ok() { &short } else { name };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "/case/{word}  {summary}");
        }
        text
    }
}

impl Entry {
    fn read(file: &str, text: &str) -> Result<Self, InvalidCase> {
        let Case { number, title, then, proof, .. } = Case::parse(file, text)?;
        let name = file.trim_end_matches(".toml").to_owned();
        let offer = Offer::of(&name, proof);
        Ok(Self { name, number, summary: format!("{title}: {then}"), offer })
    }
}

impl Offer {
    fn of(name: &str, proof: Proof) -> Result<Self, Unoffered> {
        let Proof::Play { hosts, dns, runs, .. } = proof else { return Err(Unoffered::NotPlayed) };
        if hosts.values().any(|host| host.tls.is_some()) {
            return Err(Unoffered::Tls);
        }
        let first = hosts.keys().next().ok_or(Unoffered::NoHost)?;
        let requested = requested(&runs, &hosts).unwrap_or_else(|| CaseUrl {
            scheme: "http",
            host: first.clone(),
            path: "/".to_owned(),
        });
        Ok(Self { name: name.to_owned(), hosts, dns, requested })
    }
}

/// The first URL of one of the hosts among the arguments and the standard input of the runs.
fn requested(runs: &[Run], hosts: &BTreeMap<String, HostPlan>) -> Option<CaseUrl> {
    let words = runs.iter().flat_map(|run| {
        run.arguments.iter().map(String::as_str).chain(run.input.iter().flat_map(|input| input.lines()))
    });
    words.into_iter().find_map(|word| {
        let (scheme, rest) = match word.split_once("://")? {
            ("http", rest) => ("http", rest),
            // A host that responds in plain HTTP to a TLS client.
            ("https", rest) => ("https", rest),
            _ => return None,
        };
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let is_named = |host: &&String| {
            authority.contains(&format!("{{{host}}}")) || authority.contains(&format!("{{{host}.port}}"))
        };
        let host = hosts.keys().find(is_named)?.clone();
        // Not every argument of a case is a valid value of `Location`.
        let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        let path = if is_path { path } else { "/" };
        Some(CaseUrl { scheme, host, path: path.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::cases;

    fn all() -> Catalogue {
        Catalogue::read(cases()).expect("all are cases")
    }

    #[test]
    fn a_case_is_found_by_its_name_and_by_a_number_of_its_own() {
        let all = all();
        let name = |word: &str| all.find(word).map(|offer| offer.name.as_str());
        assert_eq!(name("016-early-fin"), Ok("016-early-fin"));
        assert_eq!(name("016"), Ok("016-early-fin"));
        assert_eq!(name("16"), Ok("016-early-fin"));
        // The other case of this number is not played.
        assert_eq!(name("102"), Ok("102-kill-9"));
        let several = NotFound::Several(vec![
            "/case/014-reset-before-the-first-byte".to_owned(),
            "/case/014-reset-for-ever".to_owned(),
        ]);
        assert_eq!(name("014"), Err(several));
        for word in ["", "999", "+16", "016-", "016-early-fin.toml", "99999999", "..", "%31%36"] {
            assert_eq!(name(word), Err(NotFound::Unknown(word.to_owned())), "{word}");
        }
        let unoffered = |word: &str, reason| Err(NotFound::Unoffered(word.to_owned(), reason));
        assert_eq!(name("023-expired-certificate"), unoffered("023-expired-certificate", Unoffered::Tls));
        assert_eq!(name("001-no-such-name"), unoffered("001-no-such-name", Unoffered::NoHost));
        assert_eq!(
            name("102-kill-9-in-simulation"),
            unoffered("102-kill-9-in-simulation", Unoffered::NotPlayed)
        );
    }

    #[test]
    fn a_case_leads_to_what_its_run_requests() {
        let all = all();
        for (word, scheme, host, path) in [
            ("016-early-fin", "http", "host", "/a"),
            // By a name, although another host comes first in the alphabet.
            ("007-first-address-dead", "http", "host", "/a"),
            ("027-plain-http-on-a-tls-port", "https", "host", "/a"),
            ("053-too-many-redirects", "http", "host", "/0"),
            // On standard input, and without a path that a field may contain.
            ("119-duplicates", "http", "host", "/a"),
            ("122-spaces-and-controls", "http", "host", "/"),
            // In a generated list.
            ("116-long-list", "http", "host", "/"),
        ] {
            let asked = &all.find(word).unwrap_or_else(|error| panic!("{word}: {error}")).requested;
            assert_eq!(
                (asked.scheme, asked.host.as_str(), asked.path.as_str()),
                (scheme, host, path),
                "{word}"
            );
        }
    }

    #[test]
    fn every_line_of_the_list_leads_to_a_case() {
        let all = all();
        let list = all.list();
        assert!(list.lines().count() > 100, "{list}");
        for line in list.lines() {
            let (path, summary) = line.split_once("  ").expect("two columns");
            let word = path.strip_prefix("/case/").expect("a case");
            assert!(all.find(word).is_ok() && summary.contains(": "), "{line}");
        }
    }
}
