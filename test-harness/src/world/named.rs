//! Names that something said of the present may have: resources of the catalogs, lookups that rules make, and their
//! fields. What is said of anything else would never be asked for.

use std::collections::BTreeSet;

use policy_core::diagnostic::nearest;
use policy_core::policy::{Action, Api, Page};
use policy_core::quote::{list, quote};

/// Why nothing is ever asked for by this name, and which one may be meant; `collection` may begin with the alias of an API.
pub(super) fn unknown<'p>(pages: impl Iterator<Item = &'p Page>, collection: &str, field: &str) -> Option<String> {
    let apis: Vec<&Api> = pages.flat_map(|page| &page.apis).collect();
    let (alias, name) = match collection.split_once(':') {
        Some((alias, name)) => (Some(alias), name),
        None => (None, collection),
    };
    let aliases: BTreeSet<&str> = apis.iter().map(|api| api.alias.as_str()).collect();
    if let Some(alias) = alias.filter(|alias| !aliases.contains(alias)) {
        return Some(format!("no page has an API {}; {}", quote(alias), instead(alias, &aliases)));
    }
    let apis = || apis.iter().filter(|api| alias.is_none_or(|alias| alias == api.alias));
    let actions = || apis().flat_map(|api| &api.actions);
    let mut names: BTreeSet<&str> = actions().map(|action| action.resource.as_str()).collect();
    names.extend(actions().flat_map(|action| &action.lookups).map(|lookup| lookup.name.as_str()));
    names.remove(policy_core::policy::CURRENT);
    if !names.contains(name) {
        let message = format!(
            "no catalog of these policies has a resource {}, and no rule makes a lookup of that name",
            quote(name)
        );
        return Some(format!("{message}; {}", instead(name, &names)));
    }
    let own = || actions().filter(|action| has(action, name));
    let open = |action: &Action| {
        action.open_fields.is_some() || action.lookups.iter().any(|lookup| lookup.open_fields.is_some())
    };
    // A lookup of another resource may read this one by fields of its own.
    let read = actions().flat_map(|action| &action.lookups).any(|lookup| lookup.knows(field));
    if own().any(open) || read {
        return None;
    }
    let mut fields: BTreeSet<&str> = BTreeSet::new();
    for action in own() {
        if action.resource == name {
            fields.extend(action.fields.iter().map(|field| field.name.as_str()));
        }
        for lookup in action.lookups.iter().filter(|lookup| action.resource == name || lookup.name == name) {
            fields.extend(lookup.fields.iter().map(|field| field.name.as_str()));
            fields.extend(lookup.totals.iter().map(|total| total.name.as_str()));
        }
    }
    if fields.is_empty() || fields.contains(field) {
        return None;
    }
    Some(format!("{} has no field {}; {}", quote(name), quote(field), instead(field, &fields)))
}

/// Whether a name is that of an action's resource, or of a lookup it makes.
fn has(action: &Action, name: &str) -> bool {
    action.resource == name || action.lookups.iter().any(|lookup| lookup.name == name)
}

fn instead(wrong: &str, known: &BTreeSet<&str>) -> String {
    match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", list(known.iter().copied(), 12)),
    }
}
