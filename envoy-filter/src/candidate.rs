//! The candidate that is loaded beside the enforced policies: a second policy set that only looks on.

use std::sync::Arc;

use crate::host;
use crate::log_line::one_line;
use crate::policy::PolicySet;
use crate::policy::counters::Table;
use crate::store;
use crate::types::Level;

/// A candidate that is loaded.
pub(crate) struct Candidate {
    pub(crate) set: Arc<PolicySet>,
    /// Where its counters stand. `None`: they cannot be kept, and what they decide is undecidable.
    pub(crate) table: Option<Table>,
}

impl Candidate {
    /// The candidate of a set, if it has one. What is wrong with it is logged, and stops nothing.
    pub(crate) fn of(set: &PolicySet) -> Option<Self> {
        if let Some(error) = set.candidate_refused() {
            host::log(Level::Error, &one_line(&format!("ambit: the candidate is left out: {error}")));
        }
        let candidate = Arc::clone(set.candidate()?);
        let table = store::open(&candidate);
        if let Err(error) = &table {
            let error = format!("ambit: the candidate's counters cannot be kept: {error}");
            host::log(Level::Error, &one_line(&error));
        }
        host::log(
            Level::Info,
            &format!("ambit: candidate {} is loaded, agents: {}", candidate.digest(), candidate.agents()),
        );
        Some(Self { set: candidate, table: table.ok() })
    }
}
