//! What is there now, as arguments say it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use policy_core::PolicySet;

use super::exit::Failure;
use crate::world::{Facts, Rest};

/// What files and assumptions say of the present. What they do not say is not known.
pub(super) fn facts(set: &Arc<PolicySet>, files: &[PathBuf], assumptions: &[String]) -> Result<Facts, Failure> {
    let mut facts = Facts::new(Arc::clone(set), None, Rest::NotRecorded);
    for file in files {
        let name = file.display();
        let text = fs::read(file)
            .map_err(|e| Failure::Other(format!("cannot read `{name}`: {e}; name a file that exists")))?;
        facts.read(&text).map_err(|e| Failure::Other(format!("`{name}` does not say what is there now: {e}")))?;
    }
    for assumption in assumptions {
        facts.assume(assumption).map_err(|e| Failure::Other(format!("--assume: {e}")))?;
    }
    Ok(facts)
}
