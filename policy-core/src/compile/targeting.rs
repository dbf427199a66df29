//! Targets of rules as pages write them: `api:resource.action[filter=v|v]`, `api:METHOD /path`, and names of calls.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::call;
use super::call_name;
use super::endpoint::{self, VariableTypes};
use super::parts::ApiParts;
use super::pattern::Patterns;
use super::report::Report;
use super::target::{Filters, Targets};
use super::unmet;
use crate::diagnostic::nearest;
use crate::policy::{CallKind, Effect};
use crate::quote::{list, quote};
use crate::template::{OneOrMany, Template};

/// Resolves the target of a rule.
pub(crate) fn resolve(
    kinds: &BTreeMap<&'static str, &OneOrMany>,
    pointer: &str,
    (apis, template): (&BTreeMap<String, ApiParts<'_>>, &Template),
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Option<BTreeMap<String, Targets>> {
    let mut given = kinds.iter();
    let (kind, entries) = match (given.next(), given.next()) {
        (Some((kind, entries)), None) => (*kind, *entries),
        (None, _) => {
            let help = "add `scope` (catalog actions), `endpoint` (method and path), `tool`, `rpc` or `graphql`";
            report.error(pointer, "the rule has no target", Some(help.into()));
            return None;
        }
        (Some(_), Some((second, _))) => {
            let help = "write a rule for each";
            report.error(&format!("{pointer}/{second}"), "a rule has exactly one kind of target", Some(help.into()));
            return None;
        }
    };
    if entries.values().is_empty() {
        let help = "name what the rule is about, or take the rule out";
        report.error(
            &format!("{pointer}/{kind}"),
            "the target is empty: the rule could never match",
            Some(help.into()),
        );
        return None;
    }
    let mut found: BTreeMap<String, Targets> = BTreeMap::new();
    let mut understood = true;
    for (position, entry) in entries.values().iter().enumerate() {
        let at = if entries.is_list() { format!("{pointer}/{kind}/{position}") } else { format!("{pointer}/{kind}") };
        let Some((alias, rest)) = entry.split_once(':') else {
            let example = apis.keys().next().map_or("api", String::as_str);
            let aliased = apis.keys().find_map(|alias| {
                let rest = entry.strip_prefix(alias.as_str())?.strip_prefix(['/', '.', ' '])?;
                Some(format!("{alias}:{rest}"))
            });
            let help = format!("write `{}`", aliased.unwrap_or_else(|| format!("{example}:{entry}")));
            report.error(&at, "a target begins with the alias of an API", Some(help));
            understood = false;
            continue;
        };
        let Some(api) = apis.get(alias) else {
            // An API that is there and was not understood has its own diagnostic.
            if !template.apis.contains_key(alias) {
                report.unknown(&at, "API", alias, template.apis.keys().map(String::as_str));
            }
            understood = false;
            continue;
        };
        let targets = found.entry(alias.to_string()).or_default();
        match kind {
            "scope" => understood &= scope(rest, &at, api, targets, report).is_some(),
            "tool" | "rpc" | "graphql" => {
                understood &= named(kind, rest, &at, (alias, api), targets, report).is_some();
            }
            _ => match endpoint::parse(rest, &api.base, &VariableTypes { catalog: &api.catalog.vars }, patterns) {
                Ok(endpoint) => targets.endpoints.push(endpoint),
                Err(message) => {
                    let help = "write a method and a path below the API's base, like `GET /products/{id}`";
                    report.explained(&at, message, help);
                    understood = false;
                }
            },
        }
    }
    understood.then_some(found)
}

fn scope(text: &str, at: &str, api: &ApiParts<'_>, targets: &mut Targets, report: &mut Report<'_>) -> Option<()> {
    let (name, filters) = match text.split_once('[') {
        None => (text, Vec::new()),
        Some((name, rest)) => match rest.strip_suffix(']').map(parse_filters) {
            Some(Some(filters)) if filters.iter().any(|(name, _)| name.ends_with(['!', '<', '>', '~'])) => {
                let help = "list the values that pass, or forbid the others: a forbid has the same filters";
                report.error(at, "a filter says which values pass: it has `=` and `|` alone", Some(help.into()));
                return None;
            }
            Some(Some(filters))
                if filters.iter().flat_map(|(_, values)| values).any(|value| value.starts_with(['\'', '"'])) =>
            {
                let help = "write it without: `[status=draft|live]`";
                report.error(at, "the quotes would be part of the filter's value", Some(help.into()));
                return None;
            }
            Some(Some(filters)) => (name, filters),
            _ => {
                let help = "write it behind the action, without blanks or quotes: `products.update[status=draft|live]`";
                report.error(at, "a filter is `[name=value|value]`", Some(help.into()));
                return None;
            }
        },
    };
    let Some((resource, action)) = name.rsplit_once('.') else {
        let help = match api.catalog.resources.contains_key(name) {
            true => format!("name its actions: `{name}.read`, `{name}.write`, `{name}.*`, or one by its name"),
            false => "write the resource and the action of the catalog, with a point between them".to_string(),
        };
        report.error(at, "a scope is `api:resource.action`", Some(help));
        return None;
    };
    let resources = || api.catalog.resources.keys().map(String::as_str);
    if resource != "*" && !api.catalog.resources.contains_key(resource) {
        report.unknown(at, "resource", resource, resources());
        return None;
    }
    let before = targets.actions.len();
    let indices: Vec<u32> = match resource {
        "*" => api.parts.by_resource.values().flatten().copied().collect(),
        _ => api.parts.by_resource.get(resource).cloned().unwrap_or_default(),
    };
    for index in indices {
        let Some(known) = api.parts.actions.get(index as usize) else { continue };
        let own = known.name.rsplit_once('.').map(|(_, action)| action).unwrap_or_default();
        // What carries calls is none of many: a forbid on all writes must not refuse every call that reads.
        let one_of_many = !known.decoder.carries();
        let named = match action {
            "*" => one_of_many,
            "read" => one_of_many && known.effect == Effect::Read,
            "write" => one_of_many && known.effect != Effect::Read,
            other => own == other,
        };
        if !named {
            continue;
        }
        if let Some(why) = api.parts.unsupported.get(&known.name) {
            report.not_yet(at, &format!("`{}`: {why}", known.name));
            return None;
        }
        for (filter, _) in &filters {
            if !known.filters.iter().any(|known| known.name == *filter) {
                let listed = api.catalog.resources.get(&known.resource).map(|resource| &resource.filters);
                if listed.is_some_and(|listed| listed.contains_key(filter)) {
                    let message = format!(
                        "`{}` cannot be filtered by `{filter}`: no request of it says which resource to look up",
                        known.name
                    );
                    report.error(at, message, Some("name the actions that can, without `*`".into()));
                } else {
                    report.unknown(at, "filter", filter, known.filters.iter().map(|f| f.name.as_str()));
                }
                return None;
            }
        }
        targets.actions.push((index, filters.clone()));
    }
    if targets.actions.len() == before {
        let of_resource = api
            .parts
            .actions
            .iter()
            .filter(|known| resource == "*" || known.resource == resource)
            .filter_map(|known| known.name.rsplit_once('.').map(|(_, action)| action));
        report.unknown(at, &format!("action of `{resource}`"), action, of_resource);
        return None;
    }
    let targeted = targets.actions.get(before..).unwrap_or_default();
    unmet::filter_values(at, api, targeted, report);
    Some(())
}

/// A tool, a method or a root field. A name that the catalog does not list is taken as it stands.
fn named(
    kind: &str,
    text: &str,
    at: &str,
    (alias, api): (&str, &ApiParts<'_>),
    targets: &mut Targets,
    report: &mut Report<'_>,
) -> Option<()> {
    let read = match kind {
        "tool" => call_name::rpc_name(CallKind::Tool, text),
        "rpc" => call_name::rpc_name(CallKind::Rpc, text),
        _ => call_name::graphql_name(text),
    };
    let call = match read {
        Ok(call) => call,
        Err(message) => {
            let help = match kind {
                "graphql" => "write it like `shop:mutation productUpdate`",
                "tool" => "write it like `shop:update_product`",
                _ => "write it like `shop:resources/read`",
            };
            report.explained(at, message, help);
            return None;
        }
    };
    let noun = call.0.noun();
    if !call::carried(&api.parts, call.0) {
        let decoder = if kind == "graphql" { "graphql" } else { "jsonrpc" };
        let message = format!("no endpoint of {} carries a {noun}", quote(alias));
        let help = format!("its catalog {} has no `\"decoder\": \"{decoder}\"`", quote(&api.catalog.catalog));
        report.error(at, message, Some(help));
        return None;
    }
    match api.parts.calls.get(&call) {
        Some(index) => {
            let known = api.parts.actions.get(*index as usize);
            if let Some((name, why)) = known.and_then(|known| api.parts.unsupported.get_key_value(&known.name)) {
                report.not_yet(at, &format!("`{name}`: {why}"));
                return None;
            }
        }
        None => {
            let listed = || api.parts.calls.keys().filter(|(kind, _)| *kind == call.0).map(|(_, name)| name.as_str());
            let message = format!(
                "the catalog {} does not list the {noun} {}: what it does is not known, so it counts as a write",
                quote(&api.catalog.catalog),
                quote(&call.1)
            );
            let help = match nearest(&call.1, listed()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it lists {}", list(listed(), 12)),
            };
            report.warning(at, message, Some(help));
        }
    }
    targets.calls.push(call);
    Some(())
}

fn parse_filters(text: &str) -> Option<Filters> {
    text.split(',')
        .map(|part| {
            let (name, values) = part.trim().split_once('=')?;
            let values: Vec<String> = values.split('|').map(|value| value.trim().to_string()).collect();
            (!name.is_empty() && values.iter().all(|value| !value.is_empty()))
                .then(|| (name.trim().to_string(), values))
        })
        .collect()
}
