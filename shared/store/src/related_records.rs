//! External records that a job read, created or updated.

use serde::{Serialize, Serializer};
use zixly_domain::{Provider, RecordAction, RelatedRecordId};

/// A record in somebody else's system, and what was done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedRecord {
    /// Where it is.
    pub system: Provider,
    /// What it is there: `invoice`, `contact`.
    pub record_type: &'static str,
    /// The system's id of it.
    pub record_id: String,
    /// What the job did.
    pub action: RecordAction,
}

/// As a row of `record_step`, under an id of its own.
impl Serialize for RelatedRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { system, record_type, record_id, action } = self;
        (RelatedRecordId::new(), system.as_str(), record_type, record_id, action.as_str())
            .serialize(serializer)
    }
}
