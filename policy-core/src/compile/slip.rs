//! Slips in a catalog that say something else than they seem to: an action that nothing does, a type that is a pattern.

use alloc::format;
use alloc::vec::Vec;

use super::report::Report;
use crate::catalog::{Catalog, InnerKind};
use crate::diagnostic::nearest;
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
        if let Some(near) = nearest(&lower, TYPES) {
            let message =
                format!("{} is no type of a variable, so it is a pattern that only this text meets", quote(text));
            report.warning(&format!("/vars/{name}"), message, Some(format!("did you mean `{near}`?")));
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
