//! Putting a request's parts together: one canonical reading, or a refusal that says what was ambiguous.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::headers::{Headers, folded};
use super::{PathSegment, QueryPair, host, mangled, path, query};
use crate::approval::HEADER;
use crate::limits::{HEADERS, TARGET_BYTES};
use crate::policy::Method;
use crate::quote::{quote, quote_bytes};
use crate::reason::Code;

/// The canonical reading of a request's head.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The host: lower case, without `:443`.
    pub host: String,
    /// The raw request target.
    pub target: String,
    /// Path segments, decoded once.
    pub segments: Vec<PathSegment>,
    /// A slash ends the path.
    pub trailing_slash: bool,
    /// The raw query holds a `;`, which some readers split at.
    pub semicolon_in_query: bool,
    /// Query parameters, in order.
    pub query: Vec<QueryPair>,
    /// All headers.
    pub headers: Headers,
    /// The announced length of the body.
    pub content_length: Option<u64>,
    /// A body is announced without a length.
    pub chunked: bool,
}

/// A request that has no single reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Why, for programs.
    pub code: Code,
    /// Why, for people.
    pub message: String,
}

impl Malformed {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Headers that must stand once at most, because components disagree on which one counts.
const SINGLETONS: [&str; 10] = [
    ":method",
    ":path",
    ":authority",
    ":scheme",
    "host",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "authorization",
];

/// Headers by which some servers replace the method (common rule: any override is refused, whatever its value).
const METHOD_OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "http-method-override", "x-forwarded-method"];

/// Query names by which some servers replace the method.
const METHOD_OVERRIDE_NAMES: [&str; 4] = ["_method", "_httpmethod", "$httpmethod", "$httpheaders"];

/// Headers by which some servers replace the route.
const ROUTE_OVERRIDES: [&str; 8] = [
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-prefix",
    "x-original-uri",
    "x-forwarded-uri",
    "x-original-path",
    "x-forwarded-path",
    "x-rewrite-uri",
];

/// Headers that some servers prefer to the host.
const HOST_OVERRIDES: [&str; 4] = ["x-forwarded-host", "x-host", "x-original-host", "x-http-host-override"];

/// How the names of the lists above, and `forwarded`, begin.
const OVERRIDES_BEGIN_WITH: [char; 3] = ['x', 'h', 'f'];

/// Reads the head of a request.
///
/// # Errors
/// [`Malformed`] when two components on the way could read it differently.
pub fn normalize(headers: Headers) -> Result<Request, Malformed> {
    if headers.invalid_name {
        let message = "a header name is neither a token of RFC 9110 nor a pseudo-header of a request";
        return Err(Malformed::new(Code::HeaderNotAllowed, message));
    }
    if headers.len() > HEADERS {
        return Err(Malformed::new(Code::HeaderNotAllowed, format!("more than {HEADERS} headers")));
    }
    for name in SINGLETONS {
        if headers.all(name).nth(1).is_some() {
            return Err(twice(name));
        }
    }
    if headers.grants() && headers.all(HEADER).nth(1).is_some() {
        return Err(twice(HEADER));
    }
    refuse_upgrades(&headers)?;
    let method = method(&headers)?;
    let host = read_host(&headers)?;
    refuse_overrides(&headers, &host)?;
    if !method.is_bodiless() && (headers.has("range") || headers.has("content-range")) {
        return Err(Malformed::new(Code::HeaderNotAllowed, "`range` on a write asks for a part of it"));
    }
    let (content_length, chunked) = framing(&headers)?;
    // Some servers put a URL together from the scheme on.
    if let Some(scheme) = single(&headers, ":scheme", Code::PathAmbiguous)?
        && !matches!(scheme, "http" | "https")
    {
        let message = format!("the scheme {} is neither http nor https", quote(scheme));
        return Err(Malformed::new(Code::PathAmbiguous, message));
    }
    let target = single(&headers, ":path", Code::PathAmbiguous)?
        .ok_or_else(|| Malformed::new(Code::PathAmbiguous, "the request has no path"))?;
    if target.len() > TARGET_BYTES {
        return Err(Malformed::new(
            Code::PathAmbiguous,
            format!("the request target is longer than {TARGET_BYTES} bytes"),
        ));
    }
    if target.contains('#') {
        return Err(Malformed::new(Code::PathAmbiguous, "the request target holds a fragment"));
    }
    let (raw_path, raw_query) = target.split_once('?').unwrap_or((target, ""));
    let (segments, trailing_slash) =
        path::segments(raw_path).map_err(|why| Malformed::new(Code::PathAmbiguous, format!("the path {why}")))?;
    let query = query::pairs(raw_query).map_err(|why| Malformed::new(Code::ParamShadow, format!("the query {why}")))?;
    for pair in &query {
        if replaces_method(&pair.name) {
            let message = format!("the query name {} can replace the method", quote(&pair.name));
            return Err(Malformed::new(Code::MethodOverride, message));
        }
        if pair.name.bytes().chain(pair.value.bytes()).any(|byte| byte == 0) {
            return Err(Malformed::new(Code::ParamShadow, "the query holds an encoded NUL"));
        }
    }
    Ok(Request {
        method,
        host,
        target: target.into(),
        segments,
        trailing_slash,
        semicolon_in_query: raw_query.contains(';'),
        query,
        content_length,
        chunked,
        headers,
    })
}

fn twice(name: &str) -> Malformed {
    Malformed::new(Code::HeaderNotAllowed, format!("the header `{name}` stands more than once"))
}

/// Whether some servers take the method from a query or form parameter of this name.
pub(crate) fn replaces_method(name: &str) -> bool {
    [name.to_ascii_lowercase(), mangled(name).to_ascii_lowercase()].iter().any(|name| {
        METHOD_OVERRIDE_NAMES.contains(&name.as_str()) || METHOD_OVERRIDES.contains(&name.replace('_', "-").as_str())
    })
}

/// Query names from which some servers take the route. (WordPress: `WP::parse_request`.)
const ROUTE_OVERRIDE_NAMES: [&str; 1] = ["rest_route"];

/// Whether some servers take the route from a query or form parameter of this name.
pub(crate) fn replaces_route(name: &str) -> bool {
    ROUTE_OVERRIDE_NAMES.contains(&mangled(name).as_str())
}

fn single<'h>(headers: &'h Headers, name: &'h str, code: Code) -> Result<Option<&'h str>, Malformed> {
    headers
        .single(name)
        .map_err(|_| Malformed::new(code, format!("the header `{name}` is not one value of visible ASCII characters")))
}

fn method(headers: &Headers) -> Result<Method, Malformed> {
    let text = single(headers, ":method", Code::EndpointNotAllowed)?.unwrap_or_default();
    Method::parse(text).ok_or_else(|| match text {
        "CONNECT" => Malformed::new(Code::UpgradeNotAllowed, "CONNECT opens a tunnel that nothing can judge"),
        _ => Malformed::new(
            Code::EndpointNotAllowed,
            format!("the method {} is not one of GET, HEAD, POST, PUT, PATCH, DELETE", quote(text)),
        ),
    })
}

/// The one spelling of the host that a request names.
pub(crate) fn read_host(headers: &Headers) -> Result<String, Malformed> {
    let authority = single(headers, ":authority", Code::HostMismatch)?;
    let host = single(headers, "host", Code::HostMismatch)?;
    let canonical = |text: &str| {
        host::canonical(text)
            .ok_or_else(|| Malformed::new(Code::HostMismatch, format!("{} is not a host name", quote(text))))
    };
    match (authority, host) {
        (Some(authority), Some(host)) => {
            let (a, b) = (canonical(authority)?, canonical(host)?);
            if a == b {
                Ok(a)
            } else {
                Err(Malformed::new(Code::HostMismatch, "`host` and `:authority` name two hosts"))
            }
        }
        (Some(one), None) | (None, Some(one)) => canonical(one),
        (None, None) => Err(Malformed::new(Code::HostMismatch, "the request names no host")),
    }
}

fn refuse_upgrades(headers: &Headers) -> Result<(), Malformed> {
    for name in ["upgrade", "http2-settings", ":protocol"] {
        if headers.has(name) {
            let message = format!("`{name}` turns the connection into one that nothing can judge");
            return Err(Malformed::new(Code::UpgradeNotAllowed, message));
        }
    }
    for value in headers.all("connection").chain(headers.all("proxy-connection")) {
        for token in value.split(|b| *b == b',') {
            let token = token.trim_ascii();
            let harmless = [&b"keep-alive"[..], b"close", b""].iter().any(|known| token.eq_ignore_ascii_case(known));
            if !harmless {
                let message = format!("`connection` asks to drop or change {} on the way", quote_bytes(token));
                return Err(Malformed::new(Code::UpgradeNotAllowed, message));
            }
        }
    }
    Ok(())
}

fn refuse_overrides(headers: &Headers, own_host: &str) -> Result<(), Malformed> {
    for (name, value) in headers.iter() {
        let twin = folded(name);
        // Most headers end here.
        if twin.is_none() && !name.starts_with(OVERRIDES_BEGIN_WITH) {
            continue;
        }
        let folded = twin.as_deref().unwrap_or(name);
        if METHOD_OVERRIDES.contains(&folded) {
            let message = format!("the header {} can replace the method", quote(name));
            return Err(Malformed::new(Code::MethodOverride, message));
        }
        if twin.is_some() && (SINGLETONS.contains(&folded) || folded == HEADER) {
            let message = format!("the header {} can be read as {}", quote(name), quote(folded));
            return Err(Malformed::new(Code::HeaderNotAllowed, message));
        }
        if ROUTE_OVERRIDES.contains(&folded) {
            let message = format!("the header {} can replace the route", quote(name));
            return Err(Malformed::new(Code::RouteOverride, message));
        }
        let names_host = || value.to_ascii_lowercase().windows(4).any(|window| window == b"host");
        if folded == "forwarded" && names_host() {
            return Err(Malformed::new(Code::HostMismatch, "the header `forwarded` names a host"));
        }
        if HOST_OVERRIDES.contains(&folded) {
            let same =
                core::str::from_utf8(value).ok().and_then(|v| host::canonical(v.trim())).is_some_and(|h| h == own_host);
            if !same {
                let message = format!("the header {} names another host", quote(name));
                return Err(Malformed::new(Code::HostMismatch, message));
            }
        }
    }
    Ok(())
}

fn framing(headers: &Headers) -> Result<(Option<u64>, bool), Malformed> {
    let length = single(headers, "content-length", Code::BodyUnparsable)?;
    let encoding = single(headers, "transfer-encoding", Code::BodyUnparsable)?;
    let length = match length {
        None => None,
        Some(text) if !text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().ok()
        }
        Some(_) => {
            return Err(Malformed::new(Code::BodyUnparsable, "`content-length` is not a number"));
        }
    };
    match encoding {
        None => Ok((length, false)),
        Some(text) if text.eq_ignore_ascii_case("chunked") && length.is_none() => Ok((None, true)),
        Some(_) => Err(Malformed::new(Code::BodyUnparsable, "the length of the body is announced in two ways")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str, more: &[(&str, &str)]) -> Result<Request, Malformed> {
        let mut fields = Vec::new();
        for (name, value) in [(":method", "POST"), (":path", target), (":authority", "Shop.example.com:443")] {
            fields.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        for (name, value) in more {
            fields.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        normalize(Headers::new(fields))
    }

    fn code(target: &str, more: &[(&str, &str)]) -> Option<Code> {
        read(target, more).err().map(|m| m.code)
    }

    #[test]
    fn a_plain_request_has_one_reading() {
        let r = read("/a/b%40c?x=1&x=2", &[("content-length", "12"), ("Connection", "keep-alive")]).unwrap();
        assert_eq!((r.host.as_str(), r.segments.len(), r.query.len()), ("shop.example.com", 2, 2));
        assert_eq!((r.content_length, r.chunked), (Some(12), false));
    }

    /// A1: a write is not disguised as a read by replacing the method, the route or the host.
    #[test]
    fn overrides_are_refused_in_every_spelling() {
        for name in ["X-HTTP-Method-Override", "X_HTTP_Method_Override", "x-method-override", "X-HTTP-Method"] {
            assert_eq!(code("/a", &[(name, "GET")]), Some(Code::MethodOverride), "{name}");
        }
        for query in ["_method=DELETE", ".method=x", "%20_method=x", "%5Fmethod=x", "[method=x", "_HttpMethod=x"] {
            assert_eq!(code(&format!("/a?{query}"), &[]), Some(Code::MethodOverride), "{query}");
        }
        assert_eq!(code("/a", &[("X-Original-URL", "/b")]), Some(Code::RouteOverride));
        assert_eq!(code("/a", &[("X-Forwarded-Host", "evil.example")]), Some(Code::HostMismatch));
        assert_eq!(code("/a", &[("X-Forwarded-Host", "shop.example.com")]), None);
    }

    #[test]
    fn every_override_is_looked_for() {
        for name in METHOD_OVERRIDES.iter().chain(&ROUTE_OVERRIDES).chain(&HOST_OVERRIDES) {
            assert!(name.starts_with(OVERRIDES_BEGIN_WITH) && !name.contains('_'), "{name}");
        }
    }

    #[test]
    fn two_readings_of_the_head_are_refused() {
        assert_eq!(code("/a", &[("host", "other.example.com")]), Some(Code::HostMismatch));
        assert_eq!(code("/a", &[("host", "shop.example.com")]), None);
        assert_eq!(code("/a", &[("content-type", "a/b"), ("Content-Type", "c/d")]), Some(Code::HeaderNotAllowed));
        assert_eq!(
            code("/a", &[("content-length", "1"), ("transfer-encoding", "chunked")]),
            Some(Code::BodyUnparsable)
        );
        assert_eq!(code("/a", &[("content-length", "+1")]), Some(Code::BodyUnparsable));
        assert_eq!(code("/a", &[("upgrade", "websocket")]), Some(Code::UpgradeNotAllowed));
        assert_eq!(code("/a", &[("connection", "x-agent-name")]), Some(Code::UpgradeNotAllowed));
        assert_eq!(code("http://other/a", &[]), Some(Code::PathAmbiguous));
        assert_eq!(code("/a?x=1#y", &[]), Some(Code::PathAmbiguous));
    }
}
