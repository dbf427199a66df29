//! A plugin: one configuration running in a VM.

use super::script::{RequestScript, RunReport};
use super::{Callout, CalloutAnswer, Stream, StreamError, Trap, Vm};

/// What a plugin is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginOptions {
    /// The property `plugin_name`.
    pub name: String,
    /// The property `plugin_root_id`.
    pub root_id: String,
    /// What `proxy_on_configure` can read.
    pub configuration: Vec<u8>,
}

impl PluginOptions {
    /// A configuration without names.
    pub fn new(configuration: impl Into<Vec<u8>>) -> Self {
        Self { configuration: configuration.into(), ..Self::default() }
    }
}

/// A started plugin. Clones are the same one; dropping them does not stop it.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) vm: Vm,
    pub(crate) id: u32,
}

impl Plugin {
    /// Opens an HTTP stream.
    ///
    /// # Errors
    /// [`StreamError`]: the VM has failed (and a reload was not asked for, or did not help), or the
    /// plugin is stopped.
    pub fn http_stream(&self) -> Result<Stream, StreamError> {
        let context = self.vm.open(self.id)?;
        Ok(Stream { vm: self.vm.clone(), context })
    }

    /// Fires the plugin's timer now, whether it is due or not. Nothing happens when the guest has
    /// set none.
    ///
    /// # Errors
    /// The trap in the tick, or an earlier one.
    pub fn tick(&self) -> Result<(), Trap> {
        let mut gateway = self.vm.lock();
        match gateway.root_of(self.id) {
            Some(root) => gateway.tick(root),
            None => Ok(()),
        }
    }

    /// Delivers a whole request and says what became of it. Callouts stay unanswered: see
    /// [`Plugin::run_request_with`].
    ///
    /// # Errors
    /// [`StreamError`], as for [`Plugin::http_stream`]. A trap is not an error but a verdict.
    pub fn run_request(&self, script: &RequestScript) -> Result<RunReport, StreamError> {
        self.run_request_with(script, |_| None)
    }

    /// [`Plugin::run_request`], with `answer` asked for each callout of the stream after each event;
    /// `None` leaves it pending, and it is asked again after the next.
    ///
    /// # Errors
    /// As for [`Plugin::run_request`].
    pub fn run_request_with(
        &self,
        script: &RequestScript,
        mut answer: impl FnMut(&Callout) -> Option<CalloutAnswer>,
    ) -> Result<RunReport, StreamError> {
        let mut stream = self.http_stream()?;
        Ok(script.run(&mut stream, &mut answer))
    }

    /// Ends the plugin: `proxy_on_done`, then `proxy_on_delete`, at once or after `proxy_done`. Its
    /// open streams go on.
    ///
    /// # Errors
    /// The trap in one of them, or an earlier one.
    pub fn stop(&self) -> Result<(), Trap> {
        self.vm.lock().stop(self.id)
    }

    /// Whether it has been stopped and the guest has let go of it.
    pub fn is_stopped(&self) -> bool {
        self.vm.lock().root_of(self.id).is_none()
    }

    /// The VM it runs in.
    pub fn vm(&self) -> &Vm {
        &self.vm
    }
}
