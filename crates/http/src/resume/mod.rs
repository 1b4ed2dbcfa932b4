//! Resuming a download: which part to ask for, under which condition, and what to do with the response.

mod content_range;
pub mod range;
mod validator;

pub use content_range::ContentRange;
pub use range::{Partial, ResumeDecision};
pub use validator::{IfRange, STRONG_DATE_AGE_MS, VALIDATOR_BYTES_MAX, Validator};
