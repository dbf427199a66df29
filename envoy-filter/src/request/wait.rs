//! The wait for the body of a request that is held: who reads it, and for how long it is awaited.

use std::cell::Cell;

use crate::calls::NANOSECONDS_PER_MILLISECOND;
use crate::host;
use crate::plugin::Plugin;
use crate::policy::{NeedBody, Unavailable, control};

/// Nanoseconds after which a gateway that has never delivered a held request's body is taken to be set up wrongly.
const DELIVERY_PATIENCE: u64 = 1_000_000_000;

thread_local! {
    /// Whether this VM has ever been given a part of a request after it had paused that request's head. Only that shows
    /// that the gateway delivers bodies of held requests; the bodies of forwarded requests always come by.
    pub(super) static DELIVERS: Cell<bool> = const { Cell::new(false) };
}

/// An open body need.
pub(super) struct Wait {
    pub(super) need: Reader,
    /// When the head came, in nanoseconds since the Unix epoch. The body's time counts from here to its end, so that a
    /// client cannot extend it by sending a byte now and then.
    pub(super) since: u64,
    /// Bytes of the head's names and values.
    pub(super) head: u64,
    /// Bytes of body the gateway has announced, in all. `None` before the first body callback.
    pub(super) announced: Option<usize>,
}

/// Who reads a body.
#[allow(clippy::large_enum_variant, reason = "a box would cost every held request an allocation")]
pub(super) enum Reader {
    /// The evaluation of an agent's request.
    Evaluation(NeedBody),
    /// The control route: it is for the gateway itself.
    Command(control::Asked),
}

impl Reader {
    /// Most bytes that are read.
    pub(super) fn limit(&self) -> usize {
        match self {
            Self::Evaluation(need) => need.limit(),
            Self::Command(asked) => asked.limit(),
        }
    }
}

/// Notes that the gateway delivers what follows a paused head.
pub(super) fn delivered() {
    // The thread's storage is gone only when the VM is.
    let _ = DELIVERS.try_with(|delivers| delivers.set(true));
}

/// How long a request has waited for its body.
#[must_use]
pub(super) enum Waited {
    /// No longer than it may.
    InTime,
    /// Too long, and this is why. Its context is effective.
    TooLong(Unavailable),
    /// The gateway does not know its stream any more.
    Gone,
}

/// Looks at how long a request has waited for its body. Makes its context effective where that was too long.
pub(super) fn overdue(id: u32, wait: &Wait, now: u64, plugin: &Plugin) -> Waited {
    let waited = now.saturating_sub(wait.since);
    let timeout = plugin.set.body_timeout_ms().saturating_mul(NANOSECONDS_PER_MILLISECOND);
    let delivers = DELIVERS.try_with(Cell::get).unwrap_or(true);
    if waited < if delivers { timeout } else { timeout.min(DELIVERY_PATIENCE) } {
        return Waited::InTime;
    }
    if host::set_effective_context(id).is_err() {
        return Waited::Gone;
    }
    if delivers {
        return Waited::TooLong(Unavailable::Timeout);
    }
    if waited < timeout && received_body(wait.head) == Some(false) {
        // Nothing has arrived at the gateway either: the client is slow, which is not the configuration's fault.
        return Waited::InTime;
    }
    plugin.tell_not_delivered();
    Waited::TooLong(Unavailable::NotDelivered)
}

/// Whether the gateway has received any body of the effective context's request, whose head has `head` bytes. `None` if
/// the gateway does not say. Envoy's `request.total_size` is the head's bytes and those of the body received so far.
fn received_body(head: u64) -> Option<bool> {
    let bytes = host::property(&["request", "total_size"]).ok()?;
    let total = u64::from_le_bytes(bytes.try_into().ok()?);
    Some(total > head)
}
