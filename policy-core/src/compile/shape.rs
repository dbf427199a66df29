//! What to write where a document holds another kind of JSON than is expected there.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::document::{Document, Kind, Value};

/// What members that are objects look like.
const OBJECTS: [(&str, &str); 20] = [
    ("agent", r#"{"name": "price-agent", "purpose": "…", "impact": "low"}"#),
    ("valid", r#"{"from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"}"#),
    ("money", r#"{"currency": "eur"}"#),
    ("approvers", r#"{"pricing-lead": {"expires": "30m"}}"#),
    ("owners", r#"{"product": "pricing@example.com"}"#),
    ("apis", r#"{"shop": {"catalog": "acme-shop-v1", "hosts": ["shop.example.com"]}}"#),
    ("change", r#"{"percent": 5}"#),
    ("increase", r#"{"percent": 5}"#),
    ("decrease", r#"{"percent": 5}"#),
    ("length", r#"{"max": 80}"#),
    ("canary", r#"{"percent": 5, "by": "resource"}"#),
    ("permit", r#"{"id": "look", "scope": "shop:products.read"}"#),
    ("forbid", r#"{"id": "never", "scope": "shop:products.delete"}"#),
    ("tripwires", r#"{"id": "storm", "count": "writes", "window": "5m", "max": 100, "then": "pause_writes"}"#),
    ("hours", r#"{"from": "08:00", "until": "18:00"}"#),
    ("limits", r#"{"field": "price", "max": 500}"#),
    ("counters", r#"{"id": "daily", "count": "requests", "max": 100, "window": "24h"}"#),
    ("headers", r#"{"allow": ["x-tenant"]}"#),
    ("query", r#"{"only": ["locale"]}"#),
    ("lookups", r#"{"clusters": {"shop.example.com": "shop"}}"#),
];

/// What to write instead of the value at `start`, of which the message says what it is and what was expected.
pub(crate) fn instead(document: &Document, start: usize, message: &str) -> Option<String> {
    let (value, path) = find(document.root(), start)?;
    let (name, holder) = (path.last()?, path.len().checked_sub(2).and_then(|index| path.get(index)));
    let member = if name.is_empty() { holder.map_or("", |name| *name) } else { name };
    let text = document.source().get(value.span()).filter(|text| text.len() <= 60);
    if matches!(member, "beyond" | "on_unavailable") && message.starts_with("unknown value") {
        let role = value
            .string()
            .filter(|role| document.root().member("approvers").is_some_and(|all| all.member(role).is_some()));
        return role.map(|role| format!("write `{{\"approval\": \"{role}\"}}`"));
    }
    let expected = message.strip_prefix("expected ")?.split(", found").next()?;
    match expected {
        "a string" if value.kind() == Kind::Array => {
            let first = value.children().next().and_then(Value::string)?;
            Some(format!("write one text, without brackets: \"{first}\""))
        }
        "an array" if matches!(member, "exactly_one" | "at_least_one") => {
            Some("write a list of groups, each in brackets of its own: `[[\"price\", \"sale_price\"]]`".into())
        }
        "an array" | "an array or an object" | "a string or an array" if value.kind() == Kind::Object => {
            Some("write it in brackets: `[{…}]`".into())
        }
        "a string or an object" if member == "fields" => {
            Some(format!("write `{{\"only\": {}}}`, or \"any\"", text.unwrap_or("[\"price\"]")))
        }
        "a string" => string(value, member, path.contains(&"hours")),
        "a whole number" | "a whole number of 0 or more" | "a smaller whole number" => Some(match value.string() {
            Some(text) if text.parse::<u32>().is_ok() => format!("write it without quotes: {text}"),
            _ => "write a whole number without quotes, like 10".into(),
        }),
        "a boolean" => Some(match value.string() {
            Some(text @ ("true" | "false")) => format!("write it without quotes: {text}"),
            _ => "write true or false".into(),
        }),
        "an array" | "an array or an object" | "a string or an array" => {
            let parts = value.string().filter(|text| text.contains([',', '|'])).map(split);
            Some(format!("write it in brackets: [{}]", parts.unwrap_or(text?.to_string())))
        }
        "an object" if holder == Some(&"approvers") => {
            Some("write `{}`, or `{\"expires\": \"30m\"}`; whose keys have the role says the gateway document".into())
        }
        "an object" => {
            let (_, example) = OBJECTS.iter().find(|(known, _)| *known == member)?;
            Some(format!("write it like `{example}`"))
        }
        _ if expected.starts_with("a number") => Some("write a number, like 10 or \"19.99\"".into()),
        _ => None,
    }
}

/// What to write where a text is expected.
fn string(value: Value<'_>, member: &str, of_hours: bool) -> Option<String> {
    let plain = match value.kind() {
        Kind::Number => value.number()?.to_string(),
        Kind::Bool(bool) => bool.to_string(),
        _ => return None,
    };
    Some(match member {
        "equals" => format!("`equals` names another value of the request; for a constant write `\"in\": [{plain}]`"),
        "approval" => "name a role of the page's `approvers`, in quotes".into(),
        "from" | "until" if of_hours => "write a time of day in quotes, like \"08:00\"".into(),
        "window" | "expires" | "hold" | "fresh" | "until" => {
            "write a duration in quotes, with its unit: \"30s\", \"15m\", \"24h\" or \"7d\"".into()
        }
        _ => format!("write it in quotes: \"{plain}\""),
    })
}

/// Texts that stand in one, with commas or bars between them: as members of a list.
pub(crate) fn split(text: &str) -> String {
    let parts = text.split([',', '|']).map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(", ")
}

/// The innermost value that begins at this byte, with the names of the members on the way to it.
fn find(root: Value<'_>, start: usize) -> Option<(Value<'_>, Vec<&str>)> {
    let mut path = alloc::vec![""];
    let mut value = root;
    while value.span().start != start {
        value = value.children().find(|child| child.span().contains(&start))?;
        path.push(value.name());
    }
    Some((value, path))
}

/// What to write where a text is no JSON, at this byte.
pub(crate) fn of_text(text: &str, at: usize) -> Option<&'static str> {
    let before = text.get(..at)?.trim_end().chars().next_back();
    let rest = text.get(at..)?;
    let opened = matches!(before, Some(',' | '[' | '{' | ':') | None);
    Some(match rest.chars().next() {
        None => "something that was opened is not closed: add the `}` or `]` that is missing",
        Some('/' | '#') => "JSON has no comments: take this out",
        Some('}' | ']') if before == Some(',') => "take out the comma before this: nothing follows it",
        Some('\'' | '`' | '\u{201c}' | '\u{201d}') => "write texts in double quotes: \"…\"",
        Some('.') if opened => "write a digit before the point: 0.05",
        Some('+') if opened => "write a number without `+`",
        Some('"' | '{' | '[') if !opened => "a comma is missing before this, behind what stands there",
        Some(c) if c.is_alphabetic() && opened => "write texts and names in double quotes: \"…\"",
        _ => return None,
    })
}
