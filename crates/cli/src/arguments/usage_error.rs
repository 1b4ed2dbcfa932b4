//! Usage errors without the secrets of the command line: messages end up in the logs of those who run scripts.

use clap::error::{ContextKind, ContextValue};
use http::HeaderName;
use longhaul::redacted;

/// The flag whose value is a field of requests, as clap names it.
const FIELD_FLAG: &str = "--header <FIELD>";
/// Stands in place of what is left out.
const LEFT_OUT: &str = "***";

/// The error, with a value that it quotes shortened to what is no secret: the name of a field, a URL without user and password.
pub(super) fn without_secrets(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else { return error };
    let is_field =
        matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(flag)) if flag == FIELD_FLAG);
    let shown = if is_field { name_of_field(value) } else { redacted(value).into_owned() };
    error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    error
}

/// `Name: ***`. Without a colon, or with another text before it, the secret may be anywhere.
fn name_of_field(text: &str) -> String {
    match text.split_once(':') {
        Some((name, _)) if name.trim().parse::<HeaderName>().is_ok() => format!("{name}: {LEFT_OUT}"),
        _ => LEFT_OUT.to_owned(),
    }
}
