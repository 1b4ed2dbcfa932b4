//! Why a command ended without doing its work: what is said, what to do next, and the exit code.

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

/// A command that could not do its work. `Display` says one level, the sources the rest.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Haul(#[from] HaulError),
    #[error("there is nothing to download: no list, no URL, and no haul in {}", directory.display())]
    NothingToDo { directory: PathBuf },
    #[error("standard input is named twice and can be read only once")]
    StandardInputTwice,
    #[error("cannot read the list {label}")]
    List { label: String, source: io::Error },
    #[error("cannot write {place}")]
    Output { place: String, source: io::Error },
    #[error("cannot prepare the working directory")]
    Scratch(#[source] io::Error),
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
    #[error("a case that the program carries with it cannot be read")]
    Case(#[from] InvalidCase),
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    #[error("cannot start")]
    Start(#[source] io::Error),
    #[error("the rehearsal cannot be held: {what}")]
    Rehearsal { what: &'static str, source: io::Error },
}

impl From<ProxyError> for CommandError {
    /// Where a proxy cannot listen no service could.
    fn from(error: ProxyError) -> Self {
        match error {
            ProxyError::Listen(fault) => Self::Socket(fault),
            error => Self::Proxy(error),
        }
    }
}

impl CommandError {
    /// What the program ends in.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Haul(error) => Exit::of_error(error),
            Self::Socket(fault) => exit_of(fault),
            Self::NothingToDo { .. } | Self::StandardInputTwice | Self::NoIdentity | Self::Plan(_) => {
                Exit::Usage
            }
            Self::List { .. }
            | Self::Output { .. }
            | Self::Scratch(_)
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

    /// What it means, where that does not go without saying.
    pub(crate) fn meaning(&self) -> Option<&'static str> {
        match self {
            Self::Socket(fault) => Some(fault.advice().meaning),
            _ => None,
        }
    }

    /// What to do next, where that is known.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        let advice = match self {
            Self::NothingToDo { .. } => {
                "name a list with -i LIST or give URLs; `longhaul get --help` tells more"
            }
            Self::StandardInputTwice => "give -i - once",
            Self::Haul(error) => return advice_on(error),
            Self::List { .. } => "check the list's name; nothing has been touched",
            Self::Output { .. } => "check the place and its free space, and run the command again",
            Self::Scratch(_) => "the directory must be new or empty; without -d a temporary one is used",
            Self::Socket(fault) => fault.advice().action,
            Self::NoIdentity => "name two files in PEM form with --cert FILE and --key FILE",
            Self::Identity(_) => "check the files of the certificate and of the key",
            Self::Unreadable { .. } => "check its name, and that it may be read",
            Self::SocketTable(_)
            | Self::Plan(_)
            | Self::Proxy(_)
            | Self::Input(_)
            | Self::Start(_)
            | Self::Case(_)
            | Self::Rehearsal { .. } => return None,
        };
        Some(advice)
    }

    /// The error and all its sources in one line, each level once.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            let level = error.to_string();
            // A transparent level repeats the one below it.
            if !text.ends_with(&level) {
                text = format!("{text}: {level}");
            }
            source = error.source();
        }
        text
    }
}

/// What a failed exchange ends in: as a failed download of the same kind does.
fn exit_of(fault: &Fault) -> Exit {
    match fault.kind() {
        FaultKind::Certificate(_) | FaultKind::NotTls | FaultKind::TlsAlert | FaultKind::TlsOther => {
            Exit::Tls
        }
        FaultKind::Other | FaultKind::Misuse if fault.phase() == Phase::Tls => Exit::Tls,
        _ => Exit::Network,
    }
}

fn advice_on(error: &HaulError) -> Option<&'static str> {
    Some(match error {
        HaulError::Journal(JournalError::Held { .. }) => {
            "wait for that process or stop it; `longhaul status DIR` shows how far it is"
        }
        HaulError::Journal(JournalError::Missing { .. }) => {
            "name the directory that was given to `longhaul get -d`"
        }
        HaulError::Journal(JournalError::OtherVersion { .. }) => "use the version of longhaul that wrote it",
        HaulError::List { .. } => "check the list's name; nothing has been touched",
        HaulError::ListBroken { .. } => {
            "what was read before that line is done or recorded; run the same command again to go on"
        }
        HaulError::Directory { .. } => "name a directory that exists or can be created with -d DIR",
        HaulError::Disk(_) => {
            "nothing that was reported is lost; put the disk right and run the same command again to go on"
        }
        _ => return None,
    })
}
