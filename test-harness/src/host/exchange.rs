//! The gateway's side: which callback follows which, and what the guest's answers lead to.

use super::callout::{CalloutAnswer, CalloutId};
use super::context::{Context, Ending, Http, LocalReply};
use super::direction::{Answer, Arrival, Callback, Stage, Transmitted};
use super::instance::Instance;
use super::state::Action;
use super::{
    CalloutError, Flow, Module, OnFailure, OutOfOrder, PluginOptions, StartError, StreamError, StreamType, Trap,
    VmOptions,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The two directions of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// A plugin, whatever instance it runs in now.
pub(super) struct Record {
    pub(super) options: Arc<PluginOptions>,
    pub(super) root: u32,
}

/// An instance and everything the gateway knows about it.
pub(crate) struct Gateway {
    pub(super) module: Module,
    pub(super) options: Arc<VmOptions>,
    pub(crate) instance: Instance,
    pub(crate) reloads: u32,
    pub(super) plugins: BTreeMap<u32, Record>,
    /// Streams the guest no longer knows, kept for the handles on them.
    pub(super) past: BTreeMap<u32, Http>,
    pub(super) next_plugin: u32,
    next_context: u32,
}

impl Gateway {
    pub(crate) fn new(module: Module, options: Arc<VmOptions>) -> Result<Self, StartError> {
        let instance = Instance::new(&module, Arc::clone(&options), Default::default())?;
        Ok(Self {
            module,
            options,
            instance,
            reloads: 0,
            plugins: BTreeMap::new(),
            past: BTreeMap::new(),
            next_plugin: 0,
            next_context: 0,
        })
    }

    /// Registers a stream; the guest hears of it with its first event.
    pub(crate) fn open(&mut self, plugin: u32) -> Result<u32, StreamError> {
        if let Some(trap) = self.instance.failure() {
            match self.options.on_failure {
                OnFailure::Close => return Err(StreamError::VmFailed(trap.clone())),
                OnFailure::Reload => self.reload().map_err(StreamError::Reload)?,
            }
        }
        let record = self.plugins.get(&plugin).ok_or(StreamError::Stopped)?;
        let http = Box::new(Http { root: record.root, ..Http::default() });
        let context = self.new_context();
        self.instance.state_mut().contexts.insert(context, Context::Http(http));
        Ok(context)
    }

    /// Delivers what arrived for one direction of a stream.
    pub(crate) fn receive(&mut self, context: u32, side: Side, arrival: Arrival) -> Result<Flow, OutOfOrder> {
        let Some(http) = self.instance.state_mut().http_mut(context) else {
            return match self.past.get(&context) {
                Some(http) if http.ending.is_some() => Ok(flow(http, side)),
                _ => Err(OutOfOrder("the stream has finished")),
            };
        };
        if http.ending.is_some() || http.local_reply.is_some() {
            return Ok(flow(http, side));
        }
        if side == Side::Response && !http.request.begun() {
            return Err(OutOfOrder("a response before the request"));
        }
        // A trap is recorded in the stream, where `flow` finds it.
        let created = self.create(context);
        if let (Ok(()), Some(http)) = (created, self.instance.state_mut().http_mut(context))
            && let Some(callback) = direction(http, side).arrive(arrival).map_err(OutOfOrder)?
        {
            let _ = self.ask(context, side, callback).and_then(|()| self.settle());
        }
        Ok(self.http(context).map_or(Flow::Closed, |http| flow(http, side)))
    }

    /// `proxy_on_log`, `proxy_on_done`, `proxy_on_delete`; then the guest knows the stream no more.
    pub(crate) fn finish(&mut self, context: u32) -> Result<(), Trap> {
        let callbacks = Arc::clone(&self.instance.callbacks);
        let mut result = Ok(());
        if let Some(http) = self.instance.state_mut().http_mut(context)
            && http.created
        {
            http.logging = true;
            result = self
                .instance
                .call(context, &callbacks.log, context)
                .and_then(|_| self.instance.call(context, &callbacks.done, context))
                .and_then(|_| self.instance.call(context, &callbacks.delete, context))
                .map(drop);
        }
        if let Some(Context::Http(mut http)) = self.instance.state_mut().contexts.remove(&context) {
            http.finished = true;
            self.past.insert(context, *http);
        }
        result.and_then(|()| self.settle())
    }

    /// Drops what was kept for a handle.
    pub(crate) fn forget(&mut self, context: u32) {
        self.past.remove(&context);
    }

    pub(crate) fn cancel_callouts_of(&mut self, context: u32) {
        self.instance.state_mut().callouts.retain(|_, callout| callout.stream != Some(context));
    }

    pub(crate) fn answer_callout(&mut self, id: CalloutId, answer: CalloutAnswer) -> Result<(), CalloutError> {
        if let Some(trap) = self.instance.failure() {
            return Err(CalloutError::Trapped(trap.clone()));
        }
        let state = self.instance.state_mut();
        let callout = state.callouts.remove(&id.0).ok_or(CalloutError::NotPending(id))?;
        let (headers, body, trailers) = match &answer {
            CalloutAnswer::Response { headers, body, trailers } => {
                (number(headers.len()), number(body.len()), number(trailers.len()))
            }
            CalloutAnswer::Failed => (0, 0, 0),
        };
        state.answering = Some((callout.root, answer));
        let before = state.durable.fuel;
        let callbacks = Arc::clone(&self.instance.callbacks);
        let arguments = (callout.root, id.0, headers, body, trailers);
        let result = self.instance.call(callout.root, &callbacks.http_call_response, arguments);
        let state = self.instance.state_mut();
        state.answering = None;
        let used = state.durable.fuel - before;
        if let Some(http) = callout.stream.and_then(|stream| state.http_mut(stream)) {
            http.fuel = http.fuel.saturating_add(used);
        }
        result.and_then(|_| self.settle()).map_err(CalloutError::Trapped)
    }

    /// A stream, whether the guest still knows it or not.
    pub(crate) fn http(&self, context: u32) -> Option<&Http> {
        self.instance.state().http(context).or_else(|| self.past.get(&context))
    }

    pub(crate) fn http_mut(&mut self, context: u32) -> Option<&mut Http> {
        self.instance.state_mut().http_mut(context).or_else(|| self.past.get_mut(&context))
    }

    pub(super) fn new_context(&mut self) -> u32 {
        self.next_context += 1;
        self.next_context
    }

    /// Tells the guest of a stream before its first event.
    fn create(&mut self, context: u32) -> Result<(), Trap> {
        let Some(http) = self.instance.state_mut().http_mut(context).filter(|h| !h.created) else {
            return Ok(());
        };
        http.created = true;
        let root = http.root;
        let callbacks = Arc::clone(&self.instance.callbacks);
        self.instance.call(context, &callbacks.context_create, (context, root)).map(drop)
    }

    /// Makes a callback and applies its answer.
    fn ask(&mut self, context: u32, side: Side, callback: Callback) -> Result<(), Trap> {
        let callbacks = Arc::clone(&self.instance.callbacks);
        let (headers, body, trailers) = match side {
            Side::Request => (&callbacks.request_headers, &callbacks.request_body, &callbacks.request_trailers),
            Side::Response => (&callbacks.response_headers, &callbacks.response_body, &callbacks.response_trailers),
        };
        let answer = match callback {
            Callback::Headers { count, end_of_stream } => {
                let arguments = (context, number(count), u32::from(end_of_stream));
                self.instance.call(context, headers, arguments)?
            }
            Callback::Body { size, end_of_stream } => {
                let arguments = (context, number(size), u32::from(end_of_stream));
                self.instance.call(context, body, arguments)?
            }
            Callback::Trailers { count } => self.instance.call(context, trailers, (context, number(count)))?,
        };
        let stage = callback.stage();
        let allowed = self.options.allow_on_headers_stop_iteration;
        let answer = match answer.unwrap_or(0) {
            _ if self.instance.state().replied => Answer::Pause,
            0 => Answer::Continue,
            1 if stage == Stage::Headers && !allowed => Answer::StopAll,
            1 => Answer::Pause,
            // Envoy's further statuses all stop; in the headers they stop everything.
            _ if stage == Stage::Headers => Answer::StopAll,
            _ => Answer::Pause,
        };
        if let Some(http) = self.instance.state_mut().http_mut(context) {
            direction(http, side).conclude(stage, answer);
        }
        Ok(())
    }

    /// Does what hostcalls have asked for, until nothing is left to do.
    pub(super) fn settle(&mut self) -> Result<(), Trap> {
        while let Some((context, action)) = self.instance.state_mut().actions.pop_front() {
            let Some(http) = self.instance.state_mut().http_mut(context) else {
                continue;
            };
            if http.ending.is_some() {
                continue;
            }
            match action {
                Action::Close => http.ending = Some(Ending::Closed),
                Action::Reply(reply) => self.reply(context, reply)?,
                Action::Continue(StreamType::Response) => self.resume(context, Side::Response)?,
                // After a local reply there is no request left to resume.
                Action::Continue(_) if http.local_reply.is_none() => {
                    self.resume(context, Side::Request)?;
                }
                Action::Continue(_) => {}
            }
        }
        self.delete_done_roots()
    }

    fn resume(&mut self, context: u32, side: Side) -> Result<(), Trap> {
        if let Some(http) = self.instance.state_mut().http_mut(context) {
            direction(http, side).resume();
        }
        while let Some(http) = self.instance.state_mut().http_mut(context)
            && let Some(callback) = direction(http, side).next_unseen()
        {
            self.ask(context, side, callback)?;
            if self.instance.state().replied {
                break;
            }
        }
        Ok(())
    }

    /// Answers in place of the upstream. As in Envoy, a reply made for the request passes the
    /// plugin's own response callbacks; one made while a response is on its way replaces it.
    fn reply(&mut self, context: u32, reply: LocalReply) -> Result<(), Trap> {
        let Some(http) = self.instance.state_mut().http_mut(context) else {
            return Ok(());
        };
        if http.local_reply.is_some() {
            return Ok(());
        }
        if http.response.sent().headers.is_some() {
            // Too late: the client has the head of another response.
            http.ending = Some(Ending::Closed);
            return Ok(());
        }
        let code = i64::from(reply.status).to_le_bytes().to_vec();
        http.attributes.insert(b"response\0code".to_vec(), code);
        if !reply.details.is_empty() {
            let details = reply.details.clone();
            http.attributes.insert(b"response\0code_details".to_vec(), details);
        }
        let (head, body) = (reply.head(), reply.body.clone());
        http.local_reply = Some(reply);
        http.request.discard();
        if http.response.begun() {
            http.response.overrule(Transmitted { headers: Some(head), body, trailers: None, complete: true });
            return Ok(());
        }
        let bodiless = body.is_empty();
        self.respond(context, Arrival::Headers(head, bodiless))?;
        if !bodiless {
            self.respond(context, Arrival::Body(body, true))?;
        }
        Ok(())
    }

    fn respond(&mut self, context: u32, arrival: Arrival) -> Result<(), Trap> {
        if let Some(http) = self.instance.state_mut().http_mut(context)
            && let Ok(Some(callback)) = http.response.arrive(arrival)
        {
            self.ask(context, Side::Response, callback)?;
        }
        Ok(())
    }
}

/// What the embedder is told about one direction of a stream.
pub(crate) fn flow(http: &Http, side: Side) -> Flow {
    match (&http.ending, &http.local_reply) {
        (Some(Ending::Closed), _) => Flow::Closed,
        (Some(Ending::Trapped(trap)), _) => Flow::Trapped(trap.clone()),
        (None, Some(reply)) => Flow::LocalReply(reply.clone()),
        (None, None) => {
            let direction = match side {
                Side::Request => &http.request,
                Side::Response => &http.response,
            };
            if direction.paused().is_some() { Flow::Pause } else { Flow::Continue }
        }
    }
}

fn direction(http: &mut Http, side: Side) -> &mut super::direction::Direction {
    match side {
        Side::Request => &mut http.request,
        Side::Response => &mut http.response,
    }
}

/// A size as the ABI passes it. Nothing larger than the guest's 32-bit memory is ever handed over.
pub(super) fn number(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
