//! The bodies of requests, which are read whole or refused.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use longhaul_socket::Deadline;

/// A thousand proxies are described in less.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Why there is no body. The connection cannot be used any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    TooSlow,
    BrokenOff,
}

/// The whole body of a request.
pub(super) async fn read(mut body: Incoming, time: Duration) -> Result<Vec<u8>, Unread> {
    let whole = async {
        let mut whole = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|_| Unread::BrokenOff)?;
            // Trailers say nothing here.
            if let Ok(bytes) = frame.into_data() {
                if whole.len() + bytes.len() > BODY_BYTES_MAX {
                    return Err(Unread::TooLarge);
                }
                whole.extend_from_slice(&bytes);
            }
        }
        Ok(whole)
    };
    Deadline::after(time).bound(whole).await.unwrap_or(Err(Unread::TooSlow))
}
