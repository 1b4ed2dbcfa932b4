//! A body that the store cannot hold: its transfer ends, and its row fails.

use std::time::Duration;

use longhaul_http::Head;
use longhaul_journal::RowId;
use longhaul_socket::Phase;

use crate::exchange::Class;
use crate::exchange::context::ExchangeContext;
use crate::exchange::failure::Failure;

/// The failure of this row, if the sink has found that its body cannot be stored.
pub(super) fn failure(context: &ExchangeContext, row: RowId, head: &Head) -> Option<Failure> {
    let fault = context.sink.storage_fault(row)?;
    let failure =
        Failure::new(Class::of_record(&fault), Phase::Body, Some(head.peer), Duration::ZERO, String::new());
    Some(Failure { status: Some(head.status), record: fault, ..failure })
}
