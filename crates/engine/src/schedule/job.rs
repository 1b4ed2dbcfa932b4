//! A row in progress: the dispatcher sends it to a shard, and the shard sends it to the sink.

use longhaul_http::{HttpUrl, Origin, Partial};
use longhaul_journal::{ContentFormat, Expectation, Fields, RowId};
use tokio::time::Instant;

use crate::exchange::Class;
use crate::exchange::failure::Failure;
use crate::list::expectation::Sha256;
use crate::pace::{Memory, SendRecord};
use crate::schedule::frontier::Numbered;

/// A job for a shard, to be started not before the given time.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) job: Box<Job>,
    pub(crate) not_before: Option<Instant>,
    /// What another shard knows of its host.
    pub(crate) memory: Option<Box<Memory>>,
}

/// One row that is to be fetched. It is owned by one actor at a time.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) row: RowId,
    /// The row's own URL. The row counts against the rows in memory of this URL's host.
    pub(crate) url: HttpUrl,
    /// Where redirects have led, if the row was redirected.
    pub(crate) redirected: Option<Redirected>,
    /// The final name below the haul's directory.
    pub(crate) name: String,
    /// Charged attempts so far.
    pub(crate) attempts: u32,
    /// The class of the last failure, and how many in a row were of that class.
    pub(crate) last_failures: Option<(Class, u32)>,
    /// Attempts of this run that were aborted before their deadline.
    pub(crate) cuts: u32,
    /// When the first attempt of this run began, in milliseconds of Unix time; 0 before it.
    pub(crate) started_unix_ms: u64,
    /// The part of the body that was received.
    pub(crate) partial: Option<Partial>,
    /// What the server says about the content.
    pub(crate) format: ContentFormat,
    /// What the list says about the content.
    pub(crate) expected: Expectation,
    /// The columns of the list that are not interpreted.
    pub(crate) fields: Fields,
    /// Its last attempt was denied and the job is held; or it was until the present attempt began.
    pub(crate) denied: Option<Box<HeldDenial>>,
    /// It requests a row once more that was served before, to show whether the host still serves. It fetches nothing.
    pub(crate) is_witness: bool,
    /// The digest of the part that was received, where the list has one.
    pub(crate) sha256: Option<Sha256>,
    /// The most bytes that any attempt of this run has received, of any version. Only bytes beyond it are progress: otherwise
    /// a host that serves another version each time would be asked for ever.
    pub(crate) furthest: u64,
}

/// Where redirects have led.
#[derive(Debug, Clone)]
pub(crate) struct Redirected {
    /// The URL to request now.
    pub(crate) url: HttpUrl,
    /// The earlier URLs, the row's own first.
    pub(crate) earlier: Vec<HttpUrl>,
    /// The redirects began on the public internet and must not lead into a private network.
    pub(crate) forbid_private: bool,
}

/// A denial that may concern the URL or the pace.
#[derive(Debug)]
pub(crate) struct HeldDenial {
    pub(crate) sent: SendRecord,
    pub(crate) failure: Failure,
}

impl Numbered for Job {
    fn row(&self) -> u64 {
        self.row.0
    }
}

impl Job {
    /// A request that shows whether the host still serves this row.
    pub(crate) fn witness(row: RowId, url: HttpUrl) -> Self {
        let job = Self::new(row, url, String::new(), Expectation::default(), Fields::default());
        Self { is_witness: true, ..job }
    }

    /// A row that has not been tried in this run, and of which nothing is kept.
    pub(crate) fn new(row: RowId, url: HttpUrl, name: String, expected: Expectation, fields: Fields) -> Self {
        Self {
            row,
            url,
            redirected: None,
            name,
            attempts: 0,
            last_failures: None,
            cuts: 0,
            started_unix_ms: 0,
            partial: None,
            format: ContentFormat::default(),
            expected,
            fields,
            denied: None,
            is_witness: false,
            sha256: None,
            furthest: 0,
        }
    }

    /// The URL to request now.
    pub(crate) fn target(&self) -> &HttpUrl {
        self.redirected.as_ref().map_or(&self.url, |redirected| &redirected.url)
    }

    /// Whether the request must not leave the public internet, where redirects have led from there.
    pub(crate) fn forbids_private(&self) -> bool {
        self.redirected.as_ref().is_some_and(|redirected| redirected.forbid_private)
    }

    /// Notes a failure; returns the number of consecutive failures of its class, this one included.
    pub(crate) fn note_failure(&mut self, class: Class) -> u32 {
        let alike = self.last_failures.filter(|&(last, _)| last == class).map_or(1, |(_, count)| count + 1);
        self.last_failures = Some((class, alike));
        alike
    }

    /// The host that the row belongs to.
    pub(crate) fn home(&self) -> &Origin {
        self.url.origin()
    }

    /// The URLs before [`target`](Self::target).
    pub(crate) fn earlier(&self) -> &[HttpUrl] {
        self.redirected.as_ref().map_or(&[], |redirected| &redirected.earlier)
    }
}
