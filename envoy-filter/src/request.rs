//! One HTTP stream, from its head to a verdict.
//!
//! ```text
//! AwaitingHead ──> AwaitingBody ──> Forwarded    Continue from here on
//!       └───────────────┴─────────> Refused      Pause from here on: the reply is on its way
//! ```
//!
//! While a need is open, and whenever no verdict was reached, the answer to the gateway is `Pause`: one `Continue` would
//! release everything held so far.

use std::cell::Cell;
use std::rc::Rc;

use crate::enforce::{self, Verdict, enforce};
use crate::host;
use crate::policy::{Body, Head, NeedBody, Outcome, Step, Timestamp, Unavailable, evaluate};
use crate::refusal::Refusal;
use crate::root::Plugin;
use crate::types::{Action, Fields};

/// Nanoseconds after which a gateway that has never delivered a held request's body is taken to be set up wrongly.
const DELIVERY_PATIENCE: u64 = 1_000_000_000;
const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
/// Needs that one evaluation may open one after another. Each kind can be asked for once or twice; more is a loop.
const NEEDS: usize = 8;

thread_local! {
    /// Whether this VM has ever been given a part of a request after it had paused that request's head. Only that shows
    /// that the gateway delivers bodies of held requests; the bodies of forwarded requests always come by.
    static DELIVERS: Cell<bool> = const { Cell::new(false) };
}

/// The context of one HTTP stream.
pub(crate) struct Request {
    id: u32,
    plugin: Option<Rc<Plugin>>,
    stage: Stage,
}

enum Stage {
    AwaitingHead,
    AwaitingBody(Wait),
    Forwarded,
    Refused,
}

/// An open body need.
struct Wait {
    need: NeedBody,
    /// When the head came, in nanoseconds since the Unix epoch. The body's time counts from here to its end, so that a
    /// client cannot extend it by sending a byte now and then.
    since: u64,
    /// Bytes of the head's names and values.
    head: u64,
    /// Bytes of body the gateway has announced, in all. `None` before the first body callback.
    announced: Option<usize>,
}

/// What the root context's tick found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Tick {
    /// The context is kept, waiting or answered.
    Kept,
    /// The gateway no longer knows the stream: forget the context.
    Gone,
}

impl Request {
    /// The context `id`, under the plugin of its root context if that has one.
    pub(crate) fn new(id: u32, plugin: Option<Rc<Plugin>>) -> Self {
        Self { id, plugin, stage: Stage::AwaitingHead }
    }

    /// The head is here, and with `end_of_stream` it is the whole request.
    pub(crate) fn on_request_headers(&mut self, end_of_stream: bool) -> Action {
        match self.stage {
            Stage::AwaitingHead => {}
            Stage::Refused => return Action::Pause,
            // A stream has one head. What a second one would be is unknown, so it is not let through.
            Stage::AwaitingBody(_) | Stage::Forwarded => return self.refuse(Refusal::OutOfOrder),
        }
        let Some(plugin) = self.plugin.clone() else {
            return self.refuse(Refusal::NoPolicy);
        };
        let Ok(now) = host::now() else {
            return self.refuse(Refusal::ClockUnreadable);
        };
        let fields = match host::request_headers() {
            Ok(fields) if !fields.is_empty() => fields,
            // Every request has a method: no headers at all is a failure to give them.
            Ok(_) | Err(_) => return self.refuse(Refusal::HeadUnreadable),
        };
        let head = length(&fields);
        let step = evaluate(&plugin.set, Head { fields, end_of_stream }, Timestamp(now));
        match advance(step) {
            Some(Progress::Body(need)) if end_of_stream => self.settle(need.answer(Body::Empty)),
            Some(Progress::Body(need)) => {
                plugin.hold(self.id);
                self.stage = Stage::AwaitingBody(Wait { need, since: now, head, announced: None });
                Action::Pause
            }
            Some(Progress::Done(outcome)) => self.enforce(outcome),
            None => self.refuse(Refusal::Undecided),
        }
    }

    /// `size` bytes of body are buffered in all; with `end_of_stream` they are the whole body.
    pub(crate) fn on_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let mut wait = match std::mem::replace(&mut self.stage, Stage::Refused) {
            Stage::AwaitingBody(wait) => wait,
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
            Stage::Forwarded => {
                self.stage = Stage::Forwarded;
                Action::Continue
            }
            Stage::Refused => Action::Pause,
            Stage::AwaitingHead => self.refuse(Refusal::OutOfOrder),
        }
    }

    /// A response is about to be sent: the upstream's, this filter's, or one of the gateway's own.
    pub(crate) fn on_response_headers(&mut self) -> Action {
        // A response to a request that is still held is the gateway's own (a timeout, a full buffer). It ends the
        // request: nothing is left to judge, and a second reply must not be tried.
        self.close();
        if let Some(plugin) = &self.plugin {
            enforce::name_policy(plugin);
        }
        Action::Continue
    }

    /// The stream has ended.
    pub(crate) fn on_log(&mut self) {
        self.close();
    }

    /// Answers a request whose body has not come for too long. Called from a tick of the root context, so that host
    /// calls need this context made effective; `now` is in nanoseconds since the Unix epoch.
    pub(crate) fn on_tick(&mut self, now: u64) -> Tick {
        let Some(plugin) = self.plugin.clone() else {
            return Tick::Kept;
        };
        let Stage::AwaitingBody(wait) = &self.stage else {
            return Tick::Kept;
        };
        let waited = now.saturating_sub(wait.since);
        let timeout = plugin.set.body_timeout_ms().saturating_mul(NANOSECONDS_PER_MILLISECOND);
        let delivers = DELIVERS.try_with(Cell::get).unwrap_or(true);
        if waited < if delivers { timeout } else { timeout.min(DELIVERY_PATIENCE) } {
            return Tick::Kept;
        }
        if host::set_effective_context(self.id).is_err() {
            return Tick::Gone;
        }
        if !delivers && waited < timeout && received_body(wait.head) == Some(false) {
            // Nothing has arrived at the gateway either: the client is slow, which is not the configuration's fault.
            return Tick::Kept;
        }
        let Stage::AwaitingBody(wait) = std::mem::replace(&mut self.stage, Stage::Refused) else {
            return Tick::Kept;
        };
        plugin.release(self.id);
        let (unavailable, refusal) = if delivers {
            (Unavailable::Timeout, Refusal::BodyTimeout)
        } else {
            plugin.tell_not_delivered();
            (Unavailable::NotSeen, Refusal::BodyNotDelivered)
        };
        match conclude(wait.need.answer(Body::Unavailable(unavailable))) {
            // Shadow mode forwards whatever was found.
            Some(outcome) if outcome.forward => {
                if enforce(outcome, &plugin) == Verdict::Forward {
                    self.resume();
                }
            }
            outcome => {
                if let Some(outcome) = outcome {
                    enforce::record(&outcome, &plugin);
                }
                let _ = self.refuse(refusal);
            }
        }
        Tick::Kept
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
        self.answer(wait.need, body)
    }

    fn answer(&mut self, need: NeedBody, body: Body) -> Action {
        if let Some(plugin) = &self.plugin {
            plugin.release(self.id);
        }
        self.settle(need.answer(body))
    }

    /// Decides, now that the body has been answered.
    fn settle(&mut self, step: Step) -> Action {
        match conclude(step) {
            Some(outcome) => self.enforce(outcome),
            None => self.refuse(Refusal::Undecided),
        }
    }

    fn enforce(&mut self, outcome: Outcome) -> Action {
        let Some(plugin) = self.plugin.clone() else {
            return self.refuse(Refusal::NoPolicy);
        };
        // Set first: a host may send the reply, and call back, at once.
        self.stage = Stage::Refused;
        match enforce(outcome, &plugin) {
            Verdict::Forward => {
                self.stage = Stage::Forwarded;
                Action::Continue
            }
            Verdict::Refused => Action::Pause,
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Action {
        self.close();
        self.stage = Stage::Refused;
        refusal.send(self.plugin.as_deref());
        Action::Pause
    }

    /// Releases a request from outside its callbacks.
    fn resume(&mut self) {
        match host::continue_request() {
            Ok(()) => self.stage = Stage::Forwarded,
            Err(_) => {
                let _ = self.refuse(Refusal::NotResumed);
            }
        }
    }

    /// Gives up on a need that is still open.
    fn close(&mut self) {
        if let Stage::AwaitingBody(_) = self.stage {
            self.stage = Stage::Refused;
            if let Some(plugin) = &self.plugin {
                plugin.release(self.id);
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.close();
    }
}

/// Notes that the gateway delivers what follows a paused head.
fn delivered() {
    // The thread's storage is gone only when the VM is.
    let _ = DELIVERS.try_with(|delivers| delivers.set(true));
}

/// How far an evaluation gets without the body.
enum Progress {
    Body(NeedBody),
    Done(Outcome),
}

/// Answers the needs that this filter cannot fill, until the body or the end. `None` if there is no end.
fn advance(mut step: Step) -> Option<Progress> {
    for _ in 0..NEEDS {
        step = match step {
            Step::NeedBody(need) => return Some(Progress::Body(need)),
            Step::Done(outcome) => return Some(Progress::Done(outcome)),
            Step::NeedCurrent(need) => need.unavailable(Unavailable::NotSupported),
            Step::NeedCounters(need) => need.unavailable(Unavailable::NotSupported),
        };
    }
    None
}

/// The end of an evaluation that was given the body, or was told why not. `None` if there is no end.
fn conclude(mut step: Step) -> Option<Outcome> {
    for _ in 0..NEEDS {
        step = match advance(step)? {
            Progress::Done(outcome) => return Some(outcome),
            // The body was given once and is gone.
            Progress::Body(need) => need.answer(Body::Unavailable(Unavailable::NotSeen)),
        };
    }
    None
}

/// Bytes of all names and values, as Envoy counts a head.
fn length(fields: &Fields) -> u64 {
    let bytes =
        fields.iter().fold(0, |sum: usize, (name, value)| sum.saturating_add(name.len()).saturating_add(value.len()));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Whether the gateway has received any body of the effective context's request, whose head has `head` bytes. `None` if
/// the gateway does not say. Envoy's `request.total_size` is the head's bytes and those of the body received so far.
fn received_body(head: u64) -> Option<bool> {
    let bytes = host::property(&["request", "total_size"]).ok()?;
    let total = u64::from_le_bytes(bytes.try_into().ok()?);
    Some(total > head)
}

#[cfg(test)]
mod tests;
