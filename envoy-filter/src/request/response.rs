//! What comes back: the response to a request that was forwarded, and the end of the stream.

use super::Request;
use crate::charge;
use crate::plugin::Plugin;
use crate::reply::name_policy;
use crate::tripwires::{Passed, Watched};
use crate::types::Action;

impl Request {
    /// A response is about to be sent: the upstream's, this filter's, or one of the gateway's own.
    pub(crate) fn on_response_headers(&mut self, end_of_stream: bool) -> Action {
        // A response to a request that is still held is the gateway's own (a timeout, a full buffer). It ends the
        // request: nothing is left to judge, and a second reply must not be tried.
        self.close();
        // Read once for all who ask: it takes every header over from the host.
        let asked = self.charge.is_some() || self.trial.is_some() || self.counted.is_some() || self.watched.is_some();
        let status = if asked { charge::status() } else { None };
        if let Some(plugin) = &self.plugin {
            // At the head: the client may ask again as soon as it has it, and an event stream has no end for hours.
            if let Some(charge) = self.charge.take() {
                charge.settle(status, plugin);
            }
            if let Some(trial) = self.trial.take() {
                trial.settle(status);
            }
            name_policy(plugin);
        }
        if let Some(agent) = self.counted.take() {
            agent.end(status);
        }
        self.watch(|watched, plugin| watched.on_head(status, end_of_stream, plugin));
        if let Some(passage) = &mut self.passage {
            passage.on_response_headers(end_of_stream);
        }
        Action::Continue
    }

    /// `size` bytes of the response's body go by.
    pub(crate) fn on_response_body(&mut self, size: usize, end_of_stream: bool) {
        if let Some(passage) = &mut self.passage {
            passage.on_response_body(size, end_of_stream);
        }
        self.watch(|watched, plugin| watched.on_body(size, end_of_stream, plugin));
    }

    /// The response's body has ended, and trailers end the response.
    pub(crate) fn on_response_trailers(&mut self) {
        if let Some(passage) = &mut self.passage {
            passage.on_response_end();
        }
        self.unwatch();
    }

    /// The stream has ended.
    pub(crate) fn on_log(&mut self) {
        self.close();
        self.passage = None;
        // No response came by.
        if let (Some(charge), Some(plugin)) = (self.charge.take(), &self.plugin) {
            charge.settle(None, plugin);
        }
        if let Some(trial) = self.trial.take() {
            trial.settle(None);
        }
        if let Some(agent) = self.counted.take() {
            agent.end(None);
        }
        self.unwatch();
    }

    /// Tells the tripwires of the answer.
    fn watch(&mut self, look: impl FnOnce(Watched, &Plugin) -> Passed) {
        if let (Some(watched), Some(plugin)) = (self.watched.take(), &self.plugin)
            && let Passed::Open(watched) = look(*watched, plugin)
        {
            self.watched = Some(Box::new(watched));
        }
    }

    /// Nothing more is to come of the answer.
    fn unwatch(&mut self) {
        self.watch(|watched, plugin| {
            watched.on_end(plugin);
            Passed::Ended
        });
    }
}
