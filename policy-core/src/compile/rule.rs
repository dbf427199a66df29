//! Permits and forbids: what they apply to, and what they ask for.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::endpoint::Endpoint;
use super::field_rule;
use super::hours;
use super::known::Known;
use super::limit;
use super::parts::ApiParts;
use super::pattern::Patterns;
use super::report::Report;
use super::target::Targets;
use super::unwritten;
use crate::policy::{Action, BodyRule, Decoder, FieldRule, Forbid, HeaderRule, Inner, Name, Permit, QueryRule};
use crate::quote::quote;
use crate::template::{FieldSet, ForbidRule, HeaderRules, Mode, PermitRule, Template};

/// How names of a request's head begin.
const OF_HEAD: [&str; 3] = ["path.", "query.", "header."];
/// What to do where a body must be read.
const READ_IT: &str = "take `\"opaque\": true` out";
/// What to write for a permit that names what carries calls.
const CALLS_HELP: &str = "name the calls by `tool`, `rpc`, `graphql` or `scope`";
const BATCH_HELP: &str =
    "name the actions of its requests by `scope`, and say `\"loosen\": {\"google_batch\": \"each\"}`";

/// Endpoint permits that cannot grant: rows and calls are granted by what they are, and so are texts that hold operations
/// of their own.
pub(crate) fn carrier_endpoints(
    pointer: &str,
    targets: &BTreeMap<String, Targets>,
    apis: &BTreeMap<String, ApiParts<'_>>,
    report: &mut Report<'_>,
) {
    for (alias, targets) in targets {
        let Some(api) = apis.get(alias) else { continue };
        for endpoint in &targets.endpoints {
            let meets = |listed: &Endpoint| {
                listed.segments == endpoint.segments && listed.methods.iter().any(|m| endpoint.methods.contains(m))
            };
            let listed = api.parts.endpoints.iter().find(|(_, listed)| meets(listed));
            let action = listed.and_then(|(index, _)| api.parts.actions.get(*index as usize));
            match action {
                Some(action) if !action.rows.is_empty() => {
                    let message =
                        format!("`{}` is a batch: each of its rows is judged as the action it is", action.name);
                    let help = "name the rows' actions by `scope`";
                    report.error(&format!("{pointer}/endpoint"), message, Some(help.into()));
                }
                Some(action) if action.decoder == Decoder::GoogleBatch => {
                    let message =
                        format!("`{}` is a batch of requests: each of them is judged as the action it is", action.name);
                    report.error(&format!("{pointer}/endpoint"), message, Some(BATCH_HELP.into()));
                }
                Some(action) if action.decoder.carries() => {
                    let message =
                        format!("`{}` carries calls: each of them is judged as the action it is", action.name);
                    report.error(&format!("{pointer}/endpoint"), message, Some(CALLS_HELP.into()));
                }
                Some(action) if action.inner.iter().any(|inner| matches!(inner, Inner::Unread)) => {
                    report.not_yet(&format!("{pointer}/endpoint"), &format!("the texts of `{}`", action.name));
                }
                Some(action) if !action.inner.is_empty() => {
                    let message = format!("`{}` holds SQL: what its statements do is judged", action.name);
                    let help = "name `sql.select` or `sql.write` by `scope`";
                    report.error(&format!("{pointer}/endpoint"), message, Some(help.into()));
                }
                _ => {}
            }
        }
    }
}

/// Forbids that would not hold as they read: an endpoint does not reach the rows of a batch that do the same, and a
/// condition on the body looks at rows, not at what holds them.
pub(crate) fn forbids_beside_batches(
    rule: &ForbidRule,
    pointer: &str,
    targets: &BTreeMap<String, Targets>,
    actions: &[&Action],
    apis: &BTreeMap<String, ApiParts<'_>>,
    report: &mut Report<'_>,
) {
    for (alias, targets) in targets {
        let Some(api) = apis.get(alias) else { continue };
        let row_actions: Vec<u32> =
            api.parts.actions.iter().flat_map(|action| action.rows.iter().map(|list| list.action)).collect();
        for endpoint in &targets.endpoints {
            let beside = api.parts.endpoints.iter().find(|(index, listed)| {
                row_actions.contains(index)
                    && listed.methods.iter().any(|m| endpoint.methods.contains(m))
                    && super::endpoint::overlap(&listed.segments, &endpoint.segments)
            });
            let Some(action) = beside.and_then(|(index, _)| api.parts.actions.get(*index as usize)) else { continue };
            let message =
                format!("rows of a batch can do `{}` too, and this endpoint does not reach them", action.name);
            let help = format!("add a forbid with the scope `{alias}:{}`", action.name);
            report.warning(&format!("{pointer}/id"), message, Some(help));
        }
        other_calls(pointer, alias, targets, api, report);
    }
    let of_body = |name: &str| !OF_HEAD.iter().any(|prefix| name.starts_with(prefix));
    let looks = rule.when.iter().any(|test| test.field.iter().flat_map(|f| f.values()).any(|name| of_body(name)));
    if looks && actions.iter().any(|action| !action.rows.is_empty()) {
        let message = "this condition looks at a batch, and each row of a batch is judged by itself";
        report.error(&format!("{pointer}/when"), message, Some("name the rows' actions by `scope`".into()));
    }
}

/// A forbid by endpoint or by name does not reach the same action under another name.
fn other_calls(pointer: &str, alias: &str, targets: &Targets, api: &ApiParts<'_>, report: &mut Report<'_>) {
    let meets = |listed: &Endpoint| {
        targets.endpoints.iter().any(|endpoint| {
            listed.methods.iter().any(|m| endpoint.methods.contains(m))
                && super::endpoint::overlap(&listed.segments, &endpoint.segments)
        })
    };
    let by_endpoint = api.parts.endpoints.iter().filter(|(_, listed)| meets(listed)).map(|(index, _)| *index);
    let by_name = targets.calls.iter().filter_map(|call| api.parts.calls.get(call)).copied();
    let mut reached: Vec<u32> = by_endpoint.chain(by_name).collect();
    reached.sort_unstable();
    reached.dedup();
    for index in reached {
        let mut others =
            api.parts.calls.iter().filter(|(call, action)| **action == index && !targets.calls.contains(call));
        let Some(((kind, name), _)) = others.next() else { continue };
        let Some(action) = api.parts.actions.get(index as usize) else { continue };
        let message =
            format!("the {} {} does `{}` too, and this rule does not reach it", kind.noun(), quote(name), action.name);
        let help = format!("add a forbid with the scope `{alias}:{}`", action.name);
        report.warning(&format!("{pointer}/id"), message, Some(help));
    }
}

/// Fields whose absence is dangerous, and that the permit does not require.
pub(crate) fn risky_absences(
    rule: &PermitRule,
    pointer: &str,
    targets: &BTreeMap<String, Targets>,
    apis: &BTreeMap<String, ApiParts<'_>>,
    report: &mut Report<'_>,
) {
    let required: &[String] = match &rule.fields {
        Some(FieldSet::Listed(listed)) => &listed.require,
        _ => &[],
    };
    for (alias, targets) in targets {
        let Some(api) = apis.get(alias) else { continue };
        let by_call = targets.calls.iter().filter_map(|call| api.parts.calls.get(call));
        for index in targets.actions.iter().map(|(index, _)| index).chain(by_call) {
            let Some(action) = api.parts.actions.get(*index as usize) else { continue };
            let own = action.name.rsplit_once('.').map(|(_, name)| name).unwrap_or_default();
            let entry = api.catalog.resources.get(&action.resource).and_then(|resource| resource.actions.get(own));
            for (field, then) in entry.iter().flat_map(|entry| &entry.risky_when_absent) {
                if !required.contains(field) {
                    let message =
                        format!("{} may leave out {}: the upstream then {then}", quote(&rule.id), quote(field));
                    report.warning(
                        &format!("{pointer}/id"),
                        message,
                        Some(format!("add `{field}` to `fields.require`")),
                    );
                }
            }
        }
    }
}

/// A permit that names nothing but what holds operations: those are judged by the actions they are.
pub(crate) fn only_carriers(
    rule: &PermitRule,
    pointer: &str,
    actions: &[&Action],
    targets: &BTreeMap<String, Targets>,
    report: &mut Report<'_>,
) {
    if actions.is_empty() || targets.values().any(|targets| !targets.endpoints.is_empty()) {
        return;
    }
    let (what, help) = if actions.iter().all(|action| !action.rows.is_empty()) {
        ("batches, and each row is judged as the action it is", "name the rows' actions: `update`, `create` …")
    } else if actions.iter().all(|action| action.decoder == Decoder::GoogleBatch) {
        ("batches of requests, and each request is judged as the action it is", BATCH_HELP)
    } else if actions.iter().all(|action| action.decoder.carries()) {
        ("what carries calls, and each call is judged as the action it is", CALLS_HELP)
    } else if actions.iter().all(|action| !action.inner.is_empty()) {
        ("what holds SQL, and its statements are judged", "name `sql.select` or `sql.write` by `scope`")
    } else {
        return;
    };
    let message = format!("{} names only {what}", quote(&rule.id));
    report.error(&format!("{pointer}/id"), message, Some(help.into()));
}

pub(crate) fn permit(
    rule: &PermitRule,
    pointer: &str,
    template: &Template,
    known: &Known<'_>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Permit {
    let around = known.around(template);
    if let Some(role) = &rule.approval
        && !template.approvers.contains_key(role)
    {
        let known = template.approvers.keys().map(String::as_str);
        report.unknown(&format!("{pointer}/approval"), "role", role, known);
    }
    let before = report.diagnostics.len();
    let fields = field_rule::compile(rule.fields.as_ref(), &format!("{pointer}/fields"), known, report);
    if rule.body.opaque {
        if rule.tool.is_some() || rule.rpc.is_some() || rule.graphql.is_some() {
            let message = "a call is known by its body: it cannot pass unread";
            report.error(&format!("{pointer}/body/opaque"), message, Some(READ_IT.into()));
        }
        if !matches!(fields, FieldRule::Default) {
            report.error(
                &format!("{pointer}/body/opaque"),
                "an opaque body is not read: `fields` cannot be judged",
                Some("take `opaque` out, or `fields`".into()),
            );
        }
        let body_limit = |limit: &crate::template::TestRule| {
            let head = |text: &str| OF_HEAD.iter().any(|prefix| text.starts_with(prefix));
            !limit.field.as_ref().is_some_and(|field| field.values().iter().all(|text| head(text)))
        };
        if let Some(action) = known.actions.iter().find(|action| in_body(action)) {
            let message = format!("an opaque body is not read: the condition of `{}` stands in it", action.name);
            report.error(&format!("{pointer}/body/opaque"), message, Some(READ_IT.into()));
        }
        if rule.limits.iter().any(body_limit) {
            report.error(
                &format!("{pointer}/body/opaque"),
                "an opaque body is not read: its limits cannot be judged",
                Some(
                    "take `opaque` out, or the limits; those on `path.`, `query.` and `header.` names may stay".into(),
                ),
            );
        }
    }
    for name in &rule.query.require {
        if rule.query.only.as_ref().is_some_and(|only| !only.contains(name)) {
            let message = format!("{} is required and not in `only`", quote(name));
            report.error(&format!("{pointer}/query/require"), message, Some("add it to `only`".into()));
        }
    }
    let limits = limit::limits(&rule.limits, &format!("{pointer}/limits"), &around, patterns, report);
    // What follows from a mistake is not said.
    if !rule.body.opaque && report.diagnostics.len() == before {
        unwritten::report((&fields, &limits), pointer, known, report);
    }
    Permit {
        id: rule.id.clone(),
        shadow: rule.mode == Some(Mode::Shadow),
        query: QueryRule { only: rule.query.only.clone(), require: rule.query.require.clone() },
        headers: headers(&rule.headers),
        body: BodyRule {
            types: rule.body.types.iter().map(|text| text.to_ascii_lowercase()).collect(),
            opaque: rule.body.opaque,
        },
        fields,
        limits,
        approval: rule.approval.clone(),
        hours: hours::hours(rule.hours.as_deref(), &format!("{pointer}/hours"), report),
        counters: Vec::new(),
        canary: None,
        critical: rule.critical == Some(true),
    }
}

pub(crate) fn forbid(
    rule: &ForbidRule,
    pointer: &str,
    template: &Template,
    known: &Known<'_>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Forbid {
    let around = known.around(template);
    Forbid {
        id: rule.id.clone(),
        shadow: rule.mode == Some(Mode::Shadow),
        when: limit::conditions(&rule.when, &format!("{pointer}/when"), &around, patterns, report),
    }
}

pub(crate) fn headers(rules: &HeaderRules) -> HeaderRule {
    let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
    HeaderRule { allow: lower(&rules.allow), require: lower(&rules.require) }
}

/// Whether an action's requests carry their condition in the body.
fn in_body(action: &Action) -> bool {
    action.condition.as_ref().is_some_and(|condition| matches!(condition.name, Name::Field(..) | Name::Pointer(_)))
}
