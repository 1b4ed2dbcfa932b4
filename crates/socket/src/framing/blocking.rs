//! The messages of the blocking flavour.

use bytes::Bytes;
use tokio::time::Instant;

use super::calls::messages;
use super::{CHUNK_BYTES, Framing, MessageDecoder};
use crate::faults::{Fault, Phase, fault};
use crate::stream::blocking::Stream;
use crate::time::{Deadline, DeadlinePassed, clock};

messages!();
