//! The calls of this VM: which request each is for, and how much all of them take.
//!
//! A gateway answers a call in the root context and names the call alone, so the way back to the request is kept here.
//! One table for all plugins of the VM: numbers of calls are the VM's.

use policy_core::ordered::Map;
use std::cell::{Cell, RefCell};

use crate::host;
use crate::policy::Unavailable;
use crate::policy::state::Fetch;
use crate::types::Status;

pub(crate) const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// Most calls in flight at a time, over all requests of this VM. The gateway gathers each answer whole before the filter
/// sees it, so each call may hold a megabyte and more, and a connection. 32 requests that call as much as they may at a
/// time, in one of the gateway's threads, are a burst; more is an agent that makes the gateway strike at its own API.
pub(crate) const CALLS: usize = 256;

/// Most bytes of answers held in this VM until the last call of their request is answered.
const HELD_BYTES: usize = 64 * 1024 * 1024;

/// How long after its time is up a call is still taken to be in flight. A gateway ends a call itself when its time is
/// up, as soon as its thread gets to it.
pub(crate) const GRACE: u64 = 500 * NANOSECONDS_PER_MILLISECOND;

/// A call in flight. It stays here when its request goes, since the gateway makes it all the same.
struct Entry {
    /// Context of the stream that it is for, which may be gone.
    request: u32,
    /// When its time is up, in nanoseconds since the Unix epoch.
    until: u64,
}

thread_local! {
    static IN_FLIGHT: RefCell<Map<u32, Entry>> = const { RefCell::new(Map::new()) };
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// The calls in flight, for an operation that calls nobody: the borrow is never held across a host call, so it never
/// fails.
fn in_flight<R>(operation: impl FnOnce(&mut Map<u32, Entry>) -> R) -> Option<R> {
    IN_FLIGHT.try_with(|calls| calls.try_borrow_mut().ok().map(|mut calls| operation(&mut calls))).ok().flatten()
}

/// Takes a call that has been answered off the table: the request that it is for, if the call is one of this VM's. That
/// request may be gone, or wait no longer.
pub(crate) fn answered(call: u32) -> Option<u32> {
    in_flight(|calls| calls.remove(&call)).flatten().map(|entry| entry.request)
}

/// Whether one more call may be made.
fn is_room(now: u64) -> bool {
    in_flight(|calls| {
        if calls.len() >= CALLS {
            // Some hosts lose calls, or forget those of a client that is gone.
            calls.retain(|_, entry| entry.until.saturating_add(GRACE) > now);
        }
        calls.len() < CALLS
    })
    .unwrap_or(false)
}

/// Why a call is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotMade {
    /// No time is left for it.
    Late,
    /// This VM has as many calls in flight as it may.
    Full,
    /// The gateway refuses it.
    Refused(Status),
}

impl NotMade {
    /// What the decision point is told.
    pub(crate) fn unavailable(self) -> Unavailable {
        match self {
            Self::Late => Unavailable::Timeout,
            Self::Full => Unavailable::NotSeen,
            Self::Refused(_) => Unavailable::Unreachable,
        }
    }
}

/// Makes a call for the request `request`, which may take until `until`; times are in nanoseconds since the Unix epoch.
/// Nothing but what the fetch holds goes with it. Returns the gateway's number of the call.
pub(crate) fn dispatch(request: u32, fetch: &Fetch, now: u64, until: u64) -> Result<u32, NotMade> {
    let left = until.saturating_sub(now) / NANOSECONDS_PER_MILLISECOND;
    // Zero would be no timeout at all.
    let Some(left) = u32::try_from(left).ok().filter(|left| *left > 0) else {
        return Err(NotMade::Late);
    };
    if !is_room(now) {
        return Err(NotMade::Full);
    }
    let pseudo =
        [(":method", fetch.method.name()), (":path", fetch.target.as_str()), (":authority", fetch.host.as_str())];
    let headers = fetch.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers: Vec<(&[u8], &[u8])> =
        pseudo.into_iter().chain(headers).map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let body = fetch.body.as_deref().unwrap_or_default();
    let call = host::dispatch_call(&fetch.cluster, &headers, body, left).map_err(NotMade::Refused)?;
    in_flight(|calls| calls.insert(call, Entry { request, until }));
    Ok(call)
}

/// Bytes of answers that are held, given back when dropped.
#[derive(Default)]
pub(crate) struct Held(usize);

impl Held {
    /// Takes `bytes` more; false if this VM holds as many as it may.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let held = HELD.try_with(Cell::get).unwrap_or(HELD_BYTES).saturating_add(bytes);
        if held > HELD_BYTES {
            return false;
        }
        self.0 = self.0.saturating_add(bytes);
        HELD.try_with(|all| all.set(held)).is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The thread's storage is gone only when the VM is.
        let _ = HELD.try_with(|all| all.set(all.get().saturating_sub(self.0)));
    }
}

/// Forgets all calls, as a fresh VM has none.
#[cfg(test)]
pub(crate) fn reset() {
    in_flight(Map::clear);
    HELD.set(0);
}

/// Number of calls in flight, and bytes of answers held.
#[cfg(test)]
pub(crate) fn taken() -> (usize, usize) {
    (in_flight(|calls| calls.len()).unwrap_or_default(), HELD.get())
}

/// The request that a call in flight is for.
#[cfg(test)]
pub(crate) fn request_of(call: u32) -> Option<u32> {
    in_flight(|calls| calls.get(&call).map(|entry| entry.request)).flatten()
}
