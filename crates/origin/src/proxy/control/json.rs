//! Proxies and toxics as JSON, in both directions. Unknown fields are ignored, because clients send back what they received.
//! An unknown attribute is refused, because the toxic would not do what the client wants.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::proxy::effect::{Effect, ToxicKind};
use crate::proxy::error::ProxyError;
use crate::proxy::name::Name;
use crate::proxy::spec::{ProxyChange, ProxySpec, ProxyState, ToxicChange};
use crate::proxy::toxic::{Direction, Toxic};
use crate::random::Share;

/// The object in a request body.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(body: &[u8]) -> Result<Self, ProxyError> {
        Self::of(parsed(body)?)
    }

    /// An array of such objects.
    pub(super) fn read_list(body: &[u8]) -> Result<Vec<Self>, ProxyError> {
        match parsed(body)? {
            Value::Array(values) => values.into_iter().map(Self::of).collect(),
            _ => Err(bad("expected an array")),
        }
    }

    fn of(value: Value) -> Result<Self, ProxyError> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(bad("expected an object")),
        }
    }

    /// The configuration of a proxy; enabled by default, and on a free port of loopback.
    pub(super) fn proxy(&self) -> Result<ProxySpec, ProxyError> {
        let ProxyChange { listen, upstream, enabled } = self.proxy_change()?;
        let name = self.parsed::<Name>("name")?.ok_or(ProxyError::Missing("name"))?;
        let upstream = upstream.ok_or(ProxyError::Missing("upstream"))?;
        let (listen, enabled) = (listen.unwrap_or_default(), enabled.unwrap_or(true));
        Ok(ProxySpec { name, listen, upstream, enabled })
    }

    /// A change of a proxy. Its name cannot change.
    pub(super) fn proxy_change(&self) -> Result<ProxyChange, ProxyError> {
        let enabled = match self.get("enabled") {
            None => None,
            Some(Value::Bool(enabled)) => Some(*enabled),
            Some(_) => return Err(bad("enabled: expected true or false")),
        };
        Ok(ProxyChange { listen: self.parsed("listen")?, upstream: self.parsed("upstream")?, enabled })
    }

    /// A new toxic; by default downstream, for every connection, and with a name made of its type and direction.
    pub(super) fn toxic(&self) -> Result<Toxic, ProxyError> {
        let kind: ToxicKind = self.text("type")?.unwrap_or("").parse().map_err(|_| ProxyError::BadType)?;
        let direction = match self.text("stream")? {
            None | Some("") => Direction::Downstream,
            Some(stream) => stream.parse().map_err(|_| ProxyError::BadStream)?,
        };
        let ToxicChange { toxicity, attributes } = self.toxic_change()?;
        let mut effect = Effect::of(kind);
        for (key, value) in attributes {
            effect.set(&key, value)?;
        }
        effect.check()?;
        let toxic = Toxic::new(effect, direction).with_toxicity(toxicity.unwrap_or(Share::ALL));
        Ok(match self.parsed("name")? {
            Some(name) => toxic.named(name),
            None => toxic,
        })
    }

    /// A change of a toxic. Its name, type and stream cannot change.
    pub(super) fn toxic_change(&self) -> Result<ToxicChange, ProxyError> {
        let attributes = match self.get("attributes") {
            None => Vec::new(),
            Some(Value::Object(attributes)) => {
                let attribute = |(key, value): (&String, &Value)| match whole(value) {
                    Some(number) => Ok((key.clone(), number)),
                    None => Err(bad(format_args!("{}: expected a whole number from 0", key.escape_debug()))),
                };
                attributes.iter().map(attribute).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(bad("attributes: expected an object")),
        };
        let toxicity = match self.get("toxicity") {
            None => None,
            Some(value) => Some(share(value).ok_or_else(|| bad("toxicity: expected a number from 0 to 1"))?),
        };
        Ok(ToxicChange { toxicity, attributes })
    }

    /// The value of a field; `None` also for null.
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Result<Option<&str>, ProxyError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(format_args!("{key}: expected a string"))),
        }
    }

    /// A field parsed from its text; `None` also for an empty text.
    fn parsed<T: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<T>, ProxyError> {
        match self.text(key)? {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|error| bad(format_args!("{key}: {error}"))),
        }
    }
}

fn parsed(body: &[u8]) -> Result<Value, ProxyError> {
    serde_json::from_slice(body).map_err(bad)
}

fn bad(what: impl Display) -> ProxyError {
    ProxyError::BadRequest(what.to_string())
}

/// A whole number, also from a client that writes all numbers with a fraction.
fn whole(value: &Value) -> Option<u64> {
    /// Up to here a float represents every whole number exactly.
    const FLOAT_MAX: f64 = 9e15;
    value.as_u64().or_else(|| {
        let float =
            value.as_f64().filter(|float| (0.0..=FLOAT_MAX).contains(float) && float.fract() == 0.0)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, and within bounds"
        )]
        Some(float as u64)
    })
}

fn share(value: &Value) -> Option<Share> {
    let share = value.as_f64().filter(|share| (0.0..=1.0).contains(share))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
    let parts = (share * 1_000_000.0).round() as u32;
    Some(Share::per_million(parts))
}

/// A proxy as JSON.
pub(super) fn of_proxy(state: &ProxyState) -> Value {
    json!({
        "name": state.name.as_str(),
        "listen": state.listen.to_string(),
        "upstream": state.upstream.to_string(),
        "enabled": state.enabled,
        "toxics": state.toxics.iter().map(of_toxic).collect::<Vec<_>>(),
    })
}

/// A toxic as JSON.
pub(super) fn of_toxic(toxic: &Toxic) -> Value {
    let attributes: Map<String, Value> =
        toxic.effect.attributes().into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    json!({
        "name": toxic.name.as_str(),
        "type": toxic.effect.kind().as_str(),
        "stream": toxic.direction.as_str(),
        "toxicity": f64::from(toxic.toxicity.parts_per_million()) / 1_000_000.0,
        "attributes": attributes,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop_oneof!["latency", "slicer", "upstream", "127.0.0.1:[0-9]{1,6}", ".{0,8}"]
                .prop_map(Value::from),
        ];
        let key = prop_oneof![
            "name",
            "listen",
            "upstream",
            "enabled",
            "type",
            "stream",
            "toxicity",
            "attributes",
            "latency",
            "average_size",
            "size_variation",
            "delay",
        ];
        leaf.prop_recursive(3, 32, 8, move |inner| {
            let members = btree_map(key.clone(), inner.clone(), 0..8);
            let object = members.prop_map(|members| Value::Object(members.into_iter().collect()));
            prop_oneof![vec(inner, 0..4).prop_map(Value::from), object]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_parsed_or_refused_and_a_toxic_survives_the_round_trip(value in value()) {
            let body = value.to_string();
            let _ = Fields::read_list(body.as_bytes()).map(|list| list.iter().map(Fields::proxy).count());
            if let Ok(fields) = Fields::read(body.as_bytes()) {
                let _ = (fields.proxy().is_ok(), fields.proxy_change().is_ok());
                if let Ok(toxic) = fields.toxic() {
                    let parsed_again = Fields::read(of_toxic(&toxic).to_string().as_bytes());
                    prop_assert_eq!(parsed_again.and_then(|fields| fields.toxic()).ok(), Some(toxic));
                }
            }
        }

        #[test]
        fn garbage_is_refused(body in vec(b'!'..=b'~', 0..64)) {
            let (object, array) = (Fields::read(&body), Fields::read_list(&body));
            prop_assert!(object.is_err() || body.ends_with(b"}"), "an object");
            prop_assert!(array.is_err() || body.ends_with(b"]"), "an array");
        }

        #[test]
        fn every_toxic_survives_the_round_trip(
            kind in 0..ToxicKind::ALL.len(), numbers in vec(0..86_400_000_u64, 3), parts in 0..=1_000_000_u32, up: bool,
        ) {
            let mut effect = Effect::of(ToxicKind::ALL[kind]);
            for ((key, _), number) in effect.attributes().into_iter().zip(numbers) {
                effect.set(key, number).expect("a day at most");
            }
            prop_assume!(effect.check().is_ok());
            let direction = if up { Direction::Upstream } else { Direction::Downstream };
            let toxic = Toxic::new(effect, direction).with_toxicity(Share::per_million(parts));
            let parsed_again = Fields::read(of_toxic(&toxic).to_string().as_bytes());
            prop_assert_eq!(parsed_again.and_then(|fields| fields.toxic()).ok(), Some(toxic));
        }
    }
}
