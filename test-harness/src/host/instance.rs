//! One instance of a guest: its exports, and how they are called under its bounds.

use super::clock::saturating_nanoseconds;
use super::context::{Context, Ending};
use super::module::Module;
use super::state::{Durable, State};
use super::{LogLevel, StartError, Trap, TrapKind, VmOptions};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::{Store, TypedFunc, WasmParams, WasmResults};

/// Declares the callbacks the host makes, each present or not.
macro_rules! callbacks {
    ($($field:ident = $name:literal: $params:ty => $results:ty;)*) => {
        /// The guest's exports.
        pub(crate) struct Callbacks { $(pub(crate) $field: Callback<$params, $results>,)* }

        impl Callbacks {
            fn resolve(
                instance: &wasmtime::Instance,
                store: &mut Store<State>,
            ) -> Result<Self, StartError> {
                Ok(Self { $($field: Callback::resolve(instance, store, $name)?,)* })
            }
        }
    };
}

callbacks! {
    initialize = "_initialize": () => ();
    start = "_start": () => ();
    context_create = "proxy_on_context_create": (u32, u32) => ();
    vm_start = "proxy_on_vm_start": (u32, u32) => u32;
    configure = "proxy_on_configure": (u32, u32) => u32;
    tick = "proxy_on_tick": u32 => ();
    request_headers = "proxy_on_request_headers": (u32, u32, u32) => u32;
    request_body = "proxy_on_request_body": (u32, u32, u32) => u32;
    request_trailers = "proxy_on_request_trailers": (u32, u32) => u32;
    response_headers = "proxy_on_response_headers": (u32, u32, u32) => u32;
    response_body = "proxy_on_response_body": (u32, u32, u32) => u32;
    response_trailers = "proxy_on_response_trailers": (u32, u32) => u32;
    http_call_response = "proxy_on_http_call_response": (u32, u32, u32, u32, u32) => ();
    done = "proxy_on_done": u32 => u32;
    log = "proxy_on_log": u32 => ();
    delete = "proxy_on_delete": u32 => ();
}

/// One export, which a guest may leave out.
pub(crate) struct Callback<P, R> {
    name: &'static str,
    function: Option<TypedFunc<P, R>>,
}

impl<P: WasmParams, R: WasmResults> Callback<P, R> {
    fn resolve(
        instance: &wasmtime::Instance,
        store: &mut Store<State>,
        name: &'static str,
    ) -> Result<Self, StartError> {
        let export = instance.get_func(&mut *store, name);
        let function = export
            .map(|function| function.typed(&*store))
            .transpose()
            .map_err(|error| StartError::Export { name, reason: format!("{error:#}") })?;
        Ok(Self { name, function })
    }
}

pub(crate) struct Instance {
    store: Store<State>,
    pub(crate) callbacks: Arc<Callbacks>,
    failed: Option<Trap>,
    epoch_resolution: Option<Duration>,
}

impl Instance {
    /// Instantiates the module and runs its initialization.
    pub(crate) fn new(module: &Module, options: Arc<VmOptions>, durable: Durable) -> Result<Self, StartError> {
        let engine = &module.engine;
        if options.limits.time_per_callback.is_some() && engine.options.epoch_resolution.is_none() {
            return Err(StartError::NoEpochs);
        }
        let state = State::new(options, engine.options.fuel, durable);
        let mut store = Store::new(&engine.inner, state);
        store.limiter(|state| &mut state.growth);
        let unusable = |error: wasmtime::Error| StartError::Instantiate(format!("{error:#}"));
        let epoch_resolution = engine.options.epoch_resolution;
        arm(&mut store, epoch_resolution).map_err(unusable)?;
        let instance = module.pre.instantiate(&mut store).map_err(|error| {
            if store.data().growth.refused {
                let most = store.data().options.limits.memory_bytes;
                return StartError::Instantiate(format!("it needs more than {most} bytes of memory"));
            }
            unusable(error)
        })?;

        let missing = |name| StartError::Export { name, reason: "it is missing".to_owned() };
        let memory = instance.get_memory(&mut store, "memory").ok_or(missing("memory"))?;
        let allocate = Callback::resolve(&instance, &mut store, "proxy_on_memory_allocate")?;
        let allocate = match allocate.function {
            Some(function) => function,
            None => Callback::resolve(&instance, &mut store, "malloc")?
                .function
                .ok_or(missing("proxy_on_memory_allocate"))?,
        };
        store.data_mut().memory = Some(memory);
        store.data_mut().allocate = Some(allocate);
        let callbacks = Arc::new(Callbacks::resolve(&instance, &mut store)?);
        let mut instance = Self { store, callbacks: Arc::clone(&callbacks), failed: None, epoch_resolution };
        let first = if callbacks.initialize.function.is_some() { &callbacks.initialize } else { &callbacks.start };
        instance.call(0, first, ()).map_err(|trap| StartError::Trapped {
            log: instance.state_mut().durable.log.since(0).cloned().collect(),
            trap,
        })?;
        Ok(instance)
    }

    /// Calls one export for a context; `None` when the guest does not have it.
    ///
    /// # Errors
    /// The trap that stopped the guest, now or earlier.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        context: u32,
        callback: &Callback<P, R>,
        arguments: P,
    ) -> Result<Option<R>, Trap> {
        if let Some(trap) = &self.failed {
            return Err(trap.clone());
        }
        let Some(function) = &callback.function else {
            return Ok(None);
        };
        self.state_mut().enter(context);
        let mark = self.state().durable.log.mark();
        let result =
            arm(&mut self.store, self.epoch_resolution).and_then(|()| function.call(&mut self.store, arguments));
        let used = self.fuel_used();
        let state = self.state_mut();
        state.durable.fuel = state.durable.fuel.saturating_add(used);
        if let Some(http) = state.http_mut(context) {
            http.fuel = http.fuel.saturating_add(used);
        }
        result.map(Some).map_err(|error| {
            let trap = self.describe(&error, callback.name, mark);
            self.fail(&trap);
            trap
        })
    }

    /// Declares the instance failed because a plugin did not start in it.
    pub(crate) fn give_up(&mut self, error: &StartError) {
        if self.failed.is_none() {
            let (kind, callback) = (TrapKind::Guest, "proxy_on_configure");
            self.fail(&Trap { kind, callback, message: error.to_string() });
        }
    }

    /// The trap that stopped this instance for good.
    pub(crate) fn failure(&self) -> Option<&Trap> {
        self.failed.as_ref()
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// Marks the instance as failed. Every stream of it that is not yet answered has ended.
    fn fail(&mut self, trap: &Trap) {
        self.failed = Some(trap.clone());
        let state = self.state_mut();
        state.actions.clear();
        state.callouts.clear();
        for context in state.contexts.values_mut() {
            if let Context::Http(http) = context
                && http.ending.is_none()
                && !(http.local_reply.is_some() && http.response.sent().complete)
            {
                http.ending = Some(Ending::Trapped(trap.clone()));
            }
        }
    }

    fn fuel_used(&self) -> u64 {
        // Without fuel in the engine there is nothing to measure.
        let limit = self.state().options.limits.fuel_per_callback;
        self.store.get_fuel().map_or(0, |left| limit.saturating_sub(left))
    }

    fn describe(&self, error: &wasmtime::Error, callback: &'static str, mark: u64) -> Trap {
        let limits = &self.state().options.limits;
        let code = error.downcast_ref::<wasmtime::Trap>();
        let (kind, mut message) = match code {
            Some(wasmtime::Trap::OutOfFuel) => {
                let most = limits.fuel_per_callback;
                (TrapKind::Fuel, format!("the guest used up {most} units of fuel in `{callback}`"))
            }
            Some(wasmtime::Trap::Interrupt) => {
                let most = limits.time_per_callback.unwrap_or_default();
                (TrapKind::Time, format!("the guest ran for more than {most:?} in `{callback}`"))
            }
            _ => {
                let cause = code.map_or_else(|| error.root_cause().to_string(), ToString::to_string);
                let cause = cause.trim_start_matches("wasm trap: ");
                let message = format!("the guest trapped in `{callback}`: {cause}");
                if self.state().growth.refused {
                    let most = limits.memory_bytes;
                    let because = format!("{message}, after its memory reached {most} bytes");
                    (TrapKind::Memory, because)
                } else {
                    (TrapKind::Guest, message)
                }
            }
        };
        let last = self.state().durable.log.since(mark).rfind(|l| l.level >= LogLevel::Error);
        if let Some(line) = last {
            message = format!("{message}; it logged: {line}");
        }
        Trap { kind, callback, message }
    }
}

/// Gives the guest its fuel and time for one callback.
fn arm(store: &mut Store<State>, epoch_resolution: Option<Duration>) -> wasmtime::Result<()> {
    let options = Arc::clone(&store.data().options);
    if store.data().fueled {
        store.set_fuel(options.limits.fuel_per_callback)?;
    }
    if let Some(resolution) = epoch_resolution {
        // One tick may be nearly over already, hence one more. Far away, where there is no limit.
        let ticks = options.limits.time_per_callback.map_or(u64::MAX / 2, |time| {
            let resolution = saturating_nanoseconds(resolution).max(1);
            saturating_nanoseconds(time).div_ceil(resolution).saturating_add(1).min(u64::MAX / 2)
        });
        store.set_epoch_deadline(ticks);
    }
    Ok(())
}
