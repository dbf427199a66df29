//! Exchanges of our own: one JSON object a line, for tests written by hand and for compact copies
//! of other recordings. It holds an [`Exchange`] exactly; [`write()`] and the reader are inverse.
//!
//! ```json
//! {"time": "2026-11-16T08:30:43.364Z", "method": "PUT", "path": "/wp-json/wc/v3/products/1242",
//!  "host": "shop.example.com", "scheme": "https",
//!  "headers": [["content-type", "application/json"], ["x-agent-name", "pricing-agent"]],
//!  "body": "{\"regular_price\":\"12.50\"}",
//!  "response": {"status": 200, "headers": [], "body": "{}"}}
//! ```
//!
//! (on one line). `method` and `headers` must be there.
//!
//! | member | meaning |
//! |---|---|
//! | `time` | when the request began, by RFC 3339 |
//! | `method`, `path`, `host`, `scheme` | become `:method`, `:path`, `:authority`, `:scheme`; without `host`, a `host` header does |
//! | `headers`, `trailers` | lists of `[name, value]`; either may be `{"base64": "…"}` where it is not UTF-8 |
//! | `properties` | a list of `[path, value]`: what the gateway knew of who is asking, as an RFC 6901 pointer (`/connection/uri_san_peer_certificate`) |
//! | `body` | the body as text, taken exactly |
//! | `body_base64` | the body as bytes |
//! | `body_truncated` | beside one of them: only this part was recorded; the reason |
//! | `body_missing` | there was a body, and it was not recorded; the reason |
//! | `body_undecodable` | what was recorded of it is not its bytes; the reason |
//! | `response` | `{status, headers, trailers, decoded}` and the members for a body |
//!
//! Without any member for a body there was none, unless `content-length` says otherwise. Other
//! members are refused: a misspelt `body` must not read as "no body".

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;

use super::body::{Announced, Evidence, Followed, weigh, weigh_response};
use super::encoded::{decode_base64, timestamp};
use super::exchange::{Exchange, Field, Ids, Position, RecordedBody, RecordedRequest, RecordedResponse, first};
use super::head::Target;
use super::json::{Cursor, Damage, Fault};

/// What request and response have in common.
#[derive(Debug, Default)]
struct Message {
    headers: Option<Vec<Field>>,
    trailers: Vec<Field>,
    body: Option<Vec<u8>>,
    truncated: Option<String>,
    missing: Option<String>,
    undecodable: Option<String>,
}

impl Message {
    /// Reads a member of a message; `false`: it is none.
    fn read(&mut self, name: &[u8], value: &mut Cursor<'_>) -> Result<bool, Fault> {
        match name {
            b"headers" => self.headers = Some(read_fields(value)?),
            b"trailers" => self.trailers = read_fields(value)?,
            b"body" | b"body_base64" if self.body.is_some() => {
                return Err(Fault::new("both `body` and `body_base64` are there"));
            }
            b"body" => self.body = Some(read_exact(value)?),
            b"body_base64" => self.body = Some(read_base64(value)?),
            b"body_truncated" => self.truncated = Some(read_string(value)?),
            b"body_missing" => self.missing = Some(read_string(value)?),
            b"body_undecodable" => self.undecodable = Some(read_string(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What was recorded, if that is for `weigh` to say, or what the recording says of the body.
    fn evidence(&mut self) -> Result<Result<Evidence, RecordedBody>, Fault> {
        let body = self.body.take();
        Ok(match (body, self.truncated.take(), self.missing.take(), self.undecodable.take()) {
            (None, None, None, None) => Ok(Evidence::None),
            (Some(bytes), None, None, None) => Ok(Evidence::Bytes(bytes)),
            (Some(seen), Some(reason), None, None) => Err(RecordedBody::Truncated { seen, announced: None, reason }),
            (None, None, Some(reason), None) => Err(RecordedBody::Missing { reason }),
            (None, None, None, Some(reason)) => Err(RecordedBody::Undecodable { reason }),
            (None, Some(_), ..) => {
                return Err(Fault::new("`body_truncated` is there without `body` or `body_base64`"));
            }
            _ => return Err(Fault::new("the members for the body contradict each other")),
        })
    }
}

/// One line.
pub(super) fn read_line(json: &[u8], index: u64, position: Position) -> Result<Exchange, Fault> {
    let mut message = Message::default();
    let mut target = Target::default();
    let (mut time, mut response): (Option<Timestamp>, _) = (None, None);
    let mut properties = BTreeMap::new();
    let mut cursor = Cursor::new(json);
    cursor.object(|name, value| {
        match name {
            b"time" => time = Some(timestamp("time", &value.text()?.bytes)?),
            b"method" => target.method = Some(read_exact(value)?),
            b"path" => target.path = Some(read_exact(value)?),
            b"host" => target.authority = Some(read_exact(value)?),
            b"scheme" => target.scheme = Some(read_exact(value)?),
            b"response" => response = Some(read_response(value)?),
            b"properties" => properties = read_properties(value)?,
            _ if message.read(name, value)? => {}
            _ => return Err(unknown(name)),
        }
        Ok(())
    })?;
    cursor.end()?;
    let mut fields = message.headers.take().ok_or_else(|| Fault::new("the exchange has no `headers`"))?;
    if target.method.is_none() && first(&fields, ":method").is_none() {
        return Err(Fault::new("the exchange has no `method`"));
    }
    if target.authority.is_none() {
        let host = fields.iter().position(|(name, _)| name == b"host");
        target.authority = host.map(|at| fields.remove(at).1);
    }
    let headers = target.before(fields);
    let announced = Announced::by(&headers);
    let body = match message.evidence()? {
        Ok(evidence) => weigh(evidence, &announced, Followed::ToTheEnd),
        Err(stated) => with_announced(stated, &announced),
    };
    let response = response.map(|response| answer(response, &headers)).transpose()?;
    let request = RecordedRequest { headers, body, trailers: message.trailers, properties };
    let request_id = request.header("x-request-id").map(|id| String::from_utf8_lossy(id).into_owned());
    let ids = Ids { request_id, trace_id: None };
    Ok(Exchange { index, position, time, request, response, ids })
}

/// `response` of a line.
#[derive(Debug, Default)]
struct Response {
    status: Option<u16>,
    decoded: bool,
    message: Message,
}

fn read_response(cursor: &mut Cursor<'_>) -> Result<Response, Fault> {
    let mut response = Response::default();
    cursor.object(|name, value| {
        match name {
            b"status" => {
                let status = value.integer()?.unwrap_or_default();
                response.status =
                    Some(u16::try_from(status).map_err(|_| Fault(format!("`status` is {status}, not a status code")))?);
            }
            b"decoded" => response.decoded = value.flag()?,
            _ if response.message.read(name, value)? => {}
            _ => return Err(unknown(name)),
        }
        Ok(())
    })?;
    Ok(response)
}

fn answer(response: Response, request: &[Field]) -> Result<RecordedResponse, Fault> {
    let Response { status, decoded, mut message } = response;
    let status = status.ok_or_else(|| Fault::new("the response has no `status`"))?;
    let mut headers = vec![(b":status".to_vec(), status.to_string().into_bytes())];
    headers.extend(message.headers.take().unwrap_or_default());
    let body = match message.evidence()? {
        // content-length counts the bytes before decoding.
        Ok(Evidence::Bytes(bytes)) if decoded && !bytes.is_empty() => RecordedBody::Complete(bytes),
        Ok(evidence) => weigh_response(evidence, request, &headers, Followed::ToTheEnd),
        Err(stated) => with_announced(stated, &Announced::by(&headers)),
    };
    Ok(RecordedResponse { status, headers, body, trailers: message.trailers, decoded })
}

fn with_announced(body: RecordedBody, head: &Announced) -> RecordedBody {
    match body {
        RecordedBody::Truncated { seen, reason, .. } => {
            RecordedBody::Truncated { seen, announced: head.length.filter(|_| !head.chunked), reason }
        }
        other => other,
    }
}

fn unknown(name: &[u8]) -> Fault {
    let name = String::from_utf8_lossy(name).escape_debug().to_string();
    Fault(format!("`{name}` is no member of an exchange"))
}

/// A string whose bytes are what was meant. U+FFFD is itself here.
fn read_exact(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Fault> {
    let text = cursor.text()?;
    match text.damage {
        None | Some(Damage::Replaced) => Ok(text.bytes),
        Some(damage) => Err(Fault(format!("a string {}", damage.words()))),
    }
}

fn read_string(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    read_exact(cursor).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn read_base64(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Fault> {
    decode_base64(&cursor.text()?.bytes).ok_or_else(|| Fault::new("a base64 string is not base64"))
}

fn read_fields(cursor: &mut Cursor<'_>) -> Result<Vec<Field>, Fault> {
    let mut fields = read_pairs(cursor)?;
    for (name, _) in &mut fields {
        name.make_ascii_lowercase();
    }
    Ok(fields)
}

fn read_properties(cursor: &mut Cursor<'_>) -> Result<BTreeMap<Vec<String>, Vec<u8>>, Fault> {
    let path = |(pointer, value): Field| {
        let pointer = String::from_utf8(pointer).ok()?;
        let segments = pointer.strip_prefix('/')?.split('/');
        Some((segments.map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect(), value))
    };
    let read = |pair| path(pair).ok_or_else(|| Fault::new("a property is not a pair `[\"/path/of/it\", value]`"));
    read_pairs(cursor)?.into_iter().map(read).collect()
}

fn read_pairs(cursor: &mut Cursor<'_>) -> Result<Vec<Field>, Fault> {
    let mut fields = Vec::new();
    cursor.array(|pair| {
        let mut parts = Vec::with_capacity(2);
        pair.array(|part| {
            parts.push(read_part(part)?);
            Ok(())
        })?;
        let [name, value] =
            <[Vec<u8>; 2]>::try_from(parts).map_err(|_| Fault::new("a header is not a pair `[name, value]`"))?;
        fields.push((name, value));
        Ok(())
    })?;
    Ok(fields)
}

/// A string, or `{"base64": "…"}`.
fn read_part(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Fault> {
    if cursor.peek() == Some(b'"') {
        return read_exact(cursor);
    }
    let mut bytes = None;
    cursor.object(|name, value| {
        if name != b"base64" {
            return Err(unknown(name));
        }
        bytes = Some(read_base64(value)?);
        Ok(())
    })?;
    bytes.ok_or_else(|| Fault::new("a header part holds neither a string nor `base64`"))
}

/// Writes an exchange as one line.
///
/// Its index, position and trace id are not kept: they belong to the recording it came from.
///
/// # Errors
/// What `out` reports.
pub fn write(exchange: &Exchange, mut out: impl Write) -> io::Result<()> {
    let request = &exchange.request;
    let mut headers: Vec<&Field> = request.headers.iter().collect();
    let mut member = |name: &str| {
        let at = headers.iter().position(|(field, _)| field == name.as_bytes())?;
        // One that is not UTF-8 cannot be a member; it stays a field.
        let value = std::str::from_utf8(&headers.get(at)?.1).ok()?;
        headers.remove(at);
        Some(value)
    };
    let (method, path) = (member(":method"), member(":path"));
    let (host, scheme) = (member(":authority"), member(":scheme"));
    let pointer = |path: &[String]| {
        path.iter().map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect::<String>()
    };
    let properties: Vec<Field> =
        request.properties.iter().map(|(path, value)| (pointer(path).into_bytes(), value.clone())).collect();
    let line = LineOut {
        time: exchange.time.map(|time| time.to_string()),
        method,
        path,
        host,
        scheme,
        headers: headers.into_iter().map(pair).collect(),
        body: BodyOut::from(&request.body),
        trailers: request.trailers.iter().map(pair).collect(),
        properties: properties.iter().map(pair).collect(),
        response: exchange.response.as_ref().map(|response| ResponseOut {
            status: response.status,
            decoded: response.decoded,
            headers: response.headers.iter().filter(|(n, _)| n != b":status").map(pair).collect(),
            body: BodyOut::from(&response.body),
            trailers: response.trailers.iter().map(pair).collect(),
        }),
    };
    serde_json::to_writer(&mut out, &line)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct LineOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'a str>,
    headers: Vec<[PartOut<'a>; 2]>,
    #[serde(flatten)]
    body: BodyOut<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trailers: Vec<[PartOut<'a>; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<[PartOut<'a>; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseOut<'a>>,
}

#[derive(Serialize)]
struct ResponseOut<'a> {
    status: u16,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    decoded: bool,
    headers: Vec<[PartOut<'a>; 2]>,
    #[serde(flatten)]
    body: BodyOut<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trailers: Vec<[PartOut<'a>; 2]>,
}

/// Name or value of a field.
#[derive(Serialize)]
#[serde(untagged)]
enum PartOut<'a> {
    Text(&'a str),
    Bytes { base64: String },
}

#[derive(Serialize, Default)]
struct BodyOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_truncated: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_missing: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_undecodable: Option<&'a str>,
}

impl<'a> BodyOut<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { body: Some(text), ..Self::default() },
            Err(_) => Self { body_base64: Some(STANDARD.encode(bytes)), ..Self::default() },
        }
    }
}

impl<'a> From<&'a RecordedBody> for BodyOut<'a> {
    fn from(body: &'a RecordedBody) -> Self {
        match body {
            RecordedBody::Empty => Self::default(),
            RecordedBody::Complete(bytes) => Self::of(bytes),
            RecordedBody::Truncated { seen, reason, .. } => Self { body_truncated: Some(reason), ..Self::of(seen) },
            RecordedBody::Missing { reason } => Self { body_missing: Some(reason), ..Self::default() },
            RecordedBody::Undecodable { reason } => Self { body_undecodable: Some(reason), ..Self::default() },
        }
    }
}

fn pair((name, value): &Field) -> [PartOut<'_>; 2] {
    [name, value].map(|part| match std::str::from_utf8(part) {
        Ok(text) => PartOut::Text(text),
        Err(_) => PartOut::Bytes { base64: STANDARD.encode(part) },
    })
}
