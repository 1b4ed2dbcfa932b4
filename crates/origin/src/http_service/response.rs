//! A response as a value, and how it is written.

use std::fmt::Display;
use std::io;
use std::time::SystemTime;

use bytes::Bytes;
use longhaul_socket::{BoxFuture, Stream};
use tokio::io::AsyncWriteExt as _;

use crate::http1::{ConnectionOption, ResponseFraming, ResponseHead, Status};

/// A status, its fields, and a body.
pub(crate) struct Response {
    status: Status,
    fields: Vec<(&'static str, String)>,
    body: ResponseBody,
}

/// A body whose length is known before it is sent.
pub(crate) enum ResponseBody {
    Bytes(Bytes),
    /// Only the length of a body that is not sent, for a response to `HEAD`.
    LengthOnly(u64),
    Source(Box<dyn BodySource>),
}

/// A body that is read while it is sent.
pub(crate) trait BodySource: Send {
    /// Bytes that are left.
    fn len(&self) -> u64;

    /// The next bytes, not empty as long as some are left.
    ///
    /// # Errors
    /// When the body cannot be completed. The connection then ends within it, so that the client notices.
    fn next(&mut self) -> BoxFuture<'_, io::Result<Bytes>>;
}

impl Response {
    pub(crate) fn new(status: Status, body: ResponseBody) -> Self {
        Self { status, fields: Vec::new(), body }
    }

    /// A status, with its code and reason phrase as a text for people.
    pub(crate) fn of_status(status: Status) -> Self {
        Self::text(status, format!("{status}\n"))
    }

    /// A plain text; without a `Content-Type` if it is empty.
    pub(crate) fn text(status: Status, text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let content_type = (!text.is_empty()).then_some("text/plain; charset=utf-8");
        let response = Self::new(status, ResponseBody::Bytes(text));
        match content_type {
            Some(content_type) => response.with("Content-Type", content_type),
            None => response,
        }
    }

    /// Adds a field.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// Writes the response; without its body if the request was a `HEAD`.
    ///
    /// # Errors
    /// When the stream or the source of the body fails. Nothing more can be sent on the connection then.
    pub(super) async fn write(
        self,
        stream: &mut Stream,
        to_head: bool,
        connection: ConnectionOption,
        date: SystemTime,
    ) -> io::Result<()> {
        let Self { status, fields, body } = self;
        let length = match &body {
            ResponseBody::Bytes(bytes) => bytes.len() as u64,
            ResponseBody::LengthOnly(length) => *length,
            ResponseBody::Source(source) => source.len(),
        };
        let framing =
            if status.is_bodiless() { ResponseFraming::Bodiless } else { ResponseFraming::Length(length) };
        let mut buffer = Vec::new();
        ResponseHead { status, date, fields: &fields, framing, connection }.append_to(&mut buffer);
        match body {
            _ if to_head || status.is_bodiless() => {}
            ResponseBody::LengthOnly(_) => {}
            ResponseBody::Bytes(bytes) => buffer.extend_from_slice(&bytes),
            ResponseBody::Source(mut source) => {
                // The head goes out with the first bytes of the body.
                while source.len() > 0 {
                    let bytes = source.next().await?;
                    if buffer.is_empty() {
                        stream.write_all(&bytes).await?;
                    } else {
                        buffer.extend_from_slice(&bytes);
                        stream.write_all(&buffer).await?;
                        buffer = Vec::new();
                    }
                }
            }
        }
        stream.write_all(&buffer).await?;
        stream.flush().await
    }
}
