//! A set of proxies, each with its toxics, that can be changed while they run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use longhaul_socket::{Connector, Network, TlsOptions};
use tokio::sync::{Mutex, watch};

use super::error::ProxyError;
use super::memory_budget::MemoryBudget;
use super::name::Name;
use super::proxy_route::ProxyRoute;
use super::spec::{ListenAddress, ProxyChange, ProxySpec, ProxyState, ToxicChange, Upstream};
use super::toxic::{Direction, InstalledToxic, Toxic};
use crate::service_host::{RunningService, ServiceHost};

/// Each proxy holds a socket, and each is made by whoever may reach the control port.
const PROXIES_MAX: usize = 1_000;

/// Of one proxy. Each costs every connection a little.
const TOXICS_MAX: usize = 64;

/// A set of proxies, by name. Clones are the same set.
///
/// One operation runs at a time. One that is dropped half-way may leave its proxy disabled, never half changed.
#[derive(Clone)]
pub struct Proxies(Arc<Shared>);

struct Shared {
    host: ServiceHost,
    network: Arc<dyn Network>,
    connector: Connector,
    memory: MemoryBudget,
    seed: u64,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    proxies: BTreeMap<Name, Proxy>,
    toxics_made: u64,
}

struct Proxy {
    listen: ListenAddress,
    upstream: Upstream,
    toxics: watch::Sender<Arc<[InstalledToxic]>>,
    connections: Arc<AtomicU64>,
    /// `None` while it is disabled.
    running: Option<RunningService>,
}

impl Proxies {
    /// No proxies yet. They will listen in `network` by the limits of `host`, whose log is told of their connections, and
    /// connect in `network` too. What is left to chance is a matter of `seed`, of the names of proxies and toxics, and of
    /// how many connections a proxy has had.
    pub fn new(host: ServiceHost, network: Arc<dyn Network>, seed: u64) -> Self {
        let connector = Connector::new(Arc::clone(&network), TlsOptions::system());
        let (memory, registry) = (MemoryBudget::default(), Mutex::default());
        Self(Arc::new(Shared { host, network, connector, memory, seed, registry }))
    }

    /// What they are at this moment, by name.
    pub async fn list(&self) -> Vec<ProxyState> {
        let registry = self.0.registry.lock().await;
        registry.proxies.iter().map(|(name, proxy)| proxy.state(name)).collect()
    }

    /// What one of them is at this moment.
    pub async fn get(&self, proxy: &str) -> Result<ProxyState, ProxyError> {
        self.0.registry.lock().await.find(proxy).map(|(name, proxy)| proxy.state(name))
    }

    /// One more.
    ///
    /// # Errors
    /// When the name is taken, there are too many, or it cannot listen. Then there is none.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn add(&self, spec: ProxySpec) -> Result<ProxyState, ProxyError> {
        let mut registry = self.0.registry.lock().await;
        if registry.proxies.contains_key(&spec.name) {
            return Err(ProxyError::ProxyExists);
        }
        self.insert(&mut registry, spec)
    }

    /// Adds those that are not there, or differ in where they listen or whom they stand for; the others stay as they are,
    /// with their toxics.
    ///
    /// # Errors
    /// As for [`add`](Self::add), of the first that fails; those before it are there.
    pub async fn populate(&self, specs: Vec<ProxySpec>) -> Result<Vec<ProxyState>, ProxyError> {
        let mut registry = self.0.registry.lock().await;
        let mut states = Vec::with_capacity(specs.len());
        for spec in specs {
            if let Some(proxy) = registry.proxies.get(&spec.name) {
                if proxy.listen == spec.listen && proxy.upstream == spec.upstream {
                    states.push(proxy.state(&spec.name));
                    continue;
                }
                if let Some(old) = registry.proxies.remove(&spec.name) {
                    old.stop().await;
                }
            }
            states.push(self.insert(&mut registry, spec)?);
        }
        Ok(states)
    }

    /// Changes one. Its connections end if it is disabled, or stands for somebody else, or listens elsewhere.
    ///
    /// # Errors
    /// When there is no such proxy, or it cannot listen. If that was to be elsewhere, nothing has changed; otherwise it is
    /// disabled.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn update(&self, proxy: &str, change: ProxyChange) -> Result<ProxyState, ProxyError> {
        let mut registry = self.0.registry.lock().await;
        let (name, proxy) = registry.find_mut(proxy)?;
        let name = &name;
        let listen = change.listen.unwrap_or(proxy.listen);
        let upstream = change.upstream.unwrap_or_else(|| proxy.upstream.clone());
        let enabled = change.enabled.unwrap_or(proxy.running.is_some());
        let is_same = listen == proxy.listen && upstream == proxy.upstream;
        if is_same && enabled == proxy.running.is_some() {
            return Ok(proxy.state(name));
        }
        if enabled && listen != proxy.listen {
            let running = self.start(name, proxy, listen, &upstream)?;
            let old = proxy.running.replace(running);
            (proxy.listen, proxy.upstream) = (proxy.place(listen), upstream);
            stop(old).await;
        } else {
            stop(proxy.running.take()).await;
            (proxy.listen, proxy.upstream) = (listen, upstream);
            if enabled {
                let running = self.start(name, proxy, listen, &proxy.upstream)?;
                proxy.running = Some(running);
                proxy.listen = proxy.place(listen);
            }
        }
        Ok(proxy.state(name))
    }

    /// Removes one, and ends its connections.
    pub async fn remove(&self, proxy: &str) -> Result<(), ProxyError> {
        let mut registry = self.0.registry.lock().await;
        let name = registry.find(proxy)?.0.clone();
        if let Some(proxy) = registry.proxies.remove(&name) {
            proxy.stop().await;
        }
        Ok(())
    }

    /// Enables all, removes all toxics, and counts connections anew, so that chance decides again what it has decided.
    ///
    /// # Errors
    /// Of the first that cannot listen; the others are reset.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn reset(&self) -> Result<(), ProxyError> {
        let mut registry = self.0.registry.lock().await;
        let mut outcome = Ok(());
        for (name, proxy) in &mut registry.proxies {
            proxy.toxics.send_replace(Arc::default());
            proxy.connections.store(0, Ordering::Relaxed);
            if proxy.running.is_some() {
                continue;
            }
            match self.start(name, proxy, proxy.listen, &proxy.upstream) {
                Ok(running) => {
                    proxy.running = Some(running);
                    proxy.listen = proxy.place(proxy.listen);
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// One more toxic of a proxy, at once on all of its connections that it hits.
    ///
    /// # Errors
    /// When there is no such proxy, it has a toxic of that name, or too many.
    pub async fn add_toxic(&self, proxy: &str, toxic: Toxic) -> Result<(), ProxyError> {
        toxic.effect.check()?;
        let mut registry = self.0.registry.lock().await;
        registry.toxics_made += 1;
        let id = registry.toxics_made;
        registry.find(proxy)?.1.change_toxics(|toxics| {
            if toxics.iter().any(|placed| placed.toxic.name == toxic.name) {
                return Err(ProxyError::ToxicExists);
            }
            if toxics.len() >= TOXICS_MAX {
                return Err(ProxyError::TooMany(TOXICS_MAX));
            }
            toxics.push(InstalledToxic { id, toxic });
            Ok(())
        })
    }

    /// Changes a toxic; says what it is then.
    ///
    /// # Errors
    /// When there is no such proxy or toxic, or it has no such attribute. Then nothing has changed.
    pub async fn update_toxic(
        &self,
        proxy: &str,
        toxic: &str,
        change: ToxicChange,
    ) -> Result<Toxic, ProxyError> {
        self.0.registry.lock().await.find(proxy)?.1.change_toxics(|toxics| {
            let found = toxics.iter_mut().find(|placed| placed.toxic.name.as_str() == toxic);
            let toxic = &mut found.ok_or(ProxyError::NoToxic)?.toxic;
            for (key, value) in &change.attributes {
                toxic.effect.set(key, *value)?;
            }
            toxic.effect.check()?;
            toxic.toxicity = change.toxicity.unwrap_or(toxic.toxicity);
            Ok(toxic.clone())
        })
    }

    /// Removes a toxic. What it has held back goes on at once.
    pub async fn remove_toxic(&self, proxy: &str, toxic: &str) -> Result<(), ProxyError> {
        self.0.registry.lock().await.find(proxy)?.1.change_toxics(|toxics| {
            let at = toxics.iter().position(|placed| placed.toxic.name.as_str() == toxic);
            toxics.remove(at.ok_or(ProxyError::NoToxic)?);
            Ok(())
        })
    }

    /// Removes all, and ends their connections.
    pub async fn stop(&self) {
        let proxies = std::mem::take(&mut self.0.registry.lock().await.proxies);
        let mut stopping = tokio::task::JoinSet::new();
        for (_, proxy) in proxies {
            stopping.spawn(proxy.stop());
        }
        while stopping.join_next().await.is_some() {}
    }

    fn insert(&self, registry: &mut Registry, spec: ProxySpec) -> Result<ProxyState, ProxyError> {
        if registry.proxies.len() >= PROXIES_MAX {
            return Err(ProxyError::TooMany(PROXIES_MAX));
        }
        let ProxySpec { name, listen, upstream, enabled } = spec;
        let toxics = watch::Sender::new(Arc::default());
        let mut proxy = Proxy { listen, upstream, toxics, connections: Arc::default(), running: None };
        if enabled {
            proxy.running = Some(self.start(&name, &proxy, listen, &proxy.upstream)?);
            proxy.listen = proxy.place(listen);
        }
        let state = proxy.state(&name);
        registry.proxies.insert(name, proxy);
        Ok(state)
    }

    fn start(
        &self,
        name: &Name,
        proxy: &Proxy,
        listen: ListenAddress,
        upstream: &Upstream,
    ) -> Result<RunningService, ProxyError> {
        let route = ProxyRoute {
            name: name.clone(),
            target: upstream.target().clone(),
            connector: self.0.connector.clone(),
            memory: self.0.memory.clone(),
            seed: self.0.seed,
            connections: Arc::clone(&proxy.connections),
            toxics: proxy.toxics.clone(),
        };
        Ok(self.0.host.listen_tcp(&*self.0.network, Arc::new(route), listen.endpoint(), None)?)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").field("seed", &self.0.seed).finish_non_exhaustive()
    }
}

impl Registry {
    fn find(&self, proxy: &str) -> Result<(&Name, &Proxy), ProxyError> {
        self.proxies.get_key_value(proxy).ok_or(ProxyError::NoProxy)
    }

    fn find_mut(&mut self, proxy: &str) -> Result<(Name, &mut Proxy), ProxyError> {
        let name = self.find(proxy)?.0.clone();
        let proxy = self.proxies.get_mut(proxy).ok_or(ProxyError::NoProxy)?;
        Ok((name, proxy))
    }
}

impl Proxy {
    fn state(&self, name: &Name) -> ProxyState {
        let mut toxics: Vec<Toxic> = self.toxics.borrow().iter().map(|placed| placed.toxic.clone()).collect();
        toxics.sort_by_key(|toxic| toxic.direction == Direction::Downstream);
        ProxyState {
            name: name.clone(),
            listen: self.listen,
            upstream: self.upstream.clone(),
            enabled: self.running.is_some(),
            toxics,
        }
    }

    /// Where it really listens, who was told to listen there.
    fn place(&self, listen: ListenAddress) -> ListenAddress {
        self.running.as_ref().map_or(listen, |running| running.endpoint().into())
    }

    /// The connections see the change as a whole, or, if it fails, not at all.
    fn change_toxics<T>(
        &self,
        change: impl FnOnce(&mut Vec<InstalledToxic>) -> Result<T, ProxyError>,
    ) -> Result<T, ProxyError> {
        let mut toxics = self.toxics.borrow().to_vec();
        let changed = change(&mut toxics)?;
        self.toxics.send_replace(toxics.into());
        Ok(changed)
    }

    async fn stop(self) {
        stop(self.running).await;
    }
}

async fn stop(running: Option<RunningService>) {
    if let Some(running) = running {
        running.stop().await;
    }
}
