//! Plugins and their VM: starting, ticking, stopping, starting again after a failure.

use super::context::{Context, Root};
use super::exchange::{Gateway, Record, number};
use super::instance::Instance;
use super::{OnFailure, PluginOptions, StartError, Trap};
use std::mem;
use std::sync::Arc;

impl Gateway {
    /// Starts a plugin; gives its id.
    pub(crate) fn start(&mut self, options: PluginOptions) -> Result<u32, StartError> {
        if self.instance.failure().is_some() && self.options.on_failure == OnFailure::Reload {
            self.reload()?;
        }
        let options = Arc::new(options);
        let root = self.start_root(Arc::clone(&options))?;
        self.next_plugin += 1;
        self.plugins.insert(self.next_plugin, Record { options, root });
        Ok(self.next_plugin)
    }

    /// The next timer: its root context and virtual time.
    pub(crate) fn next_tick(&self) -> Option<(u32, u64)> {
        let roots = self.plugins.values().map(|record| record.root);
        let set = roots.filter_map(|root| {
            let timer = self.instance.state().root(root).filter(|r| r.tick_period > 0)?;
            Some((root, timer.next_tick))
        });
        set.min_by_key(|(_, due)| *due)
    }

    /// Fires a timer and sets it again, counted from now.
    pub(crate) fn tick(&mut self, root: u32) -> Result<(), Trap> {
        let now = self.options.clock.now();
        let Some(timer) = self.instance.state_mut().root_mut(root).filter(|r| r.tick_period > 0) else {
            return Ok(());
        };
        timer.next_tick = now.saturating_add(u64::from(timer.tick_period) * 1_000_000);
        let callbacks = Arc::clone(&self.instance.callbacks);
        self.instance.call(root, &callbacks.tick, root)?;
        self.settle()
    }

    pub(crate) fn root_of(&self, plugin: u32) -> Option<u32> {
        self.plugins.get(&plugin).map(|record| record.root)
    }

    pub(crate) fn stop(&mut self, plugin: u32) -> Result<(), Trap> {
        let Some(root) = self.root_of(plugin) else {
            return Ok(());
        };
        let callbacks = Arc::clone(&self.instance.callbacks);
        if let Some(root) = self.instance.state_mut().root_mut(root) {
            // Set first: the guest may call `proxy_done` inside `proxy_on_done`.
            root.pending_done = true;
        }
        let done = self.instance.call(root, &callbacks.done, root)?.unwrap_or(1) != 0;
        if let Some(root) = self.instance.state_mut().root_mut(root) {
            root.done |= done;
        }
        self.settle()
    }

    /// Replaces the failed instance by a fresh one with the same plugins.
    pub(super) fn reload(&mut self) -> Result<(), StartError> {
        let durable = mem::take(&mut self.instance.state_mut().durable);
        let contexts = mem::take(&mut self.instance.state_mut().contexts);
        for (context, record) in contexts {
            if let Context::Http(http) = record {
                self.past.insert(context, *http);
            }
        }
        self.instance = Instance::new(&self.module, Arc::clone(&self.options), durable)?;
        self.reloads += 1;
        let restarted = self.restart_plugins();
        if let Err(error) = &restarted {
            // Without its plugins the instance is of no use; the next stream tries another one.
            self.instance.give_up(error);
        }
        restarted
    }

    fn restart_plugins(&mut self) -> Result<(), StartError> {
        let plugins: Vec<_> = self.plugins.iter().map(|(id, record)| (*id, Arc::clone(&record.options))).collect();
        for (id, options) in plugins {
            let root = self.start_root(Arc::clone(&options))?;
            self.plugins.insert(id, Record { options, root });
        }
        Ok(())
    }

    fn start_root(&mut self, options: Arc<PluginOptions>) -> Result<u32, StartError> {
        let mark = self.instance.state().durable.log.mark();
        let size = number(options.configuration.len());
        let context = self.new_context();
        let root = Root { options, tick_period: 0, next_tick: 0, configuring: true, pending_done: false, done: false };
        self.instance.state_mut().contexts.insert(context, Context::Root(root));
        let started = self.run_start(context, size);
        let log = || self.instance.state().durable.log.since(mark).cloned().collect();
        let refusal = match started {
            Ok(Started::Yes) => return Ok(context),
            Ok(Started::VmRefused) => StartError::VmRefused { log: log() },
            Ok(Started::ConfigurationRefused) => StartError::ConfigurationRefused { log: log() },
            Err(trap) => StartError::Trapped { trap, log: log() },
        };
        let callbacks = Arc::clone(&self.instance.callbacks);
        // The refusal is what matters; a trap on the way out marks the VM as failed all the same.
        let _ = self.instance.call(context, &callbacks.delete, context);
        self.instance.state_mut().contexts.remove(&context);
        Err(refusal)
    }

    fn run_start(&mut self, root: u32, size: u32) -> Result<Started, Trap> {
        let callbacks = Arc::clone(&self.instance.callbacks);
        let vm_size = number(self.options.configuration.len());
        self.instance.call(root, &callbacks.context_create, (root, 0))?;
        self.set_configuring(root, false);
        if self.instance.call(root, &callbacks.vm_start, (root, vm_size))? == Some(0) {
            return Ok(Started::VmRefused);
        }
        self.set_configuring(root, true);
        if self.instance.call(root, &callbacks.configure, (root, size))? == Some(0) {
            return Ok(Started::ConfigurationRefused);
        }
        self.set_configuring(root, false);
        self.settle()?;
        Ok(Started::Yes)
    }

    fn set_configuring(&mut self, root: u32, configuring: bool) {
        if let Some(root) = self.instance.state_mut().root_mut(root) {
            root.configuring = configuring;
        }
    }

    /// Deletes the plugins that have ended and that the guest has let go of.
    pub(super) fn delete_done_roots(&mut self) -> Result<(), Trap> {
        let state = self.instance.state();
        let done = |record: &Record| state.root(record.root).is_some_and(|root| root.done);
        let ids: Vec<_> = self.plugins.iter().filter(|(_, r)| done(r)).map(|(id, r)| (*id, r.root)).collect();
        for (id, root) in ids {
            let callbacks = Arc::clone(&self.instance.callbacks);
            self.plugins.remove(&id);
            let deleted = self.instance.call(root, &callbacks.delete, root);
            self.instance.state_mut().contexts.remove(&root);
            deleted?;
        }
        Ok(())
    }
}

enum Started {
    Yes,
    VmRefused,
    ConfigurationRefused,
}
