//! Envoy taps in JSON (`FILE_PER_TAP` or streamed; `JSON_BODY_AS_STRING`, `JSON_BODY_AS_BYTES`).

use std::io::BufRead;
use std::sync::Arc;

use jiff::Timestamp;

use super::cut::{Content, Values};
use super::encoded::{decode_base64, timestamp};
use super::error::RecordingError;
use super::exchange::{Field, Place, Position};
use super::json::{Cursor, Fault};
use super::tap_trace::{Body, BodyContent, Buffered, Message, Segment, Side, Trace};

/// What a line begins with that begins a record. Pretty-printed records begin with `{` alone and
/// offer no way back into step.
const MARKER: &[u8] = b"{\"http_";

/// Iterates over the records of a tap.
#[derive(Debug)]
pub(super) struct JsonTraces<R> {
    values: Values<R>,
    file: Arc<str>,
    limit: usize,
    ended: bool,
}

impl<R: BufRead> JsonTraces<R> {
    pub(super) fn new(source: R, file: Arc<str>, limit: usize) -> Self {
        Self { values: Values::new(source, limit, MARKER), file, limit, ended: false }
    }

    fn at(&self, line: u64) -> Position {
        Position { file: Arc::clone(&self.file), place: Place::Line(line) }
    }
}

impl<R: BufRead> Iterator for JsonTraces<R> {
    type Item = Result<(Position, Trace), RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let cut = match self.values.next()? {
            Ok(cut) => cut,
            Err(source) => {
                self.ended = true;
                return Some(Err(RecordingError::Read { at: self.at(self.values.line()), source }));
            }
        };
        let at = self.at(cut.line);
        let broken = |at, problem| RecordingError::Broken {
            at,
            problem,
            advice: "remove the entry or record it again; the others are not affected",
        };
        Some(match cut.content {
            Content::Value(value) => match read_trace(&value) {
                Ok(trace) => Ok((at, trace)),
                Err(Fault(problem)) => Err(broken(at, problem)),
            },
            Content::TooLarge => Err(RecordingError::TooLarge { at, limit: self.limit }),
            Content::Unfinished(_) => Err(broken(at, "the trace is cut off".into())),
            Content::NotAnObject => Err(broken(at, "a JSON object should begin here".into())),
        })
    }
}

/// Reads one `TraceWrapper`.
pub(super) fn read_trace(json: &[u8]) -> Result<Trace, Fault> {
    let mut trace = None;
    let mut cursor = Cursor::new(json);
    cursor.object(|name, value| {
        match name {
            b"http_buffered_trace" => {
                trace = Some(Trace::Buffered(Box::new(read_buffered(value)?)));
            }
            b"http_streamed_trace_segment" => trace = Some(read_segment(value)?),
            _ => value.skip()?,
        }
        Ok(())
    })?;
    cursor.end()?;
    trace.ok_or_else(|| Fault::new("no `http_buffered_trace` and no `http_streamed_trace_segment`"))
}

fn read_buffered(cursor: &mut Cursor<'_>) -> Result<Buffered, Fault> {
    let mut trace = Buffered::default();
    cursor.object(|name, value| match name {
        b"request" => {
            trace.request = read_message(value)?;
            Ok(())
        }
        b"response" if !value.null() => {
            trace.response = Some(read_message(value)?);
            Ok(())
        }
        b"response" => Ok(()),
        _ => value.skip(),
    })?;
    Ok(trace)
}

fn read_message(cursor: &mut Cursor<'_>) -> Result<Message, Fault> {
    let mut message = Message::default();
    cursor.object(|name, value| {
        match name {
            b"headers" => message.headers = read_fields(value)?,
            b"trailers" => message.trailers = read_fields(value)?,
            b"body" if !value.null() => message.body = Some(read_body(value)?),
            b"body" => {}
            b"headers_received_time" => message.received = read_time(value)?,
            _ => value.skip()?,
        }
        Ok(())
    })?;
    Ok(message)
}

fn read_segment(cursor: &mut Cursor<'_>) -> Result<Trace, Fault> {
    use Side::{Request, Response};
    let mut id = None;
    let mut segment = None;
    cursor.object(|name, value| {
        segment = Some(match name {
            // Protobuf writes 64-bit numbers as strings.
            b"trace_id" => {
                let text = value.scalar()?.unwrap_or_default();
                let digits = text.as_str().unwrap_or_default();
                id = Some(
                    digits
                        .parse::<u64>()
                        .map_err(|_| Fault(format!("`trace_id` is `{}`, not a number", digits.escape_debug())))?,
                );
                return Ok(());
            }
            b"request_headers" => Segment::Headers(Request, read_header_map(value)?),
            b"response_headers" => Segment::Headers(Response, read_header_map(value)?),
            b"request_body_chunk" => Segment::Chunk(Request, read_body(value)?),
            b"response_body_chunk" => Segment::Chunk(Response, read_body(value)?),
            b"request_trailers" => Segment::Trailers(Request, read_header_map(value)?),
            b"response_trailers" => Segment::Trailers(Response, read_header_map(value)?),
            _ => return value.skip(),
        });
        Ok(())
    })?;
    match (id, segment) {
        (Some(id), Some(segment)) => Ok(Trace::Segment(id, segment)),
        (None, _) => Err(Fault::new("the segment has no `trace_id`")),
        (_, None) => Err(Fault::new("the segment holds no piece of a message")),
    }
}

/// `HeaderMap`.
fn read_header_map(cursor: &mut Cursor<'_>) -> Result<Vec<Field>, Fault> {
    let mut fields = Vec::new();
    cursor.object(|name, value| match name {
        b"headers" => {
            fields = read_fields(value)?;
            Ok(())
        }
        _ => value.skip(),
    })?;
    Ok(fields)
}

/// A list of `HeaderValue`. Bytes are kept as they are in the file, valid UTF-8 or not.
fn read_fields(cursor: &mut Cursor<'_>) -> Result<Vec<Field>, Fault> {
    let mut fields = Vec::new();
    cursor.array(|element| {
        let (mut key, mut value, mut raw) = (Vec::new(), Vec::new(), Vec::new());
        element.object(|name, member| {
            match name {
                b"key" => key = member.text()?.bytes,
                b"value" => value = member.text()?.bytes,
                b"raw_value" => {
                    raw = decode_base64(&member.text()?.bytes)
                        .ok_or_else(|| Fault::new("`raw_value` of a header is not base64"))?;
                }
                _ => member.skip()?,
            }
            Ok(())
        })?;
        fields.push((key, if raw.is_empty() { value } else { raw }));
        Ok(())
    })?;
    Ok(fields)
}

fn read_body(cursor: &mut Cursor<'_>) -> Result<Body, Fault> {
    let mut body = Body { content: BodyContent::Exact(Vec::new()), truncated: false };
    cursor.object(|name, value| {
        match name {
            b"as_string" => body.content = BodyContent::Text(value.text()?),
            b"as_bytes" => {
                let text = value.text()?.bytes;
                body.content = decode_base64(&text)
                    .map_or_else(|| BodyContent::Unreadable("`as_bytes` is not base64".into()), BodyContent::Exact);
            }
            b"truncated" => body.truncated = value.flag()?,
            _ => value.skip()?,
        }
        Ok(())
    })?;
    Ok(body)
}

fn read_time(cursor: &mut Cursor<'_>) -> Result<Option<Timestamp>, Fault> {
    cursor.optional_text()?.map(|text| timestamp("headers_received_time", &text.bytes)).transpose()
}
