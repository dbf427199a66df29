//! JSON-RPC 2.0, and MCP over it: a body names a method, or by `tools/call` a tool. Each message is an operation.
//! Sources: JSON-RPC 2.0 specification; MCP 2025-03-26 to 2026-07-28, "Base protocol" and "Streamable HTTP".

use crate::ordered::Set;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::json::call_key;
use super::message::{Message, TOOLS_CALL, optional, shape};
use super::{Fact, Input, Operation, Unfolded, mcp};
use crate::document::{Document, Kind, Value};
use crate::limits::{OPERATIONS, RPC_ID_BYTES};
use crate::number::Decimal;
use crate::policy::{Api, CallKind};
use crate::quote::quote;
use crate::reason::{Code, Reason};
use crate::request::Request;

/// What an answer of the client to a request of the server is called in rules. The specification reserves names that
/// begin so, and no request may use one.
const RESPONSE: &str = "rpc.response";
const RESERVED: &str = "rpc.";
/// What a client sends with a call that it makes again, because the server asked for input (MCP 2026-07-28): answers, and
/// what the server wants to see again.
const INPUT: &str = "inputResponses";
const STATE: &str = "requestState";
/// How the methods begin that MCP sends without an id.
const NOTIFICATION: &str = "notifications/";

/// Reads the messages of a body, holds the head to them, and counts them.
pub(super) fn unfold(input: &Input<'_>) -> Result<Unfolded, Reason> {
    let messages = messages(input)?;
    let version = mcp::head(input.request)?;
    for message in &messages {
        mcp::mirrors(input.request, version, message)?;
    }
    let mut facts = alloc::vec![("calls", alloc::vec![Fact::Number(Decimal::from_count(messages.len()))])];
    if let Some(version) = version {
        facts.push(("protocol_version", alloc::vec![Fact::Text(version.to_string())]));
    }
    Ok(Unfolded { facts, ..Unfolded::default() })
}

/// One operation per message.
pub(super) fn operations<'a>(input: &Input<'a>) -> Result<Vec<Operation<'a>>, Reason> {
    let carrier = Rc::new(Operation::of(input.actions.first().copied(), input.document));
    messages(input)?.iter().map(|message| operation(input, message, &carrier)).collect()
}

fn operation<'a>(
    input: &Input<'a>,
    message: &Message<'a>,
    carrier: &Rc<Operation<'a>>,
) -> Result<Operation<'a>, Reason> {
    let (name, document) = match (message.method, message.tool()) {
        (None, _) => ((CallKind::Rpc, RESPONSE), Some(message.whole)),
        (Some(_), Some(tool)) => ((CallKind::Tool, tool), message.arguments()),
        (Some(method), None) => ((CallKind::Rpc, method), message.params),
    };
    let mut operation = Operation { document, ..Operation::called(input.api, name, carrier) };
    if let (Some(action), Some(document)) = (operation.action, document) {
        operation.key = call_key(action, document)?;
    }
    Ok(operation)
}

/// The messages of a body: one, or where the page says so the elements of an array.
fn messages<'a>(input: &Input<'a>) -> Result<Vec<Message<'a>>, Reason> {
    let Some(document) = input.document else {
        return Err(shape("the body is one JSON-RPC object, and there is none", None));
    };
    if document.kind() != Kind::Array {
        return Ok(alloc::vec![message(input.api, document, "")?]);
    }
    if !input.api.loosen.jsonrpc_batch {
        return Err(shape("a JSON-RPC batch is not taken here: send one request at a time", None));
    }
    let mut ids = Set::new();
    let mut messages = Vec::new();
    for (position, element) in document.children().enumerate() {
        if position >= OPERATIONS {
            let message = format!("more than {OPERATIONS} messages in one request");
            return Err(Reason { code: Code::BatchLimit, message, pointer: None });
        }
        let message = message(input.api, element, &format!("/{position}"))?;
        // `1` and `"1"` are two ids to some readers and one to others.
        let id = message.id.and_then(|id| id.string().or_else(|| id.number()));
        if message.method.is_some() && id.is_some_and(|id| !ids.insert(id)) {
            return Err(shape("two requests of the batch have one id", Some(format!("/{position}/id"))));
        }
        messages.push(message);
    }
    if messages.is_empty() {
        return Err(shape("the batch is empty", None));
    }
    Ok(messages)
}

/// Reads one message strictly; `at` is the pointer to it.
fn message<'a>(api: &Api, value: Value<'a>, at: &str) -> Result<Message<'a>, Reason> {
    let place = |name: &str| Some(format!("{at}/{name}"));
    if value.kind() != Kind::Object {
        return Err(shape("a JSON-RPC message is an object", element(at)));
    }
    if value.member("jsonrpc").and_then(Value::string) != Some("2.0") {
        return Err(shape("`jsonrpc` is the string `2.0`", place("jsonrpc")));
    }
    let id = value.member("id");
    if id.is_some_and(|id| !is_id(id)) {
        let message = format!("`id` is a string or a whole number of at most {RPC_ID_BYTES} bytes");
        return Err(shape(&message, place("id")));
    }
    let Some(method) = value.member("method") else {
        return response(value, id, at);
    };
    known(value, &["jsonrpc", "id", "method", "params"], at, "a request")?;
    let Some(method) = method.string().filter(|method| !method.is_empty()) else {
        return Err(shape("`method` is a string", place("method")));
    };
    if method.starts_with(RESERVED) {
        return Err(shape("a method does not begin with `rpc.`, which is reserved", place("method")));
    }
    let params = optional(value, "params");
    if params.is_some_and(|params| params.kind() != Kind::Object) {
        return Err(shape("`params` is an object, `null` or absent", place("params")));
    }
    let notification = method.starts_with(NOTIFICATION);
    if id.is_some() && notification {
        return Err(shape("a notification has no `id`", place("id")));
    }
    if id.is_none() && !notification {
        return Err(shape(&format!("{} needs an `id`: only notifications have none", quote(method)), place("id")));
    }
    if method == TOOLS_CALL {
        tool_call(api, params, at)?;
    }
    Ok(Message { id, method: Some(method), params, whole: value })
}

/// `params` of a `tools/call`: nothing in it that no rule would look at, but what the protocol itself puts there.
fn tool_call(api: &Api, params: Option<Value<'_>>, at: &str) -> Result<(), Reason> {
    let at = format!("{at}/params");
    let Some(params) = params else {
        return Err(shape("a `tools/call` needs `params`", Some(at)));
    };
    let members = ["name", "arguments", "_meta", "task", INPUT, STATE];
    known(params, &members, &at, "the `params` of a `tools/call`")?;
    if params.member("name").and_then(Value::string).is_none() {
        return Err(shape("a `tools/call` names its tool by a string", Some(format!("{at}/name"))));
    }
    for (name, kind) in [
        ("arguments", Kind::Object),
        ("_meta", Kind::Object),
        ("task", Kind::Object),
        (INPUT, Kind::Object),
        (STATE, Kind::String),
    ] {
        let place = || Some(format!("{at}/{name}"));
        let Some(member) = optional(params, name) else { continue };
        if [INPUT, STATE].contains(&name) && !api.loosen.mcp_input {
            let message = format!(
                "`{name}` continues a call that asked for input, and no rule reads it: a page takes it unread by \
                 `\"mcp_input\": \"unread\"`"
            );
            return Err(shape(&message, place()));
        }
        if member.kind() != kind {
            let what = if kind == Kind::String { "a string" } else { "an object" };
            return Err(shape(&format!("`{name}` is {what}, `null` or absent"), place()));
        }
    }
    Ok(())
}

fn response<'a>(value: Value<'a>, id: Option<Value<'a>>, at: &str) -> Result<Message<'a>, Reason> {
    known(value, &["jsonrpc", "id", "result", "error"], at, "a message without `method`")?;
    let one = value.member("result").is_some() != value.member("error").is_some();
    if id.is_none() || !one {
        return Err(shape("a message has a `method`, or an `id` and one of `result` and `error`", element(at)));
    }
    Ok(Message { id, method: None, params: None, whole: value })
}

/// The pointer of a message: the body itself has none.
fn element(at: &str) -> Option<String> {
    (!at.is_empty()).then(|| at.to_string())
}

fn known(object: Value<'_>, names: &[&str], at: &str, what: &str) -> Result<(), Reason> {
    match object.children().find(|member| !names.contains(&member.name())) {
        None => Ok(()),
        Some(other) => {
            let pointer = format!("{at}/{}", crate::document::pointer_token(other.name()));
            Err(shape(&format!("{} is no member of {what}", quote(other.name())), Some(pointer)))
        }
    }
}

/// A string, or a whole number in its one spelling.
fn is_id(id: Value<'_>) -> bool {
    let short = id.span().len() <= RPC_ID_BYTES;
    let whole = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        digits.bytes().all(|b| b.is_ascii_digit()) && text != "-0"
    };
    short && (id.kind() == Kind::String || id.number().is_some_and(whole))
}

/// Who waits for an answer to a JSON-RPC body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rpc {
    /// JSON texts of the requests' ids, in order. Notifications and responses have none.
    pub ids: Vec<String>,
    /// The body is an array.
    pub batch: bool,
    /// A protocol version that is asked for and not judged: clients take the list of those that are, and try again.
    pub unsupported: Option<String>,
}

/// Who waits for an answer to a body that is refused: the ids of its requests, whatever else is wrong with it. `None`: no
/// JSON-RPC message can be told.
pub(crate) fn waiting(request: &Request, document: &Document) -> Option<Rpc> {
    let root = document.root();
    let batch = root.kind() == Kind::Array;
    let messages = || root.children().take(OPERATIONS).filter(|_| batch).chain((!batch).then_some(root));
    let speaks = |message: &Value<'_>| {
        let member = |name| message.member(name);
        let any = ["method", "result", "error"].into_iter().any(|name| member(name).is_some());
        member("jsonrpc").and_then(Value::string) == Some("2.0") && any
    };
    if !messages().any(|message| speaks(&message)) {
        return None;
    }
    let ids: Vec<String> = messages()
        .filter(|message| message.member("method").is_some())
        .filter_map(|message| {
            let id = message.member("id").filter(|id| is_id(*id))?;
            document.source().get(id.span()).map(ToString::to_string)
        })
        .collect();
    // An id that cannot be repeated is still one that somebody waits for.
    if ids.is_empty() && messages().any(|message| message.member("id").is_some_and(|id| !is_id(id))) {
        return None;
    }
    Some(Rpc { ids, batch, unsupported: mcp::unsupported(request) })
}
