//! Combines the proxies and the toxics of a command line before any service listens.

use longhaul_origin::proxy::{
    ListenAddress, Name, Proxies, ProxyChange, ProxyError, ProxySpec, ProxyState, Toxic, Upstream,
};
use longhaul_socket::Endpoint;
use thiserror::Error;

use super::{Content, ServiceSpec, ToxicSpec};

/// A proxy with its toxics.
#[derive(Debug)]
pub(crate) struct ProxyPlan {
    spec: ProxySpec,
    toxics: Vec<Toxic>,
}

impl ProxyPlan {
    /// The proxies among the services, in their order, each with its toxics.
    pub(crate) fn read(
        service_specs: &[ServiceSpec],
        toxics: &[ToxicSpec],
    ) -> Result<Vec<Self>, InvalidPlan> {
        let mut plans: Vec<Self> = Vec::new();
        for service_spec in service_specs {
            let Content::Proxy { name, upstream } = &service_spec.content else { continue };
            if plans.iter().any(|plan| plan.spec.name == *name) {
                return Err(InvalidPlan::TwoProxies(name.clone()));
            }
            for listen in service_spec.endpoints() {
                plans.push(Self::new(name, listen, upstream));
            }
        }
        for toxic_spec in toxics {
            let plan = plans.iter_mut().find(|plan| plan.spec.name.as_str() == toxic_spec.proxy);
            let plan = plan.ok_or_else(|| InvalidPlan::NoProxy(toxic_spec.proxy.clone()))?;
            let Some(toxic) = &toxic_spec.toxic else {
                plan.spec.enabled = false;
                continue;
            };
            if plan.toxics.iter().any(|known| known.name == toxic.name) {
                return Err(InvalidPlan::TwoToxics(plan.spec.name.clone(), toxic.name.clone()));
            }
            plan.toxics.push(toxic.clone());
        }
        Ok(plans)
    }

    fn new(name: &Name, listen: Endpoint, upstream: &Upstream) -> Self {
        let listen = ListenAddress::from(listen);
        let spec = ProxySpec { name: name.clone(), listen, upstream: upstream.clone(), enabled: true };
        Self { spec, toxics: Vec::new() }
    }

    /// Adds the proxy to `proxies`. It gets its toxics before it listens.
    pub(crate) async fn apply(self, proxies: &Proxies) -> Result<ProxyState, ProxyError> {
        let ProxySpec { name, enabled, .. } = self.spec.clone();
        proxies.add(ProxySpec { enabled: false, ..self.spec }).await?;
        for toxic in self.toxics {
            proxies.add_toxic(name.as_str(), toxic).await?;
        }
        proxies.update(name.as_str(), ProxyChange { enabled: Some(enabled), ..ProxyChange::default() }).await
    }
}

/// Why proxies and toxics do not fit together.
#[derive(Debug, Error)]
pub(crate) enum InvalidPlan {
    #[error("two proxies have the name {0}: give each one its own with name=")]
    TwoProxies(Name),
    #[error("--toxic {0}: no proxy has this name")]
    NoProxy(String),
    #[error("--toxic {0}: two toxics have the name {1}; give one another name with name=")]
    TwoToxics(Name, Name),
}
