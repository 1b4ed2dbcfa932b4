//! One run of a haul: its inputs, the faults that are injected, and its result.

use std::io::{self, Cursor};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::store::Store;
use longhaul::{Builder, Event, Haul, HaulError, ListReader, Report, Settings, Source, Stopper};
use longhaul_journal::storage::{Failure, MemoryStorage, Storage};
use longhaul_socket::clock;
use tokio::sync::oneshot;

use super::trapped::{Trap, TrappedStorage};
use super::{EventKind, RecordedEvent, World};

/// No run here takes longer than this in virtual time; one that does hangs.
const RUN_MAX: Duration = Duration::from_hours(6);
/// The deadline of every wait on a socket, unless a plan says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How a run ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process is killed; what it handed to the system stays.
    Kill,
    /// The machine loses power; of what was not synced, any part stays.
    PowerLoss,
}

impl Crash {
    /// The storage as this crash leaves it.
    pub(crate) fn of(self, storage: &MemoryStorage) -> MemoryStorage {
        match self {
            Self::Kill => storage.process_crash(),
            Self::PowerLoss => storage.crash(),
        }
    }
}

type When = Box<dyn FnMut(&RecordedEvent) -> bool + Send>;
type Watch = Box<dyn FnMut(&RecordedEvent, &Stopper) + Send>;

type MakeStore = Box<dyn FnOnce(Arc<dyn Storage>) -> Arc<dyn Store> + Send>;

/// A run that is about to be made.
pub(crate) struct Plan<'a> {
    world: &'a World,
    source: Source,
    timeout: Duration,
    settings: Box<dyn FnOnce(&mut Settings) + 'a>,
    builder: Box<dyn FnOnce(Builder) -> Builder + 'a>,
    watch: Watch,
    crash: Option<(Crash, When)>,
    sabotage: Option<Sabotage>,
    trap: Option<Arc<Trap>>,
    store: Option<MakeStore>,
}

/// Which calls of the storage fail, counted from 0.
#[derive(Clone, Copy)]
enum Sabotage {
    One(u64, Failure),
    AllFrom(u64),
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` if it was crashed.
    pub(crate) report: Option<Result<Report, HaulError>>,
    /// Its events, up to its end or crash.
    pub(crate) events: Vec<RecordedEvent>,
    pub(crate) elapsed: Duration,
}

impl World {
    /// A run of a haul of this list.
    pub(crate) fn haul(&self, list: impl Into<String>) -> Plan<'_> {
        Plan {
            world: self,
            source: Source::Reader { label: "list".to_owned(), reader: Box::new(Cursor::new(list.into())) },
            timeout: TIMEOUT,
            settings: Box::new(|_| {}),
            builder: Box::new(|builder| builder),
            watch: Box::new(|_, _| {}),
            crash: None,
            sabotage: None,
            trap: None,
            store: None,
        }
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn settings(mut self, change: impl FnOnce(&mut Settings) + 'a) -> Self {
        self.settings = Box::new(change);
        self
    }

    /// Gives the haul what has no setting: hooks, for instance.
    pub(crate) fn builder(mut self, change: impl FnOnce(Builder) -> Builder + 'a) -> Self {
        self.builder = Box::new(change);
        self
    }

    /// Shows every event to `watch`, which may stop the run or change the world.
    pub(crate) fn watch(mut self, watch: impl FnMut(&RecordedEvent, &Stopper) + Send + 'static) -> Self {
        self.watch = Box::new(watch);
        self
    }

    /// Crashes right after this many events.
    pub(crate) fn crash_at_event(self, events: usize, crash: Crash) -> Self {
        let mut count = 0;
        self.crash_when(crash, move |_| {
            count += 1;
            count >= events
        })
    }

    /// Crashes right after the first event for which `when` returns true.
    pub(crate) fn crash_when(
        mut self,
        crash: Crash,
        when: impl FnMut(&RecordedEvent) -> bool + Send + 'static,
    ) -> Self {
        self.crash = Some((crash, Box::new(when)));
        self
    }

    /// Lets the given call of the storage fail, counted from 0.
    pub(crate) fn fail_storage_call(mut self, call: u64, failure: impl Into<Failure>) -> Self {
        self.sabotage = Some(Sabotage::One(call, failure.into()));
        self
    }

    /// Lets the given call of the storage fail, counted from 0, and every later one.
    pub(crate) fn halt_storage_at(mut self, call: u64) -> Self {
        self.sabotage = Some(Sabotage::AllFrom(call));
        self
    }

    /// Lets `trap` decide over every call of the storage, by the call's name and path.
    pub(crate) fn trap(
        mut self,
        trap: impl Fn(&str, &str) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.trap = Some(Arc::new(trap));
        self
    }

    /// Reads the list from this reader instead of text.
    pub(crate) fn items(self, reader: impl ListReader + 'static) -> Self {
        self.items_of("list", reader)
    }

    /// Reads a list of this name from this reader.
    pub(crate) fn items_of(mut self, label: &str, reader: impl ListReader + 'static) -> Self {
        self.source = Source::Items { label: label.to_owned(), reader: Box::new(reader) };
        self
    }

    /// Keeps the bodies in the store that `make` makes over the run's storage.
    pub(crate) fn store(
        mut self,
        make: impl FnOnce(Arc<dyn Storage>) -> Arc<dyn Store> + Send + 'static,
    ) -> Self {
        self.store = Some(Box::new(make));
        self
    }

    /// Runs to the end, or to the crash.
    pub(crate) async fn run(self) -> Run {
        let Self { world, source, timeout, settings, builder, watch, crash, sabotage, trap, store } = self;
        let storage = world.storage();
        match sabotage {
            Some(Sabotage::One(call, failure)) => storage.fail_after(call, failure),
            Some(Sabotage::AllFrom(call)) => storage.halt_after(call),
            None => {}
        }
        let seam: Arc<dyn Storage> = match trap {
            Some(trap) => Arc::new(TrappedStorage::new(Arc::new(storage.clone()), trap)),
            None => Arc::new(storage.clone()),
        };
        let started = clock::now();
        let (crashing, crashed) = oneshot::channel();
        let recorder = Arc::new(Mutex::new(Recorder {
            events: Vec::new(),
            watch,
            stopper: None,
            storage: storage.clone(),
            crash: crash.map(|(kind, when)| (kind, when, crashing)),
            has_crashed: false,
        }));
        let on_event = Arc::clone(&recorder);
        let mut prepared = builder(Haul::builder("unused"));
        if let Some(make) = store {
            prepared = prepared.store(|storage| Ok(make(storage)));
        }
        let haul = prepared
            .storage(seam)
            .network(Arc::new(world.network.clone()))
            .source(source)
            .starts_at(world.clock.unix_ms())
            .boot_id(world.boot_id())
            .timeout(timeout)
            .settings(|change| {
                change.seed = world.seed;
                change.shards = 1;
                settings(change);
            })
            .on_event(move |event| {
                on_event.lock().expect("no test panics within").record(event, started.elapsed());
            })
            .build()
            .expect("the settings are valid");
        recorder.lock().expect("no test panics within").stopper = Some(haul.stopper());

        let mut run = pin!(tokio::time::timeout(RUN_MAX, haul.run_here()));
        let report = tokio::select! {
            biased;
            Ok((crash, left)) = crashed => {
                world.crashed(crash, left);
                None
            }
            report = &mut run => Some(report.expect("the haul hangs")),
        };
        storage.heal();
        let events = std::mem::take(&mut recorder.lock().expect("no test panics within").events);
        Run { report, events, elapsed: started.elapsed() }
    }
}

/// The kind of crash, its moment, and the channel for the storage that it leaves.
type PlannedCrash = (Crash, When, oneshot::Sender<(Crash, MemoryStorage)>);

struct Recorder {
    events: Vec<RecordedEvent>,
    watch: Watch,
    stopper: Option<Stopper>,
    storage: MemoryStorage,
    crash: Option<PlannedCrash>,
    has_crashed: bool,
}

impl Recorder {
    fn record(&mut self, event: &Event<'_>, at: Duration) {
        if self.has_crashed {
            // The run is dropped as soon as it yields; what it does until then has not happened.
            return;
        }
        let recorded = RecordedEvent::of(event, at);
        if let Some(stopper) = &self.stopper {
            (self.watch)(&recorded, stopper);
        }
        self.has_crashed = self.crash.as_mut().is_some_and(|(_, when, _)| when(&recorded));
        self.events.push(recorded);
        if self.has_crashed
            && let Some((crash, _, sender)) = self.crash.take()
        {
            let _ = sender.send((crash, crash.of(&self.storage)));
        }
    }
}

impl Run {
    /// The report of a run that came to its end.
    pub(crate) fn report(&self) -> &Report {
        match &self.report {
            Some(Ok(report)) => report,
            Some(Err(error)) => panic!("the run failed: {error}: {:?}", std::error::Error::source(error)),
            None => panic!("the run was crashed"),
        }
    }

    /// Rows that are done, failed, skipped and pending.
    pub(crate) fn counts(&self) -> (u64, u64, u64, u64) {
        let counts = self.report().counts;
        (counts.done, counts.failed, counts.skipped, counts.pending)
    }

    /// The events of this kind.
    pub(crate) fn events_of(&self, kind: EventKind) -> impl Iterator<Item = &RecordedEvent> {
        self.events.iter().filter(move |event| event.kind == kind)
    }

    /// The outcome of the row with this URL.
    pub(crate) fn outcome(&self, url: &str) -> &RecordedEvent {
        let mut found = self.events.iter().filter(|event| event.is_outcome() && event.url == url);
        match (found.next(), found.next()) {
            (Some(outcome), None) => outcome,
            (None, _) => panic!("{url} has no outcome: {:#?}", self.events),
            (Some(_), Some(_)) => panic!("{url} has several outcomes: {:#?}", self.events),
        }
    }
}
