//! A VM: one instance of a guest, the plugins in it, its timers and callouts.

use super::callout::{Callout, CalloutAnswer, CalloutId, Clusters};
use super::clock::saturating_nanoseconds;
use super::exchange::Gateway;
use super::metrics::MetricValue;
use super::plugin::{Plugin, PluginOptions};
use super::{CalloutError, Clock, Limits, LogLevel, LogLine, Module, SharedData, StartError, StreamError, Trap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a gateway does after its guest trapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// No further stream is taken, as with Envoy's `FAIL_CLOSED`.
    #[default]
    Close,
    /// The next stream starts a fresh instance and every plugin in it, as with Envoy's
    /// `FAIL_RELOAD` (without its back-off). Shared data, metrics and the log stay.
    Reload,
}

/// How a VM is set up. `VmOptions::default()` is a usable one.
#[derive(Clone, Debug)]
pub struct VmOptions {
    /// Namespace of the shared data, and the property `plugin_vm_id`. Default empty.
    pub vm_id: String,
    /// What `proxy_on_vm_start` can read. Default empty.
    pub configuration: Vec<u8>,
    /// Bounds on the guest.
    pub limits: Limits,
    /// What happens after a trap. Default [`OnFailure::Close`].
    pub on_failure: OnFailure,
    /// Envoy's `allow_on_headers_stop_iteration`. Default true: a pause in the headers holds them
    /// and body callbacks come. False plays a gateway where the flag is missing: after a pause in
    /// the headers no callback comes for that direction until the guest resumes it.
    pub allow_on_headers_stop_iteration: bool,
    /// The lowest level that is logged, and what the guest is told. Default
    /// [`LogLevel::Info`].
    pub log_level: LogLevel,
    /// The guest's time. Default: the Unix epoch.
    pub clock: Clock,
    /// Shared data; give several VMs clones of one. Default: a store of its own.
    pub shared_data: SharedData,
    /// Clusters the guest may call. Default any.
    pub clusters: Clusters,
}

impl Default for VmOptions {
    fn default() -> Self {
        Self {
            vm_id: String::new(),
            configuration: Vec::new(),
            limits: Limits::default(),
            on_failure: OnFailure::default(),
            allow_on_headers_stop_iteration: true,
            log_level: LogLevel::Info,
            clock: Clock::default(),
            shared_data: SharedData::default(),
            clusters: Clusters::default(),
        }
    }
}

/// One instance of a guest. Clones are the same VM; it can be sent to another thread, and runs one
/// callback at a time.
#[derive(Clone)]
pub struct Vm {
    inner: Arc<Mutex<Gateway>>,
    clock: Clock,
}

impl Vm {
    /// Instantiates `module`.
    ///
    /// # Errors
    /// [`StartError`]: the module exceeds the memory limit, lacks an export, or trapped.
    pub fn new(module: &Module, options: VmOptions) -> Result<Self, StartError> {
        let clock = options.clock.clone();
        let gateway = Gateway::new(module.clone(), Arc::new(options))?;
        Ok(Self { inner: Arc::new(Mutex::new(gateway)), clock })
    }

    /// Creates a root context, starts and configures it.
    ///
    /// Called again, it puts a second plugin beside the first, as a gateway does while it changes a
    /// configuration: both take streams until the old one is [stopped](Plugin::stop). Envoy tries a
    /// new configuration in an instance of its own first; to play that, try it in another `Vm`.
    ///
    /// # Errors
    /// [`StartError`], with the guest's log lines. A refused configuration leaves the other plugins
    /// of the VM as they were; a trap ends them all.
    pub fn start(&self, options: PluginOptions) -> Result<Plugin, StartError> {
        let id = self.lock().start(options)?;
        Ok(Plugin { vm: self.clone(), id })
    }

    /// Moves the clock forward and fires every timer at its time on the way.
    ///
    /// # Errors
    /// The trap in a tick, or an earlier one. The clock then stands where it happened.
    pub fn advance(&self, by: Duration) -> Result<(), Trap> {
        let target = self.clock.now().saturating_add(saturating_nanoseconds(by));
        let mut gateway = self.lock();
        while let Some((root, due)) = gateway.next_tick().filter(|(_, due)| *due <= target) {
            self.clock.set(due.max(self.clock.now()));
            gateway.tick(root)?;
        }
        self.clock.set(target);
        Ok(())
    }

    /// Fires, once, every timer that is due at the clock's present time.
    ///
    /// # Errors
    /// The trap in a tick, or an earlier one.
    pub fn fire_due_ticks(&self) -> Result<(), Trap> {
        let now = self.clock.now();
        let mut gateway = self.lock();
        while let Some((root, _)) = gateway.next_tick().filter(|(_, due)| *due <= now) {
            gateway.tick(root)?;
        }
        Ok(())
    }

    /// Callouts without an answer, oldest first.
    pub fn pending_callouts(&self) -> Vec<Callout> {
        self.lock().instance.state().callouts.values().cloned().collect()
    }

    /// Answers a callout. What that does to a stream shows in its
    /// [`flow`](super::Stream::flow).
    ///
    /// # Errors
    /// [`CalloutError`]. After a trap here Envoy leaves the waiting stream hanging; this host
    /// reports it as trapped.
    pub fn answer_callout(&self, id: CalloutId, answer: CalloutAnswer) -> Result<(), CalloutError> {
        self.lock().answer_callout(id, answer)
    }

    /// Forgets a callout, as when its answer is lost. The guest is not told.
    ///
    /// # Errors
    /// [`CalloutError::NotPending`].
    pub fn cancel_callout(&self, id: CalloutId) -> Result<(), CalloutError> {
        let removed = self.lock().instance.state_mut().callouts.remove(&id.0);
        removed.map(drop).ok_or(CalloutError::NotPending(id))
    }

    /// The trap that stopped the present instance, if one did.
    pub fn failure(&self) -> Option<Trap> {
        self.lock().instance.failure().cloned()
    }

    /// How often a fresh instance has taken the place of a failed one.
    pub fn reloads(&self) -> u32 {
        self.lock().reloads
    }

    /// The log lines since the last call, oldest first; at most
    /// [`Limits::log_lines`](super::Limits::log_lines).
    pub fn take_log(&self) -> Vec<LogLine> {
        self.lock().instance.state_mut().durable.log.take()
    }

    /// The value of the first metric of that name.
    pub fn metric(&self, name: &str) -> Option<MetricValue> {
        let gateway = self.lock();
        let mut metrics = gateway.instance.state().durable.metrics.iter();
        metrics.find(|(defined, _)| defined == name).map(|(_, value)| value.clone())
    }

    /// Every metric, in the order of definition.
    pub fn metrics(&self) -> Vec<(String, MetricValue)> {
        self.lock().instance.state().durable.metrics.iter().cloned().collect()
    }

    /// Fuel used by all callbacks so far, over all instances; 0 when the engine has no fuel.
    pub fn fuel_used(&self) -> u64 {
        self.lock().instance.state().durable.fuel
    }

    /// Bytes of linear memory the present instance has; it never gives any back.
    pub fn memory_bytes(&self) -> usize {
        self.lock().instance.state().growth.granted
    }

    /// The clock the guest sees.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Opens a stream for a plugin.
    pub(crate) fn open(&self, plugin: u32) -> Result<u32, StreamError> {
        self.lock().open(plugin)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Gateway> {
        // Poisoned only by a panic of the host itself; what it guards is still well formed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
