//! From a request to its answer.

use std::error::Error as _;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, ORIGIN, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::body::{self, Unread};
use super::json::{Fields, of_proxy, of_toxic};
use super::path::Resource;
use crate::proxy::error::ProxyError;
use crate::proxy::proxies::Proxies;
use crate::service::body::Body;
use crate::service::guard::Answering;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers one request. Every request has an answer.
pub(super) async fn answer(
    proxies: Proxies,
    request: Request<Incoming>,
    body_time: Duration,
    answering: Answering,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = match body::read(body, body_time).await {
        Ok(body) => body,
        Err(unread) => {
            let (status, what) = match unread {
                Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large"),
                Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the request body is too slow"),
                Unread::BrokenOff => (StatusCode::BAD_REQUEST, "the request body is broken off"),
            };
            let mut refusal = Answer::refusal(status, what).into_response(answering);
            refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return refusal;
        }
    };
    if is_of_a_browser(&head.headers) {
        return Answer::refusal(StatusCode::FORBIDDEN, "web browsers are not served")
            .into_response(answering);
    }
    let Some(resource) = Resource::at(head.uri.path()) else {
        return Answer::refusal(StatusCode::NOT_FOUND, "no such path").into_response(answering);
    };
    let methods = resource.methods();
    // On a task of its own: a client that goes away in the middle leaves nothing half done.
    let done = tokio::spawn(async move { act(&proxies, &head.method, resource, &body).await }).await;
    match done {
        Ok(Some(Ok(answer))) => answer.into_response(answering),
        Ok(Some(Err(error))) => Answer::of_error(&error).into_response(answering),
        Ok(None) => {
            let mut refusal = Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
                .into_response(answering);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
            refusal
        }
        Err(_panicked) => {
            Answer::refusal(StatusCode::INTERNAL_SERVER_ERROR, "broken off").into_response(answering)
        }
    }
}

/// A page that somebody has opened can have its browser send requests here. Scripts and tests are no browsers.
fn is_of_a_browser(fields: &HeaderMap) -> bool {
    let agent = fields.get(USER_AGENT).map_or(b"".as_slice(), HeaderValue::as_bytes);
    fields.contains_key(ORIGIN) || agent.starts_with(b"Mozilla/")
}

/// A status, and what is said with it.
struct Answer {
    status: StatusCode,
    value: Option<Value>,
}

impl Answer {
    fn ok(value: Value) -> Self {
        Self { status: StatusCode::OK, value: Some(value) }
    }

    fn created(value: Value) -> Self {
        Self { status: StatusCode::CREATED, value: Some(value) }
    }

    fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, value: None }
    }

    fn refusal(status: StatusCode, what: &str) -> Self {
        Self { status, value: Some(json!({ "error": what, "status": status.as_u16() })) }
    }

    fn of_error(error: &ProxyError) -> Self {
        let status = match error {
            ProxyError::NoProxy | ProxyError::NoToxic => StatusCode::NOT_FOUND,
            ProxyError::ProxyExists | ProxyError::ToxicExists => StatusCode::CONFLICT,
            ProxyError::Listen(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ProxyError::BadRequest(_)
            | ProxyError::Missing(_)
            | ProxyError::BadStream
            | ProxyError::BadType
            | ProxyError::BadAttribute(_)
            | ProxyError::TooMany(_) => StatusCode::BAD_REQUEST,
        };
        let what = match (error, error.source()) {
            (ProxyError::Listen(_), Some(fault)) => format!("{error}: {fault}"),
            _ => error.to_string(),
        };
        Self::refusal(status, &what)
    }

    fn into_response(self, answering: Answering) -> Response<Body> {
        let text = self.value.as_ref().map(Value::to_string).unwrap_or_default();
        let has_text = !text.is_empty();
        let mut response = Response::new(Body::new(text, answering));
        *response.status_mut() = self.status;
        if has_text {
            response.headers_mut().insert(CONTENT_TYPE, JSON);
        }
        response
    }
}

/// Does what is asked for; `None` where the resource does not know the method.
async fn act(
    proxies: &Proxies,
    method: &Method,
    resource: Resource,
    body: &[u8],
) -> Option<Result<Answer, ProxyError>> {
    let is_change = *method == Method::POST || *method == Method::PATCH;
    let (get, post, delete) = (*method == Method::GET, *method == Method::POST, *method == Method::DELETE);
    Some(match resource {
        Resource::Version if get => {
            Ok(Answer::ok(json!({ "version": concat!("longhaul ", env!("CARGO_PKG_VERSION")) })))
        }
        Resource::Proxies if get => Ok(Answer::ok(all(proxies).await)),
        Resource::Proxies if post => add(proxies, body).await,
        Resource::Populate if post => populate(proxies, body).await,
        Resource::Reset if post => proxies.reset().await.map(|()| Answer::empty()),
        Resource::Proxy(proxy) if get => proxies.get(&proxy).await.map(|state| Answer::ok(of_proxy(&state))),
        Resource::Proxy(proxy) if is_change => update(proxies, &proxy, body).await,
        Resource::Proxy(proxy) if delete => proxies.remove(&proxy).await.map(|()| Answer::empty()),
        Resource::Toxics(proxy) if get => proxies
            .get(&proxy)
            .await
            .map(|state| Answer::ok(state.toxics.iter().map(of_toxic).collect::<Vec<_>>().into())),
        Resource::Toxics(proxy) if post => add_toxic(proxies, &proxy, body).await,
        Resource::Toxic(proxy, toxic) if get => get_toxic(proxies, &proxy, &toxic).await,
        Resource::Toxic(proxy, toxic) if is_change => update_toxic(proxies, &proxy, &toxic, body).await,
        Resource::Toxic(proxy, toxic) if delete => {
            proxies.remove_toxic(&proxy, &toxic).await.map(|()| Answer::empty())
        }
        _ => return None,
    })
}

async fn all(proxies: &Proxies) -> Value {
    let states = proxies.list().await;
    let by_name: Map<String, Value> =
        states.iter().map(|state| (state.name.as_str().to_owned(), of_proxy(state))).collect();
    Value::Object(by_name)
}

async fn add(proxies: &Proxies, body: &[u8]) -> Result<Answer, ProxyError> {
    let state = proxies.add(Fields::read(body)?.proxy()?).await?;
    Ok(Answer::created(of_proxy(&state)))
}

async fn populate(proxies: &Proxies, body: &[u8]) -> Result<Answer, ProxyError> {
    let specs = Fields::read_list(body)?.iter().map(Fields::proxy).collect::<Result<_, _>>()?;
    let states = proxies.populate(specs).await?;
    Ok(Answer::created(json!({ "proxies": states.iter().map(of_proxy).collect::<Vec<_>>() })))
}

async fn update(proxies: &Proxies, proxy: &str, body: &[u8]) -> Result<Answer, ProxyError> {
    let change = Fields::read(body)?.proxy_change()?;
    Ok(Answer::ok(of_proxy(&proxies.update(proxy, change).await?)))
}

async fn add_toxic(proxies: &Proxies, proxy: &str, body: &[u8]) -> Result<Answer, ProxyError> {
    // Whoever names a proxy that is not there is told so whatever else is wrong.
    proxies.get(proxy).await?;
    let toxic = Fields::read(body)?.toxic()?;
    let told = of_toxic(&toxic);
    proxies.add_toxic(proxy, toxic).await?;
    Ok(Answer::ok(told))
}

async fn get_toxic(proxies: &Proxies, proxy: &str, toxic: &str) -> Result<Answer, ProxyError> {
    let state = proxies.get(proxy).await?;
    let found = state.toxics.iter().find(|known| known.name.as_str() == toxic);
    found.map(|toxic| Answer::ok(of_toxic(toxic))).ok_or(ProxyError::NoToxic)
}

async fn update_toxic(
    proxies: &Proxies,
    proxy: &str,
    toxic: &str,
    body: &[u8],
) -> Result<Answer, ProxyError> {
    let change = Fields::read(body)?.toxic_change()?;
    Ok(Answer::ok(of_toxic(&proxies.update_toxic(proxy, toxic, change).await?)))
}
