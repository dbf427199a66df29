//! What can go wrong, in words for the person who runs the host.

use super::LogLine;
use std::fmt;

/// Why the guest was stopped. A VM in which this happened runs no further callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The kind, to branch on.
    pub kind: TrapKind,
    /// The export that was being called.
    pub callback: &'static str,
    /// One line: what happened and where, with the guest's own last words if it logged an error
    /// in this callback.
    pub message: String,
}

/// Kinds of [`Trap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// The guest did it: a panic, an out-of-bounds access, a stack overflow, …
    Guest,
    /// It trapped after [`Limits::memory_bytes`](super::Limits::memory_bytes) refused it memory.
    Memory,
    /// [`Limits::fuel_per_callback`](super::Limits::fuel_per_callback) is used up.
    Fuel,
    /// [`Limits::time_per_callback`](super::Limits::time_per_callback) has passed.
    Time,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Trap {}

/// Why a `.wasm` cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine cannot be made on this machine.
    #[error("the wasm engine cannot be made: {0}")]
    Engine(String),
    /// Not a valid WebAssembly module.
    #[error("not a valid wasm module: {0}")]
    Invalid(String),
    /// No marker function of a proxy-wasm ABI this host speaks.
    #[error(
        "the module does not export `proxy_abi_version_0_2_1` or `proxy_abi_version_0_2_0`: it is \
         not a proxy-wasm plugin, or one for an ABI this host does not speak{found}"
    )]
    Abi {
        /// `" (it exports …)"` with the marker it does have, or nothing.
        found: String,
    },
    /// The module needs a function that no proxy-wasm 0.2.1 host without WASI has.
    #[error("the module imports `{module}.{name}`, which this host does not provide{help}")]
    MissingImport {
        /// Namespace of the import.
        module: String,
        /// Its name.
        name: String,
        /// `"; "` and a hint, or nothing.
        help: &'static str,
    },
    /// An import or export exists with another type than the ABI gives it.
    #[error("the module does not fit the proxy-wasm ABI 0.2.1: {0}")]
    Mismatch(String),
}

/// Why a VM or a plugin in it did not start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// The module cannot be instantiated: its memory exceeds the limit, its start function trapped.
    #[error("the module cannot be instantiated: {0}")]
    Instantiate(String),
    /// An export is missing or has another type than the ABI gives it.
    #[error("the module's export `{name}` does not fit the proxy-wasm ABI 0.2.1: {reason}")]
    Export {
        /// The export.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A time limit was asked of an engine that has no epochs.
    #[error("`time_per_callback` needs an engine with `epoch_resolution`")]
    NoEpochs,
    /// `proxy_on_vm_start` gave false.
    #[error("the plugin refused the VM configuration{}", quoted(.log))]
    VmRefused {
        /// What it logged meanwhile.
        log: Vec<LogLine>,
    },
    /// `proxy_on_configure` gave false.
    #[error("the plugin refused its configuration{}", quoted(.log))]
    ConfigurationRefused {
        /// What it logged meanwhile.
        log: Vec<LogLine>,
    },
    /// A callback trapped; the VM has failed.
    #[error("{trap}")]
    Trapped {
        /// The trap.
        trap: Trap,
        /// What the guest logged meanwhile.
        log: Vec<LogLine>,
    },
}

/// Why a stream cannot be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    /// The VM has failed and was not told to reload.
    #[error("the VM takes no more streams since an earlier trap: {0}")]
    VmFailed(Trap),
    /// The VM has failed, and the fresh instance did not start.
    #[error("the VM failed, and its fresh instance did not start: {0}")]
    Reload(StartError),
    /// [`Plugin::stop`](super::Plugin::stop) was called.
    #[error("the plugin has been stopped")]
    Stopped,
}

/// An event that cannot arrive now, such as a body before the headers. A mistake of the embedder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this cannot be delivered now: {0}")]
pub struct OutOfOrder(pub(crate) &'static str);

/// Why a callout could not be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalloutError {
    /// It was answered or cancelled before, or never made.
    #[error("callout {0} is not pending")]
    NotPending(super::CalloutId),
    /// The guest trapped while it took the answer, or has failed before.
    #[error("{0}")]
    Trapped(Trap),
}

/// `": a | b"` from the lines, or nothing.
fn quoted(log: &[LogLine]) -> String {
    let lines: Vec<_> = log.iter().map(ToString::to_string).collect();
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join(" | ")) }
}
