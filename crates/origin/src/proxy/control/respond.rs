//! From a request to its response.

use std::error::Error as _;

use longhaul_socket::clock::WallClock;
use serde_json::{Map, Value, json};

use super::Control;
use super::json::{Fields, of_proxy, of_toxic};
use super::path::Resource;
use crate::http_service::{HttpService, RequestBody, Response, ResponseBody, UnreadBody};
use crate::http1::{Method, RequestHead, Status};
use crate::proxy::error::ProxyError;
use crate::proxy::proxies::Proxies;

/// A thousand proxies are described in less.
const BODY_BYTES_MAX: usize = 1024 * 1024;

impl HttpService for Control {
    async fn respond(
        &self,
        request: &RequestHead,
        body: &mut RequestBody<'_>,
        _clock: WallClock,
    ) -> Response {
        let body = match body.read(BODY_BYTES_MAX).await {
            Ok(body) => body,
            Err(UnreadBody::TooLarge) => {
                return refusal(Status::ContentTooLarge, "the request body is too large");
            }
            Err(UnreadBody::TooSlow) => {
                return refusal(Status::RequestTimeout, "the request body is too slow");
            }
            Err(UnreadBody::Broken) => {
                return refusal(Status::BadRequest, "the request body is incomplete or malformed");
            }
        };
        if is_from_browser(request) {
            return refusal(Status::Forbidden, "web browsers are not served");
        }
        let Some(resource) = Resource::at(request.path()) else {
            return refusal(Status::NotFound, "no such path");
        };
        let methods = resource.methods();
        let (proxies, method) = (self.proxies.clone(), request.method());
        // On a task of its own: a client that goes away meanwhile leaves nothing half done.
        let done = tokio::spawn(async move { act(&proxies, method, resource, &body).await }).await;
        match done {
            Ok(Some(Ok(response))) => response,
            Ok(Some(Err(error))) => of_error(&error),
            Ok(None) => refusal(Status::MethodNotAllowed, "method not allowed").with("Allow", methods),
            Err(_panicked) => refusal(Status::InternalServerError, "the operation failed"),
        }
    }
}

/// Whether a web browser sent the request: any page that a user opens can make the browser send one. Scripts and tests do
/// not send these fields.
fn is_from_browser(request: &RequestHead) -> bool {
    let has_browser_name = request.field("user-agent").is_some_and(|agent| agent.starts_with("Mozilla/"));
    has_browser_name || request.list("origin").is_some()
}

fn ok(value: &Value) -> Response {
    of_value(Status::Ok, value)
}

fn empty() -> Response {
    Response::text(Status::NoContent, "")
}

fn refusal(status: Status, error: &str) -> Response {
    of_value(status, &json!({ "error": error, "status": status.code() }))
}

fn of_value(status: Status, value: &Value) -> Response {
    Response::new(status, ResponseBody::Bytes(value.to_string().into()))
        .with("Content-Type", "application/json")
}

fn of_error(error: &ProxyError) -> Response {
    let status = match error {
        ProxyError::NoProxy | ProxyError::NoToxic => Status::NotFound,
        ProxyError::ProxyExists | ProxyError::ToxicExists => Status::Conflict,
        ProxyError::Listen(_) => Status::InternalServerError,
        ProxyError::BadRequest(_)
        | ProxyError::Missing(_)
        | ProxyError::BadStream
        | ProxyError::BadType
        | ProxyError::BadAttribute(_)
        | ProxyError::TooMany(_) => Status::BadRequest,
    };
    let text = match (error, error.source()) {
        (ProxyError::Listen(_), Some(fault)) => format!("{error}: {fault}"),
        _ => error.to_string(),
    };
    refusal(status, &text)
}

/// Does what the request asks for; `None` where the resource does not have the method.
async fn act(
    proxies: &Proxies,
    method: Method,
    resource: Resource,
    body: &[u8],
) -> Option<Result<Response, ProxyError>> {
    let is_change = method == Method::Post || method == Method::Patch;
    let (get, post, delete) = (method == Method::Get, method == Method::Post, method == Method::Delete);
    Some(match resource {
        Resource::Version if get => {
            Ok(ok(&json!({ "version": concat!("longhaul ", env!("CARGO_PKG_VERSION")) })))
        }
        Resource::Proxies if get => Ok(ok(&all(proxies).await)),
        Resource::Proxies if post => add(proxies, body).await,
        Resource::Populate if post => populate(proxies, body).await,
        Resource::Reset if post => proxies.reset().await.map(|()| empty()),
        Resource::Proxy(proxy) if get => proxies.get(&proxy).await.map(|state| ok(&of_proxy(&state))),
        Resource::Proxy(proxy) if is_change => update(proxies, &proxy, body).await,
        Resource::Proxy(proxy) if delete => proxies.remove(&proxy).await.map(|()| empty()),
        Resource::Toxics(proxy) if get => proxies
            .get(&proxy)
            .await
            .map(|state| ok(&state.toxics.iter().map(of_toxic).collect::<Vec<_>>().into())),
        Resource::Toxics(proxy) if post => add_toxic(proxies, &proxy, body).await,
        Resource::Toxic(proxy, toxic) if get => get_toxic(proxies, &proxy, &toxic).await,
        Resource::Toxic(proxy, toxic) if is_change => update_toxic(proxies, &proxy, &toxic, body).await,
        Resource::Toxic(proxy, toxic) if delete => {
            proxies.remove_toxic(&proxy, &toxic).await.map(|()| empty())
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

async fn add(proxies: &Proxies, body: &[u8]) -> Result<Response, ProxyError> {
    let state = proxies.add(Fields::read(body)?.proxy()?).await?;
    Ok(of_value(Status::Created, &of_proxy(&state)))
}

async fn populate(proxies: &Proxies, body: &[u8]) -> Result<Response, ProxyError> {
    let specs = Fields::read_list(body)?.iter().map(Fields::proxy).collect::<Result<_, _>>()?;
    let states = proxies.populate(specs).await?;
    let states: Vec<Value> = states.iter().map(of_proxy).collect();
    Ok(of_value(Status::Created, &json!({ "proxies": states })))
}

async fn update(proxies: &Proxies, proxy: &str, body: &[u8]) -> Result<Response, ProxyError> {
    let change = Fields::read(body)?.proxy_change()?;
    Ok(ok(&of_proxy(&proxies.update(proxy, change).await?)))
}

async fn add_toxic(proxies: &Proxies, proxy: &str, body: &[u8]) -> Result<Response, ProxyError> {
    // An unknown proxy is reported first, whatever else is wrong.
    proxies.get(proxy).await?;
    let toxic = Fields::read(body)?.toxic()?;
    let value = of_toxic(&toxic);
    proxies.add_toxic(proxy, toxic).await?;
    Ok(ok(&value))
}

async fn get_toxic(proxies: &Proxies, proxy: &str, toxic: &str) -> Result<Response, ProxyError> {
    let state = proxies.get(proxy).await?;
    let found = state.toxics.iter().find(|known| known.name.as_str() == toxic);
    found.map(|toxic| ok(&of_toxic(toxic))).ok_or(ProxyError::NoToxic)
}

async fn update_toxic(
    proxies: &Proxies,
    proxy: &str,
    toxic: &str,
    body: &[u8],
) -> Result<Response, ProxyError> {
    let change = Fields::read(body)?.toxic_change()?;
    Ok(ok(&of_toxic(&proxies.update_toxic(proxy, toxic, change).await?)))
}
