//! The headers of MCP over Streamable HTTP: what they may hold, and that those which mirror the body say what it says.
//! Source: MCP 2026-07-28, "Streamable HTTP", "Request Metadata"; sessions: 2025-11-25.

use alloc::format;
use alloc::string::{String, ToString};

use super::message::{Message, shape};
use crate::document::{Kind, Value};
use crate::limits::{QUOTED_CHARS, RPC_SESSION_BYTES};
use crate::number::Decimal;
use crate::quote::{list, quote};
use crate::reason::{Code, Reason};
use crate::request::{Request, in_base64};

const VERSION: &str = "mcp-protocol-version";
const SESSION: &str = "mcp-session-id";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const PARAM: &str = "mcp-param-";

/// Revisions of the protocol whose requests are judged.
pub(crate) const VERSIONS: [&str; 4] = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
/// The first revision whose headers must mirror the body.
const MIRRORING: &str = "2026-07-28";
/// Where the body of such a revision says which it is: `params._meta`.
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// Methods whose requests are mirrored with a name, and the member it is in.
const NAMED: [(&str, &str); 3] = [("tools/call", "name"), ("resources/read", "uri"), ("prompts/get", "name")];

/// Reads what the head alone says: the protocol version, where there is one.
///
/// # Errors
/// A [`Reason`] to deny when a header of the protocol has more than one reading or a value it cannot have.
pub(super) fn head(request: &Request) -> Result<Option<&str>, Reason> {
    for name in [VERSION, SESSION, METHOD, NAME] {
        // CGI-style servers fold `_` and `-`.
        if let Some((twin, _)) =
            request.headers.iter().find(|(known, _)| *known != name && known.replace('_', "-") == name)
        {
            let message = format!("the header {} can be read as {}", quote(twin), quote(name));
            return Err(Reason { code: Code::HeaderNotAllowed, message, pointer: None });
        }
    }
    let session = single(request, SESSION)?;
    let visible = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    if session.is_some_and(|id| id.is_empty() || id.len() > RPC_SESSION_BYTES || !visible(id)) {
        let message = format!("`{SESSION}` is 1 to {RPC_SESSION_BYTES} characters of visible ASCII");
        return Err(Reason { code: Code::HeaderNotAllowed, message, pointer: None });
    }
    let version = single(request, VERSION)?;
    if let Some(version) = version
        && !VERSIONS.contains(&version)
    {
        let message = format!("the protocol version {} is not one of {}", quote(version), list(VERSIONS, 8));
        return Err(Reason { code: Code::HeaderNotAllowed, message, pointer: None });
    }
    Ok(version)
}

/// The protocol version that the head asks for, if it is none that is judged.
pub(super) fn unsupported(request: &Request) -> Option<String> {
    let version = request.headers.single(VERSION).ok().flatten()?;
    (!VERSIONS.contains(&version) && version.len() <= QUOTED_CHARS).then(|| version.to_string())
}

/// Holds the mirror headers to a message: what is there must say the same, and what the version demands must be there.
pub(super) fn mirrors(request: &Request, version: Option<&str>, message: &Message<'_>) -> Result<(), Reason> {
    let mirroring = version == Some(MIRRORING);
    if mirroring && message.method.is_none() {
        return Err(shape(&format!("in {MIRRORING} a client sends no responses"), None));
    }
    let demanded = mirroring && message.id.is_some();
    let stated = message.params.and_then(|params| params.member("_meta")?.member(META_VERSION));
    let stated = stated.map(|stated| stated.string().unwrap_or_default());
    if (stated.is_some() || demanded) && stated != version {
        return Err(mismatch(&format!("`{VERSION}` must say the same as `params._meta[\"{META_VERSION}\"]`")));
    }
    match single(request, METHOD)? {
        Some(text) if message.method == Some(decoded(METHOD, text)?.as_str()) => {}
        Some(text) => return Err(mismatch(&format!("`{METHOD}` is {}, the body's `method` is not", quote(text)))),
        None if demanded => return Err(mismatch(&format!("{MIRRORING} demands the header `{METHOD}`"))),
        None => {}
    }
    let member = |name: &str| message.params.and_then(|params| params.member(name)).and_then(Value::string);
    let named = NAMED.iter().find(|(method, _)| message.method == Some(*method)).map(|(_, name)| *name);
    match single(request, NAME)? {
        Some(text) => {
            let text = decoded(NAME, text)?;
            let says = |name: &str| member(name) == Some(text.as_str());
            if !named.map_or_else(|| says("name") || says("uri"), says) {
                let what =
                    named.map_or_else(|| "`params` do not say it".into(), |name| format!("`params.{name}` is not"));
                return Err(mismatch(&format!("`{NAME}` is {}, {what}", quote(&text))));
            }
        }
        None if demanded && named.is_some() => {
            return Err(mismatch(&format!("{MIRRORING} demands the header `{NAME}` for this method")));
        }
        None => {}
    }
    parameters(request, message)
}

/// `Mcp-Param-X` mirrors the argument that the tool's schema marks with `X`. The schema is the server's: what is known
/// here is an argument of the same name. A header that mirrors none is not for the body, and is let be.
fn parameters(request: &Request, message: &Message<'_>) -> Result<(), Reason> {
    let Some(arguments) = message.arguments() else { return Ok(()) };
    for (header, _) in request.headers.iter() {
        let folded = header.replace('_', "-");
        let Some(name) = folded.strip_prefix(PARAM) else { continue };
        let fold = |b: u8| if b == b'_' { b'-' } else { b.to_ascii_lowercase() };
        let same = |argument: &Value<'_>| argument.name().bytes().map(fold).eq(name.bytes());
        for argument in arguments.children().filter(same) {
            let text = decoded(header, single(request, header)?.unwrap_or_default())?;
            if !equal(argument, &text) {
                let message = format!(
                    "the header {} does not say what the argument {} does",
                    quote(header),
                    quote(argument.name())
                );
                return Err(mismatch(&message));
            }
        }
    }
    Ok(())
}

fn equal(argument: Value<'_>, text: &str) -> bool {
    match argument.kind() {
        Kind::String => argument.string() == Some(text),
        Kind::Bool(bool) => text == if bool { "true" } else { "false" },
        Kind::Number => {
            let number = |text: &str| Decimal::parse_json(text).ok();
            let said = argument.number().and_then(number);
            said.is_some() && said == number(text)
        }
        Kind::Null | Kind::Array | Kind::Object => false,
    }
}

/// The text of a header's value: `=?base64?…?=` holds it in base64.
fn decoded(header: &str, text: &str) -> Result<String, Reason> {
    let Some(bytes) = in_base64(text.as_bytes()) else {
        return Ok(text.to_string());
    };
    bytes
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| mismatch(&format!("the header {} is not base64 of UTF-8", quote(header))))
}

fn single<'r>(request: &'r Request, name: &'r str) -> Result<Option<&'r str>, Reason> {
    request.headers.single(name).map_err(|_| Reason {
        code: Code::HeaderNotAllowed,
        message: format!("the header {} is not one value of visible ASCII", quote(name)),
        pointer: None,
    })
}

fn mismatch(message: &str) -> Reason {
    Reason { code: Code::HeaderBodyMismatch, message: message.to_string(), pointer: None }
}
