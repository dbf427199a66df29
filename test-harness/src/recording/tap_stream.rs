//! Streamed taps: traces whose segments are spread over the file and mixed with others.
//!
//! Only traces that are still open are kept. A trace ends
//! - with its response: trailers, or all bytes that `content-length` announced, or an answer that
//!   has no body; the request must have all its announced bytes;
//! - at the end of the file;
//! - when more traces, or more bytes, are open than allowed: then the oldest ends early.
//!
//! No segment says "end of stream". So a request without content-length counts as complete once
//! a response was seen (Envoy writes segments as they arrive), and a response without
//! content-length and without trailers never does.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::body::{Announced, Followed, is_bodiless, weigh, weigh_response};
use super::error::RecordingError;
use super::exchange::{Exchange, Field, Position, RecordedRequest, first};
use super::json::Text;
use super::tap_trace::{Body, BodyContent, NO_RESPONSE, Segment, Side, evidence, finish, response};

/// Ended traces whose late segments are expected and dropped.
const REMEMBERED: usize = 4096;

type Ready = VecDeque<Result<Exchange, RecordingError>>;

/// The traces that have begun and not ended.
#[derive(Debug)]
pub(super) struct OpenTraces {
    /// By number of the request, so that the first is the oldest.
    traces: BTreeMap<u64, Trace>,
    /// Number of the open request by trace id.
    numbers: HashMap<u64, u64>,
    ended: VecDeque<u64>,
    bytes: usize,
    most_traces: usize,
    most_bytes: usize,
    used: bool,
}

#[derive(Debug)]
struct Trace {
    id: u64,
    position: Position,
    request: Half,
    response: Half,
}

/// One direction of a trace.
#[derive(Debug, Default)]
struct Half {
    headers: Vec<Field>,
    body: Option<Body>,
    trailers: Option<Vec<Field>>,
}

impl OpenTraces {
    pub(super) fn new(most_traces: usize, most_bytes: usize) -> Self {
        Self {
            traces: BTreeMap::new(),
            numbers: HashMap::new(),
            ended: VecDeque::new(),
            bytes: 0,
            most_traces,
            most_bytes,
            used: false,
        }
    }

    /// No segment has been seen.
    pub(super) fn never_used(&self) -> bool {
        !self.used
    }

    /// Opens a trace as request number `index`. Ids repeat: an open trace of the same id ends.
    pub(super) fn begin(&mut self, id: u64, index: u64, position: Position, ready: &mut Ready) {
        self.used = true;
        if let Some(earlier) = self.numbers.get(&id).copied() {
            self.end(earlier, ready);
        }
        self.ended.retain(|&ended| ended != id);
        self.numbers.insert(id, index);
        let trace = Trace { id, position, request: Half::default(), response: Half::default() };
        self.traces.insert(index, trace);
    }

    /// Adds a segment to its trace.
    pub(super) fn add(&mut self, id: u64, segment: Segment, at: Position, ready: &mut Ready) {
        self.used = true;
        let number = self.numbers.get(&id).copied();
        let Some((number, trace)) = number.and_then(|number| Some((number, self.traces.get_mut(&number)?))) else {
            // Segments of a trace that was ended early still come; they are known to be cut.
            if !self.ended.contains(&id) {
                self.remember(id);
                ready.push_back(Err(RecordingError::Broken {
                    at,
                    problem: format!("trace {id} goes on here, and its request headers are not in the file"),
                    advice: "record from the start of the request; the other traces are not affected",
                }));
            }
            return;
        };
        let before = trace.weight();
        trace.add(segment);
        self.bytes = (self.bytes + trace.weight()).saturating_sub(before);
        if trace.has_ended() {
            self.end(number, ready);
        }
        while self.traces.len() > self.most_traces || self.bytes > self.most_bytes {
            let Some((&oldest, _)) = self.traces.first_key_value() else {
                break;
            };
            self.end(oldest, ready);
        }
    }

    /// The file is at its end: what is open ends as it is.
    pub(super) fn finish_all(&mut self, ready: &mut Ready) {
        while let Some((&oldest, _)) = self.traces.first_key_value() {
            self.end(oldest, ready);
        }
    }

    fn end(&mut self, number: u64, ready: &mut Ready) {
        let Some(trace) = self.traces.remove(&number) else {
            return;
        };
        self.numbers.remove(&trace.id);
        self.bytes = self.bytes.saturating_sub(trace.weight());
        self.remember(trace.id);
        ready.push_back(trace.into_exchange(number));
    }

    fn remember(&mut self, id: u64) {
        self.ended.push_back(id);
        if self.ended.len() > REMEMBERED {
            self.ended.pop_front();
        }
    }
}

impl Trace {
    fn add(&mut self, segment: Segment) {
        let (Segment::Headers(side, _) | Segment::Chunk(side, _) | Segment::Trailers(side, _)) = segment;
        let half = match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        };
        match segment {
            // An informational response (1xx) comes before the one that counts.
            Segment::Headers(_, headers) => half.headers = headers,
            Segment::Chunk(_, chunk) => half.body = Some(join(half.body.take(), chunk)),
            Segment::Trailers(_, trailers) => half.trailers = Some(trailers),
        }
    }

    fn weight(&self) -> usize {
        self.request.weight() + self.response.weight()
    }

    fn has_ended(&self) -> bool {
        if self.response.headers.is_empty() || self.is_informational() {
            return false;
        }
        let response = self.response.trailers.is_some()
            || is_bodiless(&self.request.headers, &self.response.headers)
            || self.response.has_all_announced() == Some(true);
        let request = self.request.trailers.is_some() || self.request.has_all_announced() != Some(false);
        response && request
    }

    fn is_informational(&self) -> bool {
        let status = first(&self.response.headers, ":status");
        // 101 is a final answer: what follows is another protocol.
        status.is_some_and(|status| status.first() == Some(&b'1') && status != b"101")
    }

    fn into_exchange(self, index: u64) -> Result<Exchange, RecordingError> {
        let answered = !self.response.headers.is_empty() && !self.is_informational();
        let Self { id, position, request, response: answer } = self;
        let announced = Announced::by(&request.headers);
        let followed = if answered || request.trailers.is_some() { Followed::ToTheEnd } else { NO_RESPONSE };
        let body = weigh(evidence(request.body, &announced), &announced, followed);
        let response = if answered {
            let announced = Announced::by(&answer.headers);
            let evidence = evidence(answer.body, &announced);
            let followed = if answer.trailers.is_some() {
                Followed::ToTheEnd
            } else {
                Followed::Unknown("a streamed tap does not mark where a response without content-length ends")
            };
            let body = weigh_response(evidence, &request.headers, &answer.headers, followed);
            let trailers = answer.trailers.unwrap_or_default();
            Some(response(&position, answer.headers, body, trailers)?)
        } else {
            None
        };
        let trailers = request.trailers.unwrap_or_default();
        let request = RecordedRequest { headers: request.headers, body, trailers, ..RecordedRequest::default() };
        finish(index, position, None, Some(id), request, response)
    }
}

impl Half {
    /// Whether all bytes that content-length announced are there; `None` without an announcement.
    fn has_all_announced(&self) -> Option<bool> {
        let announced = usize::try_from(Announced::by(&self.headers).length?).ok()?;
        Some(self.body.as_ref().map_or(0, Body::len) >= announced)
    }

    fn weight(&self) -> usize {
        let fields = self.headers.iter().chain(self.trailers.iter().flatten());
        let fields: usize = fields.map(|(name, value)| name.len() + value.len()).sum();
        fields + self.body.as_ref().map_or(0, Body::len)
    }
}

impl Body {
    fn len(&self) -> usize {
        match &self.content {
            BodyContent::Exact(bytes) => bytes.len(),
            BodyContent::Text(text) => text.bytes.len(),
            BodyContent::Unreadable(_) => 0,
        }
    }
}

/// Two chunks in a row as one body.
fn join(before: Option<Body>, chunk: Body) -> Body {
    let Some(Body { content, truncated }) = before else {
        return chunk;
    };
    let truncated = truncated || chunk.truncated;
    let content = match (content, chunk.content) {
        (BodyContent::Exact(mut bytes), BodyContent::Exact(more)) => {
            bytes.extend(more);
            BodyContent::Exact(bytes)
        }
        (BodyContent::Text(text), BodyContent::Text(more)) => join_text(text, more),
        (BodyContent::Unreadable(reason), _) | (_, BodyContent::Unreadable(reason)) => BodyContent::Unreadable(reason),
        _ => BodyContent::Unreadable("some segments hold bytes and some hold strings; record with one format".into()),
    };
    Body { content, truncated }
}

/// A character that lies across two chunks is invalid UTF-8 in both, and Envoy's JSON writer has
/// put spaces in place of its bytes: spaces on both sides of the seam.
fn join_text(mut text: Text, more: Text) -> BodyContent {
    if text.bytes.last() == Some(&b' ') && more.bytes.first() == Some(&b' ') {
        return BodyContent::Unreadable(
            "two segments meet in spaces, which may stand for a character that was split between \
             them; tap as JSON_BODY_AS_BYTES"
                .into(),
        );
    }
    text.bytes.extend(more.bytes);
    text.damage = text.damage.or(more.damage);
    BodyContent::Text(text)
}
