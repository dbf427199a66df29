//! What one recorded exchange shows: what was asked, and what the answer holds.

use std::borrow::Cow;

use policy_core::decode::inflate;
use policy_core::limits::ANSWER_BYTES;

use super::call::Call;
use super::json::Json;
use crate::recording::{Exchange, Field, RecordedBody, RecordedRequest, RecordedResponse};

/// A recorded request, as a call.
#[derive(Clone, Debug)]
pub(super) struct Sight<'e> {
    pub(super) call: Call<'e>,
    pub(super) shown: Shown,
    /// Headers of the answer.
    pub(super) headers: &'e [Field],
}

/// What the answer to a request shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A document, with a status of success.
    Document(Json),
    /// Success, and nothing that could be read.
    Done,
    /// Success, and only a part of the answer, or not its bytes.
    Cut,
    /// There is no such thing (404, 410).
    Missing,
    /// It was refused: nothing has changed.
    Refused,
    /// Nobody knows.
    Nothing,
}

impl<'e> Sight<'e> {
    /// What an exchange shows; `None` where it does not say what was asked.
    pub(super) fn of(exchange: &'e Exchange) -> Option<Self> {
        let request = &exchange.request;
        let text = |bytes: Option<&'e [u8]>| bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let host = text(request.authority().or_else(|| request.header("host")))?;
        let (method, target) = (text(request.method())?, text(request.path())?);
        let body = request.body.bytes().unwrap_or_default();
        let (shown, headers) = match &exchange.response {
            Some(response) => (shown(request, response), response.headers.as_slice()),
            None => (Shown::Nothing, &[][..]),
        };
        Some(Self { call: Call { host, method, target, body }, shown, headers })
    }
}

fn shown(request: &RecordedRequest, response: &RecordedResponse) -> Shown {
    let status = response.headers.iter().find(|(name, _)| name == b":status");
    let status: u16 = status.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok()).unwrap_or_default();
    match status {
        // Of a part of an answer, nobody knows which.
        206 => return Shown::Done,
        200..300 => {}
        404 | 410 => return Shown::Missing,
        300..500 => return Shown::Refused,
        _ => return Shown::Nothing,
    }
    let header = |name: &str| {
        let found = response.headers.iter().find(|(known, _)| known == name.as_bytes());
        found.map(|(_, value)| String::from_utf8_lossy(value).to_ascii_lowercase())
    };
    let bytes = match &response.body {
        RecordedBody::Empty => return Shown::Done,
        RecordedBody::Complete(bytes) => bytes,
        RecordedBody::Truncated { .. } | RecordedBody::Missing { .. } | RecordedBody::Undecodable { .. } => {
            return Shown::Cut;
        }
    };
    let bytes = match header("content-encoding").filter(|_| !response.decoded).as_deref() {
        None | Some("identity") => Cow::Borrowed(bytes.as_slice()),
        Some("gzip") => match inflate(bytes, ANSWER_BYTES) {
            Ok(bytes) => Cow::Owned(bytes),
            Err(_) => return Shown::Cut,
        },
        Some(_) => return Shown::Cut,
    };
    if bytes.len() > ANSWER_BYTES {
        return Shown::Cut;
    }
    let media = header("content-type").unwrap_or_default();
    let document = match media.split(';').next().unwrap_or_default().trim() {
        "text/event-stream" => answer_in(&bytes),
        media if media == "application/json" || media.ends_with("+json") => Json::read(&bytes).ok(),
        _ => None,
    };
    match document {
        // A message of JSON-RPC says itself whether it is a success.
        Some(message) if request.method() == Some(b"POST") && message.member("jsonrpc").is_some() => rpc(&message),
        Some(document) => Shown::Document(document),
        None => Shown::Done,
    }
}

/// The answer of a JSON-RPC message: of a tool, what it said.
fn rpc(message: &Json) -> Shown {
    let Some(result) = message.member("result") else { return Shown::Refused };
    if result.member("isError") == Some(&Json::Bool(true)) {
        return Shown::Refused;
    }
    if let Some(content) = result.member("structuredContent") {
        return Shown::Document(content.clone());
    }
    let texts = match result.member("content") {
        Some(Json::Array(items)) => items.as_slice(),
        _ => return Shown::Document(result.clone()),
    };
    let read = |item: &Json| Json::read(item.member("text")?.scalar()?.as_bytes()).ok();
    let mut documents: Vec<Json> = texts.iter().filter_map(read).collect();
    match documents.len() {
        0 => Shown::Done,
        1 => documents.pop().map_or(Shown::Done, Shown::Document),
        _ => Shown::Document(Json::Array(documents)),
    }
}

/// The message of an event stream that is an answer.
fn answer_in(bytes: &[u8]) -> Option<Json> {
    let text = std::str::from_utf8(bytes).ok()?.replace("\r\n", "\n").replace('\r', "\n");
    let data = |event: &str| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    };
    let messages = text.split("\n\n").filter_map(|event| Json::read(data(event).as_bytes()).ok());
    messages.filter(|message| message.member("id").is_some() && message.member("method").is_none()).last()
}

/// Offers every object of an answer that may be a resource: the answer itself, elements of its lists, and what stands a
/// level below. What is taken is not looked into.
pub(super) fn objects<'j>(document: &'j Json, take: &mut dyn FnMut(&'j Json) -> bool) {
    offer(document, LEVELS, take);
}

/// An object in a list in an object.
const LEVELS: usize = 3;

fn offer<'j>(value: &'j Json, levels: usize, take: &mut dyn FnMut(&'j Json) -> bool) {
    let Some(below) = levels.checked_sub(1) else { return };
    match value {
        Json::Object(_) if take(value) => {}
        Json::Object(members) => members.iter().for_each(|(_, member)| offer(member, below, take)),
        Json::Array(elements) => elements.iter().for_each(|element| offer(element, below, take)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_sought_where_lists_hold_them() {
        let ids = |text: &str| {
            let document = Json::read(text.as_bytes()).unwrap();
            let mut ids = Vec::new();
            objects(&document, &mut |object| {
                let id = object.member("id").and_then(Json::scalar);
                ids.extend(id.map(str::to_owned));
                id.is_some()
            });
            ids.join(" ")
        };
        assert_eq!(ids(r#"{"data":[{"id":1,"tags":[{"id":9}]},{"id":2}],"page":{"x":{"id":7}}}"#), "1 2 7");
        assert_eq!(ids(r#"[{"id":1,"shop":{"id":9}},[{"id":2}]]"#), "1 2");
        assert_eq!(ids(r#"{"product":{"id":1}}"#), "1");
        assert_eq!(ids(r#"{"a":{"b":{"c":{"id":1}}}}"#), "", "too deep");
    }

    #[test]
    fn an_answer_in_an_event_stream() {
        let stream = b": hi\r\n\r\nevent: message\r\ndata: {\"method\":\"x\"}\r\n\r\ndata: {\"id\":1,\r\ndata: \"result\":{}}\r\n\r\n";
        assert_eq!(answer_in(stream).unwrap().to_string(), r#"{"id":1,"result":{}}"#);
    }

    #[test]
    fn what_a_tool_said() {
        let said = |result: &str| rpc(&Json::read(format!(r#"{{"id":1,{result}}}"#).as_bytes()).unwrap());
        let text = |shown: Shown| match shown {
            Shown::Document(json) => json.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(text(said(r#""result":{"structuredContent":{"a":1},"content":[]}"#)), r#"{"a":1}"#);
        assert_eq!(text(said(r#""result":{"content":[{"type":"text","text":"{\"a\":1}"}]}"#)), r#"{"a":1}"#);
        assert_eq!(text(said(r#""result":{"content":[{"text":"{}"},{"text":"hi"},{"text":"[]"}]}"#)), "[{},[]]");
        assert_eq!(text(said(r#""result":{"isError":true,"content":[]}"#)), "Refused");
        assert_eq!(text(said(r#""error":{"code":1}"#)), "Refused");
    }
}
