//! Names of calls: tools, methods and root fields, as catalogs and pages write them.

use alloc::format;
use alloc::string::String;

use crate::policy::CallKind;
use crate::quote::quote;

/// The JSON-RPC method whose calls are named by tool.
const TOOLS_CALL: &str = "tools/call";

/// A name of one kind.
pub(crate) type CallName = (CallKind, String);

/// Reads `query x`, `mutation x` or `subscription x`.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(crate) fn graphql_name(text: &str) -> Result<CallName, String> {
    let wrong = || format!("{} is not `query FIELD`, `mutation FIELD` or `subscription FIELD`", quote(text));
    let (word, name) = text.split_once(' ').ok_or_else(wrong)?;
    let kind = match word {
        "query" => CallKind::Query,
        "mutation" => CallKind::Mutation,
        "subscription" => CallKind::Subscription,
        _ => return Err(wrong()),
    };
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if name.is_empty() || !plain || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong());
    }
    Ok((kind, name.into()))
}

/// Reads the name of a tool or a method.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(crate) fn rpc_name(kind: CallKind, name: &str) -> Result<CallName, String> {
    if name.is_empty() {
        return Err(format!("the name of a {} is missing", kind.noun()));
    }
    if kind == CallKind::Rpc && name == TOOLS_CALL {
        return Err(format!("`{TOOLS_CALL}` is named by its tools: write `tool`"));
    }
    Ok((kind, name.into()))
}
