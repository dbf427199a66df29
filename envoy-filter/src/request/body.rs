//! The body of a request that is held: read whole or not at all.

use std::rc::Rc;

use super::wait::{Reader, Wait, delivered};
use super::{Request, Settled, Stage, verdict};
use crate::host;
use crate::plugin::Plugin;
use crate::policy::{Body, NeedBody, Step, Unavailable};
use crate::refusal::Refusal;
use crate::types::Action;

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
