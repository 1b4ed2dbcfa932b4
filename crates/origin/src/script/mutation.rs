//! A change of a case that must make it fail. A case that still passes checks nothing.

use serde::Deserialize;
use toml::Value;

/// One change of a case's file that must make the case fail.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// The meaning of the change.
    pub why: String,
    /// The changed value, such as `run.0.expect.code`.
    pub at: String,
    /// Its new value.
    pub to: Value,
}

impl Mutation {
    /// Applies the change. `None` if there is no such value.
    pub(super) fn apply(&self, case: &mut Value) -> Option<()> {
        let (parent, last) = self.at.rsplit_once('.').unwrap_or(("", &self.at));
        let mut steps = parent.split('.').filter(|step| !step.is_empty());
        let place = steps.try_fold(case, |value, step| match value {
            Value::Table(table) => table.get_mut(step),
            Value::Array(array) => array.get_mut(step.parse::<usize>().ok()?),
            _ => None,
        })?;
        match place {
            Value::Table(table) => {
                table.insert(last.to_owned(), self.to.clone());
            }
            Value::Array(array) => *array.get_mut(last.parse::<usize>().ok()?)? = self.to.clone(),
            _ => return None,
        }
        Some(())
    }
}
