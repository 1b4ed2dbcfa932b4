//! Work on many items at a time, for what waits for a disk.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads that read files: small files cost a disk as much time in waiting as in reading, so it is given several at once.
const READERS_MIN: usize = 8;

/// Items that a thread takes at a time.
const ITEMS_PER_TURN: usize = 16;

/// The processors that this process may use.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// The threads that read files at a time.
pub(crate) fn readers() -> usize {
    READERS_MIN.max(processors())
}

/// Does `work` on every item, on this many threads, and returns the results in the order of the items, and the state of each thread.
/// Few items are worked on by the calling thread. A panic of `work` is passed on.
pub(crate) fn map<T: Sync, R: Send, S: Default + Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> (Vec<R>, Vec<S>) {
    if items.len() <= ITEMS_PER_TURN || threads <= 1 {
        let mut state = S::default();
        let results = items.iter().map(|item| work(&mut state, item)).collect();
        return (results, vec![state]);
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut state = S::default();
        let mut turns = Vec::new();
        loop {
            let first = next.fetch_add(ITEMS_PER_TURN, Ordering::Relaxed).min(items.len());
            let turn = &items[first..(first + ITEMS_PER_TURN).min(items.len())];
            if turn.is_empty() {
                return (turns, state);
            }
            turns.push((first, turn.iter().map(|item| work(&mut state, item)).collect::<Vec<_>>()));
        }
    };
    let (mut turns, mut states) = (Vec::new(), Vec::with_capacity(threads));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        for worker in workers {
            let (of_worker, state) = worker.join().unwrap_or_else(|panic| resume_unwind(panic));
            turns.extend(of_worker);
            states.push(state);
        }
    });
    turns.sort_unstable_by_key(|(first, _)| *first);
    (turns.into_iter().flat_map(|(_, results)| results).collect(), states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        for items in [0, 1, 16, 17, 1000] {
            for threads in [1, 3] {
                let items: Vec<usize> = (0..items).collect();
                let (results, states) = map(&items, threads, |count: &mut usize, item| {
                    *count += 1;
                    item * 2
                });
                assert!(results.iter().copied().eq(items.iter().map(|item| item * 2)));
                assert_eq!(states.iter().sum::<usize>(), items.len());
            }
        }
    }
}
