//! From a lookup of the catalog and the values of a request to what is fetched.
//!
//! An agent chooses the values of variables. Each must be what the catalog says of the variable, be plain, and is
//! percent-encoded: it cannot add a segment, a parameter or a second reading to the address.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::Why;
use super::plan::{Call, Joined, Want};
use crate::limits::VARIABLE_BYTES;
use crate::policy::{Address, Ask, Attempt, Lookup, Part, VariableType, admits};
use crate::quote::quote;

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// Its text.
    pub(crate) text: String,
    /// It stands in the request as a number, and goes into the arguments of a tool as one.
    pub(crate) number: bool,
}

/// Whether pattern number n of the policy set matches a text.
pub(crate) type Matches<'m> = &'m dyn Fn(u32, &str) -> bool;

/// What is fetched for a lookup whose variables have these values, and by which of its attempts.
///
/// # Errors
/// No attempt has all its variables, or a value is none that may stand in an address.
pub(crate) fn wanted<'a>(
    lookup: &'a Lookup,
    values: &[Option<Value>],
    version: Option<&str>,
    matches: Matches<'_>,
) -> Result<(&'a Attempt, Want), Why> {
    let value = |index: &u32| values.get(*index as usize).and_then(Option::as_ref);
    let Some(attempt) = lookup.attempts.iter().find(|attempt| attempt.variables().iter().all(|v| value(v).is_some()))
    else {
        return Err(Why::unfit("the request does not say which resource to look up"));
    };
    for index in attempt.variables() {
        if let Some(value) = value(&index) {
            plain(&value.text)?;
        }
    }
    let call = match &attempt.ask {
        Ask::Get(address) => Call::Get(rendered(address, &value, matches)?),
        Ask::Tool { path, name, arguments } => {
            let arguments: Vec<(&str, &Value)> =
                arguments.iter().filter_map(|(argument, index)| Some((argument.as_str(), value(index)?))).collect();
            let body = tool_call(name, &arguments, version);
            Call::Tool { path: path.clone(), name: name.clone(), body, version: version.map(Into::into) }
        }
    };
    let joined = match &attempt.several {
        Some(several) => joined(&several.address, several.joined, &value, matches)?,
        None => None,
    };
    Ok((attempt, Want { call, joined }))
}

impl Attempt {
    /// The variables it needs.
    pub(crate) fn variables(&self) -> Vec<u32> {
        match &self.ask {
            Ask::Get(address) => address.variables().collect(),
            Ask::Tool { arguments, .. } => arguments.iter().map(|(_, index)| *index).collect(),
        }
    }
}

impl Address {
    /// The variables in it.
    pub(crate) fn variables(&self) -> impl Iterator<Item = u32> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(index, _) => Some(*index),
            Part::Text(_) => None,
        })
    }
}

/// A value that has one reading in an address.
fn plain(text: &str) -> Result<(), Why> {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '%' | ';');
    if text.is_empty() || text.len() > VARIABLE_BYTES || text.contains(odd) || matches!(text, "." | "..") {
        return Err(Why::unfit(format!("{} is no value that can be looked up", quote(text))));
    }
    Ok(())
}

/// A value as it stands in an address, if it is what the catalog says of the variable.
fn encoded(text: &str, kind: &VariableType, matches: Matches<'_>) -> Result<String, Why> {
    if !admits(kind, text, matches) {
        return Err(Why::unfit(format!("{} is no value that can be looked up", quote(text))));
    }
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(out)
}

fn rendered<'v>(
    address: &Address,
    value: &dyn Fn(&u32) -> Option<&'v Value>,
    matches: Matches<'_>,
) -> Result<String, Why> {
    let mut out = String::new();
    for part in &address.0 {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Variable(index, kind) => {
                let value = value(index).ok_or_else(|| Why::unfit("a variable of its lookup has no value"))?;
                out.push_str(&encoded(&value.text, kind, matches)?);
            }
        }
    }
    Ok(out)
}

/// The list call that could answer for this resource too; `None` when a variable of it is missing.
fn joined<'v>(
    address: &Address,
    joined: u32,
    value: &dyn Fn(&u32) -> Option<&'v Value>,
    matches: Matches<'_>,
) -> Result<Option<Joined>, Why> {
    if address.variables().any(|index| value(&index).is_none()) {
        return Ok(None);
    }
    let at = address.0.iter().position(|part| matches!(part, Part::Variable(index, _) if *index == joined));
    let Some((before, rest)) = at.and_then(|at| address.0.split_at_checked(at)) else { return Ok(None) };
    let Some((Part::Variable(index, kind), after)) = rest.split_first() else { return Ok(None) };
    let Some(own) = value(index) else { return Ok(None) };
    // An API that splits the list after decoding it would find another resource in such a value.
    if own.text.contains([',', '"', '\'', '(', ')', '|', ' ']) {
        return Ok(None);
    }
    Ok(Some(Joined {
        before: rendered(&Address(before.to_vec()), value, matches)?,
        value: encoded(&own.text, kind, matches)?,
        after: rendered(&Address(after.to_vec()), value, matches)?,
    }))
}

/// The id of every call: one answer, one call.
pub(super) const CALL_ID: &str = "ambit-lookup";

/// The first revision of MCP in which every request names its revision in the body too.
pub(super) const SELF_CONTAINED: &str = "2026-07-28";

/// The body of a tool call.
fn tool_call(name: &str, arguments: &[(&str, &Value)], version: Option<&str>) -> String {
    let mut members = String::new();
    for (position, (argument, value)) in arguments.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        let value = if value.number { value.text.clone() } else { json_string(&value.text) };
        // Writing to a String cannot fail.
        let _ = write!(members, "{comma}{}:{value}", json_string(argument));
    }
    let meta = match version {
        Some(version) if version >= SELF_CONTAINED => {
            format!(",\"_meta\":{{\"io.modelcontextprotocol/protocolVersion\":{}}}", json_string(version))
        }
        _ => String::new(),
    };
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":\"{CALL_ID}\",\"method\":\"tools/call\",\"params\":{{\"name\":{},\"arguments\":{{{members}}}{meta}}}}}",
        json_string(name)
    )
}

fn json_string(text: &str) -> String {
    // Serializing a string cannot fail; an empty text would be no JSON, and the lookup unanswered.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Path;

    fn value(text: &str) -> Option<Value> {
        Some(Value { text: text.into(), number: false })
    }

    fn lookup(kind: VariableType) -> Lookup {
        let part = |text: &str| Part::Text(text.into());
        let get = Address(alloc::vec![
            part("/v1/shops/"),
            Part::Variable(0, VariableType::Digits),
            part("/items/"),
            Part::Variable(1, kind.clone())
        ]);
        let list = Address(alloc::vec![
            part("/v1/shops/"),
            Part::Variable(0, VariableType::Digits),
            part("/items?ids="),
            Part::Variable(1, kind),
            part("&n=50")
        ]);
        Lookup {
            name: "current".into(),
            each: Vec::new(),
            variables: Vec::new(),
            attempts: alloc::vec![Attempt {
                ask: Ask::Get(get),
                at: Path::default(),
                each: None,
                several: Some(crate::policy::Several { address: list, joined: 1 }),
                page: None,
            }],
            fields: Vec::new(),
            open_fields: None,
            same: Vec::new(),
            totals: Vec::new(),
        }
    }

    fn address(kind: VariableType, text: &str) -> Result<String, String> {
        match wanted(&lookup(kind), &[value("7"), value(text)], None, &|_, _| true) {
            Ok((_, Want { call: Call::Get(target), .. })) => Ok(target),
            Ok((_, want)) => Err(format!("{want:?}")),
            Err(why) => Err(why.message.into_owned()),
        }
    }

    #[test]
    fn values_cannot_leave_their_place() {
        assert_eq!(address(VariableType::Digits, "42").unwrap(), "/v1/shops/7/items/42");
        assert_eq!(
            address(VariableType::Text, "team@example.com ä").unwrap(),
            "/v1/shops/7/items/team%40example.com%20%C3%A4"
        );
        for wrong in ["a/b", "a\\b", "a?b", "a#b", "a%2fb", "a;b", "a\nb", "a\0", ".", "..", "", &"x".repeat(256)] {
            let why = address(VariableType::Text, wrong).unwrap_err();
            assert!(why.contains("is no value that can be looked up"), "{wrong:?}: {why}");
        }
        for wrong in ["042", "42.0", "4 2", "x"] {
            assert!(address(VariableType::Digits, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_list_call_differs_in_one_value() {
        let lookup = lookup(VariableType::Text);
        let (_, want) = wanted(&lookup, &[value("7"), value("a@b")], None, &|_, _| true).unwrap();
        let joined = want.joined.unwrap();
        assert_eq!(
            (joined.before.as_str(), joined.value.as_str(), joined.after.as_str()),
            ("/v1/shops/7/items?ids=", "a%40b", "&n=50")
        );
        // What would be two values there is asked for alone.
        let (_, want) = wanted(&lookup, &[value("7"), value("a,b")], None, &|_, _| true).unwrap();
        assert_eq!(want.joined, None);
        assert!(wanted(&lookup, &[None, value("1")], None, &|_, _| true).is_err());
    }

    #[test]
    fn arguments_of_a_tool_keep_their_type() {
        let id = Value { text: "42".into(), number: true };
        let name = Value { text: "a\"b".into(), number: false };
        assert_eq!(
            tool_call("get", &[("id", &id), ("name", &name)], Some("2025-06-18")),
            r#"{"jsonrpc":"2.0","id":"ambit-lookup","method":"tools/call","params":{"name":"get","arguments":{"id":42,"name":"a\"b"}}}"#
        );
        assert!(
            tool_call("get", &[], Some("2026-07-28"))
                .ends_with(r#""arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#)
        );
    }
}
