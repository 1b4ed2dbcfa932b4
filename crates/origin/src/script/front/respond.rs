//! From a request to its response.

use std::error::Error;
use std::sync::Arc;

use longhaul_socket::clock::WallClock;

use super::CaseFront;
use super::stages::Unopened;
use crate::http_service::{HttpService, RequestBody, Response};
use crate::http1::{Method, RequestHead, Status};

impl HttpService for CaseFront {
    async fn respond(
        &self,
        request: &RequestHead,
        _body: &mut RequestBody<'_>,
        _clock: WallClock,
    ) -> Response {
        let method = request.method();
        let is_read = matches!(method, Method::Get | Method::Head);
        if request.path() == "/" {
            return if is_read {
                Response::text(Status::Ok, self.shared.catalogue.list())
            } else {
                not_allowed("GET, HEAD")
            };
        }
        let Some((word, path)) = target(request.path(), request.query()) else {
            return Response::text(Status::NotFound, "no such path: / lists the cases\n");
        };
        let is_end = method == Method::Delete && path.is_none();
        if !is_read && !is_end {
            return not_allowed(if path.is_none() { "GET, HEAD, DELETE" } else { "GET, HEAD" });
        }
        // Opening and ending a stage wait for its thread. A client that goes away meanwhile leaves nothing half done.
        let shared = Arc::clone(&self.shared);
        let act = move || {
            let offer = match shared.catalogue.find(&word) {
                Ok(offer) => offer,
                Err(error) => return Response::text(Status::NotFound, format!("{error}\n")),
            };
            if is_end {
                shared.stages.end(offer);
                return Response::text(Status::NoContent, "");
            }
            match shared.stages.location(offer, path.as_deref()) {
                Ok(location) => {
                    let text = format!("the host of this case is at {location}\n");
                    Response::text(Status::TemporaryRedirect, text).with("Location", location)
                }
                Err(error) => of_unopened(&error),
            }
        };
        tokio::task::spawn_blocking(act)
            .await
            .unwrap_or_else(|_panicked| Response::text(Status::InternalServerError, "the operation failed\n"))
    }
}

fn not_allowed(methods: &str) -> Response {
    Response::text(Status::MethodNotAllowed, "method not allowed\n").with("Allow", methods)
}

fn of_unopened(error: &Unopened) -> Response {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    let response = Response::text(Status::ServiceUnavailable, text + "\n");
    match error {
        Unopened::Full(wait) => response.with("Retry-After", wait.as_secs()),
        Unopened::Stage(_) => response,
    }
}

/// The word that names a case, and the path on its host, if the request has one.
fn target(path: &str, query: Option<&str>) -> Option<(String, Option<String>)> {
    let rest = path.strip_prefix("/case/")?;
    let Some(at) = rest.find('/') else { return Some((rest.to_owned(), None)) };
    let (word, path) = rest.split_at(at);
    let path = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    Some((word.to_owned(), Some(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::Syntax;

    fn parsed(uri: &str) -> Option<(String, Option<String>)> {
        let method = if uri == "*" { "OPTIONS" } else { "GET" };
        let text = format!("{method} {uri} HTTP/1.0\r\n\r\n").into_bytes();
        let request = RequestHead::parse(text, Syntax::Tolerant).expect(uri);
        target(request.path(), request.query())
    }

    #[test]
    fn targets() {
        for (uri, word, path) in [
            ("/case/016", "016", None),
            ("/case/016?x", "016", None),
            ("/case/016/", "016", Some("/")),
            ("/case/016-early-fin/a/b%20c?d=/e", "016-early-fin", Some("/a/b%20c?d=/e")),
            ("http://127.0.0.1:9000/case/016/a", "016", Some("/a")),
            ("/case/", "", None),
        ] {
            assert_eq!(parsed(uri), Some((word.to_owned(), path.map(str::to_owned))), "{uri}");
        }
        for uri in ["/case", "/cases/016", "*", "/016"] {
            assert_eq!(parsed(uri), None, "{uri}");
        }
    }
}
