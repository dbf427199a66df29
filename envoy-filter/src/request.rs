//! One HTTP stream, from its head to a verdict.
//!
//! ```text
//! AwaitingHead ──> AwaitingBody ──> AwaitingCurrent ──> Forwarded    Continue from here on
//!       └───────────────┴──────────────────┴─────────> Refused      Pause from here on: the reply is on its way
//! ```
//!
//! While a need is open, and whenever no verdict was reached, the answer to the gateway is `Pause`: one `Continue` would
//! release everything held so far.

use std::cell::Cell;
use std::rc::Rc;

use crate::agents::Agent;
use crate::calls::{GRACE, NANOSECONDS_PER_MILLISECOND};
use crate::candidate::Trial;
use crate::charge::Charge;
use crate::enforce::{Verdict, enforce};
use crate::host;
use crate::lookups::Lookups;
use crate::metrics::Metric;
use crate::passage::{Line, Passage};
use crate::policy::control;
use crate::policy::counters::carry_out;
use crate::policy::{
    Body, Head, NeedBody, NeedCurrent, NeedStore, Outcome, PolicySet, Step, Timestamp, Unavailable, evaluate,
};
use crate::refusal::Refusal;
use crate::root::Plugin;
use crate::store::Slots;
use crate::tripwires::{self, Watched};
use crate::types::{Action, Fields, Status};

/// Nanoseconds after which a gateway that has never delivered a held request's body is taken to be set up wrongly.
const DELIVERY_PATIENCE: u64 = 1_000_000_000;
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
    /// When all lookups must be answered, in nanoseconds since the Unix epoch. `None` before the first. The time counts
    /// over all rounds of lookups.
    until: Option<u64>,
    /// Bytes of the body that is judged. `None`: it passes unread.
    judged: Option<usize>,
    /// What its head says, if answers are kept; `None` once it is decided.
    line: Option<Box<Line>>,
    /// What it means for kept answers that it is forwarded.
    passage: Option<Box<Passage>>,
    /// What the request is charged, until it is known what became of it. There is none before it is forwarded.
    charge: Option<Charge>,
    /// What a candidate makes of it.
    trial: Option<Box<Trial>>,
    /// Whose it is, once it is forwarded and until it is known what it came to.
    counted: Option<Rc<Agent>>,
    /// What its page's tripwires are told of it, once it is forwarded.
    watched: Option<Box<Watched>>,
}

#[allow(clippy::large_enum_variant, reason = "a box would cost every held request an allocation")]
enum Stage {
    AwaitingHead,
    AwaitingBody(Wait),
    AwaitingCurrent(Lookups),
    Forwarded,
    Refused,
}

/// An open body need.
struct Wait {
    need: Reader,
    /// When the head came, in nanoseconds since the Unix epoch. The body's time counts from here to its end, so that a
    /// client cannot extend it by sending a byte now and then.
    since: u64,
    /// Bytes of the head's names and values.
    head: u64,
    /// Bytes of body the gateway has announced, in all. `None` before the first body callback.
    announced: Option<usize>,
}

/// Who reads a body.
#[allow(clippy::large_enum_variant, reason = "a box would cost every held request an allocation")]
enum Reader {
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

/// Whether the gateway still knows the stream: what a callback of the root context finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Lives {
    /// The context is kept, waiting or answered.
    Yes,
    /// Forget the context.
    No,
}

/// How far an evaluation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Settled {
    /// It waits for calls.
    Open,
    /// The request may pass.
    Forward,
    /// The request is answered.
    Refused,
}

impl Request {
    /// The context `id`, under the plugin of its root context if that has one.
    pub(crate) fn new(id: u32, plugin: Option<Rc<Plugin>>) -> Self {
        Self {
            id,
            plugin,
            stage: Stage::AwaitingHead,
            until: None,
            judged: None,
            line: None,
            passage: None,
            charge: None,
            trial: None,
            counted: None,
            watched: None,
        }
    }

    /// The head is here, and with `end_of_stream` it is the whole request.
    pub(crate) fn on_request_headers(&mut self, end_of_stream: bool) -> Action {
        match self.stage {
            Stage::AwaitingHead => {}
            Stage::Refused => return Action::Pause,
            // A stream has one head. What a second one would be is unknown, so it is not let through.
            Stage::AwaitingBody(_) | Stage::AwaitingCurrent(_) | Stage::Forwarded => {
                return self.refuse(Refusal::OutOfOrder);
            }
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
        let Ok(properties) = identity_properties(&plugin.set) else {
            return self.refuse(Refusal::HeadUnreadable);
        };
        let head = length(&fields);
        if control::is_for(&plugin.set, &fields) {
            return self.on_command_head(&plugin, &fields, Some(now).filter(|_| !end_of_stream), head);
        }
        self.line = plugin.kept.as_ref().map(|_| Box::new(Line::of(&fields)));
        self.trial = Trial::begin(&plugin, &fields, end_of_stream, now);
        let mut step = evaluate(&plugin.set, Head { properties, ..Head::new(fields, end_of_stream) }, Timestamp(now));
        if let Step::NeedStore(need) = step {
            step = match ask(need, &plugin) {
                Ok(step) => step,
                Err(refusal) => return self.refuse(refusal),
            };
        }
        match step {
            Step::NeedBody(need) if end_of_stream => {
                self.judged = Some(0);
                self.judge(need.answer(Body::Empty))
            }
            Step::NeedBody(need) => {
                let need = Reader::Evaluation(need);
                self.wait(&plugin, Stage::AwaitingBody(Wait { need, since: now, head, announced: None }));
                Action::Pause
            }
            step => self.judge(step),
        }
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

    /// A call of this request is answered, with `fields` headers and `size` bytes of body. Called in the root context, so
    /// that host calls need this context made effective.
    pub(crate) fn on_call_response(&mut self, call: u32, fields: usize, size: usize) -> Lives {
        let (Some(plugin), Stage::AwaitingCurrent(lookups)) = (self.plugin.clone(), &mut self.stage) else {
            return Lives::Yes;
        };
        if host::set_effective_context(self.id).is_err() {
            return Lives::No;
        }
        lookups.take(call, fields, size, &plugin);
        if !lookups.is_open() {
            self.end_lookups(&plugin);
        }
        Lives::Yes
    }

    /// Answers a request whose body, or whose lookups, have not come for too long. Called from a tick of the root
    /// context, so that host calls need this context made effective; `now` is in nanoseconds since the Unix epoch.
    pub(crate) fn on_tick(&mut self, now: u64) -> Lives {
        let Some(plugin) = self.plugin.clone() else {
            return Lives::Yes;
        };
        match &self.stage {
            Stage::AwaitingBody(wait) => match overdue(self.id, wait, now, &plugin) {
                Ok(why) => self.end_body(&plugin, why),
                Err(lives) => return lives,
            },
            // The gateway's own timeout of each call comes first, unless it lost the call.
            Stage::AwaitingCurrent(lookups) if now >= lookups.until().saturating_add(GRACE) => {
                if host::set_effective_context(self.id).is_err() {
                    return Lives::No;
                }
                self.end_lookups(&plugin);
            }
            _ => {}
        }
        Lives::Yes
    }

    /// Goes on without the body, from a callback of the root context.
    fn end_body(&mut self, plugin: &Rc<Plugin>, why: Unavailable) {
        if let Stage::AwaitingBody(wait) = self.leave(plugin) {
            let settled = self.read(wait.need, Body::Unavailable(why));
            self.resume(settled);
        }
    }

    /// Goes on with what the lookups brought, from a callback of the root context.
    fn end_lookups(&mut self, plugin: &Rc<Plugin>) {
        if let Stage::AwaitingCurrent(lookups) = self.leave(plugin) {
            let step = lookups.conclude(self.trial.as_deref_mut(), plugin);
            let settled = self.settle(step);
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

    /// A body, of which a candidate gets a copy.
    fn body_of(&mut self, need: NeedBody, body: Body) -> Step {
        if let Some(trial) = &mut self.trial {
            trial.body(&need, &body);
        }
        need.answer(body)
    }

    /// Goes on with an evaluation in a callback of the request, which says what becomes of it.
    fn judge(&mut self, step: Step) -> Action {
        verdict(self.settle(step))
    }

    /// Goes on with an evaluation to its end, or until calls must be waited for. Needs this context to be effective.
    fn settle(&mut self, mut step: Step) -> Settled {
        let Some(plugin) = self.plugin.clone() else {
            return self.undecided(Refusal::NoPolicy);
        };
        for _ in 0..NEEDS {
            step = match step {
                Step::Done(outcome) => return self.enforce(outcome, &plugin),
                Step::NeedCurrent(need) => {
                    let lookups = match self.look_up(need, &plugin) {
                        Ok(lookups) => lookups,
                        Err(refusal) => return self.undecided(refusal),
                    };
                    if lookups.is_open() {
                        self.wait(&plugin, Stage::AwaitingCurrent(lookups));
                        return Settled::Open;
                    }
                    lookups.conclude(self.trial.as_deref_mut(), &plugin)
                }
                Step::NeedStore(need) => match ask(need, &plugin) {
                    Ok(step) => step,
                    Err(refusal) => return self.undecided(refusal),
                },
                // The body was given once and is gone.
                Step::NeedBody(need) => need.answer(Body::Unavailable(Unavailable::NotSeen)),
            };
        }
        self.undecided(Refusal::Undecided)
    }

    fn look_up(&mut self, need: NeedCurrent, plugin: &Plugin) -> Result<Lookups, Refusal> {
        let now = host::now().map_err(|_| Refusal::ClockUnreadable)?;
        let timeout = plugin.set.lookup_timeout_ms().saturating_mul(NANOSECONDS_PER_MILLISECOND);
        let until = *self.until.get_or_insert(now.saturating_add(timeout));
        Ok(Lookups::open(need, self.id, now, until, plugin))
    }

    fn enforce(&mut self, mut outcome: Outcome, plugin: &Rc<Plugin>) -> Settled {
        let purpose = self.line.take().map(|line| line.purpose(&mut outcome));
        // Set first: a host may send the reply, and call back, at once.
        self.stage = Stage::Refused;
        let charge = Charge::take(&mut outcome);
        let verdict = enforce(&mut outcome, self.trial.as_deref_mut(), plugin);
        self.trial = self.trial.take().filter(|trial| trial.is_charged());
        self.counted = plugin.agents.count(&outcome);
        if plugin.trips {
            self.watched = tripwires::on_decision(&mut outcome, plugin).map(Box::new);
        }
        match verdict {
            Verdict::Forward => {
                self.stage = Stage::Forwarded;
                self.passage = purpose.and_then(|purpose| Passage::begin(purpose, plugin)).map(Box::new);
                if charge.is_some() {
                    plugin.metrics.count(Metric::Charged);
                }
                self.charge = charge;
                Settled::Forward
            }
            Verdict::Refused => {
                if let Some(charge) = charge {
                    charge.give_back(plugin);
                }
                Settled::Refused
            }
        }
    }

    fn undecided(&mut self, refusal: Refusal) -> Settled {
        let _ = self.refuse(refusal);
        Settled::Refused
    }

    /// Waits, so that the root context's tick looks at this request.
    fn wait(&mut self, plugin: &Plugin, stage: Stage) {
        plugin.hold(self.id);
        self.stage = stage;
    }

    /// Waits no longer.
    fn leave(&mut self, plugin: &Plugin) -> Stage {
        plugin.release(self.id);
        std::mem::replace(&mut self.stage, Stage::Refused)
    }

    fn refuse(&mut self, refusal: Refusal) -> Action {
        self.close();
        self.stage = Stage::Refused;
        self.trial = None;
        refusal.send(self.plugin.as_deref());
        Action::Pause
    }

    /// Releases a request from outside its callbacks, if it may pass.
    fn resume(&mut self, settled: Settled) {
        if settled == Settled::Forward && host::continue_request().is_err() {
            if let (Some(charge), Some(plugin)) = (self.charge.take(), &self.plugin) {
                charge.give_back(plugin);
            }
            if let Some(mut trial) = self.trial.take() {
                trial.give_back();
            }
            let _ = self.refuse(Refusal::NotResumed);
        }
    }

    /// Gives up on a need that is still open.
    fn close(&mut self) {
        if let Stage::AwaitingBody(_) | Stage::AwaitingCurrent(_) = self.stage {
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

/// What the gateway knows of who is asking, where the policies ask for it. A property that cannot be read is not one that
/// is absent.
pub(crate) fn identity_properties(set: &PolicySet) -> Result<Vec<Option<Vec<u8>>>, Status> {
    let read = |path: &Vec<String>| match host::property(path) {
        Ok(value) => Ok(Some(value)),
        Err(Status::NotFound) => Ok(None),
        Err(other) => Err(other),
    };
    set.identity_properties().iter().map(read).collect()
}

fn verdict(settled: Settled) -> Action {
    match settled {
        Settled::Forward => Action::Continue,
        Settled::Open | Settled::Refused => Action::Pause,
    }
}

/// Asks the store, now: the request may have waited for long.
fn ask(need: NeedStore, plugin: &Plugin) -> Result<Step, Refusal> {
    let now = host::now().map_err(|_| Refusal::ClockUnreadable)?;
    let tallied = carry_out(need.plan(), &plugin.table, &mut Slots, Timestamp(now));
    Ok(need.answer(tallied))
}

/// Notes that the gateway delivers what follows a paused head.
fn delivered() {
    // The thread's storage is gone only when the VM is.
    let _ = DELIVERS.try_with(|delivers| delivers.set(true));
}

/// Why a request need not wait for its body any longer, or whether it lives on waiting. Makes its context effective.
fn overdue(id: u32, wait: &Wait, now: u64, plugin: &Plugin) -> Result<Unavailable, Lives> {
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

mod command;
mod response;

#[cfg(test)]
mod agent_tests;
#[cfg(test)]
mod candidate_tests;
#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod counting_tests;
#[cfg(test)]
mod fresh_tests;
#[cfg(test)]
mod lookup_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tripwire_tests;
