//! Policies of a word or two: which of the gateway's abilities they use.

use std::sync::Arc;

use super::{PARALLEL, counters};

/// `ok`, or `ok:<body timeout in ms>`; `fresh`: with answers kept; `counts`: with counters; `trips`: with tripwires;
/// `jwt`: agents are named by a property; `candidate`: that and a candidate; `broken-candidate`. Lookups: 2,000 ms, 3 at a
/// time.
pub fn load(bytes: &[u8]) -> Result<PolicySet, LoadError> {
    let text = str::from_utf8(bytes).map_err(|_| LoadError)?;
    let body_timeout_ms = match text.split_once(':') {
        None if matches!(text, "ok" | "fresh" | "counts" | "trips" | "jwt" | "candidate" | "broken-candidate") => 5_000,
        Some(("ok", timeout)) => timeout.parse().map_err(|_| LoadError)?,
        _ => return Err(LoadError),
    };
    let who = ["metadata", "filter_metadata", "jwt", "sub"].map(String::from).to_vec();
    let properties = if text == "jwt" { vec![who] } else { Vec::new() };
    let set = |digest: &str, counts, candidate| PolicySet {
        digest: format!("sha256:{digest}"),
        body_timeout_ms,
        counts,
        candidate,
        properties: properties.clone(),
    };
    let candidate = match text {
        "candidate" => Some(Ok(Arc::new(set("tried", true, None)))),
        "broken-candidate" => Some(Err(LoadError)),
        _ => None,
    };
    Ok(set(text, matches!(text, "counts" | "candidate"), candidate))
}

#[derive(Debug)]
pub struct LoadError;

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a bundle: expected `{` at byte 0")
    }
}

#[derive(Debug)]
pub struct PolicySet {
    digest: String,
    body_timeout_ms: u64,
    counts: bool,
    properties: Vec<Vec<String>>,
    candidate: Option<Result<Arc<PolicySet>, LoadError>>,
}

impl PolicySet {
    pub fn candidate(&self) -> Option<&Arc<PolicySet>> {
        self.candidate.as_ref()?.as_ref().ok()
    }
    pub fn candidate_refused(&self) -> Option<&LoadError> {
        self.candidate.as_ref()?.as_ref().err()
    }
    pub fn counts(&self) -> bool {
        self.counts
    }
    pub fn digest(&self) -> &str {
        &self.digest
    }
    pub fn agents(&self) -> usize {
        1
    }
    pub fn counters_budget(&self) -> counters::Budget {
        counters::Budget::default()
    }
    pub fn body_timeout_ms(&self) -> u64 {
        self.body_timeout_ms
    }
    pub fn identity_properties(&self) -> &[Vec<String>] {
        &self.properties
    }
    pub fn stands(&self) -> bool {
        self.trips()
    }
    pub fn trips(&self) -> bool {
        self.digest == "sha256:trips"
    }
    pub fn approves(&self) -> bool {
        false
    }
    pub fn reuses_answers(&self) -> bool {
        self.digest == "sha256:fresh"
    }
    pub fn lookup_timeout_ms(&self) -> u64 {
        2_000
    }
    pub fn lookups_parallel(&self) -> usize {
        PARALLEL
    }
}
