//! What the journal says: rows, the records about them, and the state that the records add up to.

mod host_record;
mod record;
mod recorded_part;
mod row;
mod row_set;
mod row_states;
mod suspicion;

pub use host_record::HostRecord;
pub use record::{
    Checkpoint, ContentFormat, Done, Failed, FaultRecord, Location, NoContent, Part, Record, Validator,
    Verification, Waiting,
};
pub use recorded_part::RecordedPart;
pub use row::{
    Entry, Expectation, Fields, FileIdentity, RecordedDigest, Row, RowId, Source, SourceEnd, SourceId,
};
pub use row_set::RowSet;
pub use row_states::{Counts, RowState, RowStates};
pub use suspicion::{SuspectPattern, Suspicion};
