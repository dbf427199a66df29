//! From a case to the request a filter would see.

use super::{CaseRequest, Record};
use crate::recording::{Field, RecordedBody, RecordedRequest};

/// The request of a case as Envoy delivers it to a filter, made by `agent`.
///
/// - The first `host` becomes `:authority`; a further one stays where it is. A case that gives `:authority` itself keeps
///   both. Other pseudo-headers of the case replace those made from its method and target.
/// - A target in absolute form (RFC 9112 §3.2.2) is taken apart: its authority becomes `:authority`, and a `host` that
///   says something else stays beside it.
/// - `content-length` is added where there is a body and neither it nor `transfer-encoding` is given.
/// - `identity` is the header by which the gateway names the agent: copies of it in the case are removed, as a gateway
///   removes what clients send in it.
///
/// # Errors
/// What is wrong with the body of the case.
pub fn as_delivered(record: &Record, identity: &str, agent: &str) -> Result<RecordedRequest, String> {
    let request = &record.request;
    let body = request.body_bytes()?;
    let mut fields: Vec<Field> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), value.clone().into_bytes()))
        .filter(|(name, _)| name != identity.as_bytes())
        .collect();
    let mut headers = pseudo_headers(request, &mut fields);
    headers.push(field(identity, agent));
    if let Some(body) = &body
        && !names(&fields, "content-length")
        && !names(&fields, "transfer-encoding")
    {
        fields.push(field("content-length", &body.len().to_string()));
    }
    headers.append(&mut fields);
    let trailers = request.trailers.iter().map(|(name, value)| field(name, value)).collect();
    let body = match body {
        Some(bytes) if !bytes.is_empty() => RecordedBody::Complete(bytes),
        Some(_) | None => RecordedBody::Empty,
    };
    Ok(RecordedRequest { headers, body, trailers, ..RecordedRequest::default() })
}

/// The pseudo-headers; what they are made of is taken out of `fields`.
fn pseudo_headers(request: &CaseRequest, fields: &mut Vec<Field>) -> Vec<Field> {
    let (absolute, path) = match absolute_form(&request.path) {
        Some((authority, path)) => (Some(authority.as_bytes().to_vec()), path),
        None => (None, request.path.clone()),
    };
    let given = names(fields, ":authority");
    let host = fields.iter().position(|(name, _)| name == b"host");
    let authority = match (absolute, host) {
        _ if given => None,
        (Some(absolute), Some(at)) => {
            if fields.get(at).is_some_and(|(_, host)| *host == absolute) {
                fields.remove(at);
            }
            Some(absolute)
        }
        (Some(absolute), None) => Some(absolute),
        (None, Some(at)) => Some(fields.remove(at).1),
        (None, None) => None,
    };
    let mut made: Vec<Field> = authority.into_iter().map(|value| (b":authority".to_vec(), value)).collect();
    made.extend([field(":path", &path), field(":method", &request.method), field(":scheme", "https")]);
    let (given, rest) = std::mem::take(fields).into_iter().partition(|(name, _)| name.starts_with(b":"));
    *fields = rest;
    let given: Vec<Field> = given;
    made.retain(|(name, _)| !given.iter().any(|(other, _)| other == name));
    made.extend(given);
    made
}

/// Authority and the rest of a target that is a whole URL.
fn absolute_form(target: &str) -> Option<(&str, String)> {
    let rest = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Some((authority, if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }))
}

fn names(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|(field, _)| field == name.as_bytes())
}

fn field(name: &str, value: &str) -> Field {
    (name.to_ascii_lowercase().into_bytes(), value.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(request: &str) -> Vec<(String, String)> {
        let line = format!(r#"{{"id":"x","category":"c","policy_intent":"A","expect":"deny","request":{request}}}"#);
        let record: Record = serde_json::from_str(&line).unwrap();
        let request = as_delivered(&record, "x-agent-name", "a").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        request.headers.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn of<const N: usize>(fields: [(&str, &str); N]) -> Vec<(String, String)> {
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    #[test]
    fn the_first_host_becomes_the_authority_and_a_second_stays() {
        let request =
            r#"{"method":"GET","path":"/a?b","headers":[["Host","one"],["x-a","1"],["host","two"],["x-a","2"]]}"#;
        let expected = [(":authority", "one"), (":path", "/a?b"), (":method", "GET"), (":scheme", "https")];
        let rest = [("x-agent-name", "a"), ("x-a", "1"), ("host", "two"), ("x-a", "2")];
        assert_eq!(delivered(request), [of(expected), of(rest)].concat());
    }

    #[test]
    fn pseudo_headers_of_the_case_replace_what_is_made() {
        let request = r#"{"method":"GET","path":"/","headers":[["host","one"],[":authority","two"],[":path","/x"]]}"#;
        let expected = [(":method", "GET"), (":scheme", "https"), (":authority", "two"), (":path", "/x")];
        assert_eq!(delivered(request), [of(expected), of([("x-agent-name", "a"), ("host", "one")])].concat());
    }

    #[test]
    fn a_target_in_absolute_form_names_the_authority() {
        let same = r#"{"method":"GET","path":"http://one/a","headers":[["host","one"]]}"#;
        let expected = [(":authority", "one"), (":path", "/a"), (":method", "GET"), (":scheme", "https")];
        assert_eq!(delivered(same), [of(expected), of([("x-agent-name", "a")])].concat());
        let other = delivered(r#"{"method":"GET","path":"https://two?q","headers":[["host","one"]]}"#);
        assert!(other.starts_with(&of([(":authority", "two"), (":path", "/?q")])), "{other:?}");
        assert!(other.ends_with(&of([("host", "one")])), "{other:?}");
    }

    #[test]
    fn a_length_is_announced_unless_the_case_does() {
        let length = |request: &str| {
            let headers = delivered(request).into_iter();
            headers.filter(|(name, _)| name == "content-length").map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(length(r#"{"method":"PUT","path":"/","headers":[],"body":"äb"}"#), ["3"]);
        assert_eq!(length(r#"{"method":"PUT","path":"/","headers":[],"body_base64":"AAE="}"#), ["2"]);
        assert_eq!(length(r#"{"method":"PUT","path":"/","headers":[],"body":""}"#), ["0"]);
        assert_eq!(length(r#"{"method":"PUT","path":"/","headers":[]}"#), <[&str; 0]>::default());
        assert_eq!(length(r#"{"method":"PUT","path":"/","headers":[["Content-Length","9"]],"body":"x"}"#), ["9"]);
        let chunked = r#"{"method":"PUT","path":"/","headers":[["transfer-encoding","chunked"]],"body":"x"}"#;
        assert_eq!(length(chunked), <[&str; 0]>::default());
    }

    #[test]
    fn the_agent_is_named_by_the_gateway_alone() {
        let headers = delivered(r#"{"method":"GET","path":"/","headers":[["X-Agent-Name","b"]]}"#);
        let named: Vec<_> = headers.iter().filter(|(name, _)| name == "x-agent-name").collect();
        assert_eq!(named, [&("x-agent-name".to_owned(), "a".to_owned())]);
    }
}
