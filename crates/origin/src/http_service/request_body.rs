//! The body of a request: read whole and within limits, or not at all.

use std::time::Duration;

use longhaul_socket::{Deadline, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::http1::{BodyFraming, RequestHead, RequestReader};

/// The longest line with the size of a chunk, its extensions included.
const CHUNK_LINE_BYTES_MAX: usize = 1024;

/// Room for one read.
const READ_BYTES: usize = 8 * 1024;

/// Fields behind the last chunk. They mean nothing to any service here.
const TRAILER_LINES_MAX: usize = 100;

/// Why there is no body. The connection cannot be used further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnreadBody {
    TooLarge,
    TooSlow,
    /// The client ended it early, or its chunks are malformed.
    Broken,
}

/// The body of the request that is being answered.
pub(crate) struct RequestBody<'a> {
    framing: BodyFraming,
    /// The client waits for a go-ahead before it sends (RFC 9110 section 10.1.1).
    expects_continue: bool,
    was_read: bool,
    /// The time for the whole body.
    time: Duration,
    reader: &'a mut RequestReader,
    stream: &'a mut Stream,
}

impl<'a> RequestBody<'a> {
    pub(super) fn new(
        request: &RequestHead,
        time: Duration,
        reader: &'a mut RequestReader,
        stream: &'a mut Stream,
    ) -> Self {
        let expects_continue = request.is_http_1_1()
            && request.field("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        let was_read = !request.has_body();
        Self { framing: request.body(), expects_continue, was_read, time, reader, stream }
    }

    /// Whether nothing of the body is left on the connection.
    pub(super) fn was_read(&self) -> bool {
        self.was_read
    }

    /// The whole body, of at most `bytes_max` bytes. It has as much time as a head.
    pub(crate) async fn read(&mut self, bytes_max: usize) -> Result<Vec<u8>, UnreadBody> {
        if self.was_read {
            return Ok(Vec::new());
        }
        let body = Deadline::after(self.time).bound(self.read_whole(bytes_max)).await;
        let body = body.unwrap_or(Err(UnreadBody::TooSlow))?;
        self.was_read = true;
        Ok(body)
    }

    async fn read_whole(&mut self, bytes_max: usize) -> Result<Vec<u8>, UnreadBody> {
        if self.expects_continue {
            let go_ahead = self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
            go_ahead.map_err(|_error| UnreadBody::Broken)?;
            self.stream.flush().await.map_err(|_error| UnreadBody::Broken)?;
        }
        match self.framing {
            BodyFraming::Length(length) => {
                let length = usize::try_from(length).ok().filter(|length| *length <= bytes_max);
                self.take(length.ok_or(UnreadBody::TooLarge)?).await
            }
            BodyFraming::Chunked => self.read_chunks(bytes_max).await,
        }
    }

    /// RFC 9112 section 7.1.
    async fn read_chunks(&mut self, bytes_max: usize) -> Result<Vec<u8>, UnreadBody> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = chunk_size(&line).ok_or(UnreadBody::Broken)?;
            if size == 0 {
                break;
            }
            let size = usize::try_from(size).ok().filter(|size| *size <= bytes_max - body.len());
            body.extend(self.take(size.ok_or(UnreadBody::TooLarge)?).await?);
            if !self.line().await?.is_empty() {
                return Err(UnreadBody::Broken);
            }
        }
        for _ in 0..TRAILER_LINES_MAX {
            if self.line().await?.is_empty() {
                return Ok(body);
            }
        }
        Err(UnreadBody::TooLarge)
    }

    async fn line(&mut self) -> Result<Vec<u8>, UnreadBody> {
        loop {
            if let Some(end) = self.reader.received_mut().iter().position(|byte| *byte == b'\n') {
                let mut line = self.take(end + 1).await?;
                line.truncate(end);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.reader.received_mut().len() > CHUNK_LINE_BYTES_MAX {
                return Err(UnreadBody::Broken);
            }
            self.receive().await?;
        }
    }

    async fn take(&mut self, count: usize) -> Result<Vec<u8>, UnreadBody> {
        while self.reader.received_mut().len() < count {
            self.receive().await?;
        }
        let received = self.reader.received_mut();
        let rest = received.split_off(count);
        Ok(std::mem::replace(received, rest))
    }

    async fn receive(&mut self) -> Result<(), UnreadBody> {
        self.reader.received_mut().reserve(READ_BYTES);
        match self.stream.read_buf(self.reader.received_mut()).await {
            Ok(0) | Err(_) => Err(UnreadBody::Broken),
            Ok(_) => Ok(()),
        }
    }
}

/// The size before the extensions of a chunk, which are ignored.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    u64::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_plain)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_chunks() {
        for (line, size) in [
            ("0", Some(0)),
            ("fF", Some(255)),
            ("5;name=value", Some(5)),
            ("5 ; name", Some(5)),
            ("", None),
            ("+5", None),
            ("g", None),
            ("ffffffffffffffffff", None),
        ] {
            assert_eq!(chunk_size(line.as_bytes()), size, "{line}");
        }
    }
}
