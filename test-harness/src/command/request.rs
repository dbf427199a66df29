//! The request that `ambit evaluate` judges: from flags, an HTTP message or a recording.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use policy_core::approval::HEADER;

use super::arguments::Evaluate;
use super::exit::Failure;
use crate::policies::Policies;
use crate::recording::{Exchange, Field, RecordedBody, RecordedRequest, Recording, RecordingError};
use crate::render::printable;

/// A request, and when it was made if that is known.
pub(super) struct Given {
    pub(super) request: RecordedRequest,
    pub(super) time: Option<Timestamp>,
}

/// The request the arguments describe. `before` is handed what a recording holds before it.
pub(super) fn read(
    arguments: &Evaluate,
    policies: &Policies,
    before: &mut dyn FnMut(&Exchange),
) -> Result<Given, Failure> {
    let mut given = match (&arguments.file, &arguments.url) {
        (Some(file), _) => of_file(file, arguments.index, before)?,
        (None, Some(url)) => Given { request: of_flags(arguments, url)?, time: None },
        // The parser of the arguments asks for one of them.
        (None, None) => return Err(Failure::Other("name a URL, or a file with --file".into())),
    };
    for header in &arguments.headers {
        given.request.headers.push(header_field(header)?);
    }
    if !arguments.grants.is_empty() {
        let grants = arguments.grants.join(",");
        plain("--grant", &grants)?;
        given.request.headers.push(field(HEADER, &grants));
    }
    if let Some(agent) = &arguments.agent {
        let (header, value) = agent_field(agent, policies)?;
        let by_hand = arguments
            .headers
            .iter()
            .filter_map(|given| named(given))
            .find(|(name, _)| name.eq_ignore_ascii_case(&String::from_utf8_lossy(&header)));
        if let Some((name, _)) = by_hand {
            return Err(Failure::Other(format!("--agent and -H both give `{name}`; name the agent once")));
        }
        // What a file says of the agent gives way.
        let headers = &mut given.request.headers;
        headers.retain(|(name, _)| *name != header);
        headers.push((header, value));
    }
    Ok(given)
}

/// The header from which the gateway takes the agent's name, with this name.
pub(super) fn agent_field(agent: &str, policies: &Policies) -> Result<Field, Failure> {
    let Some(header) = &policies.identity_header else {
        let message = "--agent needs a policy directory whose gateway.json has a header among its identity sources; name \
                       the agent as the gateway would see it in the request's headers (`ambit evaluate -H 'name: value'`)";
        return Err(Failure::Other(message.into()));
    };
    plain("--agent", agent)?;
    Ok(field(header, agent))
}

fn field(name: &str, value: &str) -> Field {
    (name.to_ascii_lowercase().into_bytes(), value.as_bytes().to_vec())
}

fn header_field(header: &str) -> Result<Field, Failure> {
    plain("-H", header)?;
    match named(header) {
        Some((name, value)) => Ok(field(name, value)),
        None => Err(Failure::Other(format!("the header `{header}` has no name; write it as -H 'name: value'"))),
    }
}

/// Name and value of `name: value`.
fn named(header: &str) -> Option<(&str, &str)> {
    let (name, value) = header.split_once(':')?;
    Some((name.trim(), value.trim())).filter(|(name, _)| !name.is_empty())
}

/// Refuses what no gateway would deliver in a header: a line end begins the next one.
fn plain(option: &str, text: &str) -> Result<(), Failure> {
    if text.contains(['\r', '\n', '\0']) {
        let text = printable(text, 64);
        return Err(Failure::Other(format!("{option} `{text}` holds a line end or NUL; a header is one line")));
    }
    Ok(())
}

fn of_flags(arguments: &Evaluate, url: &str) -> Result<RecordedRequest, Failure> {
    let body = match (&arguments.data, &arguments.json) {
        (Some(data), _) | (None, Some(data)) => body(data)?,
        (None, None) => RecordedBody::Empty,
    };
    let usual = if body == RecordedBody::Empty { "GET" } else { "POST" };
    let method = arguments.method.as_deref().unwrap_or(usual);
    let mut headers = target(method, url)?;
    if arguments.json.is_some() {
        headers.push(field("content-type", "application/json"));
    }
    Ok(RecordedRequest { headers, body, ..RecordedRequest::default() })
}

fn body(data: &str) -> Result<RecordedBody, Failure> {
    let bytes = match data.strip_prefix('@') {
        None => data.as_bytes().to_vec(),
        Some(file) => fs::read(file).map_err(|e| unreadable(Path::new(file), &e))?,
    };
    Ok(if bytes.is_empty() { RecordedBody::Empty } else { RecordedBody::Complete(bytes) })
}

/// The pseudo headers of a request for `url`, whose path is taken as it stands.
fn target(method: &str, url: &str) -> Result<Vec<Field>, Failure> {
    let parts = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let Some((scheme, rest)) = parts else {
        let message = format!("`{url}` is not an absolute URL; write it as https://host/path");
        return Err(Failure::Other(message));
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(vec![field(":authority", authority), field(":path", &path), field(":method", method), field(":scheme", scheme)])
}

fn of_file(file: &Path, index: Option<u64>, before: &mut dyn FnMut(&Exchange)) -> Result<Given, Failure> {
    match Recording::open(file) {
        Ok(recording) => of_recording(file, recording, index, before),
        Err(RecordingError::UnknownFormat { file: name, found }) => {
            let bytes = fs::read(file).map_err(|e| unreadable(file, &e))?;
            // Neither: the recording's error says what it is instead.
            let otherwise = RecordingError::UnknownFormat { file: name, found };
            let request = message(&bytes).ok_or(otherwise)?;
            Ok(Given { request, time: None })
        }
        Err(error) => Err(error.into()),
    }
}

fn of_recording(
    file: &Path,
    recording: Recording,
    index: Option<u64>,
    before: &mut dyn FnMut(&Exchange),
) -> Result<Given, Failure> {
    let mut found = None;
    for exchange in recording {
        let exchange = match exchange {
            Ok(exchange) => exchange,
            // It has no bearing on the one that is asked for, unless nothing follows.
            Err(error) if index.is_some() && !matches!(error, RecordingError::Read { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if index.is_some_and(|index| index != exchange.index) {
            before(&exchange);
            continue;
        }
        if found.is_some() {
            let file = file.display();
            return Err(Failure::Other(format!("`{file}` holds several requests; choose one with --index N, from 0")));
        }
        found = Some(exchange);
        if index.is_some() {
            break;
        }
    }
    let Some(exchange) = found else {
        let file = file.display();
        return Err(Failure::Other(match index {
            Some(index) => format!("`{file}` holds no request {index} that can be read; they are numbered from 0"),
            None => format!("`{file}` holds no request; name another file"),
        }));
    };
    Ok(Given { time: exchange.time, request: exchange.request })
}

/// An HTTP/1.1 message (RFC 9112 §2.1), as people write it down: lines may end with LF alone, the
/// target may be a whole URL, and the body is what follows the first empty line.
fn message(bytes: &[u8]) -> Option<RecordedRequest> {
    let (head, body) = split_head(bytes);
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target_text) = (words.next()?, words.next()?);
    if !words.next().is_none_or(|version| version.starts_with("HTTP/")) || words.next().is_some() {
        return None;
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        fields.push(field(name, value.trim()));
    }
    let mut headers = if target_text.starts_with('/') {
        let host = fields.iter().position(|(name, _)| name == b"host")?;
        let (_, host) = fields.remove(host);
        let mut headers = vec![(b":authority".to_vec(), host)];
        headers.extend([field(":path", target_text), field(":method", method), field(":scheme", "https")]);
        headers
    } else {
        target(method, target_text).ok()?
    };
    headers.extend(fields);
    let body = if body.is_empty() { RecordedBody::Empty } else { RecordedBody::Complete(body.to_vec()) };
    Some(RecordedRequest { headers, body, ..RecordedRequest::default() })
}

fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let ends: [&[u8]; 2] = [b"\r\n\r\n", b"\n\n"];
    let end = ends.iter().filter_map(|end| {
        let at = bytes.windows(end.len()).position(|window| window == *end)?;
        Some((at, at + end.len()))
    });
    let (head, body) = end.min().unwrap_or((bytes.len(), bytes.len()));
    (bytes.get(..head).unwrap_or(bytes), bytes.get(body..).unwrap_or_default())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Other(format!("cannot read `{}`: {error}; name a file that exists", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_the_head_a_gateway_would_see() {
        let request = message(b"PUT /a?b=c HTTP/1.1\r\nHost: shop\r\nX-Two: a: b\r\n\r\n{\n\n}").unwrap();
        let expected =
            [(":authority", "shop"), (":path", "/a?b=c"), (":method", "PUT"), (":scheme", "https"), ("x-two", "a: b")];
        assert_eq!(request.headers, expected.map(|(name, value)| field(name, value)));
        assert_eq!(request.body, RecordedBody::Complete(b"{\n\n}".to_vec()));
    }

    #[test]
    fn a_message_without_host_or_version_word_is_none() {
        assert!(message(b"GET /a HTTP/1.1\n\n").is_none());
        assert!(message(b"GET /a SPDY\nhost: x\n\n").is_none());
        assert!(message(b"hello").is_none());
        assert!(message(b"GET https://shop:8443/a HTTP/1.1\n\n").is_some());
    }

    #[test]
    fn the_path_of_a_url_is_taken_as_it_stands() {
        let path = |url: &str| {
            let fields = target("GET", url).ok()?;
            let text = |n: usize| String::from_utf8(fields[n].1.clone()).unwrap();
            Some((text(0), text(1)))
        };
        let of = |authority: &str, path: &str| Some((authority.to_owned(), path.to_owned()));
        assert_eq!(path("https://h:1/a/../%2F?q#f"), of("h:1", "/a/../%2F?q"));
        assert_eq!(path("http://h"), of("h", "/"));
        assert_eq!(path("https://h?q=1"), of("h", "/?q=1"));
        assert_eq!(path("/a"), None);
        assert_eq!(path("ftp://h/a"), None);
    }
}
