//! From what a user of the library asks for to a haul that is ready to run.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use longhaul_http::{ClientOptions, DirectRouter, ExchangeHook, HeaderValue, Router};
use longhaul_journal::storage::{DiskStorage, Storage};
use longhaul_socket::{Network, SystemNetwork, TlsOptions};

use crate::haul::Haul;
use crate::haul::HaulError;
use crate::haul::Settings;
use crate::haul::stop::Stopper;
use crate::list::BaseUrl;
use crate::list::content_digest::ListContent;
use crate::list::intake::List;
use crate::list::text::TextList;
use crate::list::{ListFormat, Source};
use crate::report::event::Event;
use crate::report::observer::Callback;
use crate::schedule::host_routing::{HostRouting, LimitRouting};
use crate::sink::store::{FileStore, Store};

/// The name of the list that single URLs make up ([`Builder::url`]).
pub const ARGUMENTS: &str = "arguments";

/// Makes the map of hosts, given the number of shards.
pub(crate) type MakeHostRouting = Box<dyn FnOnce(usize) -> Box<dyn HostRouting> + Send>;

/// Opens the store of a haul, given its storage.
pub(crate) type OpenStore = Box<dyn FnOnce(Arc<dyn Storage>) -> io::Result<Arc<dyn Store>> + Send>;

/// Builds a [`Haul`].
///
/// ```no_run
/// use longhaul::{Event, Haul};
///
/// let report = Haul::builder("files")
///     .list("urls.txt")
///     .on_event(|event| {
///         if let Event::Failed { url, fault, .. } = event {
///             eprintln!("{url}: {}", fault.message);
///         }
///     })
///     .build()?
///     .run()?;
/// println!("{} done, {} failed", report.counts.done, report.counts.failed);
/// # Ok::<(), longhaul::HaulError>(())
/// ```
pub struct Builder {
    directory: PathBuf,
    storage: Option<Arc<dyn Storage>>,
    store: Option<OpenStore>,
    network: Option<Arc<dyn Network>>,
    tls: TlsOptions,
    sources: Vec<Source>,
    urls: Vec<String>,
    settings: Settings,
    hooks: Vec<Arc<dyn ExchangeHook>>,
    router: Arc<dyn Router>,
    host_routing: Option<MakeHostRouting>,
    formats: Vec<Arc<dyn ListFormat>>,
    base: Option<BaseUrl>,
    callback: Callback,
    stopper: Stopper,
    start_unix_ms: Option<u64>,
    boot_id: Option<[u8; 16]>,
}

impl Builder {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            storage: None,
            store: None,
            network: None,
            tls: TlsOptions::system(),
            sources: Vec::new(),
            urls: Vec::new(),
            settings: Settings::default(),
            hooks: Vec::new(),
            router: Arc::new(DirectRouter),
            host_routing: None,
            formats: Vec::new(),
            base: None,
            callback: Box::new(|_| {}),
            stopper: Stopper::default(),
            start_unix_ms: None,
            boot_id: None,
        }
    }

    /// Adds a list: a file with one URL a line.
    #[must_use]
    pub fn list(self, path: impl Into<PathBuf>) -> Self {
        self.source(Source::File(path.into()))
    }

    /// Adds a list from anywhere.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// Where the files are that checksum files among the lists name (`sha256sum`, `b3sum`, BagIt manifests): these have no URLs.
    #[must_use]
    pub fn base(mut self, base: BaseUrl) -> Self {
        self.base = Some(base);
        self
    }

    /// Adds one URL.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// One deadline for every wait on a socket; 20 s (10 s to connect) unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.set_timeout(timeout);
        self
    }

    /// Changes what the haul may do.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Decides which hosts are reached through a proxy; without a router none is.
    #[must_use]
    pub fn router(mut self, router: Arc<dyn Router>) -> Self {
        self.router = router;
        self
    }

    /// Reads list files of this format as well. Formats are asked in the order in which they are added; a file of none of them is
    /// text.
    #[must_use]
    pub fn list_format(mut self, format: Arc<dyn ListFormat>) -> Self {
        self.formats.push(format);
        self
    }

    /// Decides which shard owns each host, in place of [`LimitRouting`]. Called once, with the number of shards.
    #[must_use]
    pub fn host_routing(mut self, make: impl FnOnce(usize) -> Box<dyn HostRouting> + Send + 'static) -> Self {
        self.host_routing = Some(Box::new(make));
        self
    }

    /// Calls `hook` before and after each request, redirects included, on whichever thread makes the request.
    #[must_use]
    pub fn exchange_hook(mut self, hook: Arc<dyn ExchangeHook>) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Calls this function with every event, one at a time, in the order in which they happened.
    ///
    /// [`Haul::run`] calls it on a thread of its own. A slow function delays the end of the run, and the downloads only once it is
    /// 65,536 events behind. If it panics, the haul stops and `run` passes the panic on. [`Haul::run_here`] calls it where the
    /// event happens: there it holds up everything.
    #[must_use]
    pub fn on_event(mut self, callback: impl FnMut(&Event<'_>) + Send + 'static) -> Self {
        self.callback = Box::new(callback);
        self
    }

    /// Certificates to be trusted, and hosts that are not checked.
    #[must_use]
    pub fn tls(mut self, options: TlsOptions) -> Self {
        self.tls = options;
        self
    }

    /// Another network than the system's: for simulations.
    #[must_use]
    pub fn network(mut self, network: Arc<dyn Network>) -> Self {
        self.network = Some(network);
        self
    }

    /// Another storage than the directory on disk: for simulations.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Keeps the bodies in another store than in a file each. The haul calls `open` once, when it runs: then no other process
    /// works on its directory.
    #[must_use]
    pub fn store(
        mut self,
        open: impl FnOnce(Arc<dyn Storage>) -> io::Result<Arc<dyn Store>> + Send + 'static,
    ) -> Self {
        self.store = Some(Box::new(open));
        self
    }

    /// The date and time at which the run begins, in milliseconds of Unix time: for simulations.
    #[must_use]
    pub fn starts_at(mut self, unix_ms: u64) -> Self {
        self.start_unix_ms = Some(unix_ms);
        self
    }

    /// The identity of the machine's boot, another one after each loss of power: for simulations.
    #[must_use]
    pub fn boot_id(mut self, id: [u8; 16]) -> Self {
        self.boot_id = Some(id);
        self
    }

    /// Opens the lists, so that one that cannot be read is known before anything is touched. Creates the directory.
    pub fn build(self) -> Result<Haul, HaulError> {
        let Self {
            directory,
            storage,
            store,
            network,
            tls,
            sources,
            urls,
            settings,
            hooks,
            router,
            host_routing,
            formats,
            base,
            callback,
            stopper,
            start_unix_ms,
            boot_id,
        } = self;
        let mut lists = Vec::with_capacity(sources.len() + 1);
        for source in sources {
            let label = match &source {
                Source::File(path) => path.display().to_string(),
                Source::Reader { label, .. } | Source::Items { label, .. } => label.clone(),
            };
            lists.push(
                source.open(&formats, base.as_ref()).map_err(|source| HaulError::List { label, source })?,
            );
        }
        if !urls.is_empty() {
            let text = urls.join("\n");
            lists.push(List {
                label: ARGUMENTS.to_owned(),
                reader: Box::new(TextList::new(io::Cursor::new(text))),
                identity: None,
                content: ListContent::Unknown,
            });
        }
        let user_agent = HeaderValue::from_str(&settings.user_agent).map_err(|_| HaulError::UserAgent)?;
        let headers = settings.headers.iter().cloned().collect();
        let storage = match storage {
            Some(storage) => storage,
            None => match DiskStorage::open(&directory, true) {
                Ok(storage) => Arc::new(storage),
                Err(source) => return Err(HaulError::Directory { directory, source }),
            },
        };
        let pace_per = settings.pace_per;
        let host_routing = host_routing
            .unwrap_or_else(|| Box::new(move |shards| Box::new(LimitRouting::new(shards, pace_per))));
        Ok(Haul {
            storage,
            store,
            network: network.unwrap_or_else(|| Arc::new(system_network(&settings.name_servers))),
            tls,
            lists,
            settings,
            host_routing,
            options: ClientOptions { user_agent, headers, hooks, router },
            callback,
            stopper,
            start_unix_ms,
            boot_id,
        })
    }
}

/// The network of this machine, asking these name servers if there are any.
fn system_network(name_servers: &[SocketAddr]) -> SystemNetwork {
    if name_servers.is_empty() {
        SystemNetwork::new()
    } else {
        SystemNetwork::with_name_servers(name_servers.to_vec())
    }
}

/// The store of the user, or files.
pub(crate) fn open_store(
    open: Option<OpenStore>,
    storage: &Arc<dyn Storage>,
) -> Result<Arc<dyn Store>, HaulError> {
    if let Some(open) = open {
        return open(Arc::clone(storage)).map_err(HaulError::Store);
    }
    let store = FileStore::new(Arc::clone(storage));
    store.probe().map_err(HaulError::Store)?;
    Ok(Arc::new(store))
}
