//! Targets that no request meets: a forbid on a path that nothing grants, and filter values of another kind than the
//! name they compare. Such a rule reads like protection, or like a grant, and is neither.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::endpoint::{self, Endpoint};
use super::parts::ApiParts;
use super::report::Report;
use super::target::{Filters, Targets};
use crate::diagnostic::nearest;
use crate::policy::{Action, FieldKind, Name, RuleTarget, Segment, VariableType};
use crate::quote::{list, quote};
use crate::template::{ForbidRule, PermitRule, Template};

/// Endpoints of forbids that no endpoint of a catalog and of a permit meets: what they refuse is refused anyway, and
/// what was meant is not.
pub(crate) fn forbidden_endpoints(
    template: &Template,
    attached: &[(RuleTarget, BTreeMap<String, Targets>)],
    apis: &BTreeMap<String, ApiParts<'_>>,
    report: &mut Report<'_>,
) {
    for (target, by_api) in attached {
        let RuleTarget::Forbid(index) = target else { continue };
        let Some(rule) = template.forbid.get(*index as usize) else { continue };
        for (alias, targets) in by_api {
            let Some(api) = apis.get(alias) else { continue };
            // A path that starts at the root of the host may be another API's.
            let neighbours: Vec<&String> = apis
                .iter()
                .filter(|(_, other)| other.hosts.iter().any(|host| api.hosts.contains(host)))
                .map(|(alias, _)| alias)
                .collect();
            let granted = || {
                let listed = neighbours.iter().filter_map(|alias| apis.get(*alias));
                let listed = listed.flat_map(|api| api.parts.endpoints.iter().map(|(_, endpoint)| endpoint));
                let permits = attached.iter().filter(|(target, _)| matches!(target, RuleTarget::Permit(_)));
                let own = permits.flat_map(|(_, by_api)| by_api.iter());
                let own = own.filter(|(alias, _)| neighbours.contains(alias));
                listed.chain(own.flat_map(|(_, targets)| targets.endpoints.iter()))
            };
            let texts = endpoint_texts(rule, alias);
            for (endpoint, (place, text)) in targets.endpoints.iter().zip(texts) {
                let meets = |other: &Endpoint| {
                    other.methods.iter().any(|method| endpoint.methods.contains(method))
                        && endpoint::overlap(&other.segments, &endpoint.segments)
                };
                if granted().any(meets) {
                    continue;
                }
                let at = format!("/forbid/{index}/{place}");
                let message = "this forbid never holds: no endpoint of the catalog and of a permit is met by it";
                report.warning(&at, message, Some(help(alias, api, text, &template.permit)));
            }
        }
    }
}

/// The rule's endpoints of this API as it writes them, each with its place in the rule.
fn endpoint_texts<'r>(rule: &'r ForbidRule, alias: &str) -> Vec<(String, &'r str)> {
    let Some(entries) = &rule.endpoint else { return Vec::new() };
    let place = |position: usize| match entries.is_list() {
        true => format!("endpoint/{position}"),
        false => "endpoint".to_string(),
    };
    let of_api = entries.values().iter().enumerate().filter_map(|(position, entry)| {
        let (of, text) = entry.split_once(':')?;
        (of == alias).then(|| (place(position), text))
    });
    of_api.collect()
}

/// What to write instead: the path without a base that is put before it anyway, else the nearest endpoint.
fn help(alias: &str, api: &ApiParts<'_>, text: &str, permits: &[PermitRule]) -> String {
    let (methods, path) = text.split_once(' ').unwrap_or(("", text));
    let below = path.strip_prefix(api.base.as_str()).filter(|rest| rest.starts_with('/') && !api.base.is_empty());
    if let Some(rest) = below {
        return format!("the base `{}` stands before every path: write `{alias}:{methods} {rest}`", api.base);
    }
    let actions = api.catalog.resources.values().flat_map(|resource| resource.actions.values());
    let listed = actions.flat_map(|action| action.endpoints.iter().map(String::as_str));
    let granted = permits.iter().filter_map(|permit| permit.endpoint.as_ref()).flat_map(|entries| entries.values());
    let granted = granted.filter_map(|entry| entry.split_once(':')).filter(|(of, _)| *of == alias).map(|(_, t)| t);
    let mut known: Vec<String> = Vec::new();
    for endpoint in listed.chain(granted) {
        let (methods, path) = endpoint.split_once(' ').unwrap_or(("", endpoint));
        known.extend(methods.split('|').map(|method| format!("{method} {path}")));
    }
    known.sort_unstable();
    known.dedup();
    let names = || known.iter().map(String::as_str);
    let near = methods.split('|').find_map(|method| nearest(&format!("{method} {path}"), names()));
    match near {
        Some(near) => format!("did you mean `{alias}:{near}`?"),
        None => format!("known here: {}", list(names(), 12)),
    }
}

/// Filter values that the name they are compared with never has, under the actions of one scope.
pub(crate) fn filter_values(at: &str, api: &ApiParts<'_>, targeted: &[(u32, Filters)], report: &mut Report<'_>) {
    let Some((_, filters)) = targeted.first() else { return };
    for (filter, values) in filters {
        let mut sources = Vec::new();
        for (index, _) in targeted {
            let Some(action) = api.parts.actions.get(*index as usize) else { continue };
            let Some(source) = action.filters.iter().find(|known| known.name == *filter) else { continue };
            sources.push(kinds(*index, action, &source.source, api));
        }
        let Some(kinds) = sources.into_iter().collect::<Option<Vec<_>>>() else { continue };
        let kinds: Vec<Kind<'_>> = kinds.into_iter().flatten().collect();
        if kinds.is_empty() {
            let message =
                format!("the filter {} never holds: no endpoint of these actions has its name", quote(filter));
            report.warning(at, message, Some("take the filter out, or name the actions that have it".into()));
            continue;
        }
        for value in values {
            if kinds.iter().any(|kind| kind.admits(value)) {
                continue;
            }
            let mut words: Vec<String> = kinds.iter().map(Kind::text).collect();
            words.sort_unstable();
            words.dedup();
            let message = format!("the filter value {} never holds: {} is never that", quote(value), quote(filter));
            report.warning(at, message, Some(format!("it is {}", words.join(", or "))));
        }
    }
}

/// What a name's value may be.
enum Kind<'a> {
    Variable(&'a VariableType),
    Field(&'a FieldKind),
}

impl Kind<'_> {
    fn admits(&self, value: &str) -> bool {
        match self {
            Self::Variable(kind) => endpoint::admits(kind, value),
            Self::Field(kind) => field_admits(kind, value),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Variable(VariableType::OneOf(values)) => {
                format!("one of {}", list(values.iter().map(String::as_str), 12))
            }
            Self::Variable(VariableType::Digits) | Self::Field(FieldKind::Digits) => "digits".into(),
            Self::Variable(VariableType::Token | VariableType::Name) => "letters, digits, `_` and `-`".into(),
            Self::Variable(_) | Self::Field(FieldKind::String) => "text".into(),
            Self::Field(FieldKind::Integer) => "a whole number".into(),
            Self::Field(FieldKind::Decimal | FieldKind::Money(_)) => "a decimal number".into(),
            Self::Field(FieldKind::Boolean) => "`true` or `false`".into(),
            Self::Field(FieldKind::Email) => "an e-mail address".into(),
        }
    }
}

/// Whether a field of this type may have the value, as text.
fn field_admits(kind: &FieldKind, value: &str) -> bool {
    match kind {
        FieldKind::Digits => value.bytes().all(|b| b.is_ascii_digit()),
        FieldKind::Integer | FieldKind::Decimal | FieldKind::Money(_) => {
            crate::number::Decimal::parse_plain(value).is_ok()
        }
        FieldKind::Boolean => matches!(value, "true" | "false"),
        FieldKind::Email => value.contains('@'),
        FieldKind::String => true,
    }
}

/// What the source of a filter may be in requests of this action; `None` where that is not known.
fn kinds<'a>(index: u32, action: &'a Action, source: &Name, api: &'a ApiParts<'_>) -> Option<Vec<Kind<'a>>> {
    match source {
        Name::Path(variable) => {
            let mut endpoints = api.parts.endpoints.iter().filter(|(of, _)| *of == index).map(|(_, e)| e).peekable();
            // Statements and calls have the variables of what carries them.
            endpoints.peek()?;
            let by_call = api.parts.calls.values().any(|called| *called == index);
            let by_row = api.parts.actions.iter().flat_map(|a| &a.rows).any(|list| list.action == index);
            let kinds: Vec<Kind<'a>> = endpoints.filter_map(|endpoint| type_of(endpoint, variable)).collect();
            // A row has its key where the path would have it, of whatever type.
            (!(by_call || by_row && kinds.is_empty())).then_some(kinds)
        }
        Name::Field(name, tail) if tail.0.is_empty() => {
            let kind = action.field(name)?.kind.as_ref()?;
            Some(alloc::vec![Kind::Field(&kind.kind)])
        }
        _ => None,
    }
}

/// The type of an endpoint's variable of this name.
fn type_of<'e>(endpoint: &'e Endpoint, variable: &str) -> Option<Kind<'e>> {
    let variables = endpoint.segments.iter().filter_map(|segment| match segment {
        Segment::Literal(_) => None,
        Segment::Variable(kind) | Segment::Suffixed(kind, _) => Some(kind),
    });
    endpoint.names.iter().zip(variables).find(|(name, _)| *name == variable).map(|(_, kind)| Kind::Variable(kind))
}
