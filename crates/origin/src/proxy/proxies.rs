//! A set of proxies, each with its toxics, that can be changed while it runs.

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

/// Every client of the control port can add proxies, and each holds a socket.
const PROXIES_MAX: usize = 1_000;

/// Toxics of one proxy. Each costs every connection some time and memory.
const TOXICS_MAX: usize = 64;

/// A set of proxies, by name. Clones are the same set.
///
/// One operation runs at a time. An operation whose future is dropped may leave its proxy disabled, never partly changed.
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
    /// An empty set. Its proxies listen and connect in `network`, with the limits of `host`, whose log gets the reports of
    /// their connections. Random choices depend on `seed`, on the names of proxies and toxics, and on the number of the
    /// connection.
    pub fn new(host: ServiceHost, network: Arc<dyn Network>, seed: u64) -> Self {
        let connector = Connector::new(Arc::clone(&network), TlsOptions::system());
        let (memory, registry) = (MemoryBudget::default(), Mutex::default());
        Self(Arc::new(Shared { host, network, connector, memory, seed, registry }))
    }

    /// The states of all proxies, sorted by name.
    pub async fn list(&self) -> Vec<ProxyState> {
        let registry = self.0.registry.lock().await;
        registry.proxies.iter().map(|(name, proxy)| proxy.state(name)).collect()
    }

    /// The state of a proxy.
    ///
    /// # Errors
    /// When there is no such proxy.
    pub async fn get(&self, proxy: &str) -> Result<ProxyState, ProxyError> {
        self.0.registry.lock().await.find(proxy).map(|(name, proxy)| proxy.state(name))
    }

    /// Adds a proxy.
    ///
    /// # Errors
    /// When the name is taken, there are too many, or it cannot listen. Then it is not added.
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

    /// Adds proxies. An existing one with the same listen address and upstream stays as it is, with its toxics; another one
    /// with the name is replaced.
    ///
    /// # Errors
    /// As for [`add`](Self::add), of the first that fails; those before it are added.
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

    /// Changes a proxy. Its connections end if it is disabled or its listen address or upstream changes.
    ///
    /// # Errors
    /// When there is no such proxy, or it cannot listen. If the listen address was to change, nothing has changed; otherwise
    /// the proxy is disabled.
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
            (proxy.listen, proxy.upstream) = (proxy.real_address(listen), upstream);
            stop(old).await;
        } else {
            stop(proxy.running.take()).await;
            (proxy.listen, proxy.upstream) = (listen, upstream);
            if enabled {
                let running = self.start(name, proxy, listen, &proxy.upstream)?;
                proxy.running = Some(running);
                proxy.listen = proxy.real_address(listen);
            }
        }
        Ok(proxy.state(name))
    }

    /// Removes a proxy, and ends its connections.
    ///
    /// # Errors
    /// When there is no such proxy.
    pub async fn remove(&self, proxy: &str) -> Result<(), ProxyError> {
        let mut registry = self.0.registry.lock().await;
        let name = registry.find(proxy)?.0.clone();
        if let Some(proxy) = registry.proxies.remove(&name) {
            proxy.stop().await;
        }
        Ok(())
    }

    /// Enables all proxies, removes all toxics, and counts connections from zero, so that random choices repeat.
    ///
    /// # Errors
    /// The error of the first proxy that cannot listen; the others are reset.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn reset(&self) -> Result<(), ProxyError> {
        let mut registry = self.0.registry.lock().await;
        let mut result = Ok(());
        for (name, proxy) in &mut registry.proxies {
            proxy.toxics.send_replace(Arc::default());
            proxy.connections.store(0, Ordering::Relaxed);
            if proxy.running.is_some() {
                continue;
            }
            match self.start(name, proxy, proxy.listen, &proxy.upstream) {
                Ok(running) => {
                    proxy.running = Some(running);
                    proxy.listen = proxy.real_address(proxy.listen);
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// Adds a toxic to a proxy. It affects open connections at once.
    ///
    /// # Errors
    /// When there is no such proxy, or it has a toxic with that name, or too many.
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

    /// Changes a toxic, and returns it.
    ///
    /// # Errors
    /// When there is no such proxy or toxic, or an attribute is invalid. Then nothing has changed.
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

    /// Removes a toxic. What it holds passes on at once.
    ///
    /// # Errors
    /// When there is no such proxy or toxic.
    pub async fn remove_toxic(&self, proxy: &str, toxic: &str) -> Result<(), ProxyError> {
        self.0.registry.lock().await.find(proxy)?.1.change_toxics(|toxics| {
            let at = toxics.iter().position(|placed| placed.toxic.name.as_str() == toxic);
            toxics.remove(at.ok_or(ProxyError::NoToxic)?);
            Ok(())
        })
    }

    /// Removes all proxies, and ends their connections.
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
            proxy.listen = proxy.real_address(listen);
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

    /// The address with the real port, if the proxy listens.
    fn real_address(&self, listen: ListenAddress) -> ListenAddress {
        self.running.as_ref().map_or(listen, |running| running.endpoint().into())
    }

    /// Connections see the whole change or, if it fails, none of it.
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
