//! Who runs the actors: a thread for each, or all of them on the thread that is there.
//!
//! The actors are the same in both cases. On one thread with virtual time a haul is a simulation: the same seed gives
//! the same run.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::{io, thread};

use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

/// A way to run actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Executor {
    /// Each on a thread of its own with a runtime of its own.
    Threads,
    /// All on this thread, whose runtime is within a [`LocalSet`].
    CurrentThread,
}

/// The result of an actor. A panic of the actor is passed on to whoever waits for it.
pub(crate) type Result<T> = Pin<Box<dyn Future<Output = T>>>;

impl Executor {
    /// Starts an actor, within the current span. It is made where it runs, so it need not be `Send`; what makes it must be.
    pub(crate) fn start<T, F, A>(self, name: &str, make: F) -> io::Result<Result<T>>
    where
        T: Send + 'static,
        F: FnOnce() -> A + Send + 'static,
        A: Future<Output = T> + 'static,
    {
        let span = Span::current();
        let make = move || make().instrument(span);
        match self {
            Self::CurrentThread => {
                let task = tokio::task::spawn_local(make());
                Ok(Box::pin(
                    async move { task.await.unwrap_or_else(|error| resume_unwind(error.into_panic())) },
                ))
            }
            Self::Threads => {
                let (result, outcome) = oneshot::channel();
                let runtime = runtime()?;
                let thread = thread::Builder::new().name(format!("longhaul-{name}")).spawn(move || {
                    let _ = result.send(block_on(&runtime, make));
                })?;
                Ok(Box::pin(async move {
                    match outcome.await {
                        Ok(outcome) => outcome,
                        // Without a result the thread has panicked, so joining it does not wait.
                        Err(_) => match thread.join() {
                            Err(panic) => resume_unwind(panic),
                            Ok(()) => unreachable!("a thread that ends sends its result"),
                        },
                    }
                }))
            }
        }
    }
}

/// Runs one actor on a thread of its own, and waits for it.
pub(crate) fn run_alone<T, F, A>(make: F) -> io::Result<T>
where
    T: Send,
    F: FnOnce() -> A + Send,
    A: Future<Output = T>,
{
    let runtime = runtime()?;
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("longhaul".to_owned())
            .spawn_scoped(scope, || block_on(&runtime, make))?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn block_on<T, A: Future<Output = T>>(runtime: &tokio::runtime::Runtime, make: impl FnOnce() -> A) -> T {
    LocalSet::new().block_on(runtime, async { make().await })
}

/// Waits until this time, or for ever. Cancel safe.
pub(crate) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
