//! What a toxic does, and how much of it: the kinds and their attributes, in the units of Toxiproxy's API.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// The longest time of an attribute: nobody tests a wait of more than a day, and far beyond it clocks overflow.
const TIME_MAX: Duration = Duration::from_hours(24);

/// What a toxic does to one direction of a connection.
///
/// ```
/// use longhaul_origin::proxy::{Effect, ToxicKind};
///
/// let mut effect = Effect::of(ToxicKind::Latency);
/// effect.set("latency", 250)?;
/// assert_eq!(effect.attributes(), [("latency", 250), ("jitter", 0)]);
/// assert!(effect.set("rate", 1).is_err());
/// # Ok::<(), longhaul_origin::proxy::InvalidAttribute>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Everything comes later, the end too: by `latency`, give or take up to `jitter`, and still in order.
    Latency {
        /// The delay in the mean.
        latency: Duration,
        /// By how much it differs at most.
        jitter: Duration,
    },
    /// So many kilobytes of 1,000 bytes pass in a second. At none it has no effect.
    Bandwidth {
        /// The speed.
        kilobytes_per_second: u64,
    },
    /// The end comes later.
    SlowClose {
        /// By how much.
        delay: Duration,
    },
    /// Nothing passes, and after `timeout` the connection is closed; at zero it is not. When the toxic goes away and
    /// something has been lost, the connection is closed, so that nobody takes what follows for the whole.
    Timeout {
        /// Since the toxic began to work on the connection.
        timeout: Duration,
    },
    /// Nothing passes, and the connection is reset.
    ResetPeer {
        /// Since the first byte, or the end, of the direction.
        timeout: Duration,
    },
    /// The stream is cut into pieces, with a pause after each. At an average of 0 it has no effect.
    Slicer {
        /// The size of a piece in the mean.
        average_bytes: u64,
        /// By how much it differs at most; not more than the average.
        variation_bytes: u64,
        /// The pause after a piece.
        delay: Duration,
    },
    /// So many bytes pass, and then the connection is closed.
    LimitData {
        /// How many.
        bytes: u64,
    },
}

/// Which [`Effect`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToxicKind {
    /// [`Effect::Latency`]
    Latency,
    /// [`Effect::Bandwidth`]
    Bandwidth,
    /// [`Effect::SlowClose`]
    SlowClose,
    /// [`Effect::Timeout`]
    Timeout,
    /// [`Effect::ResetPeer`]
    ResetPeer,
    /// [`Effect::Slicer`]
    Slicer,
    /// [`Effect::LimitData`]
    LimitData,
}

impl ToxicKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Latency,
        Self::Bandwidth,
        Self::SlowClose,
        Self::Timeout,
        Self::ResetPeer,
        Self::Slicer,
        Self::LimitData,
    ];

    /// The `type` of Toxiproxy's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Bandwidth => "bandwidth",
            Self::SlowClose => "slow_close",
            Self::Timeout => "timeout",
            Self::ResetPeer => "reset_peer",
            Self::Slicer => "slicer",
            Self::LimitData => "limit_data",
        }
    }
}

impl fmt::Display for ToxicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ToxicKind {
    type Err = UnknownToxicKind;

    fn from_str(text: &str) -> Result<Self, UnknownToxicKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownToxicKind)
    }
}

/// The text names no [`ToxicKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the toxics are latency, bandwidth, slow_close, timeout, reset_peer, slicer and limit_data")]
pub struct UnknownToxicKind;

impl Effect {
    /// The effect with all of its attributes at zero.
    pub const fn of(kind: ToxicKind) -> Self {
        const NONE: Duration = Duration::ZERO;
        match kind {
            ToxicKind::Latency => Self::Latency { latency: NONE, jitter: NONE },
            ToxicKind::Bandwidth => Self::Bandwidth { kilobytes_per_second: 0 },
            ToxicKind::SlowClose => Self::SlowClose { delay: NONE },
            ToxicKind::Timeout => Self::Timeout { timeout: NONE },
            ToxicKind::ResetPeer => Self::ResetPeer { timeout: NONE },
            ToxicKind::Slicer => Self::Slicer { average_bytes: 0, variation_bytes: 0, delay: NONE },
            ToxicKind::LimitData => Self::LimitData { bytes: 0 },
        }
    }

    /// Which it is.
    pub const fn kind(&self) -> ToxicKind {
        match self {
            Self::Latency { .. } => ToxicKind::Latency,
            Self::Bandwidth { .. } => ToxicKind::Bandwidth,
            Self::SlowClose { .. } => ToxicKind::SlowClose,
            Self::Timeout { .. } => ToxicKind::Timeout,
            Self::ResetPeer { .. } => ToxicKind::ResetPeer,
            Self::Slicer { .. } => ToxicKind::Slicer,
            Self::LimitData { .. } => ToxicKind::LimitData,
        }
    }

    /// The attributes by name, each in its unit: milliseconds, for the slicer's delay microseconds, kilobytes a second,
    /// bytes.
    pub fn attributes(&self) -> Vec<(&'static str, u64)> {
        let mut copy = *self;
        copy.slots().into_iter().map(|(key, slot)| (key, slot.read())).collect()
    }

    /// Sets one attribute by its name, in its unit.
    ///
    /// # Errors
    /// When there is none of that name, or it is too large. Then nothing has changed.
    pub fn set(&mut self, key: &str, value: u64) -> Result<(), InvalidAttribute> {
        let kind = self.kind();
        let slot = self.slots().into_iter().find(|(known, _)| *known == key);
        let Some((key, slot)) = slot else {
            return Err(InvalidAttribute::Unknown { kind, key: key.escape_debug().to_string() });
        };
        slot.write(value).map_err(|unit| InvalidAttribute::TooLarge { key, unit })
    }

    /// Whether the attributes go together.
    ///
    /// # Errors
    /// When the pieces of a slicer would vary by more than their size.
    pub fn check(&self) -> Result<(), InvalidAttribute> {
        match *self {
            Self::Slicer { average_bytes, variation_bytes, .. } if variation_bytes > average_bytes => {
                Err(InvalidAttribute::Variation)
            }
            _ => Ok(()),
        }
    }

    fn slots(&mut self) -> Vec<(&'static str, Slot<'_>)> {
        use Slot::{Bytes, KilobytesPerSecond, Microseconds, Milliseconds};
        match self {
            Self::Latency { latency, jitter } => {
                vec![("latency", Milliseconds(latency)), ("jitter", Milliseconds(jitter))]
            }
            Self::Bandwidth { kilobytes_per_second } => {
                vec![("rate", KilobytesPerSecond(kilobytes_per_second))]
            }
            Self::SlowClose { delay } => vec![("delay", Milliseconds(delay))],
            Self::Timeout { timeout } | Self::ResetPeer { timeout } => {
                vec![("timeout", Milliseconds(timeout))]
            }
            Self::Slicer { average_bytes, variation_bytes, delay } => vec![
                ("average_size", Bytes(average_bytes)),
                ("size_variation", Bytes(variation_bytes)),
                ("delay", Microseconds(delay)),
            ],
            Self::LimitData { bytes } => vec![("bytes", Bytes(bytes))],
        }
    }
}

/// The place of an attribute's value, by its unit.
enum Slot<'a> {
    Milliseconds(&'a mut Duration),
    Microseconds(&'a mut Duration),
    KilobytesPerSecond(&'a mut u64),
    Bytes(&'a mut u64),
}

impl Slot<'_> {
    fn read(&self) -> u64 {
        let whole = |time: u128| u64::try_from(time).unwrap_or(u64::MAX);
        match self {
            Self::Milliseconds(time) => whole(time.as_millis()),
            Self::Microseconds(time) => whole(time.as_micros()),
            Self::KilobytesPerSecond(count) | Self::Bytes(count) => **count,
        }
    }

    fn write(self, value: u64) -> Result<(), &'static str> {
        let (place, time, unit) = match self {
            Self::Milliseconds(place) => (place, Duration::from_millis(value), "milliseconds"),
            Self::Microseconds(place) => (place, Duration::from_micros(value), "microseconds"),
            Self::KilobytesPerSecond(place) | Self::Bytes(place) => {
                *place = value;
                return Ok(());
            }
        };
        if time > TIME_MAX {
            return Err(unit);
        }
        *place = time;
        Ok(())
    }
}

/// Why an attribute cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidAttribute {
    /// The kind has no attribute of that name.
    #[error("{kind} has no attribute `{key}`: it has {}", keys(*kind))]
    Unknown {
        /// Whose it would be.
        kind: ToxicKind,
        /// The name, escaped.
        key: String,
    },
    /// More than a day.
    #[error("{key} is too large: it counts {unit}, and at most a day is accepted")]
    TooLarge {
        /// The name.
        key: &'static str,
        /// What it counts.
        unit: &'static str,
    },
    /// Pieces would have less than no bytes.
    #[error("size_variation is larger than average_size")]
    Variation,
}

fn keys(kind: ToxicKind) -> String {
    let keys: Vec<&str> = Effect::of(kind).attributes().iter().map(|(key, _)| *key).collect();
    keys.join(", ")
}
