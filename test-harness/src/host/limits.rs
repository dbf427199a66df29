//! Bounds on what a guest may use.

use std::time::Duration;
use wasmtime::ResourceLimiter;

/// What one VM may use at most.
///
/// Memory and fuel bound the guest itself. The other numbers bound what the host stores on its
/// behalf; past them a hostcall answers [`Status::InternalFailure`](super::Status::InternalFailure).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Linear memory in bytes. Growth past it fails in the guest (`memory.grow` gives -1), whose
    /// allocator then usually traps. Default 128 MiB.
    pub memory_bytes: usize,
    /// Entries of one table. Default 100,000.
    pub table_elements: usize,
    /// Fuel for one callback, about one unit per wasm instruction; hostcalls cost
    /// [`HOSTCALL_FUEL`] plus one unit per [`BYTES_PER_FUEL`] bytes the host copies, so that a loop
    /// around a hostcall is bounded too. Default 1,000,000,000, about a second. Without effect when
    /// the [`Engine`](super::Engine) has no fuel.
    pub fuel_per_callback: u64,
    /// Wall-clock time for one callback, off by default: it makes results depend on the load of
    /// the machine. Needs [`EngineOptions::epoch_resolution`](super::EngineOptions).
    pub time_per_callback: Option<Duration>,
    /// Log lines kept; older ones are dropped. Default 10,000.
    pub log_lines: usize,
    /// Bytes kept of one log line. Default 16 KiB.
    pub log_line_bytes: usize,
    /// Metrics defined. Default 1,000.
    pub metrics: usize,
    /// HTTP callouts without an answer. Default 1,000.
    pub pending_callouts: usize,
    /// Bytes of properties the guest sets on one stream. Default 1 MiB.
    pub property_bytes: usize,
    /// Bytes of one header map. Default 1 MiB.
    pub header_bytes: usize,
    /// Bytes a body may have after the guest changed it, and bytes of the bodies of all pending
    /// callouts. Default 64 MiB. What the embedder delivers
    /// is its own business: Envoy buffers far more than its limit on HTTP/2.
    pub body_bytes: usize,
}

/// Fuel every hostcall costs besides the instructions around it.
pub const HOSTCALL_FUEL: u64 = 100;
/// Bytes the host copies for one unit of fuel.
pub const BYTES_PER_FUEL: u64 = 16;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 * 1024 * 1024,
            table_elements: 100_000,
            fuel_per_callback: 1_000_000_000,
            time_per_callback: None,
            log_lines: 10_000,
            log_line_bytes: 16 * 1024,
            metrics: 1_000,
            pending_callouts: 1_000,
            property_bytes: 1024 * 1024,
            header_bytes: 1024 * 1024,
            body_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Enforces the memory and table bounds, and remembers refusals: a guest whose allocation failed
/// traps with `unreachable`, which alone would not say why.
#[derive(Debug)]
pub(crate) struct Growth {
    memory_limit: usize,
    table_elements: usize,
    pub(crate) refused: bool,
    /// Bytes of memory the guest has.
    pub(crate) granted: usize,
}

impl Growth {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { memory_limit: limits.memory_bytes, table_elements: limits.table_elements, refused: false, granted: 0 }
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= self.memory_limit && maximum.is_none_or(|most| desired <= most);
        if granted {
            self.granted = desired;
        } else {
            self.refused = true;
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements && maximum.is_none_or(|most| desired <= most))
    }

    /// One memory: proxy-wasm guests have no more, and the bound is per memory.
    fn memories(&self) -> usize {
        1
    }
}
