//! Compiling a `.wasm` once, for any number of instances.

use super::LoadError;
use super::imports;
use super::state::State;
use std::thread;
use std::time::Duration;
use wasmtime::{Config, InstancePre, Linker, OptLevel, UnknownImportError};

/// What compiled code must be able to do.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Whether code counts fuel. Default true; without it nothing bounds a guest that loops, unless
    /// `epoch_resolution` is set and [`Limits::time_per_callback`](super::Limits) used.
    pub fuel: bool,
    /// How exactly time limits are kept, or `None` (the default) for no time limits. A thread ticks
    /// this often for as long as the engine lives.
    pub epoch_resolution: Option<Duration>,
    /// Whether the compiler optimizes. Default true; false compiles faster and runs slower. The
    /// fuel used is the same.
    pub optimize: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { fuel: true, epoch_resolution: None, optimize: true }
    }
}

/// A wasm compiler and its settings. Cheap to clone; clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: wasmtime::Engine,
    pub(crate) options: EngineOptions,
}

impl Engine {
    /// Makes an engine.
    ///
    /// # Errors
    /// [`LoadError::Engine`] when cranelift does not support this machine, or the thread for the
    /// epochs cannot be started.
    pub fn new(options: EngineOptions) -> Result<Self, LoadError> {
        let failed = |reason: String| LoadError::Engine(reason);
        let mut config = Config::new();
        config.consume_fuel(options.fuel);
        config.epoch_interruption(options.epoch_resolution.is_some());
        config.cranelift_opt_level(if options.optimize { OptLevel::Speed } else { OptLevel::None });
        let inner = wasmtime::Engine::new(&config).map_err(|e| failed(format!("{e:#}")))?;
        if let Some(resolution) = options.epoch_resolution {
            let engine = inner.weak();
            let tick = move || {
                loop {
                    thread::sleep(resolution);
                    let Some(engine) = engine.upgrade() else {
                        return;
                    };
                    engine.increment_epoch();
                }
            };
            let name = "wasm-epochs".to_owned();
            thread::Builder::new().name(name).spawn(tick).map_err(|e| failed(e.to_string()))?;
        }
        Ok(Self { inner, options })
    }
}

/// A compiled proxy-wasm plugin with its imports resolved. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<State>,
}

impl Module {
    /// Compiles `wasm` and resolves its imports.
    ///
    /// # Errors
    /// [`LoadError`]: not wasm, not proxy-wasm 0.2.x, or an import this host does not provide.
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Self, LoadError> {
        let module =
            wasmtime::Module::new(&engine.inner, wasm).map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
        require_abi(&module)?;
        let mut linker = Linker::new(&engine.inner);
        imports::provide(&mut linker).map_err(|e| LoadError::Engine(format!("{e:#}")))?;
        let pre =
            linker.instantiate_pre(&module).map_err(|error| match error.downcast_ref::<UnknownImportError>() {
                Some(import) => missing_import(import),
                None => LoadError::Mismatch(format!("{error:#}")),
            })?;
        Ok(Self { engine: engine.clone(), pre })
    }
}

fn require_abi(module: &wasmtime::Module) -> Result<(), LoadError> {
    const SPOKEN: [&str; 2] = ["proxy_abi_version_0_2_1", "proxy_abi_version_0_2_0"];
    if SPOKEN.iter().any(|marker| module.get_export(marker).is_some()) {
        return Ok(());
    }
    let marker = module.exports().find(|e| e.name().starts_with("proxy_abi_version_"));
    let found = marker.map_or_else(String::new, |e| format!(" (it exports `{}`)", e.name()));
    Err(LoadError::Abi { found })
}

fn missing_import(import: &UnknownImportError) -> LoadError {
    let help =
        if import.module().starts_with("wasi") { "; it uses WASI: build it for `wasm32-unknown-unknown`" } else { "" };
    LoadError::MissingImport { module: import.module().to_owned(), name: import.name().to_owned(), help }
}
