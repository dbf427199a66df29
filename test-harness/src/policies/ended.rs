//! What has ended by now: pages, keys and pauses whose `until` is past. Documents mean the same whenever they are compiled;
//! only who looks at them today is told.

use policy_core::Timestamp;
use policy_core::compile::{Source, SourceKind};
use policy_core::diagnostic::{Diagnostic, Severity};
use policy_core::document::{Value, read_json};
use policy_core::quote::quote;

/// Warnings for what has ended at this moment.
pub(super) fn diagnose(sources: &[Source], now: Timestamp) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (source, document) in sources.iter().enumerate() {
        // A document that cannot be read is the compiler's to complain of.
        let Ok(read) = read_json(document.text.as_bytes().to_vec()) else { continue };
        let root = read.root();
        let mut add = |holder: Value<'_>, message: &str, help: &str| {
            let Some(until) = holder.member("until") else { return };
            let Some(text) = until.string() else { return };
            if Timestamp::parse(text).is_some_and(|until| until <= now) {
                found.push(Diagnostic {
                    severity: Severity::Warning,
                    source,
                    span: until.span(),
                    message: format!("{message} since {}", quote(text)),
                    help: Some(help.to_owned()),
                });
            }
        };
        let entries = |name: &str| root.member(name).into_iter().flat_map(Value::children);
        match document.kind {
            SourceKind::Template => {
                let help = "write a later time, or take the page out";
                if let Some(valid) = root.member("valid") {
                    add(valid, "the page has ended: every request of this agent is refused", help);
                }
            }
            SourceKind::Gateway => {
                for key in entries("keys") {
                    add(key, "the key has ended: nothing that it signs counts", "take it out, or write a later time");
                }
                for pause in entries("paused") {
                    add(pause, "the pause is over: the agent goes on", "take it out, or write a later time");
                }
            }
            SourceKind::Catalog => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: SourceKind, text: &str) -> Vec<String> {
        let sources = [Source { name: "x.json".to_owned(), kind, text: text.to_owned() }];
        let found = diagnose(&sources, Timestamp::parse("2026-11-20T00:00:00Z").unwrap());
        found.into_iter().map(|d| format!("{} | {}", d.message, &text[d.span])).collect()
    }

    #[test]
    fn what_has_ended_is_said_from_its_end_on() {
        let page = |until: &str| format!(r#"{{"valid": {{"from": "2026-01-01T00:00:00Z", "until": "{until}"}}}}"#);
        assert_eq!(
            found(SourceKind::Template, &page("2026-11-20T00:00:00Z")),
            [
                "the page has ended: every request of this agent is refused since `2026-11-20T00:00:00Z` | \"2026-11-20T00:00:00Z\""
            ]
        );
        let gateway = r#"{"keys": [{"until": "2026-01-01T00:00:00Z"}, {}], "paused": [{"all": true, "until": "2025-01-01T00:00:00Z"}]}"#;
        let said = found(SourceKind::Gateway, gateway);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("the key has ended: ") && said[1].starts_with("the pause is over: "), "{said:?}");
        for fine in [page("2026-11-20T00:00:01Z"), page("soon"), "{}".to_owned(), "{".to_owned()] {
            assert_eq!(found(SourceKind::Template, &fine), [""; 0], "{fine}");
        }
        assert_eq!(found(SourceKind::Gateway, r#"{"keys": 1, "paused": [{"until": 5}]}"#), [""; 0]);
    }
}
