//! A whole request in one call.

use super::context::LocalReply;
use super::direction::{Stage, Transmitted};
use super::stream::{Flow, Stream};
use super::{Callout, CalloutAnswer, HeaderMap, LogLine, Trap};
use std::num::NonZeroUsize;
use std::time::Duration;

/// In which pieces a body arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chunking {
    /// In one.
    #[default]
    Whole,
    /// In pieces of that many bytes; the last may be shorter.
    Bytes(NonZeroUsize),
}

/// A request and the way it arrives.
///
/// | `body` | `trailers` | events |
/// |---|---|---|
/// | `None` | `None` | headers (end) |
/// | `None` | some | headers, trailers |
/// | empty | `None` | headers, empty body (end): an empty chunked body |
/// | empty | some | headers, trailers |
/// | bytes | `None` | headers, body…, the last with end, or an empty one more with `final_empty_chunk` |
/// | bytes | some | headers, body…, trailers |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestScript {
    /// The head, pseudo-headers included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The trailers.
    pub trailers: Option<HeaderMap>,
    /// In which pieces the body arrives.
    pub chunking: Chunking,
    /// Whether the end of a body comes by itself, in one more empty body event.
    pub final_empty_chunk: bool,
    /// Properties the guest can read, by path.
    pub properties: Vec<(Vec<String>, Vec<u8>)>,
    /// Virtual time to wait at the end if the request is still held, while timers fire.
    pub patience: Duration,
}

impl RequestScript {
    /// A request without a body.
    pub fn new(headers: HeaderMap) -> Self {
        Self { headers, ..Self::default() }
    }

    /// With a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// With its body in pieces of `bytes` bytes.
    #[must_use]
    pub fn in_chunks_of(mut self, bytes: NonZeroUsize) -> Self {
        self.chunking = Chunking::Bytes(bytes);
        self
    }

    /// With trailers.
    #[must_use]
    pub fn with_trailers(mut self, trailers: HeaderMap) -> Self {
        self.trailers = Some(trailers);
        self
    }
}

/// What became of a request.
///
/// Exhaustive on purpose, as [`Flow`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it reaches the upstream, like this.
    Forward {
        /// The head, as the guest left it.
        headers: HeaderMap,
        /// The body, as the guest left it.
        body: Vec<u8>,
        /// The trailers, as the guest left them.
        trailers: Option<HeaderMap>,
    },
    /// The guest answered.
    LocalReply(LocalReply),
    /// It is still held after everything has been delivered.
    Hung {
        /// Where.
        stage: Stage,
    },
    /// The guest reset the stream.
    Closed,
    /// The guest was stopped.
    Trapped(Trap),
}

/// A verdict and what came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// What became of the request.
    pub verdict: Verdict,
    /// What had reached the upstream, whatever the verdict: a refusal that came too late shows here.
    pub upstream: Transmitted,
    /// What had reached the client: a local reply after the guest's own response callbacks.
    pub client: Transmitted,
    /// Fuel of everything up to the verdict, timers included.
    pub fuel: u64,
    /// Fuel of `proxy_on_log`, `proxy_on_done` and `proxy_on_delete`.
    pub fuel_to_finish: u64,
    /// Properties the guest set, by NUL-separated path.
    pub properties: Vec<(Vec<u8>, Vec<u8>)>,
    /// What it logged, as far as the log's bound kept it.
    pub log: Vec<LogLine>,
    /// Callouts nobody answered; they are cancelled.
    pub unanswered: Vec<Callout>,
    /// A trap after the verdict, while the stream was being finished.
    pub trap_at_finish: Option<Trap>,
}

impl RunReport {
    /// A property the guest set, by its segments.
    pub fn property(&self, path: &[&str]) -> Option<&[u8]> {
        let path = path.join("\0").into_bytes();
        let found = self.properties.iter().find(|(key, _)| *key == path);
        found.map(|(_, value)| value.as_slice())
    }
}

/// Rounds of answering callouts after one event: a guest that calls out at every answer ends here.
const MOST_ROUNDS: usize = 1_000;

type Answering<'a> = &'a mut dyn FnMut(&Callout) -> Option<CalloutAnswer>;

impl RequestScript {
    /// Delivers the request to a fresh stream and answers its callouts, but does not finish it: for
    /// an embedder that goes on with a response.
    pub fn deliver(&self, stream: &mut Stream, mut answer: impl FnMut(&Callout) -> Option<CalloutAnswer>) -> Verdict {
        self.deliver_with(stream, &mut answer)
    }

    pub(crate) fn run(&self, stream: &mut Stream, answer: Answering<'_>) -> RunReport {
        let vm = stream.vm().clone();
        let mark = vm.lock().instance.state().durable.log.mark();
        let before = vm.fuel_used();
        let verdict = self.deliver_with(stream, answer);
        let fuel = vm.fuel_used() - before;
        let unanswered = stream.pending_callouts();
        vm.lock().cancel_callouts_of(stream.context);
        let trap_at_finish = match &verdict {
            Verdict::Trapped(_) => None,
            _ => stream.finish().err(),
        };
        RunReport {
            upstream: stream.upstream(),
            client: stream.client(),
            fuel,
            fuel_to_finish: vm.fuel_used() - before - fuel,
            properties: stream.properties(),
            log: vm.lock().instance.state().durable.log.since(mark).cloned().collect(),
            unanswered,
            trap_at_finish,
            verdict,
        }
    }

    fn deliver_with(&self, stream: &mut Stream, answer: Answering<'_>) -> Verdict {
        for (path, value) in &self.properties {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            stream.set_property(&path, value.clone());
        }
        self.deliver_events(stream, answer);
        if stream.flow() == Flow::Pause && !self.patience.is_zero() {
            // A trap in a timer ends the stream too, which the verdict says.
            let _ = stream.vm().advance(self.patience);
            answer_callouts(stream, answer);
        }
        verdict(stream)
    }

    fn deliver_events(&self, stream: &mut Stream, answer: Answering<'_>) {
        let body = self.body.as_deref();
        let ends_at_headers = body.is_none() && self.trailers.is_none();
        if !step(stream, answer, |s| s.request_headers(self.headers.clone(), ends_at_headers)) {
            return;
        }
        if let Some(body) = body {
            let size = match self.chunking {
                Chunking::Whole => body.len().max(1),
                Chunking::Bytes(size) => size.get(),
            };
            let ends = self.trailers.is_none();
            let mut chunks = body.chunks(size).peekable();
            let empty_end = ends && (body.is_empty() || self.final_empty_chunk);
            while let Some(chunk) = chunks.next() {
                let last = ends && !empty_end && chunks.peek().is_none();
                if !step(stream, answer, |s| s.request_body(chunk, last)) {
                    return;
                }
            }
            if empty_end && !step(stream, answer, |s| s.request_body(&[], true)) {
                return;
            }
        }
        if let Some(trailers) = &self.trailers {
            step(stream, answer, |s| s.request_trailers(trailers.clone()));
        }
    }
}

/// One event and the callouts it led to; false when nothing more is to be delivered.
fn step<E>(stream: &mut Stream, answer: Answering<'_>, event: impl FnOnce(&mut Stream) -> Result<Flow, E>) -> bool {
    // Out of order only when the embedder hands in a used stream: then nothing more is delivered.
    if event(stream).is_err() {
        return false;
    }
    answer_callouts(stream, answer);
    stream.flow().is_open()
}

fn answer_callouts(stream: &Stream, answer: Answering<'_>) {
    for _ in 0..MOST_ROUNDS {
        let mut answered = false;
        for callout in stream.pending_callouts() {
            if let Some(response) = answer(&callout) {
                // An answer may cancel another callout, or trap: the stream's flow tells.
                answered |= stream.vm().answer_callout(callout.id, response).is_ok();
            }
        }
        if !answered {
            return;
        }
    }
}

fn verdict(stream: &Stream) -> Verdict {
    match stream.flow() {
        Flow::LocalReply(reply) => Verdict::LocalReply(reply),
        Flow::Closed => Verdict::Closed,
        Flow::Trapped(trap) => Verdict::Trapped(trap),
        Flow::Continue | Flow::Pause => {
            let stage = stream.paused_in();
            match stream.upstream() {
                Transmitted { headers: Some(headers), body, trailers, complete: true } => {
                    Verdict::Forward { headers, body, trailers }
                }
                _ => Verdict::Hung { stage: stage.unwrap_or(Stage::Headers) },
            }
        }
    }
}
