//! What is told while a haul runs: a live display on a terminal, lines elsewhere, and events for machines.
//!
//! The engine's callback only keeps book: [`board`] holds what is known, [`messages`] what is still to be said. A thread
//! of the [`reporter`] draws from them at its own pace, so a terminal that is stopped or slow never slows a download.
//! Machine output is the exception: its reader gets every event, and is waited for.

mod board;
mod events;
mod messages;
mod rate;
mod reporter;
mod screen;
mod slow_hosts;
mod view;

pub(crate) use reporter::Reporter;
