//! One HTTP stream, from its head to a verdict.
//!
//! ```text
//! AwaitingHead ──> AwaitingBody ──> AwaitingCurrent ──> Forwarded    Continue from here on
//!       └───────────────┴──────────────────┴─────────> Refused      Pause from here on: the reply is on its way
//! ```
//!
//! While a need is open, and whenever no verdict was reached, the answer to the gateway is `Pause`: one `Continue` would
//! release everything held so far.

mod body;
mod command;
mod current;
mod head;
mod response;
mod wait;

#[cfg(test)]
mod agent_tests;
#[cfg(test)]
mod body_tests;
#[cfg(test)]
mod candidate_tests;
#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod counting_tests;
#[cfg(test)]
mod fresh_tests;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod lookup_limit_tests;
#[cfg(test)]
mod lookup_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tripwire_tests;

use std::rc::Rc;

use self::wait::{Wait, Waited, overdue};
use crate::agents::Agent;
use crate::calls::GRACE;
use crate::charge::Charge;
use crate::enforce::{Verdict, enforce};
use crate::host;
use crate::lookups::Lookups;
use crate::metrics::Metric;
use crate::passage::{Line, Passage};
use crate::plugin::Plugin;
use crate::policy::counters::carry_out;
use crate::policy::{Body, NeedStore, Outcome, Step, Timestamp, Unavailable};
use crate::refusal::Refusal;
use crate::store::Slots;
use crate::trial::Trial;
use crate::tripwires::{self, Watched};
use crate::types::Action;

/// Needs that one evaluation may open one after another. Each kind can be asked for once or twice; more is a loop.
const NEEDS: usize = 8;

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

    /// Answers a request whose body, or whose lookups, have not come for too long. Called from a tick of the root
    /// context, so that host calls need this context made effective; `now` is in nanoseconds since the Unix epoch.
    pub(crate) fn on_tick(&mut self, now: u64) -> Lives {
        let Some(plugin) = self.plugin.clone() else {
            return Lives::Yes;
        };
        match &self.stage {
            Stage::AwaitingBody(wait) => match overdue(self.id, wait, now, &plugin) {
                Waited::InTime => {}
                Waited::TooLong(why) => self.end_body(&plugin, why),
                Waited::Gone => return Lives::No,
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
