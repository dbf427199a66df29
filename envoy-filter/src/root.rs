//! The root context: one plugin configuration, its policy set, and the requests it holds.

use policy_core::ordered::Set;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::agents::Agents;
use crate::candidate::Candidate;
use crate::host;
use crate::kept::Kept;
use crate::metrics::Metrics;
use crate::policy::counters::Table;
use crate::policy::tripwires::Late;
use crate::policy::{PolicySet, bundle};
use crate::store;
use crate::types::{Level, Status};

/// Milliseconds between two looks at the requests that wait for their bodies or lookups.
const TICK_PERIOD_MS: u32 = 250;
/// Bytes of a load error that are logged: enough for a place and a reason, whatever the bundle holds.
const ERROR_LENGTH: usize = 1024;

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
    /// Notes that a request waits, so that the root context's tick looks at it.
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

/// A root context. Until it is configured it has no plugin, and its streams are refused.
#[derive(Default)]
pub(crate) struct Root {
    plugin: Option<Rc<Plugin>>,
}

impl Root {
    /// Loads the bundle in the plugin's configuration, `size` bytes. False refuses the configuration: the gateway does
    /// not start with it, or keeps the one it has.
    pub(crate) fn on_configure(&mut self, size: usize) -> bool {
        let set = match host::plugin_configuration(size) {
            Ok(bytes) if bytes.len() == size => bundle::load(&bytes).map_err(|error| error.to_string()),
            Ok(bytes) => Err(format!("the gateway gave {} of its {size} bytes", bytes.len())),
            Err(status) => Err(format!("the gateway did not give the plugin's configuration ({status:?})")),
        };
        let set = match set {
            Ok(set) => set,
            Err(error) => {
                let error = one_line(&error);
                host::log(Level::Error, &format!("ambit: the policy bundle is refused: {error}"));
                return false;
            }
        };
        let table = match store::open(&set) {
            Ok(table) => table,
            Err(error) => {
                let error = one_line(&error);
                host::log(
                    Level::Error,
                    &format!("ambit: the policy bundle is refused: its counters cannot be kept: {error}"),
                );
                return false;
            }
        };
        host::log(Level::Info, &format!("ambit: policy set {} is loaded, agents: {}", set.digest(), set.agents()));
        if host::set_tick_period(TICK_PERIOD_MS).is_err() {
            host::log(
                Level::Warn,
                "ambit: this gateway has no timer: a request whose body never comes is held until the gateway's own timeout",
            );
        }
        let metrics = Metrics::define();
        self.plugin = Some(Rc::new(Plugin {
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
        }));
        true
    }

    /// The plugin that streams created now are held to.
    pub(crate) fn plugin(&self) -> Option<Rc<Plugin>> {
        self.plugin.clone()
    }
}

/// A message as one bounded line of the log, whatever it quotes.
pub(crate) fn one_line(message: &str) -> String {
    let printable = |character: char| {
        if character.is_control() { ' ' } else { character }
    };
    let mut line = String::new();
    for character in message.chars().map(printable) {
        if line.len() >= ERROR_LENGTH {
            line.push('…');
            break;
        }
        line.push(character);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_error_is_one_bounded_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m"), "a  b [31m");
        let long = one_line(&"é".repeat(5_000));
        assert!(long.len() <= ERROR_LENGTH + 4, "{}", long.len());
        assert!(long.ends_with('…'));
    }
}
