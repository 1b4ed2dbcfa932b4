//! The proxies that are asked for and their toxics, brought together before anything listens.

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
    /// The proxies among the specifications, in their order.
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
        for service_spec in toxics {
            let plan = plans.iter_mut().find(|plan| plan.spec.name.as_str() == service_spec.proxy);
            let plan = plan.ok_or_else(|| InvalidPlan::NoProxy(service_spec.proxy.clone()))?;
            let Some(toxic) = &service_spec.toxic else {
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

    /// Makes the proxy one of `proxies`. It has its toxics before it listens.
    pub(crate) async fn carry_out(self, proxies: &Proxies) -> Result<ProxyState, ProxyError> {
        let ProxySpec { name, enabled, .. } = self.spec.clone();
        proxies.add(ProxySpec { enabled: false, ..self.spec }).await?;
        for toxic in self.toxics {
            proxies.add_toxic(name.as_str(), toxic).await?;
        }
        proxies.update(name.as_str(), ProxyChange { enabled: Some(enabled), ..ProxyChange::default() }).await
    }
}

/// Why proxies and toxics do not go together.
#[derive(Debug, Error)]
pub(crate) enum InvalidPlan {
    #[error("two proxies are called {0}: give each a name=")]
    TwoProxies(Name),
    #[error("--toxic {0}: no proxy is called so")]
    NoProxy(String),
    #[error("--toxic {0}: two toxics are called {1}; give one a name=")]
    TwoToxics(Name, Name),
}
