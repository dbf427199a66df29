//! The root context: loads a configuration, and keeps the plugin that it came to.

use std::rc::Rc;

use crate::host;
use crate::log_line::one_line;
use crate::plugin::Plugin;
use crate::policy::bundle;
use crate::store;
use crate::types::Level;

/// Milliseconds between two looks at the requests that wait for their bodies or lookups.
const TICK_PERIOD_MS: u32 = 250;
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
        self.plugin = Some(Rc::new(Plugin::new(set, table)));
        true
    }

    /// The plugin that streams created now are held to.
    pub(crate) fn plugin(&self) -> Option<Rc<Plugin>> {
        self.plugin.clone()
    }
}
