//! What a request that went on is charged, until it is known what became of it.
//!
//! A charge stays unless the request certainly did nothing. Whatever this filter is not told (the gateway has no such
//! property, the context is dropped without a last callback) leaves it in place.

use std::cell::RefCell;

use crate::host;
use crate::metrics::Metric;
use crate::plugin::Plugin;
use crate::policy::Outcome;
use crate::policy::counters::{Receipt, Signals, give_back};
use crate::store::Slots;

/// Most charges that wait to be given back. They wait only while others set their slots all the time; more stay in place.
pub(crate) const LATE: usize = 1_024;
/// Envoy's response flag for a connection to the upstream that was not made.
const CONNECT_FAILED: u64 = 0x20;
/// Envoy's word for an answer of the upstream, and not of the gateway.
const VIA_UPSTREAM: &[u8] = b"via_upstream";

thread_local! {
    /// Charges that could not be given back when their request ended. They belong to this VM: the plugin that made them may
    /// be gone.
    static WAITING: RefCell<Vec<Receipt>> = const { RefCell::new(Vec::new()) };
}

/// What a request is charged.
pub(crate) struct Charge {
    receipts: Vec<Receipt>,
    operations: usize,
}

impl Charge {
    /// Takes what was charged for an outcome; `None`: nothing.
    pub(crate) fn take(outcome: &mut Outcome) -> Option<Self> {
        let receipts = std::mem::take(&mut outcome.reserved);
        (!receipts.is_empty()).then_some(Self { receipts, operations: outcome.operations.len() })
    }

    /// The request ended: by a response with this status, whoever gave it, or without one. Needs its context to be
    /// effective.
    pub(crate) fn settle(self, status: Option<u16>, plugin: &Plugin) {
        if signals(self.operations, status).give_back() {
            self.give_back(plugin);
        }
    }

    /// Gives it back: the request did not go on.
    pub(crate) fn give_back(self, plugin: &Plugin) {
        plugin.metrics.count(Metric::GivenBack);
        let left = give_back(self.receipts, &mut Slots);
        if !left.is_empty() {
            plugin.metrics.count(Metric::GiveBackLate);
            wait(left, plugin);
        }
    }
}

/// What the gateway knows of a request of so many operations, which ended with this status.
pub(crate) fn signals(operations: usize, status: Option<u16>) -> Signals {
    let Some(flags) = number(&["response", "flags"]) else {
        // No word of what became of the request, so that a missing address says nothing either.
        return Signals { upstream: true, connect_failed: false, attempts: 1, status: None, operations };
    };
    let attempts = number(&["upstream", "request_attempt_count"]);
    Signals {
        upstream: host::property(&["upstream", "address"]).is_ok_and(|address| !address.is_empty()),
        connect_failed: flags & CONNECT_FAILED != 0,
        attempts: attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(u32::MAX),
        status: status
            .filter(|_| host::property(&["response", "code_details"]).is_ok_and(|details| details == VIA_UPSTREAM)),
        operations,
    }
}

/// The status of the response that is passing.
pub(crate) fn status() -> Option<u16> {
    let headers = host::response_headers().ok()?;
    let (_, value) = headers.iter().find(|(name, _)| name == b":status")?;
    str::from_utf8(value).ok()?.parse().ok()
}

/// Tries again to give back what waits for it, in a tick of the root context.
pub(crate) fn give_back_late(plugin: &Plugin) {
    let waiting = waiting(std::mem::take).unwrap_or_default();
    if !waiting.is_empty() {
        wait(give_back(waiting, &mut Slots), plugin);
    }
}

fn wait(left: Vec<Receipt>, plugin: &Plugin) {
    let mut left = left.into_iter();
    waiting(|waiting| waiting.extend(left.by_ref().take(LATE.saturating_sub(waiting.len()))));
    left.for_each(|_| plugin.metrics.count(Metric::GiveBackLost));
}

/// The borrow is never held across a host call, so it never fails; the thread's storage is gone only when the VM is.
fn waiting<R>(operation: impl FnOnce(&mut Vec<Receipt>) -> R) -> Option<R> {
    WAITING.try_with(|waiting| waiting.try_borrow_mut().ok().map(|mut waiting| operation(&mut waiting))).ok().flatten()
}

/// A number of the gateway, in Envoy's form.
fn number(path: &[&str]) -> Option<u64> {
    host::property(path).ok()?.try_into().ok().map(u64::from_le_bytes)
}

/// Forgets what waits, as a fresh VM has nothing.
#[cfg(test)]
pub(crate) fn reset() {
    waiting(Vec::clear);
}
