//! What one run tells the next of a host.

/// What is known of the pace of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostRecord {
    /// Scheme, host and port.
    pub host: String,
    /// What limits it, in the engine's words.
    pub limiter: String,
    /// When that was so, in unix milliseconds.
    pub noted_unix_ms: u64,
    /// Concurrent exchanges.
    pub window: u32,
    /// Rows that waited for the host.
    pub waiting: u64,
    /// Requests per second, if the host limits their rate: the rate sent, and the rate at its last refusal.
    pub rate: Option<(f64, f64)>,
    /// Connections beyond which it breaks them.
    pub connections_max: Option<u32>,
    /// It gets no requests before this time, in unix milliseconds.
    pub until_unix_ms: Option<u64>,
}
