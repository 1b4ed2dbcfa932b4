//! From a request to its answer.

use std::error::Error;
use std::sync::Arc;

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Uri};

use super::Shared;
use super::stages::Unopened;
use crate::service::body::Body;
use crate::service::guard::Answering;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A status, what is said with it, and where that leads.
pub(super) struct Answer {
    status: StatusCode,
    text: String,
    field: Option<(HeaderName, HeaderValue)>,
}

impl Answer {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), field: None }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.field = HeaderValue::from_str(value).ok().map(|value| (name, value));
        self
    }

    fn not_allowed(methods: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n").with(ALLOW, methods)
    }

    fn of_unopened(error: &Unopened) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        let answer = Self::new(StatusCode::SERVICE_UNAVAILABLE, text + "\n");
        match error {
            Unopened::Full(wait) => answer.with(RETRY_AFTER, &wait.as_secs().to_string()),
            Unopened::Stage(_) => answer,
        }
    }

    pub(super) fn into_response(self, answering: Answering) -> Response<Body> {
        let has_text = !self.text.is_empty();
        let mut response = Response::new(Body::new(self.text, answering));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.field);
        if has_text {
            response.headers_mut().insert(CONTENT_TYPE, TEXT);
        }
        response
    }
}

/// Answers one request. Every request has an answer.
pub(super) async fn answer<B>(shared: Arc<Shared>, request: &Request<B>) -> Answer {
    let method = request.method();
    let is_read = method == Method::GET || method == Method::HEAD;
    if request.uri().path() == "/" {
        return if is_read {
            Answer::new(StatusCode::OK, shared.catalogue.list())
        } else {
            Answer::not_allowed("GET, HEAD")
        };
    }
    let Some((word, below)) = target(request.uri()) else {
        return Answer::new(StatusCode::NOT_FOUND, "no such path: / lists the cases\n");
    };
    let is_end = method == Method::DELETE && below.is_none();
    if !is_read && !is_end {
        return Answer::not_allowed(if below.is_none() { "GET, HEAD, DELETE" } else { "GET, HEAD" });
    }
    // Opening a stage and ending one wait for its thread. A client that goes away meanwhile leaves nothing half done.
    let act = move || {
        let offer = match shared.catalogue.find(&word) {
            Ok(offer) => offer,
            Err(error) => return Answer::new(StatusCode::NOT_FOUND, format!("{error}\n")),
        };
        if is_end {
            shared.stages.end(offer);
            return Answer::new(StatusCode::NO_CONTENT, "");
        }
        match shared.stages.location(offer, below.as_deref()) {
            Ok(location) => {
                let text = format!("the host of this case is at {location}\n");
                Answer::new(StatusCode::TEMPORARY_REDIRECT, text).with(LOCATION, &location)
            }
            Err(error) => Answer::of_unopened(&error),
        }
    };
    tokio::task::spawn_blocking(act)
        .await
        .unwrap_or_else(|_panicked| Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "broken off\n"))
}

/// Which case is asked for, and what on its host, if anything in particular.
fn target(uri: &Uri) -> Option<(String, Option<String>)> {
    let rest = uri.path().strip_prefix("/case/")?;
    let Some(at) = rest.find('/') else { return Some((rest.to_owned(), None)) };
    let (word, below) = rest.split_at(at);
    let below = match uri.query() {
        Some(query) => format!("{below}?{query}"),
        None => below.to_owned(),
    };
    Some((word.to_owned(), Some(below)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (uri, word, below) in [
            ("/case/016", "016", None),
            ("/case/016?x", "016", None),
            ("/case/016/", "016", Some("/")),
            ("/case/016-early-fin/a/b%20c?d=/e", "016-early-fin", Some("/a/b%20c?d=/e")),
            ("http://127.0.0.1:9000/case/016/a", "016", Some("/a")),
            ("/case/", "", None),
        ] {
            let target = target(&uri.parse().expect(uri));
            assert_eq!(target, Some((word.to_owned(), below.map(str::to_owned))), "{uri}");
        }
        for uri in ["/case", "/cases/016", "*", "/016"] {
            assert_eq!(target(&uri.parse().expect(uri)), None, "{uri}");
        }
    }
}
