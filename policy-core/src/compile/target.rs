//! Targets of rules: `api:resource.action[filter=v|v]` and `api:METHOD /path`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::binding::ApiParts;
use super::endpoint::{self, Endpoint, VariableTypes};
use super::pattern::Patterns;
use super::report::Report;
use crate::policy::Effect;
use crate::template::{OneOrMany, Template};

/// Filters of a target: each name with its values.
pub(crate) type Filters = Vec<(String, Vec<String>)>;

/// What a rule applies to within one API.
#[derive(Clone, Default)]
pub(crate) struct Targets {
    /// Actions, with filters.
    pub(crate) actions: Vec<(u32, Filters)>,
    /// Endpoints.
    pub(crate) endpoints: Vec<Endpoint>,
}

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
            let help = "add `scope` (catalog actions) or `endpoint` (method and path)";
            report.error(pointer, "the rule has no target", Some(help.into()));
            return None;
        }
        (Some(_), Some((second, _))) => {
            report.error(&format!("{pointer}/{second}"), "a rule has exactly one kind of target", None);
            return None;
        }
    };
    if !matches!(kind, "scope" | "endpoint") {
        report.not_yet(&format!("{pointer}/{kind}"), &format!("the target `{kind}`"));
        return None;
    }
    if entries.values().is_empty() {
        report.error(&format!("{pointer}/{kind}"), "the target is empty: the rule could never match", None);
        return None;
    }
    let mut found: BTreeMap<String, Targets> = BTreeMap::new();
    let mut understood = true;
    for (position, entry) in entries.values().iter().enumerate() {
        let at = if entries.is_list() { format!("{pointer}/{kind}/{position}") } else { format!("{pointer}/{kind}") };
        let Some((alias, rest)) = entry.split_once(':') else {
            let example = apis.keys().next().map_or("api", String::as_str);
            let help = format!("write `{example}:{entry}`");
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
            _ => match endpoint::parse(rest, &api.base, &VariableTypes { catalog: &api.catalog.vars }, patterns) {
                Ok(endpoint) => targets.endpoints.push(endpoint),
                Err(message) => {
                    report.error(&at, message, None);
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
            Some(Some(filters)) => (name, filters),
            _ => {
                report.error(at, "a filter is `[name=value|value]`", None);
                return None;
            }
        },
    };
    let Some((resource, action)) = name.rsplit_once('.') else {
        report.error(at, "a scope is `api:resource.action`", None);
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
        let named = match action {
            "*" => true,
            "read" => known.effect == Effect::Read,
            "write" => known.effect != Effect::Read,
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
            if api.parts.late_filters.iter().any(|(r, f)| *r == known.resource && f == filter) {
                report.not_yet(at, &format!("the filter `{filter}` (on the current state)"));
                return None;
            }
            if !known.filters.iter().any(|known| known.name == *filter) {
                report.unknown(at, "filter", filter, known.filters.iter().map(|f| f.name.as_str()));
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
