//! A batch of HTTP requests in one body (`multipart/mixed`, each part `application/http`), as Google's APIs take it.
//!
//! Read so that no other reader can see other parts: the boundary stands nowhere but between parts, there is nothing before
//! the first and behind the last, every line of a head ends alike. Lines end in CR LF (RFC 2046 §5.1.1), or all of them in
//! LF, as the Python client writes them. Anything else is refused.
//!
//! What a part asks for is not looked at here, and which headers it may have is not either.
//! Sources: Google's "Batching Requests" of Gmail and Calendar; RFC 2046 §5.1; RFC 9112 §3; google-api-python-client 2.x
//! (`BatchHttpRequest`), google-http-java-client 1.x (`HttpRequestContent`, which writes absolute targets).

use crate::ordered::Set;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::limits::{GOOGLE_BATCH_PARTS, HEADERS};
use crate::quote::{quote, quote_bytes};
use crate::reason::{Code, Reason};
use crate::request::MediaType;

/// One request of a batch, as it stands in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'b> {
    /// The method, as written.
    pub method: &'b str,
    /// Host and port, where the target names them.
    pub authority: Option<&'b str>,
    /// Path and query.
    pub target: &'b str,
    /// Names and values, in order; the values without blanks around them.
    pub headers: Vec<(&'b str, &'b str)>,
    /// The body; empty where there is none.
    pub body: &'b [u8],
}

/// Takes a batch apart. `content_type` is the value of the request's header.
///
/// # Errors
/// A [`Reason`] to deny, when two readers could see two batches.
pub fn read_google_batch<'b>(content_type: &str, body: &'b [u8]) -> Result<Vec<Part<'b>>, Reason> {
    let delimiter = format!("--{}", boundary(content_type)?);
    let contents = split(delimiter.as_bytes(), body)?;
    let mut ids = Set::new();
    let mut parts = Vec::with_capacity(contents.len());
    for (position, content) in contents.into_iter().enumerate() {
        let (part, id) = part(content).map_err(|mut reason| {
            reason.message = format!("part {} of the batch {}", position + 1, reason.message);
            reason
        })?;
        if id.is_some_and(|id| !ids.insert(id)) {
            return Err(unparsable(format!(
                "two parts of the batch have the `content-id` {}",
                quote(id.unwrap_or_default())
            )));
        }
        parts.push(part);
    }
    Ok(parts)
}

/// The boundary of a `multipart/mixed` (RFC 2046 §5.1.1), without blanks and without other parameters.
fn boundary(content_type: &str) -> Result<String, Reason> {
    let wrong = |what: &str| Reason { code: Code::ContentType, message: what.into(), pointer: None };
    if MediaType::parse(content_type).is_none_or(|declared| declared.essence != "multipart/mixed") {
        return Err(wrong("a batch is `multipart/mixed` with a boundary"));
    }
    let mut parameters = content_type.split(';').skip(1).map(str::trim);
    let (Some(parameter), None) = (parameters.next(), parameters.next()) else {
        return Err(wrong("a batch is `multipart/mixed` with a `boundary` and no other parameter"));
    };
    let (name, value) = parameter.split_once('=').unwrap_or_default();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b));
    if !name.eq_ignore_ascii_case("boundary") || !plain || !(1..=70).contains(&value.len()) {
        return Err(wrong("the boundary of a batch is 1 to 70 letters, digits and `'()+_,-./:=?`"));
    }
    Ok(value.into())
}

/// How the lines of a batch end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Lf,
    CrLf,
}

impl Ending {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

/// What stands between two delimiters.
#[derive(Clone, Copy)]
struct Content<'b> {
    bytes: &'b [u8],
    ending: Ending,
}

fn split<'b>(delimiter: &[u8], body: &'b [u8]) -> Result<Vec<Content<'b>>, Reason> {
    let broken = || unparsable("the parts of the batch do not each lie between two lines of the boundary".into());
    let behind = |at: usize| body.get(at + delimiter.len()..).unwrap_or_default();
    let ending = if behind(0).starts_with(b"\r\n") { Ending::CrLf } else { Ending::Lf };
    let eol = ending.bytes();
    // Overlapping ones too: a boundary that can begin within itself has two readings.
    let found = body.windows(delimiter.len()).enumerate().filter(|(_, window)| *window == delimiter);
    let places: Vec<usize> = found.map(|(at, _)| at).take(GOOGLE_BATCH_PARTS + 2).collect();
    if places.first() != Some(&0) {
        return Err(unparsable("the batch does not begin with its boundary".into()));
    }
    let mut contents = Vec::with_capacity(places.len());
    for pair in places.windows(2) {
        let [at, next] = pair else { continue };
        if contents.len() == GOOGLE_BATCH_PARTS {
            let message = format!("the batch has more than {GOOGLE_BATCH_PARTS} parts");
            return Err(Reason { code: Code::BatchLimit, message, pointer: None });
        }
        let content = body.get(at + delimiter.len()..*next).unwrap_or_default();
        let inside = content.strip_prefix(eol).and_then(|rest| rest.strip_suffix(eol)).ok_or_else(broken)?;
        if ending == Ending::Lf && inside.ends_with(b"\r") {
            return Err(unparsable("the lines of the batch end in two ways".into()));
        }
        contents.push(Content { bytes: inside, ending });
    }
    let closing = places.last().map(|at| behind(*at)).and_then(|rest| rest.strip_prefix(b"--")).ok_or_else(broken)?;
    if !closing.is_empty() && closing != eol {
        return Err(unparsable("something stands behind the last boundary of the batch".into()));
    }
    if contents.is_empty() {
        return Err(Reason { code: Code::BatchShape, message: "the batch has no parts".into(), pointer: None });
    }
    Ok(contents)
}

/// Headers and what stands behind them.
type Headed<'b> = (Vec<(&'b str, &'b str)>, &'b [u8]);

/// Reads one part. Messages continue "part 1 of the batch …".
fn part(content: Content<'_>) -> Result<(Part<'_>, Option<&str>), Reason> {
    let (headers, message) = head(content.bytes, content.ending, true)?;
    let id = about_the_part(&headers, message.len())?;
    let (line, rest) = line(message, content.ending)?;
    let (method, authority, target) = request_line(line)?;
    let (headers, body) = head(rest, content.ending, false)?;
    let announced = single(&headers, "content-length")?;
    if announced.is_some_and(|length| length != body.len().to_string()) {
        return Err(unparsable("is not as long as its `content-length` says".into()));
    }
    // Nothing but the ends of lines is no body: clients put one more, or none.
    let empty = announced.is_none() && body.iter().all(|b| matches!(b, b'\r' | b'\n'));
    let body = if empty { &[] } else { body };
    Ok((Part { method, authority, target, headers, body }, id))
}

/// The headers of the part itself say that it is an HTTP request, and how long it is. Gives its `content-id`.
fn about_the_part<'b>(headers: &[(&'b str, &'b str)], length: usize) -> Result<Option<&'b str>, Reason> {
    const KNOWN: [&str; 5] =
        ["content-type", "content-id", "content-length", "content-transfer-encoding", "mime-version"];
    for (name, _) in headers {
        if !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(unparsable(format!("has the header {} before its request", quote(name))));
        }
    }
    let declared = single(headers, "content-type")?.and_then(MediaType::parse);
    match declared {
        Some(declared) if declared.essence == "application/http" => {}
        Some(declared) if declared.essence.starts_with("multipart/") => {
            let message = "holds parts itself; send its requests one by one".into();
            return Err(Reason { code: Code::NestedRequest, message, pointer: None });
        }
        _ => return Err(unparsable("is not `application/http`".into())),
    }
    if single(headers, "mime-version")?.is_some_and(|version| version != "1.0") {
        return Err(unparsable("has a `mime-version` other than 1.0".into()));
    }
    let encoded = |coding: &str| !["7bit", "8bit", "binary"].iter().any(|plain| plain.eq_ignore_ascii_case(coding));
    if single(headers, "content-transfer-encoding")?.is_some_and(encoded) {
        return Err(unparsable("is encoded; send it as it is (`binary`)".into()));
    }
    if single(headers, "content-length")?.is_some_and(|announced| announced != length.to_string()) {
        return Err(unparsable("is not as long as its `content-length` says".into()));
    }
    match single(headers, "content-id")? {
        Some("") => Err(unparsable("has an empty `content-id`".into())),
        id => Ok(id),
    }
}

/// `METHOD /path HTTP/1.1`, the version optional, the target also with `http://host`.
fn request_line(line: &str) -> Result<(&str, Option<&str>, &str), Reason> {
    let wrong = || unparsable(format!("does not begin with `METHOD /path HTTP/1.1`: {}", quote(line)));
    let mut words = line.split(' ');
    let (method, target, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    let plain = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    if !plain || version.is_some_and(|version| version != "HTTP/1.1") || words.next().is_some() {
        return Err(wrong());
    }
    if target.starts_with('/') {
        return Ok((method, None, target));
    }
    let absolute = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://")).ok_or_else(wrong)?;
    let path =
        absolute.find(['/', '?', '#']).filter(|at| absolute.get(*at..).is_some_and(|rest| rest.starts_with('/')));
    let (authority, target) = absolute.split_at_checked(path.ok_or_else(wrong)?).ok_or_else(wrong)?;
    Ok((method, Some(authority), target))
}

/// Header lines up to an empty one. `closed`: it must be there; else the content may end without one.
fn head(bytes: &[u8], ending: Ending, closed: bool) -> Result<Headed<'_>, Reason> {
    let mut headers = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (text, behind) = line(rest, ending)?;
        if text.is_empty() {
            return Ok((headers, behind));
        }
        rest = behind;
        let wrong = || unparsable(format!("has a line that is no header: {}", quote(text)));
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !token {
            return Err(wrong());
        }
        if headers.len() == HEADERS {
            return Err(unparsable(format!("has more than {HEADERS} headers")));
        }
        headers.push((name, value.trim_matches([' ', '\t'])));
    }
    if closed { Err(unparsable("holds no request".into())) } else { Ok((headers, rest)) }
}

/// The next line, of visible ASCII, blanks and tabs; the last one may lack its end.
fn line(bytes: &[u8], ending: Ending) -> Result<(&str, &[u8]), Reason> {
    let (line, rest) = match bytes.iter().position(|b| *b == b'\n') {
        Some(at) => bytes.split_at_checked(at + 1).unwrap_or((bytes, &[])),
        None => (bytes, &[][..]),
    };
    let text = if line.ends_with(b"\n") { line.strip_suffix(ending.bytes()) } else { Some(line) };
    let text = text.ok_or_else(|| unparsable("has lines that end in two ways".into()))?;
    if !text.iter().all(|b| matches!(b, b' '..=b'~' | b'\t')) {
        return Err(unparsable(format!("has a line that is not visible ASCII: {}", quote_bytes(text))));
    }
    Ok((core::str::from_utf8(text).unwrap_or_default(), rest))
}

fn single<'b>(headers: &[(&'b str, &'b str)], name: &str) -> Result<Option<&'b str>, Reason> {
    let mut values = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(unparsable(format!("has the header `{name}` more than once"))),
        (value, None) => Ok(value),
    }
}

fn unparsable(message: String) -> Reason {
    Reason { code: Code::BodyUnparsable, message, pointer: None }
}
