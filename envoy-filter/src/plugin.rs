//! The running plugin: what a configuration came to, and the requests that it holds.

use policy_core::ordered::Set;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::agents::Agents;
use crate::candidate::Candidate;
use crate::host;
use crate::kept::Kept;
use crate::log_line::one_line;
use crate::metrics::Metrics;
use crate::policy::PolicySet;
use crate::policy::counters::Table;
use crate::policy::tripwires::Late;
use crate::types::{Level, Status};

const NOT_DELIVERED: &str = "ambit: the gateway never delivered the body of a request that waited for it: \
    set `allow_on_headers_stop_iteration: true` in the Wasm plugin's configuration";

/// What a configuration came to. Every stream holds on to the plugin it was created under.
pub(crate) struct Plugin {
    pub(crate) set: Arc<PolicySet>,
    pub(crate) metrics: Metrics,
    /// Metrics of each agent.
    pub(crate) agents: Agents,
    /// Where the counters of the set stand.
    pub(crate) table: Table,
    /// Answers that lookups may use; `None`: no page lets them.
    pub(crate) kept: Option<Kept>,
    /// A second policy set that only looks on.
    pub(crate) candidate: Option<Candidate>,
    /// Whether some page has tripwires.
    pub(crate) trips: bool,
    /// What is yet to be counted for them.
    pub(crate) late: RefCell<Vec<Late>>,
    held: RefCell<Set<u32>>,
    told: Cell<bool>,
    told_no_cluster: Cell<bool>,
    told_not_called: Cell<bool>,
}

impl Plugin {
    /// The plugin of a policy set whose counters stand in `table`. Defines its metrics, and loads its candidate.
    pub(crate) fn new(set: PolicySet, table: Table) -> Self {
        let metrics = Metrics::define();
        Self {
            candidate: Candidate::of(&set),
            trips: set.trips(),
            late: RefCell::default(),
            kept: set.reuses_answers().then(Kept::default),
            set: Arc::new(set),
            metrics,
            agents: Agents::default(),
            table,
            held: RefCell::default(),
            told: Cell::new(false),
            told_no_cluster: Cell::new(false),
            told_not_called: Cell::new(false),
        }
    }

    /// Notes that a request waits, so that a tick of the root context looks at it.
    pub(crate) fn hold(&self, request: u32) {
        if let Ok(mut held) = self.held.try_borrow_mut() {
            held.insert(request);
        }
    }

    /// Notes that a request waits no longer.
    pub(crate) fn release(&self, request: u32) {
        if let Ok(mut held) = self.held.try_borrow_mut() {
            held.remove(&request);
        }
    }

    /// Logs, once in the life of this plugin, that the gateway holds bodies back. Under load it would be every request.
    pub(crate) fn tell_not_delivered(&self) {
        if !self.told.replace(true) {
            host::log(Level::Error, NOT_DELIVERED);
        }
    }

    /// Logs, once in the life of this plugin for each of two causes, that the gateway does not make a call. Under load it
    /// would be every request.
    pub(crate) fn tell_call_refused(&self, cluster: &str, status: Status) {
        // The specification's status for a cluster that the host does not know.
        let unknown = status == Status::BadArgument;
        let told = if unknown { &self.told_no_cluster } else { &self.told_not_called };
        if told.replace(true) {
            return;
        }
        let why = if unknown {
            "the gateway has no such cluster; `lookups.clusters` of gateway.json names it"
        } else {
            "none of its hosts can be called, or its credential is not there"
        };
        host::log(Level::Error, &one_line(&format!("ambit: no lookup at the cluster `{cluster}` ({status:?}): {why}")));
    }

    /// The requests that wait.
    pub(crate) fn held(&self) -> Vec<u32> {
        self.held.try_borrow().map(|held| held.iter().copied().collect()).unwrap_or_default()
    }
}
