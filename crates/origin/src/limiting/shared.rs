//! What all connections of a server share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model_state::ModelState;
use crate::hostile::{Options, Site};

/// One server.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) site: Arc<Site>,
    pub(super) options: Options,
    pub(super) model_state: ModelState,
}

/// The servers behind one listener.
#[derive(Debug, Clone)]
pub(super) struct ServersByName {
    pub(super) default: Arc<Shared>,
    /// By host name, in lower case.
    pub(super) named: BTreeMap<String, Arc<Shared>>,
}

impl ServersByName {
    /// The options of the connections: those of the default server.
    pub(super) fn options(&self) -> &Options {
        &self.default.options
    }

    /// The server of this name.
    pub(super) fn server(&self, name: Option<&str>) -> &Shared {
        name.and_then(|name| self.named.get(name)).unwrap_or(&self.default)
    }
}
