//! Whether an answer with a status that promises success says that it failed.

use alloc::string::String;
use alloc::vec::Vec;

use crate::decode::inflate;
use crate::document::{Document, Kind, Path, Steps, Value, read_json, select};
use crate::limits::OUTCOME_BYTES;
use crate::policy::{Api, Decoder};
use crate::request::MediaType;
use crate::state::messages;

/// How the answers of an API say that they failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Where there is something only in a failure.
    at: Option<Path>,
    /// The protocol has a word for it.
    protocol: Option<Protocol>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// `error` of a message, `isError` of a tool's result.
    Jsonrpc,
    /// `errors`.
    Graphql,
}

/// The whole answer to a request, as it passed.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// `content-type`.
    pub content_type: Option<&'a str>,
    /// `content-encoding`.
    pub encoding: Option<&'a str>,
    /// Its body, whole.
    pub body: &'a [u8],
}

impl Shape {
    /// That of an API, for a request that was read so. `None`: its status says everything.
    pub(crate) fn of(api: &Api, decoder: Decoder) -> Option<Self> {
        let protocol = match decoder {
            Decoder::Jsonrpc => Some(Protocol::Jsonrpc),
            Decoder::Graphql => Some(Protocol::Graphql),
            _ => None,
        };
        (api.failure.is_some() || protocol.is_some()).then(|| Self { at: api.failure.clone(), protocol })
    }

    /// Whether the answer says that it failed. What cannot be read says nothing.
    pub(super) fn is_in(&self, answer: Answered<'_>) -> bool {
        let identity = |encoding: &str| encoding.eq_ignore_ascii_case("identity");
        let bytes = match answer.encoding.map(str::trim) {
            None => answer.body.to_vec(),
            Some(encoding) if identity(encoding) => answer.body.to_vec(),
            Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => match inflate(answer.body, OUTCOME_BYTES) {
                Ok(bytes) => bytes,
                Err(_) => return false,
            },
            Some(_) => return false,
        };
        let stream =
            answer.content_type.and_then(MediaType::parse).is_some_and(|media| media.essence == "text/event-stream");
        let documents: Vec<Document> = if stream {
            let text = String::from_utf8(bytes).unwrap_or_default();
            messages(&text).into_iter().filter_map(|message| read_json(message.into_bytes()).ok()).collect()
        } else {
            read_json(bytes).into_iter().collect()
        };
        documents.iter().any(|document| self.is_said(document.root()))
    }

    fn is_said(&self, value: Value<'_>) -> bool {
        // Each answer of a batch is one.
        if value.kind() == Kind::Array {
            return value.children().any(|element| element.kind() != Kind::Array && self.is_said(element));
        }
        let found = |path: &Path| select(value, Steps { head: &path.0, tail: &[] }).into_iter().any(is_something);
        let member = |name| value.member(name).is_some_and(is_something);
        let of_protocol = match self.protocol {
            Some(Protocol::Jsonrpc) => {
                let result = value.member("result").and_then(|result| result.member("isError"));
                member("error") || result.is_some_and(is_something)
            }
            Some(Protocol::Graphql) => member("errors"),
            None => false,
        };
        of_protocol || self.at.as_ref().is_some_and(found)
    }
}

/// `null`, `false`, an empty text, list or object say that there is no error.
fn is_something(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Null | Kind::Bool(false) => false,
        Kind::Bool(true) | Kind::Number => true,
        Kind::String => value.string().is_some_and(|text| !text.is_empty()),
        Kind::Array | Kind::Object => value.children().next().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(shape: &Shape, content_type: &str, body: &str) -> bool {
        shape.is_in(Answered { content_type: Some(content_type), encoding: None, body: body.as_bytes() })
    }

    #[test]
    fn failures_inside_an_answer() {
        let at = |at: &str| Shape { at: Path::parse(at), protocol: None };
        let user_errors = at("/data/*/userErrors");
        for (body, expect) in [
            (r#"{"data":{"productUpdate":{"userErrors":[{"message":"no"}]}}}"#, true),
            (r#"{"data":{"productUpdate":{"userErrors":[]}}}"#, false),
            (r#"{"data":{"productUpdate":null}}"#, false),
            (r#"[{"data":{"a":{"userErrors":[]}}},{"data":{"a":{"userErrors":[{}]}}}]"#, true),
            ("no JSON", false),
            ("", false),
        ] {
            assert_eq!(says(&user_errors, "application/json", body), expect, "{body}");
        }
        for (body, expect) in [("false", false), ("null", false), ("\"\"", false), ("{}", false), ("0", true)] {
            assert_eq!(says(&at("/error"), "text/plain", &alloc::format!(r#"{{"error":{body}}}"#)), expect, "{body}");
        }
        // Rows of a batch, as the catalog of WooCommerce has them.
        for (body, expect) in [
            (r#"{"update":[{"id":1},{"id":2,"error":{"code":"invalid_id"}}]}"#, true),
            (r#"{"update":[{"id":1},{"id":2}],"create":[]}"#, false),
            (r#"{"id":1,"name":"error"}"#, false),
        ] {
            assert_eq!(says(&at("/*/*/error"), "application/json", body), expect, "{body}");
        }
        let rpc = Shape { at: None, protocol: Some(Protocol::Jsonrpc) };
        for (body, expect) in [
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}"#, true),
            (r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}"#, true),
            (r#"{"jsonrpc":"2.0","id":1,"result":{"isError":false}}"#, false),
            (r#"{"jsonrpc":"2.0","id":1,"result":{"error":"a field"}}"#, false),
        ] {
            assert_eq!(says(&rpc, "application/json", body), expect, "{body}");
            let events = alloc::format!(": ping\n\nevent: message\ndata: {body}\n\n");
            assert_eq!(says(&rpc, "text/event-stream; charset=utf-8", &events), expect, "{events}");
        }
        let graphql = Shape { at: None, protocol: Some(Protocol::Graphql) };
        assert!(says(&graphql, "application/json", r#"{"data":null,"errors":[{"message":"no"}]}"#));
        assert!(!says(&graphql, "application/json", r#"{"data":{}}"#));
    }

    #[test]
    fn a_compressed_answer_is_read() {
        let shape = Shape { at: Path::parse("/error"), protocol: None };
        // `{"error":"no"}`, stored.
        let text = br#"{"error":"no"}"#;
        let mut gzip = alloc::vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
        let length = u16::try_from(text.len()).unwrap();
        gzip.extend(length.to_le_bytes());
        gzip.extend((!length).to_le_bytes());
        gzip.extend(text);
        gzip.extend(crc32(text).to_le_bytes());
        gzip.extend(u32::from(length).to_le_bytes());
        let answer = |encoding, body| Answered { content_type: None, encoding, body };
        assert!(shape.is_in(answer(Some("gzip"), &gzip)));
        assert!(!shape.is_in(answer(Some("br"), &gzip)));
        assert!(!shape.is_in(answer(None, &gzip)));
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        })
    }
}
