//! What to write where a document holds another kind of JSON than is expected there.

use alloc::format;
use alloc::string::{String, ToString};

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
    let expected = message.strip_prefix("expected ")?.split(", found").next()?;
    match expected {
        "a string" => string(value, member, path.contains(&"hours")),
        "a whole number" | "a whole number of 0 or more" | "a smaller whole number" => Some(match value.string() {
            Some(text) if text.parse::<u32>().is_ok() => format!("write it without quotes: {text}"),
            _ => "write a whole number without quotes, like 10".into(),
        }),
        "a boolean" => Some(match value.string() {
            Some(text @ ("true" | "false")) => format!("write it without quotes: {text}"),
            _ => "write true or false".into(),
        }),
        "an array" | "an array or an object" | "a string or an array" if value.kind() != Kind::Object => {
            Some(format!("write it in brackets: [{}]", text?))
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
        "from" | "until" if of_hours => "write a time of day in quotes, like \"08:00\"".into(),
        "window" | "expires" | "hold" | "fresh" | "until" => {
            "write a duration in quotes, with its unit: \"30s\", \"15m\", \"24h\" or \"7d\"".into()
        }
        _ => format!("write it in quotes: \"{plain}\""),
    })
}

/// The innermost value that begins at this byte, with the names of the members on the way to it.
fn find(root: Value<'_>, start: usize) -> Option<(Value<'_>, alloc::vec::Vec<&str>)> {
    let mut path = alloc::vec![""];
    let mut value = root;
    while value.span().start != start {
        value = value.children().find(|child| child.span().contains(&start))?;
        path.push(value.name());
    }
    Some((value, path))
}
