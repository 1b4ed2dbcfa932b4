//! A row in progress: the dispatcher sends it to a shard, and the shard sends it to the sink.

use std::time::Duration;

use http::header::SET_COOKIE;
use longhaul_http::{CookieJar, HeaderMap, HttpUrl, Origin, Partial};
use longhaul_journal::{ContentFormat, Fields, RowId};
use tokio::time::Instant;

use crate::exchange::Class;
use crate::exchange::failure::Failure;
use crate::exchange::overlap::Tail;
use crate::exchange::server_digests::ServerDigests;
use crate::list::expectation::ExpectedContent;
use crate::list::listed_digests::ListedDigests;
use crate::pace::{Memory, SendRecord};
use crate::schedule::frontier::Numbered;

/// A place that a redirect led to is used for this long if nothing in its responses shows whether it still has the file. Signed URLs
/// are valid for a minute or more.
const REDIRECT_AGE_MAX: Duration = Duration::from_mins(1);

/// Aborted exchanges of one URL that chance explains: silence after silence may mean that the host does not answer ranges.
const CUTS_BY_CHANCE: u32 = 2;

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
    /// How often the row's own URL was requested again, because the place that redirects had led to no longer had the file, since an
    /// attempt has made progress.
    pub(crate) homecomings: u32,
    /// The cookies that the responses to this row's requests have set.
    pub(crate) cookies: Option<Box<CookieJar>>,
    /// The final name below the haul's directory.
    pub(crate) name: String,
    /// Charged attempts so far.
    pub(crate) attempts: u32,
    /// Attempts of this run that were not charged, although neither this machine failed nor bytes came.
    pub(crate) uncharged: u32,
    /// Attempts of this run that ended at the deadline of the response head.
    pub(crate) head_timeouts: u32,
    /// How long such attempts have waited altogether since the host last sent a body.
    pub(crate) head_waited: Duration,
    /// The class of the last failure, and how many in a row were of that class.
    pub(crate) last_failures: Option<(Class, u32)>,
    /// How long the row has waited for a file that its host is still making, since the host last sent a body: the attempts that
    /// it answered so, and the pauses after them. The time that the row spends in its queue does not count.
    pub(crate) not_ready_for: Duration,
    /// Attempts of this run that were aborted before their deadline.
    pub(crate) cuts: u32,
    /// When the first attempt of this run began, in milliseconds of Unix time; 0 before it.
    pub(crate) started_unix_ms: u64,
    /// The part of the body that was received.
    pub(crate) partial: Option<Partial>,
    /// What the server says about the content.
    pub(crate) format: ContentFormat,
    /// The end of that part, where its validator is not strong.
    pub(crate) tail: Option<Tail>,
    /// The part was joined on the proof of its tail.
    pub(crate) is_joined_by_overlap: bool,
    /// Whether parts may be joined because the list has the digest of the whole.
    pub(crate) digest_join: DigestJoin,
    /// Whether the rest of the body is requested as a range.
    pub(crate) range_use: RangeUse,
    /// The last request had a range, and no success answered it.
    pub(crate) is_range_unanswered: bool,
    /// Consecutive attempts that failed like this, and whose failures may mean the range.
    pub(crate) range_failures: u32,
    /// What the list says about the content.
    pub(crate) expected: ExpectedContent,
    /// The columns of the list that are not interpreted.
    pub(crate) fields: Fields,
    /// Its last attempt was denied and the job is held; or it was until the present attempt began.
    pub(crate) denied: Option<Box<HeldDenial>>,
    /// It requests a row once more that was served before, to show whether the host still serves. It fetches nothing.
    pub(crate) is_witness: bool,
    /// The digests of the part that was received, where its server announces any and the list has none.
    pub(crate) server_digests: Option<Box<ServerDigests>>,
    /// The hashes of the part that was received, where the list has digests.
    pub(crate) listed_digests: Option<ListedDigests>,
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
    /// The statuses with which these redirected.
    pub(crate) statuses: Vec<u16>,
    /// How many of these were requested before a cookie was set: they may be requested again.
    pub(crate) changed_at: usize,
    /// The redirects began on the public internet and must not lead into a private network.
    pub(crate) forbid_private: bool,
    /// When the host last said that the file is, or will be, at this URL: the time at which it allows the next request there.
    pub(crate) since: Instant,
    /// The URL has served bytes, or an attempt at it has failed.
    pub(crate) is_used: bool,
}

/// Whether parts of a body may be joined without a validator because the list has the digest of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DigestJoin {
    /// Where there is no strong validator.
    #[default]
    Allowed,
    /// Also where there is one: the host has sent another for a body of the same length, as hosts do whose nodes disagree.
    DespiteTags,
    /// No longer: a file that was joined like this had another digest.
    Refused,
}

/// Whether the rest of a row's body is requested as a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RangeUse {
    /// As far as anybody knows, the host serves ranges.
    #[default]
    Allowed,
    /// The next attempt requests the whole, to find out whether the host refuses ranges.
    WholeNext,
    /// A request without a range was tried, too: a failure does not mean the range.
    Tested,
    /// The host has served the whole, and refused the range before that and after it.
    Refused,
}

impl RangeUse {
    /// Whether a request without a range is worth a try: once for a row.
    pub(crate) fn test(&mut self) -> bool {
        self.advance(Self::Allowed, Self::Tested)
    }

    /// Has the next attempt request the whole, unless that has been tried.
    pub(crate) fn test_next(&mut self) {
        self.advance(Self::Allowed, Self::WholeNext);
    }

    /// Whether the attempt that begins now requests the whole.
    pub(crate) fn take_whole(&mut self) -> bool {
        self.advance(Self::WholeNext, Self::Tested)
    }

    fn advance(&mut self, from: Self, to: Self) -> bool {
        let is_there = *self == from;
        if is_there {
            *self = to;
        }
        is_there
    }
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
        let job = Self::new(row, url, String::new(), ExpectedContent::default(), Fields::default());
        Self { is_witness: true, ..job }
    }

    /// A row that has not been tried in this run, and of which nothing is kept.
    pub(crate) fn new(
        row: RowId,
        url: HttpUrl,
        name: String,
        expected: ExpectedContent,
        fields: Fields,
    ) -> Self {
        Self {
            row,
            url,
            redirected: None,
            homecomings: 0,
            cookies: None,
            name,
            attempts: 0,
            uncharged: 0,
            head_timeouts: 0,
            head_waited: Duration::ZERO,
            last_failures: None,
            not_ready_for: Duration::ZERO,
            cuts: 0,
            started_unix_ms: 0,
            partial: None,
            format: ContentFormat::default(),
            tail: None,
            is_joined_by_overlap: false,
            digest_join: DigestJoin::default(),
            range_use: RangeUse::default(),
            is_range_unanswered: false,
            range_failures: 0,
            expected,
            fields,
            denied: None,
            is_witness: false,
            server_digests: None,
            listed_digests: None,
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

    /// Notes a failure; returns the number of consecutive attempts, this one included, whose failures may mean the range,
    /// unless a request for the whole has been tried. What this side caused counts neither way, nor do the first exchanges
    /// that it aborted, unless the host fails every request.
    pub(crate) fn note_range_failure(
        &mut self,
        failure: &Failure,
        is_denied: bool,
        is_ours: bool,
        is_host_failing: bool,
    ) -> u32 {
        let is_chance = failure.was_cut_short && self.cuts < CUTS_BY_CHANCE && !is_host_failing;
        if is_ours || is_chance {
            return 0;
        }
        let is_of_failure = is_denied || failure.was_cut_short || failure.may_mean_the_range();
        let may_mean_the_range = self.is_range_unanswered && is_of_failure;
        self.range_failures = if may_mean_the_range { self.range_failures + 1 } else { 0 };
        if self.range_use == RangeUse::Allowed { self.range_failures } else { 0 }
    }

    /// Notes that the body is kept up to `have`, of which an attempt has brought the bytes from `from` on. Returns whether that
    /// is progress: at least `bytes_min` more than any attempt has brought before.
    pub(crate) fn note_kept(&mut self, from: u64, have: u64, bytes_min: u64) -> bool {
        let furthest = self.furthest.max(from);
        let is_progress = have >= furthest.saturating_add(bytes_min);
        self.furthest = furthest.max(have);
        if is_progress {
            self.homecomings = 0;
        }
        is_progress
    }

    /// Nothing of the body is kept any more.
    pub(crate) fn discard_partial(&mut self) {
        self.partial = None;
        self.tail = None;
        self.is_joined_by_overlap = false;
    }

    /// The host that the row belongs to.
    pub(crate) fn home(&self) -> &Origin {
        self.url.origin()
    }

    /// The URLs before [`target`](Self::target), and how many of them were requested before a cookie was set.
    pub(crate) fn chain(&self) -> (&[HttpUrl], usize) {
        self.redirected.as_ref().map_or((&[], 0), |redirected| (&redirected.earlier, redirected.changed_at))
    }

    /// Keeps the cookies of a response from [`target`](Self::target) that is not the file; returns whether they change what is sent.
    pub(crate) fn take_cookies(&mut self, fields: &HeaderMap, now_unix_ms: u64) -> bool {
        if !fields.contains_key(SET_COOKIE) {
            return false;
        }
        let url = self.target().clone();
        self.cookies.get_or_insert_default().take(&url, fields, now_unix_ms)
    }

    /// The host sends a body: what it was waited for before no longer counts.
    pub(crate) fn note_body(&mut self) {
        self.not_ready_for = Duration::ZERO;
        self.head_waited = Duration::ZERO;
        if let Some(redirected) = &mut self.redirected {
            redirected.is_used = true;
        }
    }

    /// Notes that the place that redirects led to will have the file, and is to be asked again at this time.
    pub(crate) fn stay_until(&mut self, at: Instant) {
        if let Some(redirected) = &mut self.redirected {
            redirected.since = redirected.since.max(at);
        }
    }

    /// Leaves the place that redirects led to if it is too old at `at` to be used without a condition.
    pub(crate) fn leave_old_redirect(&mut self, at: Instant) {
        let has_condition = self.partial.as_ref().is_some_and(|partial| partial.request().is_some());
        let is_old =
            |redirected: &Redirected| at.saturating_duration_since(redirected.since) > REDIRECT_AGE_MAX;
        if !has_condition && self.redirected.as_ref().is_some_and(is_old) {
            self.redirected = None;
        }
    }
}
