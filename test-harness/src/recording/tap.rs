//! Envoy HTTP taps: what JSON and protobuf have in common, and the way from a trace to an
//! [`Exchange`].

use std::collections::VecDeque;

use jiff::Timestamp;

use super::body::{Announced, Evidence, Followed, from_tap_string, weigh};
use super::error::RecordingError;
use super::exchange::{Exchange, Field, Ids, Position, RecordedBody, RecordedRequest, RecordedResponse, first};
use super::json::Text;
use super::open::ReadOptions;
use super::tap_stream::OpenTraces;

/// What a request without content-length may have lost when no response came.
pub(super) const NO_RESPONSE: Followed =
    Followed::Unknown("no response was recorded, so the request may have been cut off");

/// One record of a tap (`envoy.data.tap.v3.TraceWrapper`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trace {
    Buffered(Box<Buffered>),
    Segment(u64, Segment),
}

/// `HttpBufferedTrace`: a whole exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Buffered {
    pub(super) request: Message,
    /// `None` where the stream ended before a response.
    pub(super) response: Option<Message>,
}

/// `HttpBufferedTrace.Message`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) headers: Vec<Field>,
    pub(super) body: Option<Body>,
    pub(super) trailers: Vec<Field>,
    pub(super) received: Option<Timestamp>,
}

/// `Body`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) content: BodyContent,
    /// Cut at `max_buffered_rx_bytes` or `max_buffered_tx_bytes`.
    pub(super) truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BodyContent {
    /// `as_bytes`, or a string of protobuf: the bytes themselves.
    Exact(Vec<u8>),
    /// `as_string` of JSON: text that the JSON writer may have mangled.
    Text(Text),
    /// `as_bytes` that is not base64.
    Unreadable(String),
}

/// `HttpStreamedTraceSegment.message_piece`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Headers(Side, Vec<Field>),
    Chunk(Side, Body),
    Trailers(Side, Vec<Field>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// Turns a sequence of records into exchanges.
#[derive(Debug)]
pub(super) struct TapReader<S> {
    records: S,
    open: OpenTraces,
    ready: VecDeque<Result<Exchange, RecordingError>>,
    /// Number of the next request; see [`Exchange::index`].
    next: u64,
    ended: bool,
}

impl<S> TapReader<S> {
    pub(super) fn new(records: S, options: &ReadOptions) -> Self {
        Self {
            records,
            open: OpenTraces::new(options.open_traces, options.open_bytes),
            ready: VecDeque::new(),
            next: 0,
            ended: false,
        }
    }

    fn take(&mut self, position: Position, trace: Trace) {
        match trace {
            Trace::Buffered(trace) => {
                let index = self.number();
                self.ready.push_back(exchange(index, position, *trace));
            }
            Trace::Segment(id, segment) => {
                if matches!(segment, Segment::Headers(Side::Request, _)) {
                    let index = self.number();
                    self.open.begin(id, index, position.clone(), &mut self.ready);
                }
                self.open.add(id, segment, position, &mut self.ready);
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

impl<S> Iterator for TapReader<S>
where
    S: Iterator<Item = Result<(Position, Trace), RecordingError>>,
{
    type Item = Result<Exchange, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(exchange) = self.ready.pop_front() {
                return Some(exchange);
            }
            if self.ended {
                return None;
            }
            match self.records.next() {
                Some(Ok((position, trace))) => self.take(position, trace),
                Some(Err(error)) => {
                    // A broken segment is not a request of its own; its trace has a number.
                    if self.open.never_used() {
                        self.number();
                    }
                    return Some(Err(error));
                }
                None => {
                    self.ended = true;
                    self.open.finish_all(&mut self.ready);
                }
            }
        }
    }
}

fn exchange(index: u64, at: Position, trace: Buffered) -> Result<Exchange, RecordingError> {
    let Message { headers, body, trailers, received } = trace.request;
    // Envoy writes an empty response where the stream was reset.
    let response = trace.response.filter(|response| !response.headers.is_empty());
    let followed = if response.is_some() { Followed::ToTheEnd } else { NO_RESPONSE };
    let announced = Announced::by(&headers);
    let body = weigh(evidence(body, &announced), &announced, followed);
    let response = match response {
        None => None,
        Some(message) => {
            let announced = Announced::by(&message.headers);
            let evidence = evidence(message.body, &announced);
            let body = weigh_response(evidence, &headers, &message.headers, Followed::ToTheEnd);
            Some(self::response(&at, message.headers, body, message.trailers)?)
        }
    };
    finish(
        index,
        at,
        received,
        None,
        RecordedRequest { headers, body, trailers, ..RecordedRequest::default() },
        response,
    )
}

/// Puts an exchange together; a request without a head is refused.
pub(super) fn finish(
    index: u64,
    position: Position,
    time: Option<Timestamp>,
    trace_id: Option<u64>,
    request: RecordedRequest,
    response: Option<RecordedResponse>,
) -> Result<Exchange, RecordingError> {
    if request.headers.is_empty() {
        return Err(RecordingError::Broken {
            at: position,
            problem: "the trace holds no request headers".into(),
            advice: "record it again; the other traces are not affected",
        });
    }
    let request_id = request.header("x-request-id").map(|id| String::from_utf8_lossy(id).into_owned());
    let ids = Ids { request_id, trace_id };
    Ok(Exchange { index, position, time, request, response, ids })
}

/// A response with the status its head names.
pub(super) fn response(
    at: &Position,
    headers: Vec<Field>,
    body: RecordedBody,
    trailers: Vec<Field>,
) -> Result<RecordedResponse, RecordingError> {
    let status = first(&headers, ":status").and_then(|status| std::str::from_utf8(status).ok());
    let status = status.and_then(|status| status.parse().ok()).ok_or_else(|| RecordingError::Broken {
        at: at.clone(),
        problem: "the response has no `:status`".into(),
        advice: "record it again; the other traces are not affected",
    })?;
    Ok(RecordedResponse { status, headers, body, trailers, decoded: false })
}

/// Weighs the body of a response, which may announce a length it does not have: an answer to
/// HEAD, 204 and 304 (RFC 9110 §6.4.1).
pub(super) fn weigh_response(
    evidence: Evidence,
    request: &[Field],
    response: &[Field],
    followed: Followed,
) -> RecordedBody {
    let mut announced = Announced::by(response);
    if is_bodiless(request, response) {
        announced.length = Some(0);
    }
    // Without a length a response may have a body, whether or not its head says so.
    announced.chunked |= announced.length.is_none();
    weigh(evidence, &announced, followed)
}

/// The response to `request` has no body whatever its head announces.
pub(super) fn is_bodiless(request: &[Field], response: &[Field]) -> bool {
    first(request, ":method") == Some(b"HEAD") || matches!(first(response, ":status"), Some(b"204" | b"304"))
}

pub(super) fn evidence(body: Option<Body>, announced: &Announced) -> Evidence {
    let Some(Body { content, truncated }) = body else {
        return Evidence::None;
    };
    let evidence = match content {
        BodyContent::Exact(bytes) => Evidence::Bytes(bytes),
        BodyContent::Text(text) => from_tap_string(text, announced),
        BodyContent::Unreadable(reason) => Evidence::Lost(reason),
    };
    match evidence {
        Evidence::Bytes(bytes) if truncated => Evidence::Cut(bytes),
        other => other,
    }
}
