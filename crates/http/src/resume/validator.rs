//! Validators (RFC 9110 section 8.8): the entity tag and the modification date that tell one version of a resource from
//! another. Bytes of two responses are joined only under a *strong* validator (section 13.1.5): with an equal weak one the
//! bytes may still differ.

use http::HeaderMap;
use http::header::{DATE, ETAG, LAST_MODIFIED};

use crate::announced::http_date_unix_ms;

/// How much older than the response a modification date has to be to count as strong (RFC 9110 section 8.8.2.2): a file that
/// was changed less than a minute ago may change again within the same second.
pub const STRONG_DATE_AGE_MS: u64 = 60_000;

/// Bytes of the longest entity tag or date that is kept: a caller may store it for each of very many downloads.
pub const VALIDATOR_BYTES_MAX: usize = 1024;

/// The validators of one response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Validator {
    /// The entity tag as sent, with its quotes and `W/`.
    pub etag: Option<String>,
    /// The `Last-Modified` as sent.
    pub last_modified: Option<String>,
    /// Whether that date was strong when it was sent: at least [`STRONG_DATE_AGE_MS`] before the `Date` of the response.
    pub last_modified_strong: bool,
}

/// The condition of a range request (`If-Range`, RFC 9110 section 13.1.5): a strong entity tag or a strong date, exactly as
/// the host sent it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IfRange {
    /// A strong entity tag with its quotes.
    Etag(String),
    /// A strong modification date.
    Date(String),
}

impl IfRange {
    /// The field's value.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Etag(value) | Self::Date(value) => value,
        }
    }
}

impl Validator {
    /// The validators in the fields of a response.
    pub fn of(fields: &HeaderMap) -> Self {
        let text = |name| fields.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let etag = text(ETAG).filter(|tag| is_entity_tag(tag)).map(str::to_owned);
        let last_modified =
            text(LAST_MODIFIED).filter(|date| date.len() <= VALIDATOR_BYTES_MAX).map(str::to_owned);
        let unix_ms = |text: &str| http_date_unix_ms(text.as_bytes());
        let age_ms = last_modified.as_deref().and_then(unix_ms).zip(text(DATE).and_then(unix_ms));
        let last_modified_strong =
            age_ms.is_some_and(|(modified, sent)| sent >= modified.saturating_add(STRONG_DATE_AGE_MS));
        Self { etag, last_modified, last_modified_strong }
    }

    /// The entity tag, if it is strong.
    pub fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|tag| tag.starts_with('"'))
    }

    /// Whether bytes of another response may be joined to those of this one if it has the same validators.
    pub fn is_strong(&self) -> bool {
        self.strong_etag().is_some() || (self.last_modified.is_some() && self.last_modified_strong)
    }

    /// The condition for a range request: the strong tag, else the strong date, else none.
    pub fn if_range(&self) -> Option<IfRange> {
        if let Some(tag) = self.strong_etag() {
            return Some(IfRange::Etag(tag.to_owned()));
        }
        self.if_range_by_date()
    }

    /// The strong date as the condition, even where there is a tag.
    pub fn if_range_by_date(&self) -> Option<IfRange> {
        self.last_modified.clone().filter(|_| self.last_modified_strong).map(IfRange::Date)
    }

    /// Whether a response with the validators `other` is of the same version, as a strong validator proves that both have (RFC 9110
    /// section 15.3.7.3). A missing validator proves nothing.
    pub fn matches(&self, other: &Self) -> bool {
        let has_tag = self.strong_etag().is_some() && self.strong_etag() == other.strong_etag();
        let has_date = self.last_modified_strong
            && self.last_modified.is_some()
            && self.last_modified == other.last_modified;
        (has_tag || has_date) && !self.contradicts(other)
    }

    /// Whether the two have different tags or different dates. A validator that only one of them has does not count.
    pub fn contradicts(&self, other: &Self) -> bool {
        let differ = |ours: &Option<String>, theirs: &Option<String>| {
            ours.as_ref().zip(theirs.as_ref()).is_some_and(|(ours, theirs)| ours != theirs)
        };
        differ(&self.etag, &other.etag) || differ(&self.last_modified, &other.last_modified)
    }
}

/// Whether this is `"opaque"` or `W/"opaque"` (RFC 9110 section 8.8.3), of a length that is kept.
fn is_entity_tag(tag: &str) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    tag.len() <= VALIDATOR_BYTES_MAX
        && inner.is_some_and(|inner| inner.bytes().all(|byte| byte > b' ' && byte != b'"'))
}
