//! The real filter, in the harness's host.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use policy_core::PolicySet;
use policy_core::approval;
use policy_core::control::is_for;
use policy_core::tripwires::Answered;
use serde::Deserialize;

use super::callouts;
use super::candidate::CandidateJudgement;
use super::counting::{DONE, answered};
use super::engine::{Delivery, Engine, EngineError, EngineKind, Trailers, moment};
use super::judgement::{JudgedReason, Judgement, Lack, Verdict};
use super::mirror::Mirror;
use super::native::NativeEngine;
use super::peaks::Peaks;
use super::trips::Trips;
use crate::host::{
    Clock, EngineOptions, Flow, HeaderMap, LocalReply, Module, OnFailure, Plugin, PluginOptions, SharedData, Stream,
    Vm, VmOptions,
};
use crate::recording::{Exchange, RecordedBody};
use crate::world::{Watched, World};

/// The property that holds the decision's event.
const DECISION_PROPERTY: &[&str] = &["ambit.decision"];
/// How the log says that a tripwire has tripped.
const TRIPPED: &str = "ambit: tripped: ";
/// Added to the body timeout: the filter compares with its own reading of the clock.
const TIMEOUT_MARGIN: Duration = Duration::from_secs(1);

/// Judges by the filter's module, as a gateway runs it.
///
/// A trap of the filter is a refusal of that request, as with `FAIL_RELOAD`: the next one meets a
/// fresh instance.
pub struct WasmEngine {
    plugin: Plugin,
    clock: Clock,
    set: Arc<PolicySet>,
    delivery: Delivery,
    shared_data: SharedData,
    /// What has been counted; without it the policies have no counters.
    mirror: Option<Mirror>,
}

impl WasmEngine {
    /// Compiles the module and starts it with a bundle; `set` is the same bundle, loaded.
    ///
    /// # Errors
    /// [`EngineError`]: it is no filter, or refuses the bundle.
    pub fn new(wasm: &[u8], bundle: &[u8], set: Arc<PolicySet>) -> Result<Self, EngineError> {
        let engine = crate::host::Engine::new(EngineOptions::default())?;
        let module = Module::new(&engine, wasm)?;
        let clock = Clock::default();
        let shared_data = SharedData::default();
        let mirror = Mirror::new(&set, shared_data.clone())?;
        let options = VmOptions {
            clock: clock.clone(),
            on_failure: OnFailure::Reload,
            shared_data: shared_data.clone(),
            ..VmOptions::default()
        };
        let plugin = Vm::new(&module, options)?.start(PluginOptions::new(bundle))?;
        Ok(Self { plugin, clock, set, delivery: Delivery::default(), shared_data, mirror })
    }

    /// The same, delivering requests like this.
    #[must_use]
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Delivers what was recorded, until the filter has answered.
    fn deliver(&self, stream: &mut Stream, exchange: &Exchange) -> Result<Flow, EngineError> {
        let request = &exchange.request;
        let out_of_order = |e: crate::host::OutOfOrder| contradiction(exchange, e.to_string());
        let trailers = match self.delivery.trailers {
            Trailers::Never => None,
            Trailers::AsRecorded if request.trailers.is_empty() => None,
            Trailers::Always if request.trailers.is_empty() => Some(HeaderMap::from_iter([("x-replayed", "trailers")])),
            Trailers::AsRecorded | Trailers::Always => Some(request.trailers.iter().cloned().collect()),
        };
        let (body, whole) = match &request.body {
            RecordedBody::Empty => (&[][..], true),
            RecordedBody::Complete(bytes) => (bytes.as_slice(), true),
            RecordedBody::Truncated { seen, .. } => (seen.as_slice(), false),
            RecordedBody::Missing { .. } | RecordedBody::Undecodable { .. } => (&[][..], false),
        };
        let ends_at_headers = whole && body.is_empty() && trailers.is_none();
        for (path, value) in &request.properties {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            stream.set_property(&path, value.clone());
        }
        let head = request.headers.iter().cloned().collect();
        let mut flow = stream.request_headers(head, ends_at_headers).map_err(out_of_order)?;
        let size = self.delivery.chunk.map_or(body.len().max(1), usize::from);
        let mut chunks = body.chunks(size).peekable();
        while let Some(chunk) = chunks.next() {
            if !flow.is_open() {
                return Ok(flow);
            }
            let end = whole && trailers.is_none() && chunks.peek().is_none();
            flow = stream.request_body(chunk, end).map_err(out_of_order)?;
        }
        if let Some(trailers) = trailers.filter(|_| whole && flow.is_open()) {
            flow = stream.request_trailers(trailers).map_err(out_of_order)?;
        }
        Ok(flow)
    }

    /// Lets a wait of the filter end: for a body, so that it names the agent whose request it was, or for an answer.
    fn time_out(&self, stream: &Stream, timeout_ms: u64) -> Flow {
        self.clock.advance(Duration::from_millis(timeout_ms).saturating_add(TIMEOUT_MARGIN));
        // A trap in the tick ends the stream, which its flow says.
        let _ = self.plugin.tick();
        stream.flow()
    }

    fn understand(&self, exchange: &Exchange, stream: &Stream, flow: Flow) -> Result<Judgement, EngineError> {
        let contradiction = |what: String| contradiction(exchange, what);
        let property = stream.property(DECISION_PROPERTY);
        let event: Option<Event> = match &property {
            Some(json) => Some(
                serde_json::from_slice(json).map_err(|e| contradiction(format!("its event cannot be read: {e}")))?,
            ),
            None => None,
        };
        if let Some(event) = &event
            && event.policy != self.set.digest()
        {
            return Err(contradiction(format!("its event names the policy {}", event.policy)));
        }
        let named = event.as_ref().and_then(|event| event.candidate.as_ref()).map(|tried| tried.policy.as_str());
        if event.is_some() && named != self.set.candidate().map(|candidate| candidate.digest()) {
            return Err(contradiction(format!("its event names the candidate {}", named.unwrap_or("none"))));
        }
        let reply = match flow {
            Flow::Continue => None,
            Flow::LocalReply(reply) => Some(reply),
            // Envoy answers 503: nothing of the request has passed.
            Flow::Trapped(trap) => return Ok(failed(event, format!("the filter failed: {trap}"))),
            Flow::Closed => return Ok(failed(event, "the filter reset the request".to_owned())),
            Flow::Pause => {
                return Ok(failed(event, "the filter held the request for good".to_owned()));
            }
        };
        if reply.is_some() && stream.upstream().headers.is_some() {
            return Err(contradiction("it refused a request whose head it had let pass".to_owned()));
        }
        let Some(event) = event else {
            return match reply {
                Some(reply) => Ok(refused_without_event(&reply)),
                None => Err(contradiction("it forwarded a request without recording it".to_owned())),
            };
        };
        if event.forwarded == reply.is_some() {
            let did = if reply.is_some() { "refused" } else { "forwarded" };
            return Err(contradiction(format!("it {did} what its event says it did not")));
        }
        let verdict = match event.decision.as_str() {
            _ if event.not_an_agent => Verdict::NotAnAgent,
            name => Verdict::from_name(name)
                .ok_or_else(|| contradiction("its event names an unknown decision".to_owned()))?,
        };
        // What is forwarded, and what nobody waits for an answer to, has its reasons in the event alone.
        let told = reply.as_ref().and_then(reasons_in);
        let reasons = told.unwrap_or_else(|| event.reasons.iter().map(|code| reason(code, None)).collect());
        let Event { agent, rule, shadow, candidate, .. } = event;
        Ok(Judgement { verdict, agent, rule, reasons, shadow, candidate })
    }
}

impl Engine for WasmEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Wasm
    }

    fn forget_grants(&mut self) {
        if self.set.approves() {
            for slot in approval::slots() {
                // There is room: the filter has made these slots.
                let _ = self.shared_data.set("", slot.to_string().as_bytes(), &[], 0);
            }
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.forget_grants();
        }
    }

    fn peaks(&self) -> Peaks {
        self.mirror.as_ref().map(Mirror::peaks).unwrap_or_default()
    }

    fn trips(&self) -> Trips {
        self.mirror.as_ref().map(Mirror::trips).unwrap_or_default()
    }

    fn judge_in(
        &mut self,
        world: &dyn World,
        exchange: &Exchange,
        now: Option<Timestamp>,
    ) -> Result<Judgement, EngineError> {
        if is_for(&self.set, &exchange.request.headers) {
            return Ok(Judgement::of_command());
        }
        match moment(exchange, now)? {
            Ok(now) => self.clock.set(now),
            Err(lack) => {
                let candidate = CandidateJudgement::none_of(&self.set);
                return Ok(Judgement { candidate, ..Judgement::undecidable(None, lack) });
            }
        }
        let told = match &mut self.mirror {
            Some(mirror) => Some(mirror.begin(world, exchange, now)?),
            None => None,
        };
        let lack = Lack::of_body(&exchange.request.body);
        let watched = Watched::new(world);
        let mut stream = self.plugin.http_stream()?;
        let mut flow = self.deliver(&mut stream, exchange)?;
        if flow == Flow::Pause {
            flow = callouts::answer(&stream, &watched);
        }
        if flow == Flow::Pause && !stream.pending_callouts().is_empty() {
            flow = self.time_out(&stream, self.set.lookup_timeout_ms());
        }
        let waits = flow == Flow::Pause && lack.is_some();
        if waits {
            flow = self.time_out(&stream, self.set.body_timeout_ms());
        }
        for late in stream.pending_callouts() {
            // It is gone already, or nobody hears of it any more.
            let _ = stream.vm().cancel_callout(late.id);
        }
        let trapped = matches!(flow, Flow::Trapped(_));
        let forwards = flow == Flow::Continue;
        let judgement = self.understand(exchange, &stream, flow)?;
        if forwards && self.set.trips() {
            respond(&mut stream, exchange)?;
        }
        if let (false, Err(trap)) = (trapped, stream.finish()) {
            return Err(contradiction(exchange, format!("it failed after its verdict: {trap}")));
        }
        if let Some(mirror) = &self.mirror {
            mirror.end();
            let logged = stream.vm().take_log().iter().filter(|line| line.message.starts_with(TRIPPED)).count();
            // What is only told may be told again by a gateway sooner.
            if !world.unenforced() && !waits && self.set.trips() && logged != mirror.tripped() {
                let says = format!("{logged} tripwires trip where the decision point says {}", mirror.tripped());
                return Err(contradiction(exchange, says));
            }
        }
        match lack {
            Some(lack) if waits => {
                let candidate = CandidateJudgement::none_of(&self.set);
                Ok(Judgement { candidate, ..Judgement::undecidable(judgement.agent, lack) })
            }
            _ if judgement.shadow || watched.into_lookups().iter().any(|lookup| lookup.lacking) => {
                self.with_what_was_lacking(judgement, told, world, exchange, now)
            }
            _ => Ok(judgement),
        }
    }
}

impl WasmEngine {
    /// What a recording lacks, or a page in shadow does not look up, the filter cannot be told: to it, that is a lookup
    /// without an answer. Whether the decision depends on it, the decision point says.
    fn with_what_was_lacking(
        &self,
        judgement: Judgement,
        told: Option<Judgement>,
        world: &dyn World,
        exchange: &Exchange,
        now: Option<Timestamp>,
    ) -> Result<Judgement, EngineError> {
        let native = match told {
            Some(told) => told,
            None => NativeEngine::new(Arc::clone(&self.set)).judge_in(world, exchange, now)?,
        };
        if native.verdict == Verdict::Undecidable {
            return Ok(native);
        }
        if native.verdict != judgement.verdict {
            let (filter, core) = (judgement.verdict.name(), native.verdict.name());
            return Err(contradiction(exchange, format!("it says {filter} where the decision point says {core}")));
        }
        Ok(if judgement.shadow { Judgement { candidate: native.candidate, ..judgement } } else { native })
    }
}

/// Delivers the response that was recorded: what became of a request is for tripwires to see.
fn respond(stream: &mut Stream, exchange: &Exchange) -> Result<(), EngineError> {
    let out_of_order = |e: crate::host::OutOfOrder| contradiction(exchange, e.to_string());
    let status = |status: u16| HeaderMap::from_iter([(":status", status.to_string())]);
    let Some(response) = &exchange.response else {
        let _ = stream.response_headers(status(DONE), true).map_err(out_of_order)?;
        return Ok(());
    };
    let answered = answered(response, usize::MAX);
    let mut head = status(response.status);
    if let Some(Answered { content_type, encoding, .. }) = answered {
        head.extend(content_type.map(|value| ("content-type", value)));
        head.extend(encoding.map(|value| ("content-encoding", value)));
    }
    let _ = stream.response_headers(head, answered.is_none()).map_err(out_of_order)?;
    if let Some(answered) = answered {
        let _ = stream.response_body(answered.body, true).map_err(out_of_order)?;
    }
    Ok(())
}

/// The decision's event, as far as a replay reads it.
#[derive(Debug, Deserialize)]
struct Event {
    decision: String,
    forwarded: bool,
    #[serde(default)]
    shadow: bool,
    #[serde(default)]
    not_an_agent: bool,
    agent: Option<String>,
    policy: String,
    rule: Option<String>,
    #[serde(default)]
    reasons: Vec<String>,
    candidate: Option<CandidateJudgement>,
}

/// The problem document of a refusal, as far as a replay reads it.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    reasons: Vec<ProblemReason>,
}

#[derive(Debug, Deserialize)]
struct ProblemReason {
    code: String,
    message: Option<String>,
    pointer: Option<String>,
}

/// The reasons in a refusal: in a problem document, or in the error of JSON-RPC that holds one. `None`: there is no
/// document.
fn reasons_in(reply: &LocalReply) -> Option<Vec<JudgedReason>> {
    let mut answer: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    if let Some(first) = answer.get_mut(0) {
        answer = first.take();
    }
    if let Some(data) = answer.pointer_mut("/error/data") {
        answer = data.take();
    }
    let problem: Problem = serde_json::from_value(answer).ok()?;
    let reasons = problem.reasons.into_iter().map(|reason| JudgedReason {
        code: reason.code,
        message: reason.message,
        pointer: reason.pointer,
    });
    Some(reasons.collect())
}

fn reason(code: &str, message: Option<String>) -> JudgedReason {
    JudgedReason { code: code.to_owned(), message, pointer: None }
}

/// The filter could not judge the request, and said so.
fn refused_without_event(reply: &LocalReply) -> Judgement {
    Judgement {
        verdict: Verdict::Deny,
        agent: None,
        rule: None,
        reasons: reasons_in(reply).unwrap_or_default(),
        shadow: false,
        candidate: None,
    }
}

/// The filter did not get to an answer, which is a refusal.
fn failed(event: Option<Event>, message: String) -> Judgement {
    Judgement {
        verdict: Verdict::Deny,
        agent: event.and_then(|event| event.agent),
        rule: None,
        reasons: vec![reason("gateway", Some(message))],
        shadow: false,
        candidate: None,
    }
}

fn contradiction(exchange: &Exchange, what: String) -> EngineError {
    EngineError::Contradiction { place: exchange.position.to_string(), what }
}
