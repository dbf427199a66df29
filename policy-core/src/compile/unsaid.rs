//! Names in a catalog that no request of their resource has, and totals that no answer says.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::address::page_size;
use super::report::Report;
use crate::catalog::{Catalog, KeyEntry, LookupEntry, ResourceEntry};
use crate::diagnostic::nearest;
use crate::document::pointer_token;
use crate::quote::{list, quote};

/// Reports what the catalog's document says itself; `whole` is its catalog with what it extends.
pub(crate) fn report(whole: &Catalog, report: &mut Report<'_>) {
    let root = report.document.root();
    for (resource, entry) in &whole.resources {
        let Some(own) = root.member("resources").and_then(|all| all.member(resource)) else { continue };
        let at = format!("/resources/{}", pointer_token(resource));
        let variables = variables(entry);
        if let Some(key) = entry.key.as_ref().filter(|_| own.member("key").is_some()) {
            let (text, place) = match key {
                KeyEntry::Name(text) => (text, format!("{at}/key")),
                KeyEntry::Stripped(key) => (&key.name, format!("{at}/key/name")),
            };
            if let Some(variable) = text.strip_prefix("path.") {
                if !said(variable, resource, entry, whole) {
                    let message =
                        format!("no endpoint of {} has the path variable {}", quote(resource), quote(variable));
                    report.error(&place, message, Some(instead("path.", variable, &variables)));
                }
            } else if !text.contains(['/', '.']) && !entry.fields.contains_key(text) && !entry.fields.contains_key("*")
            {
                report.unknown(&place, "field", text, entry.fields.keys().map(String::as_str));
            }
        }
        for (name, text) in &entry.filters {
            let written = own.member("filters").is_some_and(|filters| filters.member(name).is_some());
            let Some(variable) = text.strip_prefix("path.").filter(|_| written) else { continue };
            if !said(variable, resource, entry, whole) {
                let message = format!(
                    "no endpoint of {} has the path variable {}: no request passes this filter",
                    quote(resource),
                    quote(variable)
                );
                let place = format!("{at}/filters/{}", pointer_token(name));
                report.warning(&place, message, Some(instead("path.", variable, &variables)));
            }
        }
        let of_actions = own.member("actions");
        let of_resource =
            entry.lookups.iter().map(|(name, lookup)| (format!("{at}/lookups/{}", pointer_token(name)), lookup));
        let of_resource = of_resource.chain(entry.current.as_ref().map(|lookup| (format!("{at}/current"), lookup)));
        let mut lookups: Vec<(String, &LookupEntry)> = of_resource.collect();
        for (name, action) in &entry.actions {
            if of_actions.is_some_and(|actions| actions.member(name).is_some()) {
                let at = format!("{at}/actions/{}", pointer_token(name));
                let own = action.lookups.iter();
                lookups.extend(own.map(|(name, lookup)| (format!("{at}/lookups/{}", pointer_token(name)), lookup)));
            }
        }
        for (at, lookup) in lookups {
            whole_lists(&at, lookup, report);
        }
    }
}

/// Addresses of totals that do not ask for a number of elements.
fn whole_lists(at: &str, lookup: &LookupEntry, report: &mut Report<'_>) {
    for (position, attempt) in lookup.attempts.iter().enumerate() {
        let Some(get) = attempt.get.as_deref().filter(|_| !lookup.total.is_empty()) else { continue };
        if page_size(get).is_some() {
            continue;
        }
        let message = "a total needs the whole list, and this address does not say how many elements it asks for: unless the \
                       answer says that it is whole, the total is not known";
        let sign = if get.contains('?') { '&' } else { '?' };
        let help = format!(
            "add the API's parameter for the size of a page, with no more than it gives at once: `{get}{sign}per_page=100`"
        );
        let place = format!("{at}/try/{position}/get");
        // What is extended says it itself.
        if report.document.root().nearest(&place).string() == Some(get) {
            report.warning(&place, message, Some(help));
        }
    }
}

/// The names of the variables in all endpoints of a resource.
fn variables(entry: &ResourceEntry) -> Vec<String> {
    let mut names: Vec<String> = entry
        .actions
        .values()
        .flat_map(|action| &action.endpoints)
        .flat_map(|endpoint| endpoint.split('{').skip(1))
        .filter_map(|rest| rest.split(['}', ':']).next().map(ToString::to_string))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether some request of the resource says a path variable: an endpoint, a call by an argument of the same name, a row
/// by its key.
fn said(variable: &str, resource: &str, entry: &ResourceEntry, whole: &Catalog) -> bool {
    let names = variables(entry);
    let reached = entry.actions.values().any(|action| !action.endpoints.is_empty());
    let called = entry.actions.values().any(|a| a.tool.is_some() || a.rpc.is_some() || !a.graphql.is_empty());
    let by_row = || {
        let rows = whole.resources.iter().flat_map(|(of, r)| r.actions.values().map(move |action| (of, action)));
        let mut rows = rows.flat_map(|(of, action)| action.rows.values().map(move |row| (of, row)));
        rows.any(|(of, row)| match row.action.split_once('.') {
            Some((named, _)) => named == resource,
            None => of == resource,
        })
    };
    // Without any variable the resource is never one of several: its key is for nothing, and no slip.
    !reached || names.is_empty() || names.iter().any(|name| name == variable) || called || by_row()
}

fn instead(prefix: &str, variable: &str, known: &[String]) -> String {
    match nearest(variable, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{prefix}{near}`?"),
        None if known.is_empty() => "its endpoints have none: name a field, or `query.NAME`".into(),
        None => format!("its endpoints have {}", list(known.iter().map(String::as_str), 12)),
    }
}
