//! Failures: what failed, where, of which kind, and what to do about it.

mod advice;
mod classify;
mod errno_table;
mod fault;
mod kind;
mod tls;

pub use advice::Advice;
pub(crate) use classify::{DatagramTooLong, fault};
pub use classify::{Platform, kind_of, kind_of_number};
pub use errno_table::SystemError;
pub use fault::{Fault, Phase};
pub use kind::{CertificateFault, FaultKind};
pub(crate) use tls::RefusedWithoutCertificate;
