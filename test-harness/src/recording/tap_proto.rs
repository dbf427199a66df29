//! Envoy taps in length-delimited protobuf: each message behind its length as a varint.
//!
//! The messages are the parts that matter of Envoy's `data/tap/v3/{wrapper,http,common}.proto` and
//! `config/core/v3/base.proto`. Strings are declared as bytes, which are the same on the wire: a
//! header value need not be UTF-8, and one that is not must not cost the trace.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use jiff::Timestamp;
use prost::Message as _;

use super::detect::varint;
use super::error::RecordingError;
use super::exchange::{Field, Place, Position};
use super::tap_trace as tap;

/// The longest varint of a 64-bit number.
const VARINT_BYTES: usize = 10;

/// `envoy.data.tap.v3.TraceWrapper`
#[derive(Clone, PartialEq, prost::Message)]
struct TraceWrapper {
    #[prost(message, optional, tag = "1")]
    http_buffered_trace: Option<HttpBufferedTrace>,
    #[prost(message, optional, tag = "2")]
    http_streamed_trace_segment: Option<HttpStreamedTraceSegment>,
}

/// `envoy.data.tap.v3.HttpBufferedTrace`
#[derive(Clone, PartialEq, prost::Message)]
struct HttpBufferedTrace {
    #[prost(message, optional, tag = "1")]
    request: Option<HttpMessage>,
    #[prost(message, optional, tag = "2")]
    response: Option<HttpMessage>,
}

/// `envoy.data.tap.v3.HttpBufferedTrace.Message`
#[derive(Clone, PartialEq, prost::Message)]
struct HttpMessage {
    #[prost(message, repeated, tag = "1")]
    headers: Vec<HeaderValue>,
    #[prost(message, optional, tag = "2")]
    body: Option<Body>,
    #[prost(message, repeated, tag = "3")]
    trailers: Vec<HeaderValue>,
    #[prost(message, optional, tag = "4")]
    headers_received_time: Option<ProtoTimestamp>,
}

/// `envoy.data.tap.v3.HttpStreamedTraceSegment`; the pieces are a `oneof`.
#[derive(Clone, PartialEq, prost::Message)]
struct HttpStreamedTraceSegment {
    #[prost(uint64, tag = "1")]
    trace_id: u64,
    #[prost(oneof = "Piece", tags = "2, 3, 4, 5, 6, 7")]
    piece: Option<Piece>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Piece {
    #[prost(message, tag = "2")]
    RequestHeaders(HeaderMap),
    #[prost(message, tag = "3")]
    RequestBodyChunk(Body),
    #[prost(message, tag = "4")]
    RequestTrailers(HeaderMap),
    #[prost(message, tag = "5")]
    ResponseHeaders(HeaderMap),
    #[prost(message, tag = "6")]
    ResponseBodyChunk(Body),
    #[prost(message, tag = "7")]
    ResponseTrailers(HeaderMap),
}

/// `envoy.config.core.v3.HeaderMap`
#[derive(Clone, PartialEq, prost::Message)]
struct HeaderMap {
    #[prost(message, repeated, tag = "1")]
    headers: Vec<HeaderValue>,
}

/// `envoy.config.core.v3.HeaderValue`
#[derive(Clone, PartialEq, prost::Message)]
struct HeaderValue {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    raw_value: Vec<u8>,
}

/// `envoy.data.tap.v3.Body`; the first two are a `oneof`.
#[derive(Clone, PartialEq, prost::Message)]
struct Body {
    #[prost(bytes = "vec", tag = "1")]
    as_bytes: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    as_string: Vec<u8>,
    #[prost(bool, tag = "3")]
    truncated: bool,
}

/// `google.protobuf.Timestamp`
#[derive(Clone, PartialEq, prost::Message)]
struct ProtoTimestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// Iterates over the messages of a file.
#[derive(Debug)]
pub(super) struct ProtoTraces<R> {
    source: R,
    file: Arc<str>,
    limit: usize,
    number: u64,
    ended: bool,
}

/// One message, or why there is none.
enum Delimited {
    Message(Vec<u8>),
    TooLarge,
    CutOff,
    NoLength,
}

impl<R: BufRead> ProtoTraces<R> {
    pub(super) fn new(source: R, file: Arc<str>, limit: usize) -> Self {
        Self { source, file, limit, number: 0, ended: false }
    }

    fn read(&mut self) -> io::Result<Option<Delimited>> {
        let Some(length) = self.read_length()? else {
            return Ok(None);
        };
        let Ok(length) = length else {
            return Ok(Some(length.err().unwrap_or(Delimited::NoLength)));
        };
        if usize::try_from(length).map_or(true, |length| length > self.limit) {
            let passed = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
            return Ok(Some(if passed == length { Delimited::TooLarge } else { Delimited::CutOff }));
        }
        let mut message = Vec::new();
        (&mut self.source).take(length).read_to_end(&mut message)?;
        let whole = u64::try_from(message.len()).is_ok_and(|present| present == length);
        Ok(Some(if whole { Delimited::Message(message) } else { Delimited::CutOff }))
    }

    fn read_length(&mut self) -> io::Result<Option<Result<u64, Delimited>>> {
        let mut bytes = Vec::with_capacity(VARINT_BYTES);
        loop {
            let Some(&byte) = self.source.fill_buf()?.first() else {
                return Ok((!bytes.is_empty()).then_some(Err(Delimited::CutOff)));
            };
            self.source.consume(1);
            bytes.push(byte);
            if let Some((length, _)) = varint(&bytes) {
                return Ok(Some(Ok(length)));
            }
            if bytes.len() >= VARINT_BYTES {
                return Ok(Some(Err(Delimited::NoLength)));
            }
        }
    }
}

impl<R: BufRead> Iterator for ProtoTraces<R> {
    type Item = Result<(Position, tap::Trace), RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.number += 1;
        let at = Position { file: Arc::clone(&self.file), place: Place::Message(self.number) };
        let message = match self.read().transpose()? {
            Ok(message) => message,
            Err(source) => {
                self.ended = true;
                return Some(Err(RecordingError::Read { at, source }));
            }
        };
        let problem = match message {
            Delimited::Message(bytes) => match decode(&bytes) {
                Ok(trace) => return Some(Ok((at, trace))),
                Err(problem) => problem,
            },
            Delimited::TooLarge => {
                return Some(Err(RecordingError::TooLarge { at, limit: self.limit }));
            }
            // After a wrong length nothing says where the next message begins.
            Delimited::CutOff => {
                self.ended = true;
                "the file ends inside the message".into()
            }
            Delimited::NoLength => {
                self.ended = true;
                "this is not the length of a message".into()
            }
        };
        let advice = "record it again with PROTO_BINARY_LENGTH_DELIMITED";
        Some(Err(RecordingError::Broken { at, problem, advice }))
    }
}

fn decode(bytes: &[u8]) -> Result<tap::Trace, String> {
    let wrapper = TraceWrapper::decode(bytes).map_err(|error| format!("the message is not an HTTP trace: {error}"))?;
    if let Some(trace) = wrapper.http_buffered_trace {
        return Ok(tap::Trace::Buffered(Box::new(tap::Buffered {
            request: trace.request.map(message).transpose()?.unwrap_or_default(),
            response: trace.response.map(message).transpose()?,
        })));
    }
    let Some(segment) = wrapper.http_streamed_trace_segment else {
        return Err("the message holds no HTTP trace".into());
    };
    use tap::Segment::{Chunk, Headers, Trailers};
    use tap::Side::{Request, Response};
    let piece = match segment.piece {
        Some(Piece::RequestHeaders(map)) => Headers(Request, fields(map.headers)),
        Some(Piece::RequestBodyChunk(chunk)) => Chunk(Request, body(chunk)),
        Some(Piece::RequestTrailers(map)) => Trailers(Request, fields(map.headers)),
        Some(Piece::ResponseHeaders(map)) => Headers(Response, fields(map.headers)),
        Some(Piece::ResponseBodyChunk(chunk)) => Chunk(Response, body(chunk)),
        Some(Piece::ResponseTrailers(map)) => Trailers(Response, fields(map.headers)),
        None => return Err("the segment holds no piece of a message".into()),
    };
    Ok(tap::Trace::Segment(segment.trace_id, piece))
}

fn message(message: HttpMessage) -> Result<tap::Message, String> {
    let received = message.headers_received_time.map(|time| {
        Timestamp::new(time.seconds, time.nanos).map_err(|_| "`headers_received_time` is out of range".to_owned())
    });
    Ok(tap::Message {
        headers: fields(message.headers),
        body: message.body.map(body),
        trailers: fields(message.trailers),
        received: received.transpose()?,
    })
}

fn fields(fields: Vec<HeaderValue>) -> Vec<Field> {
    fields
        .into_iter()
        .map(|field| {
            let value = if field.raw_value.is_empty() { field.value } else { field.raw_value };
            (field.key, value)
        })
        .collect()
}

/// Both kinds hold the bytes themselves here: it is the JSON writer that mangles a string.
fn body(body: Body) -> tap::Body {
    let bytes = if body.as_bytes.is_empty() { body.as_string } else { body.as_bytes };
    tap::Body { content: tap::BodyContent::Exact(bytes), truncated: body.truncated }
}

#[cfg(test)]
mod tests {
    use tap::Segment::{Chunk, Headers, Trailers};
    use tap::Side::{Request, Response};

    use super::*;

    /// A length-delimited field, shorter than 128 bytes.
    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        [&[tag << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    #[test]
    fn field_numbers_are_those_of_envoy() {
        let map = field(1, &[field(1, b"k"), field(2, b"v")].concat());
        let raw = field(1, &[field(1, b"k"), field(3, b"\xFF")].concat());
        let fields = vec![(b"k".to_vec(), b"v".to_vec())];
        let chunk = |bytes: &[u8], truncated| tap::Body { content: tap::BodyContent::Exact(bytes.to_vec()), truncated };
        for (tag, piece, expected) in [
            (2, map.clone(), Headers(Request, fields.clone())),
            (3, field(1, b"\xFE"), Chunk(Request, chunk(b"\xFE", false))),
            (4, map.clone(), Trailers(Request, fields.clone())),
            (5, raw, Headers(Response, vec![(b"k".to_vec(), b"\xFF".to_vec())])),
            (6, [field(2, b"s"), vec![3 << 3, 1]].concat(), Chunk(Response, chunk(b"s", true))),
            (7, map, Trailers(Response, fields)),
        ] {
            let segment = [vec![1 << 3, 9], field(tag, &piece)].concat();
            assert_eq!(decode(&field(2, &segment)), Ok(tap::Trace::Segment(9, expected)));
        }
    }

    #[test]
    fn a_message_that_is_no_http_trace_is_refused() {
        assert_eq!(decode(&field(3, b"")), Err("the message holds no HTTP trace".into()));
        assert_eq!(decode(&field(2, b"")), Err("the segment holds no piece of a message".into()));
        assert!(decode(&[0x0A, 5, 0]).is_err());
    }
}
