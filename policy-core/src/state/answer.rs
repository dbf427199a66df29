//! Reading the answer to a lookup, as strictly as a request: what is not complete, not of one reading or not what was
//! asked for is no answer.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Why;
use super::event_stream::messages;
use super::lookup::CALL_ID;
use super::plan::Fetch;
use crate::decode::Unavailable;
use crate::document::{Document, Kind, Value, read_json};
use crate::policy::Method;
use crate::quote::quote;
use crate::request::MediaType;

/// What a host got for a [`Fetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An answer of the upstream, complete and as it came. A host follows no redirect.
    Response {
        /// HTTP status.
        status: u16,
        /// Headers as they came; pseudo-headers say nothing.
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        /// The whole body.
        body: Vec<u8>,
    },
    /// What a recording holds of an answer, as JSON: what is in it is so, what is not in it may be there all the same.
    Part(Vec<u8>),
    /// None, or not all of it.
    Unavailable(Unavailable),
}

/// An answer that has been read.
#[derive(Debug)]
pub(crate) struct Read {
    document: Document,
    /// The document is a JSON-RPC answer: what the tool said stands in it.
    tool: bool,
    /// What is not in it may be there all the same.
    pub(crate) part: bool,
    /// What it says of being all there is.
    pub(crate) pages: Pages,
}

/// What an answer says of being all there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    /// There is more.
    pub(crate) more: bool,
    /// This is all.
    pub(crate) all: bool,
    /// Number of elements there are.
    pub(crate) total: Option<usize>,
}

impl Read {
    /// What was answered.
    pub(crate) fn root(&self) -> Value<'_> {
        let root = self.document.root();
        if self.tool { root.nearest("/result/structuredContent") } else { root }
    }

    /// Number of values in it.
    pub(crate) fn values(&self) -> usize {
        self.document.values()
    }
}

/// Reads an answer.
///
/// # Errors
/// Why it says nothing.
pub(crate) fn read(fetch: &Fetch, answer: Answer) -> Result<Read, Why> {
    let (status, headers, body) = match answer {
        Answer::Response { status, headers, body } => (status, headers, body),
        Answer::Part(body) => {
            let whole = if fetch.method == Method::Post {
                tool_result(document(body)?)?
            } else {
                Read { document: document(body)?, tool: false, part: true, pages: Pages::default() }
            };
            return Ok(Read { part: true, ..whole });
        }
        Answer::Unavailable(why) => return Err(Why::host(why)),
    };
    match status {
        200 => {}
        408 | 429 | 500..600 => return Err(Why::away(format!("its lookup was answered with the status {status}"))),
        _ => return Err(Why::unfit(format!("its lookup was answered with the status {status}"))),
    }
    if body.len() > fetch.limit {
        return Err(Why::host(Unavailable::TooLarge));
    }
    let single = |name: &str| single(&headers, name);
    match single("content-encoding")? {
        None => {}
        Some(encoding) if encoding.eq_ignore_ascii_case("identity") => {}
        Some(_) => return Err(Why::unfit("the answer to its lookup is compressed")),
    }
    if let Some(length) = single("content-length")?
        && length != format!("{}", body.len())
    {
        return Err(Why::unfit("the answer to its lookup is not as long as announced"));
    }
    if single("content-range")?.is_some_and(|range| range.starts_with("bytes")) {
        return Err(Why::unfit("the answer to its lookup is a part"));
    }
    let media = single("content-type")?.and_then(MediaType::parse);
    let Some(media) = media.filter(|media| media.utf8) else {
        return Err(Why::unfit("the answer to its lookup is not JSON in UTF-8"));
    };
    let pages = pages(&headers)?;
    let json = media.essence == "application/json" || media.essence.ends_with("+json");
    if fetch.method == Method::Post {
        let message = match media.essence.as_str() {
            _ if json => document(body)?,
            "text/event-stream" => event(body)?,
            _ => return Err(Why::unfit("the answer to its lookup is not JSON")),
        };
        return tool_result(message);
    }
    if !json {
        return Err(Why::unfit("the answer to its lookup is not JSON"));
    }
    let document = document(body)?;
    let mut read = Read { document, tool: false, part: false, pages };
    match read.root().member("has_more").map(Value::kind) {
        Some(Kind::Bool(true)) => read.pages.more = true,
        Some(Kind::Bool(false)) => read.pages.all = true,
        _ => {}
    }
    Ok(read)
}

fn document(body: Vec<u8>) -> Result<Document, Why> {
    read_json(body).map_err(|e| Why::unfit(format!("the answer to its lookup cannot be read: {e}")))
}

/// The one value of a header, or none.
fn single<'h>(headers: &'h [(Vec<u8>, Vec<u8>)], name: &str) -> Result<Option<&'h str>, Why> {
    let mut values = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
    let odd = || Why::unfit(format!("the answer to its lookup has no single {}", quote(name)));
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) => core::str::from_utf8(value).map(|text| Some(text.trim())).map_err(|_| odd()),
        (Some(_), Some(_)) => Err(odd()),
    }
}

/// What the headers say of being all there is.
/// Sources: WordPress REST API, "Pagination"; RFC 8288 (`Link`); PostgREST, "Pagination and Count" (`Content-Range`).
fn pages(headers: &[(Vec<u8>, Vec<u8>)]) -> Result<Pages, Why> {
    let mut pages = Pages::default();
    match single(headers, "x-wp-totalpages")? {
        None => {}
        Some("0" | "1") => pages.all = true,
        Some(_) => pages.more = true,
    }
    pages.total = single(headers, "x-wp-total")?.and_then(|text| text.parse().ok());
    if let Some((_, total)) = single(headers, "content-range")?.and_then(|range| range.split_once('/')) {
        pages.total = pages.total.or_else(|| total.parse().ok());
    }
    for (name, value) in headers {
        if name.eq_ignore_ascii_case(b"link") {
            let text = core::str::from_utf8(value).unwrap_or("next").to_ascii_lowercase();
            pages.more |= text.contains("rel=\"next\"") || text.contains("rel=next") || text == "next";
        }
    }
    Ok(pages)
}

/// The one message of an event stream that answers the call.
fn event(body: Vec<u8>) -> Result<Document, Why> {
    let text = String::from_utf8(body).map_err(|_| Why::unfit("the answer to its lookup is not UTF-8"))?;
    let mut found = None;
    for message in messages(&text) {
        let document = document(message.into_bytes())?;
        let answers = document.root().member("id").is_some() && document.root().member("method").is_none();
        if answers && found.replace(document).is_some() {
            return Err(Why::unfit("the answer to its lookup holds two messages"));
        }
    }
    found.ok_or_else(|| Why::unfit("the answer to its lookup holds no message"))
}

/// What a tool said: its structured content, or the one text that is JSON.
/// Source: Model Context Protocol 2025-06-18, "Tools".
fn tool_result(document: Document) -> Result<Read, Why> {
    let unfit = |what: &'static str| Err(Why::unfit(what));
    let root = document.root();
    if root.member("jsonrpc").and_then(Value::string) != Some("2.0")
        || root.member("id").and_then(Value::string) != Some(CALL_ID)
        || root.member("method").is_some()
    {
        return unfit("the answer to its lookup is none to that call");
    }
    let (None, Some(result)) = (root.member("error"), root.member("result")) else {
        return unfit("its lookup was answered with an error");
    };
    match result.member("isError").map(Value::kind) {
        None | Some(Kind::Bool(false)) => {}
        Some(_) => return unfit("its lookup was answered with an error"),
    }
    if let Some(content) = result.member("structuredContent") {
        return match content.kind() {
            Kind::Object => Ok(Read { document, tool: true, part: false, pages: Pages::default() }),
            _ => unfit("the answer to its lookup is no object"),
        };
    }
    let items: Vec<Value<'_>> = result.member("content").into_iter().flat_map(Value::children).take(2).collect();
    let [item] = items.as_slice() else {
        return unfit("the answer to its lookup is not one text");
    };
    match (item.member("type").and_then(Value::string), item.member("text").and_then(Value::string)) {
        (Some("text"), Some(text)) => {
            let document = self::document(text.as_bytes().to_vec())?;
            Ok(Read { document, tool: false, part: false, pages: Pages::default() })
        }
        _ => unfit("the answer to its lookup is not one text"),
    }
}

#[cfg(test)]
mod tests;
