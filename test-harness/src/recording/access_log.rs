//! Envoy JSON access logs: one request a line, no bodies.
//!
//! The operator chooses the names of the members (`json_format`). The names read here are those
//! of Istio and of Envoy's own examples, given in [`METHOD`] and the like. Request headers are
//! taken from members whose name says which header they are: the ones in [`HEADERS`], and every
//! `x_…` or `x-…` (`x_agent_name` → `x-agent-name`), except those that Envoy writes into responses.

use jiff::Timestamp;

use super::encoded::timestamp;
use super::exchange::{Exchange, Ids, Position, RecordedBody, RecordedRequest, RecordedResponse};
use super::head::Target;
use super::json::{Cursor, Fault};

const METHOD: &[&str] = &["method", ":method", "request_method"];
const PATH: &[&str] = &["path", ":path", "request_path"];
const AUTHORITY: &[&str] = &["authority", ":authority", "host"];
const SCHEME: &[&str] = &["scheme", ":scheme"];
const TIME: &[&str] = &["start_time", "timestamp", "time"];
const STATUS: &[&str] = &["response_code", "status"];
const RECEIVED: &[&str] = &["bytes_received"];
/// Members that hold a request header under another name.
const HEADERS: &[(&str, &str)] = &[
    ("request_id", "x-request-id"),
    ("user_agent", "user-agent"),
    ("content_type", "content-type"),
    ("content_length", "content-length"),
    ("authorization", "authorization"),
    ("mcp_session_id", "mcp-session-id"),
    ("referer", "referer"),
    ("accept", "accept"),
];
/// Prefixes of `x-…` headers that an upstream or Envoy puts into the response.
const RESPONSE_HEADERS: &[&str] = &["x-envoy-upstream", "x-powered", "x-ratelimit"];

/// Whether an object with these members is a line of an access log.
pub(super) fn is_access_log(has: impl Fn(&str) -> bool) -> bool {
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    let more = ["protocol", "duration", "response_flags", "upstream_host", "upstream_cluster"];
    any(METHOD) && any(PATH) && (any(TIME) || any(STATUS) || any(RECEIVED) || any(&more))
}

/// One line.
pub(super) fn read_line(json: &[u8], index: u64, position: Position) -> Result<Exchange, Fault> {
    let members = read_members(json)?;
    let find = |names: &[&str]| names.iter().find_map(|name| members.iter().find(|(member, _)| member == name));
    let take = |names: &[&str]| find(names).map(|(_, value)| value.clone());
    let method = take(METHOD).ok_or_else(|| Fault::new("the line has no `method`"))?;
    let path = take(PATH).ok_or_else(|| Fault::new("the line has no `path`"))?;

    let time: Option<Timestamp> = find(TIME).map(|(name, value)| timestamp(name, value)).transpose()?;
    let body = body_of(find(RECEIVED).map(|(_, value)| value.as_slice()))?;
    let response = find(STATUS).map(|(name, value)| status_of(name, value)).transpose()?.flatten();

    let target = Target { authority: take(AUTHORITY), path: Some(path), method: Some(method), scheme: take(SCHEME) };
    let headers =
        members.iter().filter_map(|(name, value)| header_of(name).map(|header| (header.into_bytes(), value.clone())));
    let headers = target.before(headers.collect());
    let request = RecordedRequest { headers, body, ..RecordedRequest::default() };
    let request_id = request.header("x-request-id").map(|id| String::from_utf8_lossy(id).into_owned());
    let ids = Ids { request_id, trace_id: None };
    Ok(Exchange { index, position, time, request, response, ids })
}

/// The scalar members that say something: `null` and `-` are how Envoy writes "none".
fn read_members(json: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let mut members = Vec::new();
    let mut cursor = Cursor::new(json);
    cursor.object(|name, value| {
        if matches!(value.peek(), Some(b'{' | b'[')) {
            return value.skip();
        }
        let name = String::from_utf8_lossy(name).into_owned();
        if let Some(text) = value.scalar()?.filter(|text| text.bytes != b"-") {
            members.push((name, text.bytes));
        }
        Ok(())
    })?;
    cursor.end()?;
    Ok(members)
}

fn body_of(received: Option<&[u8]>) -> Result<RecordedBody, Fault> {
    let Some(received) = received else {
        let reason = "the access log has no `bytes_received`, and no bodies".into();
        return Ok(RecordedBody::Missing { reason });
    };
    let received = String::from_utf8_lossy(received);
    match received.parse::<u64>() {
        Ok(0) => Ok(RecordedBody::Empty),
        Ok(count) => {
            let reason = format!("an access log holds no bodies; this one had {count} bytes");
            Ok(RecordedBody::Missing { reason })
        }
        Err(_) => Err(Fault(format!("`bytes_received` is `{}`, not a number", received.escape_debug()))),
    }
}

/// Status 0: no response was sent.
fn status_of(name: &str, value: &[u8]) -> Result<Option<RecordedResponse>, Fault> {
    let text = String::from_utf8_lossy(value);
    let status: u16 =
        text.parse().map_err(|_| Fault(format!("`{name}` is `{}`, not a status code", text.escape_debug())))?;
    Ok((status != 0).then(|| RecordedResponse {
        status,
        headers: vec![(b":status".to_vec(), value.to_vec())],
        body: RecordedBody::Missing { reason: "an access log holds no bodies".into() },
        trailers: Vec::new(),
        decoded: false,
    }))
}

/// The request header that a member of this name holds.
fn header_of(member: &str) -> Option<String> {
    if let Some((_, header)) = HEADERS.iter().find(|(name, _)| *name == member) {
        return Some((*header).to_owned());
    }
    let name = member.to_ascii_lowercase().replace('_', "-");
    let response = RESPONSE_HEADERS.iter().any(|prefix| name.starts_with(prefix));
    (name.starts_with("x-") && !response).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::exchange::Field;
    use super::*;
    use crate::recording::Place;

    fn read(json: &str) -> Result<Exchange, String> {
        let position = Position { file: "log".into(), place: Place::Line(1) };
        read_line(json.as_bytes(), 0, position).map_err(|Fault(problem)| problem)
    }

    fn field(name: &str, value: &str) -> Field {
        (name.into(), value.into())
    }

    #[test]
    fn a_line_becomes_a_head() {
        let exchange = read(
            r#"{"start_time":"2026-11-16T08:30:43.364Z","method":"GET","path":"/a?b","authority":"h:1",
                "scheme":null,"x_agent_name":"pricing-agent","x_envoy_upstream_service_time":"7",
                "user_agent":"-","request_id":"r1","bytes_received":0,"response_code":200,
                "custom":{"x-a":"b"},"duration":3}"#,
        )
        .unwrap();
        assert_eq!(
            exchange.request.headers,
            [
                field(":authority", "h:1"),
                field(":path", "/a?b"),
                field(":method", "GET"),
                field("x-agent-name", "pricing-agent"),
                field("x-request-id", "r1"),
            ]
        );
        assert_eq!(exchange.request.body, RecordedBody::Empty);
        assert_eq!(exchange.ids.request_id.as_deref(), Some("r1"));
        assert_eq!(exchange.time.unwrap().to_string(), "2026-11-16T08:30:43.364Z");
        assert_eq!(exchange.response.unwrap().status, 200);
    }

    #[test]
    fn a_body_is_missing_wherever_there_may_have_been_one() {
        let body = |received: &str| {
            let line = format!(r#"{{"method":"GET","path":"/","response_code":"0"{received}}}"#);
            let exchange = read(&line).unwrap();
            assert_eq!(exchange.response, None);
            exchange.request.body.unknown_because().map(str::to_owned)
        };
        assert_eq!(body(r#","bytes_received":"0""#), None);
        assert_eq!(body(r#","bytes_received":7"#).unwrap(), "an access log holds no bodies; this one had 7 bytes");
        assert_eq!(body("").unwrap(), "the access log has no `bytes_received`, and no bodies");
    }

    #[test]
    fn a_line_that_says_nonsense_is_refused() {
        for (json, problem) in [
            (r#"{"path":"/"}"#, "the line has no `method`"),
            (r#"{"method":"GET"}"#, "the line has no `path`"),
            (
                r#"{"method":"GET","path":"/","start_time":"yesterday"}"#,
                "`start_time` is `yesterday`, not a date and time by RFC 3339",
            ),
            (r#"{"method":"GET","path":"/","bytes_received":-1}"#, "`bytes_received` is `-1`, not a number"),
            (r#"{"method":"GET","path":"/","response_code":99999}"#, "`response_code` is `99999`, not a status code"),
            ("[]", "not JSON: `[` at byte 1, where an object should come"),
        ] {
            assert_eq!(read(json).unwrap_err(), problem);
        }
    }
}
