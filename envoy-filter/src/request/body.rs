//! The body of a request that is held: awaited for so long, and read whole or not at all.

use std::cell::Cell;
use std::rc::Rc;

use super::{Lives, Request, Settled, Stage, verdict};
use crate::calls::NANOSECONDS_PER_MILLISECOND;
use crate::host;
use crate::policy::control;
use crate::policy::{Body, NeedBody, Step, Unavailable};
use crate::refusal::Refusal;
use crate::root::Plugin;
use crate::types::Action;

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
    fn limit(&self) -> usize {
        match self {
            Self::Evaluation(need) => need.limit(),
            Self::Command(asked) => asked.limit(),
        }
    }
}

impl Request {
    /// `size` bytes of body are buffered in all; with `end_of_stream` they are the whole body.
    pub(crate) fn on_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let mut wait = match std::mem::replace(&mut self.stage, Stage::Refused) {
            Stage::AwaitingBody(wait) => wait,
            Stage::AwaitingCurrent(lookups) => {
                self.stage = Stage::AwaitingCurrent(lookups);
                return self.body_meanwhile(size);
            }
            Stage::Forwarded => {
                self.stage = Stage::Forwarded;
                return Action::Continue;
            }
            Stage::Refused => return Action::Pause,
            Stage::AwaitingHead => return self.refuse(Refusal::OutOfOrder),
        };
        delivered();
        if size > wait.need.limit() {
            return self.answer(wait.need, Body::Unavailable(Unavailable::TooLarge));
        }
        if wait.announced.is_some_and(|announced| size < announced) {
            // Sizes are of the whole buffer. One that shrinks means that a part of the body has already gone by.
            return self.answer(wait.need, Body::Unavailable(Unavailable::NotSeen));
        }
        wait.announced = Some(size);
        if end_of_stream {
            return self.judge_body(wait);
        }
        self.stage = Stage::AwaitingBody(wait);
        Action::Pause
    }

    /// The body, if any, has ended, and trailers end the stream.
    pub(crate) fn on_request_trailers(&mut self) -> Action {
        match std::mem::replace(&mut self.stage, Stage::Refused) {
            Stage::AwaitingBody(wait) => {
                delivered();
                self.judge_body(wait)
            }
            Stage::AwaitingCurrent(lookups) => {
                delivered();
                self.stage = Stage::AwaitingCurrent(lookups);
                Action::Pause
            }
            Stage::Forwarded => {
                self.stage = Stage::Forwarded;
                Action::Continue
            }
            Stage::Refused => Action::Pause,
            Stage::AwaitingHead => self.refuse(Refusal::OutOfOrder),
        }
    }

    /// Body that comes while lookups are in flight: the rest of one that passes unread.
    fn body_meanwhile(&mut self, size: usize) -> Action {
        delivered();
        if self.judged.is_some_and(|judged| size != judged) {
            // The body ended before: what is buffered now is not what was judged.
            return self.refuse(Refusal::OutOfOrder);
        }
        Action::Pause
    }

    /// Goes on without the body, from a callback of the root context.
    pub(super) fn end_body(&mut self, plugin: &Rc<Plugin>, why: Unavailable) {
        if let Stage::AwaitingBody(wait) = self.leave(plugin) {
            let settled = self.read(wait.need, Body::Unavailable(why));
            self.resume(settled);
        }
    }

    /// Reads the body that `wait` is for, which is complete, and decides.
    fn judge_body(&mut self, wait: Wait) -> Action {
        let body = match wait.announced {
            None | Some(0) => Body::Empty,
            // One byte more than announced is asked for: if the buffer holds more, what was announced is not the body.
            Some(size) => match host::request_body(size.saturating_add(1)) {
                Ok(bytes) if bytes.len() == size => Body::Complete(bytes),
                Ok(_) | Err(_) => Body::Unavailable(Unavailable::NotSeen),
            },
        };
        self.judged = Some(wait.announced.unwrap_or_default());
        self.answer(wait.need, body)
    }

    fn answer(&mut self, need: Reader, body: Body) -> Action {
        if let Some(plugin) = &self.plugin {
            plugin.release(self.id);
        }
        verdict(self.read(need, body))
    }

    /// Gives a body to who reads it.
    fn read(&mut self, need: Reader, body: Body) -> Settled {
        match need {
            Reader::Evaluation(need) => {
                let step = self.body_of(need, body);
                self.settle(step)
            }
            Reader::Command(asked) => self.obey(asked, body),
        }
    }

    /// A body, of which a candidate gets a copy.
    fn body_of(&mut self, need: NeedBody, body: Body) -> Step {
        if let Some(trial) = &mut self.trial {
            trial.body(&need, &body);
        }
        need.answer(body)
    }
}

/// Notes that the gateway delivers what follows a paused head.
pub(super) fn delivered() {
    // The thread's storage is gone only when the VM is.
    let _ = DELIVERS.try_with(|delivers| delivers.set(true));
}

/// Why a request need not wait for its body any longer, or whether it lives on waiting. Makes its context effective.
pub(super) fn overdue(id: u32, wait: &Wait, now: u64, plugin: &Plugin) -> Result<Unavailable, Lives> {
    let waited = now.saturating_sub(wait.since);
    let timeout = plugin.set.body_timeout_ms().saturating_mul(NANOSECONDS_PER_MILLISECOND);
    let delivers = DELIVERS.try_with(Cell::get).unwrap_or(true);
    if waited < if delivers { timeout } else { timeout.min(DELIVERY_PATIENCE) } {
        return Err(Lives::Yes);
    }
    host::set_effective_context(id).map_err(|_| Lives::No)?;
    if delivers {
        return Ok(Unavailable::Timeout);
    }
    if waited < timeout && received_body(wait.head) == Some(false) {
        // Nothing has arrived at the gateway either: the client is slow, which is not the configuration's fault.
        return Err(Lives::Yes);
    }
    plugin.tell_not_delivered();
    Ok(Unavailable::NotDelivered)
}

/// Whether the gateway has received any body of the effective context's request, whose head has `head` bytes. `None` if
/// the gateway does not say. Envoy's `request.total_size` is the head's bytes and those of the body received so far.
fn received_body(head: u64) -> Option<bool> {
    let bytes = host::property(&["request", "total_size"]).ok()?;
    let total = u64::from_le_bytes(bytes.try_into().ok()?);
    Some(total > head)
}
