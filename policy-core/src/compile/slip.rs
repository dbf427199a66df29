//! Slips in a catalog that say something else than they seem to: an action that nothing does, a type that is a pattern.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::report::Report;
use crate::catalog::{ActionEntry, Catalog, EffectWord, InnerKind, KeyEntry};
use crate::diagnostic::nearest;
use crate::document::pointer_token;
use crate::quote::quote;
use crate::template::OneOrMany;

/// Types of path variables.
const TYPES: [&str; 5] = ["digits", "token", "name", "text", "path"];

/// Warns of what the document says itself; `whole` is its catalog with what it extends.
pub(crate) fn report(whole: &Catalog, report: &mut Report<'_>) {
    let root = report.document.root();
    for (name, kind) in &whole.vars {
        let OneOrMany::One(text) = kind else { continue };
        let own = root.member("vars").is_some_and(|vars| vars.member(name).is_some());
        if TYPES.contains(&text.as_str()) || !own {
            continue;
        }
        let lower = text.to_ascii_lowercase();
        let near = nearest(&lower, TYPES);
        if near.is_some() || text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
            let message =
                format!("{} is no type of a variable, so it is a pattern that only this text meets", quote(text));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write one of `{}`, a pattern, or a list of values", TYPES.join("`, `")),
            };
            report.warning(&format!("/vars/{}", pointer_token(name)), message, Some(help));
        }
    }
    let of_resource =
        || whole.resources.iter().flat_map(|(resource, r)| r.actions.values().map(move |a| (resource, a)));
    let rows: Vec<_> = of_resource()
        .flat_map(|(resource, action)| action.rows.values().map(move |row| (resource, row.action.as_str())))
        .collect();
    let holds_sql = of_resource().any(|(_, action)| action.inner.values().any(|kind| *kind == InnerKind::Sql));
    for (resource, entry) in &whole.resources {
        let here = root.member("resources").and_then(|r| r.member(resource)).and_then(|r| r.member("actions"));
        for (name, action) in &entry.actions {
            if here.is_some_and(|actions| actions.member(name).is_some()) {
                let at = format!("/resources/{}/actions/{}", pointer_token(resource), pointer_token(name));
                reading_writes(action, &at, report);
                nameless_rows(whole, resource, action, &at, report);
            }
            let full = format!("{resource}.{name}");
            let done = !action.endpoints.is_empty()
                || !action.graphql.is_empty()
                || action.tool.is_some()
                || action.rpc.is_some()
                || rows.iter().any(|(of, row)| *row == full || (*of == resource && *row == name))
                || (holds_sql && matches!(full.as_str(), "sql.select" | "sql.write"));
            if !done && here.is_some_and(|actions| actions.member(name).is_some()) {
                let message = format!("no request is {}: it has no endpoint and no name of a call", quote(&full));
                let help = "list `endpoints`, `tool`, `rpc` or `graphql`, or name it in the `rows` of a batch";
                report.warning(&format!("/resources/{resource}/actions/{name}"), message, Some(help.into()));
            }
        }
    }
}

/// What reads is let through wherever a page permits reads.
fn reading_writes(action: &ActionEntry, at: &str, report: &mut Report<'_>) {
    // Some APIs take a search by POST, or by POST and PUT alike.
    let writes = |endpoint: &&String| {
        let methods = endpoint.split(' ').next().unwrap_or_default();
        let has = |wanted: &str| methods.split('|').any(|method| method == wanted);
        has("PATCH") || has("DELETE") || (has("PUT") && !has("POST"))
    };
    if action.effect != EffectWord::Read {
        return;
    }
    if let Some(endpoint) = action.endpoints.iter().find(writes) {
        let message = format!("{} is said to read: every page that permits reads permits it", quote(endpoint));
        let help = "write what it does to the world: `safe`, `gate`, `door` or `brake`";
        report.warning(&format!("{at}/effect"), message, Some(help.into()));
    }
}

/// Rows of what has a key elsewhere, and here none: nobody sees that one stands twice, and nothing of it is looked up.
fn nameless_rows(whole: &Catalog, resource: &str, action: &ActionEntry, at: &str, report: &mut Report<'_>) {
    for (list, row) in action.rows.iter().filter(|(_, row)| row.key.is_none()) {
        let (resource, name) = row.action.split_once('.').unwrap_or((resource, &row.action));
        let Some(entry) = whole.resources.get(resource) else { continue };
        let key = match &entry.key {
            Some(KeyEntry::Name(name)) => name,
            Some(KeyEntry::Stripped(key)) => &key.name,
            None => continue,
        };
        let Some(variable) = key.strip_prefix("path.").map(|name| format!("{{{name}}}")) else { continue };
        let addressed = entry.actions.get(name).is_some_and(|action| {
            !action.endpoints.is_empty() && action.endpoints.iter().all(|endpoint| endpoint.contains(&variable))
        });
        if addressed {
            let message = format!("the rows do not say which of {} they mean: it may stand twice", quote(resource));
            let help = "add `key`, the pointer where a row says it, like `\"key\": \"/id\"`";
            report.warning(&format!("{at}/rows/{}", pointer_token(list)), message, Some(help.into()));
        }
    }
}
