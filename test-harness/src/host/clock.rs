//! The time the guest sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A virtual clock: nanoseconds since the Unix epoch, moved by the embedder alone.
///
/// It never moves by itself, so the same exchange gives the same result on every run. Clones share
/// one time: hand the same clock to several VMs to move them together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// A clock standing at `nanoseconds` since the Unix epoch.
    pub fn at(nanoseconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(nanoseconds)))
    }

    /// Jumps to `nanoseconds` since the Unix epoch, also backwards. Timers are not fired: see
    /// [`Vm::fire_due_ticks`](super::Vm::fire_due_ticks).
    pub fn set(&self, nanoseconds: u64) {
        self.0.store(nanoseconds, Ordering::Relaxed);
    }

    /// Moves forward, up to the end of the 64-bit range. Timers are not fired: see
    /// [`Vm::advance`](super::Vm::advance).
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(saturating_nanoseconds(by)));
    }

    /// Nanoseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// `duration` in nanoseconds, or the largest number that fits.
pub(crate) fn saturating_nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
