//! Lines of a `requests` block: what was asked, and the answer that is written down.
//!
//! ```text
//! allow                   PUT /products/42 {"price": "19.99"}
//! deny envelope_exceeded  PUT /products/42 {"price": "1999.00"}  # more than `max`
//!     x-tenant: acme
//!     at 2026-11-20T12:00:00Z
//!     session {"sid": "run-7"}
//!     property connection/uri_san_peer_certificate = spiffe://example.com/price-agent
//! allow                   GET /products/42
//!     authorization: Bearer correct-horse
//!     => no authorization
//!     => x-ambit-route: shop
//! allow                   POST /batch
//!     content-type: multipart/mixed; boundary=b
//!     | --b--
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use policy_core::decision::Code;
use policy_core::jws::{Kind, sign};
use test_harness::recording::{Field, RecordedBody, RecordedRequest, RecordedResponse};
use test_harness::replay::Verdict;

use super::chapter::{Block, Place};

/// When and where requests are made unless a line says otherwise, and by whom.
const NOW: &str = "2026-11-20T12:00:00Z";
const HOST: &str = "shop.example.com";
/// The private half of the key `ci` of the examples.
const SECRET: [u8; 32] = *b"the examples' key, and no other!";
const AGENT: [&str; 2] = ["x-agent-name", "price-agent"];

/// A request and its answer.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) place: Place,
    /// As it is written, without its headers.
    pub(crate) text: String,
    pub(crate) request: RecordedRequest,
    pub(crate) now: policy_core::Timestamp,
    pub(crate) answer: Answer,
    /// What the upstream answered, where the example says it.
    pub(crate) response: Option<RecordedResponse>,
}

/// What a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// Each once, in the order of the reasons.
    pub(crate) codes: Vec<&'static str>,
    /// It goes upstream although it is refused.
    pub(crate) forwarded: bool,
    /// What is done to its headers before it goes on: `no NAME`, `NAME: VALUE`.
    pub(crate) changes: Vec<String>,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let forwarded = self.forwarded.then_some("forwarded");
        let words = std::iter::once(self.verdict.name()).chain(self.codes.iter().copied()).chain(forwarded);
        f.write_str(&words.collect::<Vec<_>>().join(" "))?;
        self.changes.iter().try_for_each(|change| write!(f, "\n    => {change}"))
    }
}

/// The lines of a block.
pub(crate) fn lines(block: &Block) -> Vec<Line> {
    let mut found: Vec<(Line, Head)> = Vec::new();
    for (nth, text) in block.text.lines().enumerate() {
        let place = Place { line: block.place.line + nth, ..block.place.clone() };
        let text = match text.split_once("  # ") {
            Some((text, _)) => text.trim_end(),
            None => text.trim_end(),
        };
        if text.is_empty() || text.starts_with("# ") {
            continue;
        }
        if text.starts_with(' ') {
            let (line, head) = found.last_mut().unwrap_or_else(|| panic!("{place}: this belongs to no request"));
            more(text.trim(), &place, line, head);
        } else {
            found.push(first(text, place));
        }
    }
    let finished = found.into_iter().map(|(mut line, head)| {
        line.request.headers = head.fields();
        line
    });
    finished.collect()
}

/// Headers while they are collected.
struct Head {
    pseudo: Vec<Field>,
    /// Set unless the example gives the same name.
    usual: Vec<[String; 2]>,
    given: Vec<[String; 2]>,
}

impl Head {
    fn fields(self) -> Vec<Field> {
        let Self { pseudo, usual, given } = self;
        let kept = usual.iter().filter(|[name, _]| given.iter().all(|[other, _]| other != name));
        // A name without a value takes a usual header off.
        let sent = kept.chain(given.iter().filter(|[_, value]| !value.is_empty()));
        pseudo.into_iter().chain(sent.map(|[name, value]| field(name, value))).collect()
    }
}

fn field(name: &str, value: &str) -> Field {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

fn first(text: &str, place: Place) -> (Line, Head) {
    let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
    let verdict = words.next().and_then(Verdict::from_name);
    let verdict = verdict.unwrap_or_else(|| panic!("{place}: a request begins with its decision: `{text}`"));
    let mut answer = Answer { verdict, codes: Vec::new(), forwarded: false, changes: Vec::new() };
    while let Some(word) = words.next_if(|word| !word.bytes().all(|byte| byte.is_ascii_uppercase())) {
        if word == "forwarded" {
            answer.forwarded = true;
            continue;
        }
        let code = Code::ALL.iter().find(|code| code.text() == word);
        answer.codes.push(code.unwrap_or_else(|| panic!("{place}: no reason code `{word}`")).text());
    }
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        panic!("{place}: a request is `DECISION CODES METHOD /path BODY`: `{text}`");
    };
    let at = text.find(target).map_or(text.len(), |at| at + target.len());
    let target = repeated(target);
    let (host, path) = match target.strip_prefix("https://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (HOST, target.as_str()),
    };
    let body = body(text[at..].trim(), &place);
    let mut usual = vec![AGENT.map(str::to_owned)];
    if let Some(bytes) = &body {
        let json = bytes.first().is_some_and(|byte| matches!(byte, b'{' | b'['));
        let kind = if json { "application/json" } else { "application/x-www-form-urlencoded" };
        usual.push(["content-type", kind].map(str::to_owned));
        usual.push(["content-length".to_owned(), bytes.len().to_string()]);
    }
    let pseudo = [(":authority", host), (":path", path), (":method", method), (":scheme", "https")];
    let head = Head { pseudo: pseudo.map(|(name, value)| field(name, value)).to_vec(), usual, given: Vec::new() };
    let request = RecordedRequest {
        headers: Vec::new(),
        body: body.map_or(RecordedBody::Empty, RecordedBody::Complete),
        ..RecordedRequest::default()
    };
    let now = policy_core::Timestamp::parse(NOW).expect("a time");
    (Line { place, text: text.to_owned(), request, now, answer, response: None }, head)
}

fn more(text: &str, place: &Place, line: &mut Line, head: &mut Head) {
    if let Some(text) = text.strip_prefix('|') {
        let mut bytes = match std::mem::replace(&mut line.request.body, RecordedBody::Empty) {
            RecordedBody::Complete(bytes) => bytes,
            _ => Vec::new(),
        };
        bytes.extend_from_slice(repeated(text.strip_prefix(' ').unwrap_or(text)).as_bytes());
        bytes.push(b'\n');
        head.usual.retain(|[name, _]| name != "content-length");
        head.usual.push(["content-length".to_owned(), bytes.len().to_string()]);
        line.request.body = RecordedBody::Complete(bytes);
    } else if let Some(change) = text.strip_prefix("=> ") {
        line.answer.changes.push(change.to_owned());
    } else if let Some(time) = text.strip_prefix("at ") {
        line.now = policy_core::Timestamp::parse(time).unwrap_or_else(|| panic!("{place}: `{time}` is not a time"));
    } else if let Some(claims) = text.strip_prefix("session ") {
        let token = session_token(claims).unwrap_or_else(|e| panic!("{place}: {e}"));
        head.given.push(["authorization".to_owned(), format!("Bearer {token}")]);
    } else if let Some(property) = text.strip_prefix("property ") {
        let (path, value) = property.split_once(" = ").unwrap_or_else(|| panic!("{place}: `property PATH = value`"));
        let path = path.split('/').map(str::to_owned).collect();
        line.request.properties.insert(path, repeated(value).into_bytes());
    } else if let Some(text) = text.strip_prefix("answered ") {
        let (status, body) = text.split_once(' ').unwrap_or((text, ""));
        let status: u16 = status.parse().unwrap_or_else(|_| panic!("{place}: `{status}` is not a status"));
        line.response = Some(RecordedResponse {
            status,
            headers: vec![field(":status", &status.to_string()), field("content-type", "application/json")],
            body: RecordedBody::Complete(body.into()),
            trailers: Vec::new(),
            decoded: false,
        });
    } else {
        let (name, value) = text.split_once(':').unwrap_or_else(|| panic!("{place}: a header is `name: value`"));
        head.given.push([name.to_owned(), repeated(value.trim())]);
    }
}

/// A session token of the key `ci`, from a minute before to an hour after [`NOW`], with these claims besides.
fn session_token(claims: &str) -> serde_json::Result<String> {
    let now = policy_core::Timestamp::parse(NOW).expect("a time").seconds();
    let mut all = serde_json::json!({
        "iss": "ci", "aud": "shop-gateway", "sub": AGENT[1], "sid": "run-7", "iat": now - 60, "exp": now + 3_600,
    });
    let own: serde_json::Map<String, serde_json::Value> = serde_json::from_str(claims)?;
    all.as_object_mut().expect("claims").extend(own);
    Ok(sign(Kind::Session, "ci", &SECRET, all.to_string().as_bytes()))
}

/// A body: as it stands, or `base64:` bytes.
fn body(text: &str, place: &Place) -> Option<Vec<u8>> {
    match text.strip_prefix("base64:") {
        Some(coded) => Some(STANDARD.decode(coded).unwrap_or_else(|e| panic!("{place}: {e}"))),
        None => (!text.is_empty()).then(|| repeated(text).into_bytes()),
    }
}

/// `<3×ab>` is `ababab`.
fn repeated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let inside = after.split_once('>').and_then(|(inside, after)| {
            let (times, what) = inside.split_once('×')?;
            Some((what.repeat(times.parse().ok()?), after))
        });
        out.push_str(before);
        match inside {
            Some((repeated, after)) => {
                out.push_str(&repeated);
                rest = after;
            }
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out + rest
}
