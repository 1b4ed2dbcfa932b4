//! The way of an event to the user's callback.
//!
//! On threads, a thread of its own calls the callback, and the actors put events into a bounded queue: they wait for the callback
//! only while it is [`QUEUED_EVENTS_MAX`] events behind. On the current thread the callback is called where the event happens, so
//! that a simulation is deterministic. In both cases events arrive in the order in which they happened, none is lost, and a run
//! ends after its last event has been handed over.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, iter};

use crate::haul::Stopper;
use crate::haul::executor::Executor;
use crate::report::event::Event;
use crate::report::owned_event::OwnedEvent;

/// Events between the actors and the callback. A callback that takes a second for one event holds up nothing until a run has
/// produced this many; the memory that they take is about 20 MB at most.
const QUEUED_EVENTS_MAX: usize = 65_536;

/// How long the thread lets events gather before it looks again. If it waited for each, an actor would have to wake it for each:
/// two calls of futex(2) for every file.
const GATHER_FOR: Duration = Duration::from_millis(10);

/// The user's function.
pub(crate) type Callback = Box<dyn FnMut(&Event<'_>) + Send>;

/// Where the actors of a haul report events.
pub(crate) struct Observer {
    delivery: Delivery,
    /// How many actors cannot write for now.
    paused_actors: Mutex<u32>,
}

enum Delivery {
    Inline(Mutex<Callback>),
    /// `None` ends the thread.
    Queue(SyncSender<Option<Box<OwnedEvent>>>),
}

/// The observer of one run. Dropping it hands over what is queued and ends the thread.
pub(crate) struct RunningObserver {
    observer: Arc<Observer>,
    thread: Option<JoinHandle<()>>,
}

impl RunningObserver {
    /// Starts to deliver events. If the callback panics, the haul is stopped, and dropping the observer passes the panic on.
    pub(crate) fn start(executor: Executor, callback: Callback, stopper: Stopper) -> io::Result<Self> {
        let (observer, thread) = match executor {
            Executor::CurrentThread => (Observer::inline(callback), None),
            Executor::Threads => {
                let (events, queue) = sync_channel(QUEUED_EVENTS_MAX);
                let deliver = move || deliver(&queue, callback, &stopper);
                let thread = thread::Builder::new().name("longhaul-observer".to_owned()).spawn(deliver)?;
                (Observer::new(Delivery::Queue(events)), Some(thread))
            }
        };
        Ok(Self { observer: Arc::new(observer), thread })
    }

    /// The end of it that the actors use.
    pub(crate) fn observer(&self) -> Arc<Observer> {
        Arc::clone(&self.observer)
    }
}

impl Drop for RunningObserver {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if let Delivery::Queue(events) = &self.observer.delivery {
            // Fails only if the callback has panicked.
            let _ = events.send(None);
        }
        if let Err(panic) = thread.join()
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

fn deliver(queue: &Receiver<Option<Box<OwnedEvent>>>, mut callback: Callback, stopper: &Stopper) {
    while let Ok(first) = queue.recv() {
        for event in iter::once(first).chain(queue.try_iter()) {
            let Some(event) = event else { return };
            let called = catch_unwind(AssertUnwindSafe(|| callback(&event.as_event())));
            if let Err(panic) = called {
                stopper.stop();
                resume_unwind(panic);
            }
        }
        thread::sleep(GATHER_FOR);
    }
}

impl Observer {
    /// Calls the callback where the event happens.
    pub(crate) fn inline(callback: Callback) -> Self {
        Self::new(Delivery::Inline(Mutex::new(callback)))
    }

    fn new(delivery: Delivery) -> Self {
        Self { delivery, paused_actors: Mutex::default() }
    }

    /// Reports an event. On threads, waits while the queue is full.
    pub(crate) fn emit(&self, event: &Event<'_>) {
        match &self.delivery {
            // A callback that panicked once is called again: the haul does not depend on it.
            Delivery::Inline(callback) => callback.lock().unwrap_or_else(PoisonError::into_inner)(event),
            Delivery::Queue(events) => {
                // The queue is closed once the run is over, or the callback has panicked.
                let _ = events.send(Some(Box::new(OwnedEvent::of(event))));
            }
        }
    }

    /// An actor cannot write for now. Reported once, however many they are.
    pub(crate) fn pause(&self, reason: &str) {
        let mut paused_actors = self.paused_actors.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_actors = paused_actors.saturating_add(1);
        if *paused_actors == 1 {
            self.emit(&Event::Paused { reason });
        }
    }

    /// An actor that could not write goes on.
    pub(crate) fn resume(&self) {
        let mut paused_actors = self.paused_actors.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_actors = paused_actors.saturating_sub(1);
        if *paused_actors == 0 {
            self.emit(&Event::Resumed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use longhaul_journal::RowId;

    use super::*;

    const EVENTS: u64 = 1000;

    fn row_of(event: &Event<'_>) -> u64 {
        match event {
            Event::Received { row, .. } => row.0,
            event => panic!("{event:?} was not emitted"),
        }
    }

    #[test]
    fn a_callback_that_hangs_holds_up_no_actor_and_gets_every_event() {
        let (seen, saw) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let callback = move |event: &Event<'_>| {
            if row_of(event) == 0 {
                released.recv().expect("the test releases the callback");
            }
            seen.send(row_of(event)).expect("the test waits");
        };
        let stopper = Stopper::default();
        let running =
            RunningObserver::start(Executor::Threads, Box::new(callback), stopper).expect("a thread");
        let observer = running.observer();
        for row in 0..EVENTS {
            observer.emit(&Event::Received { row: RowId(row), bytes: 1 });
        }
        assert!(saw.try_recv().is_err(), "every event is queued while the callback hangs in the first");
        release.send(()).expect("the callback waits");
        drop(running);
        assert!(saw.try_iter().eq(0..EVENTS), "in order, and before the observer has ended");
        observer.emit(&Event::Received { row: RowId(EVENTS), bytes: 1 });
        assert!(saw.try_recv().is_err(), "nothing is delivered after the end");
    }

    #[test]
    fn a_callback_that_panics_stops_the_haul_and_is_passed_on() {
        let stopper = Stopper::default();
        let callback = |_: &Event<'_>| panic!("the callback's own");
        let running =
            RunningObserver::start(Executor::Threads, Box::new(callback), stopper.clone()).expect("a thread");
        running.observer().emit(&Event::Stopping);
        let ended = catch_unwind(AssertUnwindSafe(|| drop(running)));
        let panic = ended.expect_err("the panic is passed on");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"the callback's own"));
        assert!(stopper.is_stopped());
    }
}
