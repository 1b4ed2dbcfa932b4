//! Errors that end a command: the message, what it means, what to do next, and the exit code.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use longhaul::HaulError;
use longhaul_journal::JournalError;
use longhaul_origin::proxy::ProxyError;
use longhaul_origin::script::InvalidCase;
use longhaul_socket::{Fault, FaultKind, InvalidIdentity, Phase, SocketTableError};
use thiserror::Error;

use crate::exit::Exit;
use crate::serving::InvalidPlan;
use crate::signature::SignatureError;

/// Too many open files: of the system, and of this process. The numbers of every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// An error that ended a command. `Display` gives one level, `source` the rest.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Haul(#[from] HaulError),
    #[error("nothing to download: no list, no URL, and no haul in {}", directory.display())]
    NothingToDo { directory: PathBuf },
    #[error("{} is a file, not a URL", path.display())]
    ListAsUrl { path: PathBuf },
    #[error("standard input is named twice but can be read only once")]
    StandardInputTwice,
    #[error("cannot read the list {label}")]
    List { label: String, source: io::Error },
    #[error("cannot export a file of the haul")]
    ExportedFile(#[source] io::Error),
    #[error("cannot write {place}")]
    Output { place: String, source: io::Error },
    #[error("cannot prepare the working directory")]
    Scratch(#[source] io::Error),
    #[error("LONGHAUL_LOG is not a valid filter: {0}")]
    LogFilter(String),
    #[error("the lock file or its signature cannot be trusted")]
    Signature(#[source] SignatureError),
    #[error("cannot sign the output")]
    Signing(#[source] SignatureError),
    #[error("a bag is a directory: sign its tagmanifest-sha256.txt with minisign")]
    SignedBag,
    #[error(transparent)]
    Socket(#[from] Fault),
    #[error(transparent)]
    SocketTable(#[from] SocketTableError),
    #[error(transparent)]
    Identity(#[from] InvalidIdentity),
    #[error("TLS needs a certificate and its key")]
    NoIdentity,
    #[error("cannot read {place}")]
    Unreadable { place: String, source: io::Error },
    #[error(transparent)]
    Plan(#[from] InvalidPlan),
    #[error(transparent)]
    Proxy(ProxyError),
    #[error("a built-in test case cannot be read")]
    Case(#[from] InvalidCase),
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    #[error("cannot start a thread or a runtime")]
    Start(#[source] io::Error),
    #[error("the rehearsal cannot run: {what}")]
    Rehearsal { what: &'static str, source: io::Error },
}

impl From<ProxyError> for CommandError {
    /// A proxy that cannot listen fails as a service does that cannot listen.
    fn from(error: ProxyError) -> Self {
        match error {
            ProxyError::Listen(fault) => Self::Socket(fault),
            error => Self::Proxy(error),
        }
    }
}

impl CommandError {
    /// The exit code of the program.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Haul(error) => Exit::of_error(error),
            Self::Socket(fault) => socket_exit(fault),
            Self::NothingToDo { .. }
            | Self::ListAsUrl { .. }
            | Self::StandardInputTwice
            | Self::NoIdentity
            | Self::SignedBag
            | Self::Plan(_)
            | Self::LogFilter(_) => Exit::Usage,
            Self::List { .. }
            | Self::Output { .. }
            | Self::ExportedFile(_)
            | Self::Scratch(_)
            | Self::Signature(_)
            | Self::Signing(_)
            | Self::Identity(_)
            | Self::Unreadable { .. }
            | Self::Input(_) => Exit::File,
            Self::SocketTable(_)
            | Self::Proxy(_)
            | Self::Case(_)
            | Self::Start(_)
            | Self::Rehearsal { .. } => Exit::Other,
        }
    }

    /// What the error means, if the message does not say it.
    pub(crate) fn meaning(&self) -> Option<&'static str> {
        match self {
            Self::Socket(fault) => Some(fault.advice().meaning),
            _ => None,
        }
    }

    /// What to do next, if that is known.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        if self.is_out_of_files() {
            return Some(
                "allow more open files (`ulimit -n`), and run the same command again; nothing that was reported is lost",
            );
        }
        let advice = match self {
            Self::NothingToDo { .. } => "give a list with -i LIST, or URLs; see `longhaul get --help`",
            Self::ListAsUrl { .. } => "give a list with -i LIST",
            Self::StandardInputTwice => "use `-i -` once",
            Self::Haul(error) => return haul_advice(error),
            Self::List { .. } => "check the name of the list; nothing has been changed",
            Self::Output { .. } => "check the path and the free space, and run the command again",
            Self::ExportedFile(_) => {
                "`longhaul verify` lists the files that are not as recorded; other formats read no file"
            }
            Self::Signature(_) => {
                "nothing was requested; get the lock file, its .minisig and the public key from their author again"
            }
            Self::Signing(SignatureError::Encrypted { .. }) => {
                "the output is written; sign it with `minisign -Sm FILE`, or use a key without a password (`minisign -GW`)"
            }
            Self::Signing(_) => "the output is written and has no signature",
            Self::Scratch(_) => "use a directory that is new or empty; without -d a temporary one is used",
            Self::Socket(fault) => fault.advice().action,
            Self::NoIdentity => "give two files in PEM form with --cert FILE and --key FILE",
            Self::Identity(_) => "check the certificate file and the key file",
            Self::Unreadable { .. } => "check its name and its permissions",
            Self::SocketTable(_)
            | Self::Plan(_)
            | Self::Proxy(_)
            | Self::Input(_)
            | Self::Start(_)
            | Self::SignedBag
            | Self::Case(_)
            | Self::Rehearsal { .. } => return None,
            Self::LogFilter(_) => {
                "use a level such as debug, or targets such as longhaul=debug,longhaul::pace=trace"
            }
        };
        Some(advice)
    }

    /// Whether it is for want of descriptors (EMFILE, ENFILE).
    fn is_out_of_files(&self) -> bool {
        let sources = std::iter::successors(self.source(), |&error| error.source());
        let mut errors = sources.filter_map(|error| error.downcast_ref::<io::Error>());
        errors.any(|error| matches!(error.raw_os_error(), Some(ENFILE | EMFILE)))
    }

    /// The error and all its sources on one line, each level once.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            let level = error.to_string();
            // A transparent error repeats its source.
            if !text.ends_with(&level) {
                text = format!("{text}: {level}");
            }
            source = error.source();
        }
        text
    }
}

/// The exit code for a failed socket: the same as for a download that fails this way.
fn socket_exit(fault: &Fault) -> Exit {
    match fault.kind() {
        FaultKind::Certificate(_)
        | FaultKind::NotTls
        | FaultKind::TlsVersion
        | FaultKind::TlsParameters
        | FaultKind::ClientCertificate
        | FaultKind::CertificateRefused
        | FaultKind::TlsPeerError
        | FaultKind::TlsAlert
        | FaultKind::TlsOther => Exit::Tls,
        FaultKind::Other | FaultKind::Misuse if fault.phase() == Phase::Tls => Exit::Tls,
        _ => Exit::Network,
    }
}

fn haul_advice(error: &HaulError) -> Option<&'static str> {
    Some(match error {
        HaulError::Journal(JournalError::Held { .. }) => {
            "wait for that process or stop it; `longhaul status DIR` shows its progress"
        }
        HaulError::Journal(JournalError::Missing { .. }) => {
            "give the directory that `longhaul get -d` was given"
        }
        HaulError::Journal(JournalError::OtherVersion { .. }) => {
            "use the version of longhaul that created the haul"
        }
        HaulError::List { .. } => "check the name of the list; nothing has been changed",
        HaulError::ListBroken { .. } => {
            "the lines before it are recorded; run the same command again to resume"
        }
        HaulError::Directory { .. } => "check its path and its permissions",
        HaulError::LockLost(_) => {
            "nothing was reported after that; run the same command again once no other process works on the haul"
        }
        HaulError::Disk(_) => {
            "nothing that was reported is lost; repair the disk and run the same command again to resume"
        }
        _ => return None,
    })
}
