//! The head of a request: who it is for, and what can be decided by it alone.

use super::wait::{Reader, Wait};
use super::{Request, Stage, ask};
use crate::host;
use crate::identity;
use crate::passage::Line;
use crate::policy::control;
use crate::policy::{Body, Head, Step, Timestamp, evaluate};
use crate::refusal::Refusal;
use crate::trial::Trial;
use crate::types::{Action, Fields};

impl Request {
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
        let Ok(properties) = identity::properties(&plugin.set) else {
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
}

/// Bytes of all names and values, as Envoy counts a head.
fn length(fields: &Fields) -> u64 {
    let bytes =
        fields.iter().fold(0, |sum: usize, (name, value)| sum.saturating_add(name.len()).saturating_add(value.len()));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
