//! A case made wrong on purpose. A case that does not notice it checks nothing.

use serde::Deserialize;
use toml::Value;

/// One change of a case's file after which the case must fail.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// What the change means.
    pub why: String,
    /// What is changed, such as `run.0.expect.code`.
    pub at: String,
    /// What it becomes.
    pub to: Value,
}

impl Mutation {
    /// Makes the change. `None` if there is nothing in that place to be changed.
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
