//! The messages of the async flavour.

use bytes::Bytes;
use tokio::time::Instant;

use super::calls::messages;
use super::{CHUNK_BYTES, Framing, MessageDecoder};
use crate::faults::{Fault, Phase, fault};
use crate::stream::Stream;
use crate::time::{Deadline, DeadlinePassed, clock};

messages!(async await);
