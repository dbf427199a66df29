//! The records of an Envoy HTTP tap: what JSON and protobuf have in common, and what becomes of their parts.

use jiff::Timestamp;

use super::body::{Announced, Evidence, Followed, from_tap_string};
use super::error::RecordingError;
use super::exchange::{Exchange, Field, Ids, Position, RecordedBody, RecordedRequest, RecordedResponse, first};
use super::json::Text;

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

/// What was seen of a body.
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
