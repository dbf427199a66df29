//! What the gateway knows of who is asking, besides what the headers say.

use crate::host;
use crate::policy::PolicySet;
use crate::types::Status;

/// The properties that a policy set names agents by, in its order. A property that cannot be read is not one that
/// is absent.
pub(crate) fn properties(set: &PolicySet) -> Result<Vec<Option<Vec<u8>>>, Status> {
    let read = |path: &Vec<String>| match host::property(path) {
        Ok(value) => Ok(Some(value)),
        Err(Status::NotFound) => Ok(None),
        Err(other) => Err(other),
    };
    set.identity_properties().iter().map(read).collect()
}
