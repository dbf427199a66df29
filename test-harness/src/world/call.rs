//! A lookup and its answer, whoever makes it.

use policy_core::Unavailable;
use policy_core::state::{Answer, Fetch};

use super::Json;

/// A call to an API for something as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'c> {
    /// `:authority`.
    pub host: &'c str,
    /// `GET`, or `POST` for a tool.
    pub method: &'c str,
    /// Path and query.
    pub target: &'c str,
    /// The body of a POST.
    pub body: &'c [u8],
}

/// A tool that is called, and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToolCall {
    /// The id of the message.
    pub(super) id: Json,
    /// The tool.
    pub(super) name: String,
    /// The arguments: an object.
    pub(super) arguments: Json,
}

impl<'c> Call<'c> {
    /// The call that the decision point asks for.
    pub fn of_fetch(fetch: &'c Fetch) -> Self {
        Self {
            host: &fetch.host,
            method: fetch.method.name(),
            target: &fetch.target,
            body: fetch.body.as_deref().unwrap_or_default(),
        }
    }

    /// The MCP tool that it calls.
    pub(super) fn tool(&self) -> Option<ToolCall> {
        let message = (self.method == "POST").then(|| Json::read(self.body).ok())??;
        if message.member("method") != Some(&Json::text("tools/call")) {
            return None;
        }
        let parameters = message.member("params")?;
        Some(ToolCall {
            id: message.member("id")?.clone(),
            name: parameters.member("name")?.scalar()?.to_owned(),
            arguments: parameters.member("arguments").cloned().unwrap_or_else(Json::object),
        })
    }

    /// What it asks, for people: `host/path?query`, or `host/path tool {"arguments"}`.
    pub fn shown(&self) -> String {
        let (host, target) = (canonical_host(self.host), canonical_target(self.target));
        match self.tool() {
            Some(tool) => format!("{host}{target} {} {}", tool.name, tool.arguments),
            None => format!("{host}{target}"),
        }
    }

    /// The one name of what it asks.
    pub(super) fn name(&self) -> String {
        let (host, target) = (canonical_host(self.host), canonical_target(self.target));
        match self.tool() {
            Some(tool) => tool_name(&host, &target, &tool.name, &tool.arguments),
            None => format!("{host}{target}"),
        }
    }
}

/// The one name of a call of a tool. Whether an argument is a number or its text makes no difference.
pub(super) fn tool_name(host: &str, target: &str, tool: &str, arguments: &Json) -> String {
    let mut texts: Vec<(String, String)> = match arguments {
        Json::Object(members) => {
            let text = |value: &Json| value.scalar().map(str::to_owned).unwrap_or_else(|| value.to_string());
            members.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        }
        _ => Vec::new(),
    };
    texts.sort();
    let texts: Vec<String> = texts.iter().map(|(name, text)| format!("{name}={text}")).collect();
    format!("{host}{target} {tool} {}", texts.join(" "))
}

/// What a call brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer, whatever its status.
    Response {
        /// HTTP status.
        status: u16,
        /// Headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
        /// What is not in it is not there. Of a recording, only a part may be known.
        whole: bool,
    },
    /// None in time.
    Timeout,
    /// The API cannot be reached.
    Unreachable,
    /// The recording does not say.
    NotRecorded,
    /// The recording holds a part of it.
    Truncated,
}

impl Reply {
    /// An answer of JSON.
    pub fn json(status: u16, body: &Json) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Response { status, headers, body: body.to_string().into_bytes(), whole: true }
    }

    /// The same with a header more.
    #[must_use]
    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Self::Response { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.into()));
        }
        self
    }

    /// A refusal of the API.
    pub(super) fn refusal(status: u16) -> Self {
        let what = if status == 404 { "not_found" } else { "error" };
        Self::json(status, &Json::Object(vec![("code".to_owned(), Json::text(what))]))
    }

    /// Whether the recording does not say all of it.
    pub fn is_lack(&self) -> bool {
        matches!(self, Self::NotRecorded | Self::Truncated | Self::Response { whole: false, .. })
    }

    /// In few words.
    pub fn summary(&self) -> String {
        match self {
            Self::Response { status, whole: true, .. } => status.to_string(),
            Self::Response { status, .. } => format!("{status}, known in part"),
            Self::Timeout => "no answer in time".to_owned(),
            Self::Unreachable => "not reached".to_owned(),
            Self::NotRecorded => "not known".to_owned(),
            Self::Truncated => "cut off in the recording".to_owned(),
        }
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let unavailable = match reply {
            Reply::Response { body, whole: false, .. } => return Self::Part(body),
            Reply::Response { status, headers, body, .. } => {
                let headers = headers.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes()));
                return Self::Response { status, headers: headers.collect(), body };
            }
            Reply::Timeout => Unavailable::Timeout,
            Reply::Unreachable => Unavailable::Unreachable,
            Reply::NotRecorded => Unavailable::NotRecorded,
            Reply::Truncated => Unavailable::Truncated,
        };
        Self::Unavailable(unavailable)
    }
}

/// A host without the default port, in lower case.
pub(super) fn canonical_host(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    host.strip_suffix(":443").map(str::to_owned).unwrap_or(host)
}

/// A path and query in one spelling: what has a meaning there stands as it is, everything else is percent-encoded.
pub(super) fn canonical_target(target: &str) -> String {
    let mut bytes = target.bytes();
    let mut out = String::with_capacity(target.len());
    while let Some(byte) = bytes.next() {
        let decoded = (byte == b'%').then(|| decoded(&mut bytes)).flatten();
        match decoded {
            Some(b',') => out.push(','),
            Some(byte) => encode(byte, is_unreserved(byte), &mut out),
            None => encode(byte, is_unreserved(byte) || b"/?&=,+%".contains(&byte), &mut out),
        }
    }
    out
}

/// A value as it stands in a path or query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.bytes().for_each(|byte| encode(byte, is_unreserved(byte), &mut out));
    // As `canonical_target` spells it.
    out.replace("%2C", ",")
}

fn encode(byte: u8, plain: bool, out: &mut String) {
    if plain {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("%{byte:02X}"));
    }
}

/// The byte that two hexadecimal digits spell; nothing is taken where there are none.
fn decoded(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let mut ahead = bytes.clone();
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (high, low) = (digit(ahead.next())?, digit(ahead.next())?);
    *bytes = ahead;
    Some(high * 16 + low)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// A text without percent-encoding; what is not UTF-8 then has no reading.
pub(super) fn unencoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'%' { decoded(&mut bytes)? } else { byte });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_has_one_spelling() {
        for (target, expect) in [
            ("/a/team@example.com", "/a/team%40example.com"),
            ("/a/team%40example.com", "/a/team%40example.com"),
            ("/%61/b%2fc?x=1%2C2&y=a+b", "/a/b%2Fc?x=1,2&y=a+b"),
            ("/ä?q=%zz%4", "/%C3%A4?q=%zz%4"),
        ] {
            assert_eq!(canonical_target(target), expect);
        }
        assert_eq!(canonical_host("Shop.Example.com:443"), "shop.example.com");
        assert_eq!(canonical_host("shop.example.com:8443"), "shop.example.com:8443");
    }

    #[test]
    fn calls_have_names() {
        let get = Call { host: "Shop:443", method: "GET", target: "/a?b=%2c", body: b"" };
        assert_eq!(get.name(), "shop/a?b=,");
        let body = br#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"get","arguments":{"id":42}}}"#;
        let tool = Call { host: "mcp", method: "POST", target: "/mcp", body };
        assert_eq!((tool.shown().as_str(), tool.name().as_str()), (r#"mcp/mcp get {"id":42}"#, "mcp/mcp get id=42"));
        assert_eq!(Call { body: b"{}", ..tool }.name(), "mcp/mcp");
    }
}
