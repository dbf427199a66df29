//! What actions know of the present: their lookups, and what refers to them: filters, values, bases of changes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::lookup::{self, Around};
use super::names::{is_close, known, of_present};
use super::parts::CatalogParts;
use super::pattern::Patterns;
use super::report::{Fault, Report};
use super::value::{self, Without};
use crate::catalog::{ActionEntry, Catalog, LookupEntry, ResourceEntry};
use crate::document::Path;
use crate::policy::{
    Action, CURRENT, Counted, Counter, Currency, FieldKind, FieldType, Gateway, Limit, Lookup, Measure, Money, Name,
    Page, Per, Predicate, RuleTarget, Supply, Term, Test,
};
use crate::quote::{list, quote};

/// Resolves everything of the present, once all actions and endpoints are known.
pub(crate) fn compile(
    catalog: &Catalog,
    base: &str,
    patterns: &mut Patterns,
    parts: &mut CatalogParts,
    faults: &mut Vec<Fault>,
) {
    let carrier = lookup::carrier(&parts.actions, parts.endpoints.iter());
    for (resource, entry) in &catalog.resources {
        let indices = parts.by_resource.get(resource).cloned().unwrap_or_default();
        let of_resource = |index: &u32| indices.contains(index);
        let mut path_variables: Vec<String> = parts
            .endpoints
            .iter()
            .filter(|(index, _)| of_resource(index))
            .flat_map(|(_, endpoint)| endpoint.names.iter().cloned())
            .collect();
        path_variables.sort_unstable();
        path_variables.dedup();
        let mut tally = Tally::default();
        for ((own, action_entry), index) in entry.actions.iter().zip(&indices) {
            let Some(action) = parts.actions.get(*index as usize).cloned() else { continue };
            let around = Around {
                catalog,
                base,
                resource,
                action: &action,
                endpoints: parts.endpoints.iter().filter(|(of, _)| of == index).map(|(_, endpoint)| endpoint).collect(),
                path_variables: &path_variables,
                called: action_entry.tool.is_some() || action_entry.rpc.is_some() || !action_entry.graphql.is_empty(),
                carrier: carrier.as_deref(),
            };
            let lookups = lookups((resource, entry), (own, action_entry), &around, patterns, &mut tally, faults);
            let Some(action) = parts.actions.get_mut(*index as usize) else { continue };
            action.lookups = lookups;
            chained(resource, action, faults);
            filters(resource, action, &mut tally);
            values((resource, entry), action, &mut tally, faults);
            bases((resource, entry), action, &mut tally, faults);
        }
        tally.report(faults);
    }
}

/// What may be missing from some actions of a resource, and must not be missing from all of them.
#[derive(Default)]
struct Tally {
    had: BTreeSet<String>,
    /// With whether the action is close: it has the lookup, and not the field.
    lacked: BTreeMap<String, (bool, Fault)>,
}

impl Tally {
    fn has(&mut self, what: String) {
        self.had.insert(what);
    }

    fn lacks(&mut self, what: String, fault: Fault, close: bool) {
        let known = self.lacked.entry(what).or_insert_with(|| (close, fault.clone()));
        if close && !known.0 {
            *known = (close, fault);
        }
    }

    fn report(self, faults: &mut Vec<Fault>) {
        let Self { had, lacked } = self;
        faults.extend(lacked.into_iter().filter(|(what, _)| !had.contains(what)).map(|(_, (_, fault))| fault));
    }
}

/// The lookups of an action: its own before the resource's.
fn lookups(
    (resource, entry): (&str, &ResourceEntry),
    (name, action): (&str, &ActionEntry),
    around: &Around<'_>,
    patterns: &mut Patterns,
    tally: &mut Tally,
    faults: &mut Vec<Fault>,
) -> Vec<Lookup> {
    let of_resource = format!("/resources/{resource}");
    let of_action = format!("{of_resource}/actions/{name}");
    let mut entries: BTreeMap<&str, (&LookupEntry, String)> = BTreeMap::new();
    for (at, current, lookups) in
        [(&of_resource, &entry.current, &entry.lookups), (&of_action, &action.current, &action.lookups)]
    {
        if let Some(current) = current {
            entries.insert(CURRENT, (current, format!("{at}/current")));
        }
        for (name, lookup) in lookups {
            let pointer = format!("{at}/lookups/{name}");
            if name == CURRENT {
                faults.push((pointer, "the lookup of the resource itself is the member `current`".into()));
                continue;
            }
            entries.insert(name, (lookup, pointer));
        }
    }
    let mut out = Vec::new();
    for (name, (entry, pointer)) in entries {
        match lookup::compile(name, entry, &pointer, around, patterns, faults) {
            Ok(lookup) => {
                tally.has(pointer);
                out.extend(lookup);
            }
            Err(variable) => {
                let message = format!("no request says {}: give it in `vars`", quote(&variable));
                tally.lacks(pointer.clone(), (format!("{pointer}/try"), message), false);
            }
        }
    }
    out
}

/// A lookup may need one other before it, not a chain of them.
fn chained(resource: &str, action: &Action, faults: &mut Vec<Fault>) {
    let of = |lookup: &Lookup| -> Vec<Name> {
        let supplies = lookup.variables.iter().flat_map(|variable| &variable.from);
        supplies
            .filter_map(|supply| match supply {
                Supply::Name(name @ Name::State { .. }) => Some(name.clone()),
                _ => None,
            })
            .collect()
    };
    for lookup in &action.lookups {
        for name in of(lookup) {
            let pointer = format!("/resources/{resource}/lookups/{}/vars", lookup.name);
            if let Err(message) = known(&name, action) {
                faults.push((pointer, message));
                continue;
            }
            let Name::State { lookup: before, .. } = &name else { continue };
            if action.lookup(before).is_some_and(|before| !of(before).is_empty() || !before.each.is_empty()) {
                let message = format!("{} is itself looked up by another: two in a row are the most", quote(before));
                faults.push((pointer, message));
            }
        }
    }
}

/// Filters on the present belong to the actions that know it.
fn filters(resource: &str, action: &mut Action, tally: &mut Tally) {
    let kept = action.filters.iter().filter(|filter| {
        let what = format!("/resources/{resource}/filters/{}", filter.name);
        match known(&filter.source, action) {
            Ok(()) => {
                tally.has(what);
                true
            }
            Err(message) => {
                tally.lacks(what.clone(), (what, message), is_close(&filter.source, action));
                false
            }
        }
    });
    action.filters = kept.cloned().collect();
}

fn values((resource, entry): (&str, &ResourceEntry), action: &mut Action, tally: &mut Tally, faults: &mut Vec<Fault>) {
    let mut values = Vec::new();
    for (name, entry) in &entry.values {
        let pointer = format!("/resources/{resource}/values/{name}");
        match value::compile(entry, action, &pointer) {
            Ok(formula) => {
                tally.has(pointer);
                values.push((name.clone(), formula));
            }
            Err(Without::Fault(fault)) => faults.push(fault),
            Err(Without::Present(fault, close)) => tally.lacks(pointer, fault, close),
        }
    }
    action.values = values;
}

/// What a change of each field is measured against: what the catalog says, else the field of the same name.
fn bases((resource, entry): (&str, &ResourceEntry), action: &mut Action, tally: &mut Tally, faults: &mut Vec<Fault>) {
    let own = action.name.rsplit_once('.').map(|(_, name)| name.to_string()).unwrap_or_default();
    let mut bases = Vec::new();
    for field in &action.fields {
        let written = entry.fields.get(&field.name).map(|field| field.by_action.get(&own).unwrap_or(field));
        let Some(texts) = written.and_then(|field| field.base.as_ref()) else {
            let same = state(&field.name);
            bases.push(known(&same, action).map(|()| alloc::vec![same]).unwrap_or_default());
            continue;
        };
        let mut base = Vec::new();
        for (position, text) in texts.iter().enumerate() {
            let pointer = format!("/resources/{resource}/fields/{}/base/{position}", field.name);
            match of_present(text) {
                Ok(name) => match known(&name, action) {
                    Ok(()) => {
                        tally.has(pointer);
                        base.push(name);
                    }
                    Err(message) => tally.lacks(pointer.clone(), (pointer, message), is_close(&name, action)),
                },
                Err(message) => faults.push((pointer, message)),
            }
        }
        bases.push(base);
    }
    for (field, base) in action.fields.iter_mut().zip(bases) {
        field.base = base;
    }
}

fn state(field: &str) -> Name {
    Name::State { lookup: CURRENT.into(), field: field.into(), tail: Path::default() }
}

/// Whether one of the rules that can meet an action can need the present: else its lookups need not travel.
pub(crate) fn is_needed(action: &Action, rules: &[RuleTarget], page: &Page) -> bool {
    let filtered = |(name, _): &(String, Vec<String>)| {
        action.filters.iter().any(|filter| filter.name == *name && is_state(&filter.source))
    };
    let permitted = || rules.iter().any(|rule| matches!(rule, RuleTarget::Permit(_)));
    action.rules.iter().any(|rule| rule.filters.iter().any(filtered))
        || (is_compared(action) && permitted())
        || rules.iter().any(|rule| match rule {
            RuleTarget::Permit(index) => {
                let permit = page.permits.get(*index as usize);
                permit.is_some_and(|permit| {
                    let counters = permit.counters.iter().filter_map(|index| page.counters.get(*index as usize));
                    permit.limits.iter().any(|limit| is_looked_up(limit, &[action]))
                        || counters.into_iter().any(|counter| counter_is_looked_up(counter, action))
                })
            }
            RuleTarget::Forbid(index) => {
                let forbid = page.forbids.get(*index as usize);
                forbid.is_some_and(|forbid| forbid.when.iter().any(|test| test_is_looked_up(test, &[action])))
            }
        })
}

/// Whether counting an operation of this action can need the present.
fn counter_is_looked_up(counter: &Counter, action: &Action) -> bool {
    let of_name = |name: &Name| is_state(name) || name_is_looked_up(name, action);
    let keyed = counter.per.iter().any(|per| matches!(per, Per::Name(name) if of_name(name)));
    keyed
        || match &counter.counted {
            Counted::Requests(_) | Counted::Rows(_) => false,
            Counted::Sum { name, .. } => of_name(name),
            Counted::Drift(_) => true,
        }
}

/// Hosts whose resources rules look at as they are now, and to which no lookup can go.
pub(crate) fn without_cluster(
    page: &Page,
    hosts: &BTreeMap<String, Vec<String>>,
    gateway: &Gateway,
    report: &mut Report<'_>,
) {
    let looks = |alias: &str| {
        let api = page.apis.iter().find(|api| api.alias == alias);
        api.is_some_and(|api| api.actions.iter().any(|action| !action.lookups.is_empty()))
    };
    for (alias, hosts) in hosts.iter().filter(|(alias, _)| !page.shadow && looks(alias)) {
        let missing: Vec<&str> =
            hosts.iter().map(String::as_str).filter(|host| !gateway.lookups.clusters.contains_key(*host)).collect();
        if let Some(first) = missing.first() {
            let message = format!(
                "rules look at resources of {} as they are now, and the gateway document names no cluster for its lookups: \
                 they are not known",
                list(missing.iter().copied(), 4)
            );
            let help = format!(
                "name it in the gateway document: `\"lookups\": {{\"clusters\": {{\"{first}\": \"CLUSTER\"}}}}`"
            );
            report.warning(&format!("/apis/{alias}/hosts"), message, Some(help));
        }
    }
}

/// Whether what a write of this action must carry is compared with the present.
pub(crate) fn is_compared(action: &Action) -> bool {
    action.condition.as_ref().is_some_and(|condition| condition.equals.is_some())
}

/// Whether judging a limit can need the present.
pub(crate) fn is_looked_up(limit: &Limit, actions: &[&Action]) -> bool {
    limit.when.iter().chain(core::iter::once(&limit.test)).any(|test| test_is_looked_up(test, actions))
}

fn test_is_looked_up(test: &Test, actions: &[&Action]) -> bool {
    let of_name = |name: &Name| actions.iter().any(|action| name_is_looked_up(name, action)) || is_state(name);
    let measured = match &test.measure {
        Measure::Values(names) => names.iter().any(of_name),
        Measure::Count(name) | Measure::Sum(name) => of_name(name),
        Measure::Rows => false,
    };
    measured
        || test.predicates.iter().any(|predicate| match predicate {
            Predicate::Change(_) => true,
            Predicate::Equals(name) => of_name(name),
            _ => false,
        })
}

fn is_state(name: &Name) -> bool {
    matches!(name, Name::State { .. })
}

fn name_is_looked_up(name: &Name, action: &Action) -> bool {
    match name {
        Name::Field(field, _) => action.field(field).is_some_and(|field| {
            [false, true].iter().filter_map(|by_call| field.spelled(*by_call).1).any(|kind| {
                matches!(kind, FieldType { kind: FieldKind::Money(Money { currency: Currency::Named(name), .. }), .. } if is_state(name))
            })
        }),
        Name::Value(value) => {
            let formula = action.values.iter().find(|(known, _)| known == value);
            formula.is_some_and(|(_, formula)| {
                let names = formula.terms.iter().flatten().filter_map(|term| match term {
                    Term::Name(name) => Some(name),
                    Term::Constant(_) | Term::Element(_) => None,
                });
                names.into_iter().any(|name| is_state(name) || name_is_looked_up(name, action))
            })
        }
        _ => false,
    }
}
