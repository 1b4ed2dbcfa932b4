//! The effects of toxics: kinds and attributes, in the units of Toxiproxy's API.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// The longest time of an attribute: no test needs more than a day, and far beyond it clocks overflow.
const TIME_MAX: Duration = Duration::from_hours(24);

/// The effect of a toxic on one direction of a connection.
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
    /// Delays everything, including the end, by `latency` plus or minus up to `jitter`, and keeps the order.
    Latency {
        /// The mean delay.
        latency: Duration,
        /// The most by which a delay differs from the mean.
        jitter: Duration,
    },
    /// Limits the speed, in kilobytes of 1,000 bytes per second. 0 has no effect.
    Bandwidth {
        /// The limit.
        kilobytes_per_second: u64,
    },
    /// Delays the end.
    SlowClose {
        /// The delay.
        delay: Duration,
    },
    /// Discards everything, and closes the connection after `timeout`; never if it is zero. If the toxic has discarded data
    /// when it is removed, the connection is closed, so that no client takes the rest for the whole.
    Timeout {
        /// From the instant at which the toxic began to affect the connection.
        timeout: Duration,
    },
    /// Discards everything, and resets the connection.
    ResetPeer {
        /// From the first byte, or the end, of the direction.
        timeout: Duration,
    },
    /// Cuts the stream into pieces, with a pause after each. An average of 0 has no effect.
    Slicer {
        /// The mean size of a piece.
        average_bytes: u64,
        /// The most by which a size differs from the mean; at most the mean.
        variation_bytes: u64,
        /// The pause after a piece.
        delay: Duration,
    },
    /// Closes the connection after a number of bytes.
    LimitData {
        /// The number.
        bytes: u64,
    },
}

/// The kind of an [`Effect`].
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
    /// All kinds.
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

/// The text is not a [`ToxicKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the toxics are latency, bandwidth, slow_close, timeout, reset_peer, slicer and limit_data")]
pub struct UnknownToxicKind;

impl Effect {
    /// The effect of this kind with all attributes zero.
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

    /// Its kind.
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

    /// The attributes by name, each in its unit: milliseconds, microseconds for the slicer's delay, kilobytes per second, or
    /// bytes.
    pub fn attributes(&self) -> Vec<(&'static str, u64)> {
        let mut copy = *self;
        copy.slots().into_iter().map(|(key, slot)| (key, slot.read())).collect()
    }

    /// Sets an attribute by its name, in its unit.
    ///
    /// # Errors
    /// When there is no such attribute, or the value is too large. Then nothing has changed.
    pub fn set(&mut self, key: &str, value: u64) -> Result<(), InvalidAttribute> {
        let kind = self.kind();
        let slot = self.slots().into_iter().find(|(known, _)| *known == key);
        let Some((key, slot)) = slot else {
            return Err(InvalidAttribute::Unknown { kind, key: key.escape_debug().to_string() });
        };
        slot.write(value).map_err(|unit| InvalidAttribute::TooLarge { key, unit })
    }

    /// Checks that the attributes are consistent.
    ///
    /// # Errors
    /// When the pieces of a slicer would vary by more than their mean size.
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

/// The value of an attribute, with its unit.
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
