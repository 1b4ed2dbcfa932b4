//! The value of `--toxic`: a proxy and a fault that it injects.

use std::str::FromStr;

use longhaul_origin::Share;
use longhaul_origin::proxy::{
    Direction, Effect, InvalidAttribute, InvalidDirection, InvalidName, Toxic, ToxicKind, UnknownToxicKind,
};
use thiserror::Error;

use super::service_spec::words;

/// The word for a proxy that does not listen. It is not a type of toxic.
const DOWN: &str = "down";

/// A proxy and a toxic for it, or the order not to listen.
#[derive(Debug, Clone)]
pub(crate) struct ToxicSpec {
    pub(crate) proxy: String,
    /// `None` for a proxy that does not listen until it is enabled.
    pub(crate) toxic: Option<Toxic>,
}

impl FromStr for ToxicSpec {
    type Err = InvalidToxicSpec;

    fn from_str(text: &str) -> Result<Self, InvalidToxicSpec> {
        let (head, options) = match text.split_once(',') {
            Some((head, options)) => (head, Some(options)),
            None => (text, None),
        };
        // The name of a proxy may contain a colon; a type does not.
        let (proxy, kind) = head.rsplit_once(':').ok_or(InvalidToxicSpec::NoProxy)?;
        let proxy = proxy.to_owned();
        if kind == DOWN {
            return match options {
                None => Ok(Self { proxy, toxic: None }),
                Some(_) => Err(InvalidToxicSpec::DownWithOptions),
            };
        }
        let (kind, direction) = match kind.split_once('@') {
            Some((kind, direction)) => (kind, direction.parse()?),
            None => (kind, Direction::Downstream),
        };
        let options = options.map(words).unwrap_or_default();
        let mut draft =
            Draft { effect: Effect::of(kind.parse()?), given: Vec::new(), name: None, toxicity: Share::ALL };
        for option in &options {
            draft.take(option)?;
        }
        draft.finish(direction).map(|toxic| Self { proxy, toxic: Some(toxic) })
    }
}

/// A toxic whose options are being read.
struct Draft<'a> {
    effect: Effect,
    given: Vec<&'a str>,
    name: Option<&'a str>,
    toxicity: Share,
}

impl<'a> Draft<'a> {
    fn take(&mut self, option: &'a str) -> Result<(), InvalidToxicSpec> {
        let (key, value) = match option.split_once('=') {
            Some((key, value)) if !value.is_empty() => (key, value),
            _ => return Err(InvalidToxicSpec::BadOption(option.to_owned())),
        };
        if self.given.contains(&key) {
            return Err(InvalidToxicSpec::Twice(key.to_owned()));
        }
        self.given.push(key);
        match key {
            "name" => self.name = Some(value),
            "toxicity" => {
                self.toxicity = value.parse().map_err(|_| InvalidToxicSpec::BadToxicity(value.to_owned()))?;
            }
            _ => {
                let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
                let number = value.parse().ok().filter(|_| is_plain);
                let number =
                    number.ok_or_else(|| InvalidToxicSpec::BadNumber(key.to_owned(), value.to_owned()))?;
                self.effect.set(key, number)?;
            }
        }
        Ok(())
    }

    fn finish(self, direction: Direction) -> Result<Toxic, InvalidToxicSpec> {
        self.effect.check()?;
        // The first attribute has no useful default: a latency of 0 does nothing, a limit of 0 bytes blocks everything.
        let kind = self.effect.kind();
        if let Some((key, _)) = self.effect.attributes().first()
            && !self.given.contains(key)
        {
            return Err(InvalidToxicSpec::Missing(kind, key));
        }
        let toxic = Toxic::new(self.effect, direction).with_toxicity(self.toxicity);
        Ok(match self.name {
            Some(name) => toxic.named(name.parse()?),
            None => toxic,
        })
    }
}

/// Why an argument is not a toxic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidToxicSpec {
    #[error("expected PROXY:TYPE, such as proxy:latency,latency=300")]
    NoProxy,
    #[error("{0}, and down")]
    UnknownToxicKind(#[from] UnknownToxicKind),
    #[error("after @: {0}")]
    BadDirection(#[from] InvalidDirection),
    #[error("down has no options")]
    DownWithOptions,
    #[error("`{0}` is not an option: expected KEY=VALUE between commas")]
    BadOption(String),
    #[error("{0}= was given twice")]
    Twice(String),
    #[error("{0}={1}: expected a whole number from 0, without a unit")]
    BadNumber(String, String),
    #[error("toxicity={0}: expected a share such as 0.3 or 30%")]
    BadToxicity(String),
    #[error(transparent)]
    BadAttribute(#[from] InvalidAttribute),
    #[error("name=: {0}")]
    BadName(#[from] InvalidName),
    #[error("{1}= is missing: {0} needs it")]
    Missing(ToxicKind, &'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toxic_specs() {
        for (text, proxy, name, attributes, direction, toxicity) in [
            (
                "web:latency,latency=300,jitter=20",
                "web",
                "latency_downstream",
                [300, 20].as_slice(),
                "downstream",
                100,
            ),
            ("web:bandwidth@up,rate=64,toxicity=0.3", "web", "bandwidth_upstream", &[64], "upstream", 30),
            ("a:b:slow_close@down,delay=1", "a:b", "slow_close_downstream", &[1], "downstream", 100),
            ("web:timeout@upstream,timeout=0,name=black hole", "web", "black hole", &[0], "upstream", 100),
            ("web:reset_peer,timeout=5,toxicity=50%", "web", "reset_peer_downstream", &[5], "downstream", 50),
            ("web:slicer,average_size=9,delay=7", "web", "slicer_downstream", &[9, 0, 7], "downstream", 100),
            ("web:limit_data,bytes=10", "web", "limit_data_downstream", &[10], "downstream", 100),
        ] {
            let spec: ToxicSpec = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            let toxic = spec.toxic.expect("not down");
            let values: Vec<u64> = toxic.effect.attributes().iter().map(|(_, value)| *value).collect();
            assert_eq!(
                (spec.proxy.as_str(), toxic.name.as_str(), values.as_slice()),
                (proxy, name, attributes)
            );
            assert_eq!((toxic.direction.as_str(), toxic.toxicity), (direction, Share::percent(toxicity)));
        }
        let down: ToxicSpec = "web:down".parse().expect("a valid toxic");
        assert_eq!((down.proxy.as_str(), down.toxic), ("web", None));
    }

    #[test]
    fn refusals() {
        for (text, said) in [
            ("latency,latency=3", "expected PROXY:TYPE"),
            ("web:poison", "the toxics are latency, bandwidth"),
            ("web:poison", "limit_data, and down"),
            ("web:latency@both,latency=3", "after @: a direction is up"),
            ("web:down,latency=3", "down has no options"),
            ("web:latency,latency", "`latency` is not an option"),
            ("web:latency,latency=", "`latency=` is not an option"),
            ("web:latency,latency=3,latency=4", "latency= was given twice"),
            ("web:latency,latency=3s", "latency=3s: expected a whole number"),
            ("web:latency,latency=+3", "latency=+3: expected a whole number"),
            ("web:latency,latency=99999999999", "latency is too large: it counts milliseconds"),
            ("web:latency,rate=3", "latency has no attribute `rate`: it has latency, jitter"),
            ("web:latency,jitter=3", "latency= is missing"),
            ("web:limit_data", "bytes= is missing"),
            ("web:latency,latency=3,toxicity=2", "toxicity=2: expected a share"),
            ("web:latency,latency=3,name=a/b", "name=: a name has"),
            ("web:slicer,average_size=1,size_variation=2", "size_variation is larger"),
        ] {
            let error = text.parse::<ToxicSpec>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
