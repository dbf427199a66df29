//! Rules that get in each other's way: permits whose verdicts would depend on which of them counts, and permits that
//! can never allow.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::call_name::CallName;
use super::endpoint::{self, Endpoint};
use super::parts::ApiParts;
use super::placed::Placed;
use super::report::Report;
use super::target::{Filters, Targets};
use crate::policy::{Name, RuleTarget};
use crate::quote::quote;
use crate::template::ForbidRule;

/// Two permits for one operation, of which one softens a breach into an approval, or counts: the other would allow what
/// the first holds. Such pages do not validate.
pub(crate) fn report(placed: &[Placed], apis: &BTreeMap<alloc::string::String, ApiParts<'_>>, report: &mut Report<'_>) {
    let holds = |rule: &Placed| rule.softens || (rule.counts && !rule.shadow);
    for softening in placed.iter().filter(|rule| holds(rule)) {
        for other in placed {
            let later = softening.pointer > other.pointer || !holds(other);
            if core::ptr::eq(softening, other) || other.shadow || !later || !meet(softening, other, apis) {
                continue;
            }
            let why = if softening.softens || other.softens { "asks for approval" } else { "counts it" };
            let message = format!(
                "{} and {} can match the same operation, and one of them {why}: the other would let it pass",
                quote(&other.id),
                quote(&softening.id)
            );
            let help = "narrow one of the targets, or put both into one rule";
            report.error(&format!("{}/id", softening.pointer), message, Some(help.into()));
        }
    }
}

/// Permits all of whose actions a forbid without condition covers.
pub(crate) fn never_allows(
    placed: &[Placed],
    forbids: &[ForbidRule],
    attached: &[(RuleTarget, BTreeMap<alloc::string::String, Targets>)],
    apis: &BTreeMap<alloc::string::String, ApiParts<'_>>,
    report: &mut Report<'_>,
) {
    let mut forbidden: Vec<(&str, u32, &Filters)> = Vec::new();
    let mut forbidden_calls: Vec<(&str, &CallName)> = Vec::new();
    for (target, by_api) in attached {
        let RuleTarget::Forbid(index) = target else {
            continue;
        };
        let Some(rule) = forbids.get(*index as usize) else {
            continue;
        };
        if !rule.when.is_empty() || rule.mode == Some(crate::template::Mode::Shadow) {
            continue;
        }
        for (alias, targets) in by_api {
            forbidden.extend(targets.actions.iter().map(|(action, filters)| (alias.as_str(), *action, filters)));
            forbidden_calls.extend(targets.calls.iter().map(|call| (alias.as_str(), call)));
        }
    }
    for rule in placed {
        let mut actions = rule
            .targets
            .iter()
            .flat_map(|(alias, t)| t.actions.iter().map(move |(a, filters)| (alias.as_str(), *a, filters)));
        let only_scopes = rule.targets.values().all(|targets| targets.endpoints.is_empty());
        let some = rule.targets.values().any(|targets| !targets.actions.is_empty() || !targets.calls.is_empty());
        let mut calls =
            rule.targets.iter().flat_map(|(alias, t)| t.calls.iter().map(move |call| (alias.as_str(), call)));
        let whole = |alias: &str, index: u32, filters: &Filters| {
            forbidden.iter().any(|(api, action, of)| *api == alias && *action == index && within(filters, of))
        };
        let covers = |(alias, call): (&str, &CallName)| {
            let action = apis.get(alias).and_then(|api| api.parts.calls.get(call));
            forbidden_calls.contains(&(alias, call))
                || action.is_some_and(|index| whole(alias, *index, &Filters::new()))
        };
        if only_scopes
            && some
            && actions.all(|(alias, index, filters)| whole(alias, index, filters))
            && calls.all(covers)
        {
            let message = format!("{} can never allow anything: a forbid covers all of it", quote(&rule.id));
            report.error(&format!("{}/id", rule.pointer), message, Some("take one of the two out".into()));
        }
    }
}

fn meet(a: &Placed, b: &Placed, apis: &BTreeMap<alloc::string::String, ApiParts<'_>>) -> bool {
    a.targets.iter().any(|(alias, x)| {
        let (Some(y), Some(api)) = (b.targets.get(alias), apis.get(alias)) else {
            return false;
        };
        let same_action = x.actions.iter().any(|(action, filters)| {
            // A resource can be in several groups at once.
            let one_at_once = |name: &str| {
                let known = api.parts.actions.get(*action as usize).map(|action| action.filters.as_slice());
                let filter = known.unwrap_or_default().iter().find(|filter| filter.name == name);
                filter.is_some_and(|filter| !matches!(filter.source, Name::State { .. }))
            };
            y.actions
                .iter()
                .any(|(other, other_filters)| action == other && !disjoint(filters, other_filters, &one_at_once))
        });
        let called = |calls: &Targets, actions: &Targets| {
            let mut of_calls = calls.calls.iter().filter_map(|call| api.parts.calls.get(call));
            of_calls.any(|index| actions.actions.iter().any(|(action, _)| action == index))
        };
        same_action
            || x.calls.iter().any(|call| y.calls.contains(call))
            || called(x, y)
            || called(y, x)
            || endpoints(x, api).any(|e| y.endpoints.iter().any(|f| touch(e, f)))
            || x.endpoints.iter().any(|e| endpoints(y, api).any(|f| touch(e, f)))
    })
}

/// The endpoints of a target: its own, and those of its actions.
fn endpoints<'t>(targets: &'t Targets, api: &'t ApiParts<'_>) -> impl Iterator<Item = &'t Endpoint> {
    let of_actions = api
        .parts
        .endpoints
        .iter()
        .filter(|(index, _)| targets.actions.iter().any(|(action, _)| action == index))
        .map(|(_, endpoint)| endpoint);
    targets.endpoints.iter().chain(of_actions)
}

fn touch(a: &Endpoint, b: &Endpoint) -> bool {
    a.methods.iter().any(|method| b.methods.contains(method)) && endpoint::overlap(&a.segments, &b.segments)
}

/// Two filters on one name without a common value: no resource is in both.
fn disjoint(a: &Filters, b: &Filters, one_at_once: &dyn Fn(&str) -> bool) -> bool {
    a.iter().filter(|(name, _)| one_at_once(name)).any(|(name, values)| {
        b.iter().any(|(other, others)| name == other && !values.iter().any(|value| others.contains(value)))
    })
}

/// Whether every resource that passes the first filters passes the second ones.
fn within(narrow: &Filters, wide: &Filters) -> bool {
    wide.iter().all(|(name, values)| {
        narrow.iter().any(|(other, own)| name == other && own.iter().all(|value| values.contains(value)))
    })
}
