//! Calls: which decoder reads an action's endpoints, which names of tools, methods and root fields a catalog lists, and
//! which rules name them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::call_name::{CallName, graphql_name, rpc_name};
use super::endpoint::Endpoint;
use super::parts::CatalogParts;
use super::report::Fault;
use crate::catalog::{ActionEntry, Catalog, DecoderKind};
use crate::policy::{Action, Call, CallKind, Calls, Decoder, Inner, Method, RuleRef, RuleTarget};
use crate::quote::quote;

/// The decoder of a word; `None`: this version does not have it.
pub(crate) fn decoder(word: DecoderKind) -> Option<Decoder> {
    Some(match word {
        DecoderKind::Json => Decoder::Json,
        DecoderKind::Form => Decoder::Form,
        DecoderKind::Postgrest => Decoder::Postgrest,
        DecoderKind::Jsonrpc => Decoder::Jsonrpc,
        DecoderKind::Graphql => Decoder::Graphql,
        DecoderKind::GoogleBatch => Decoder::GoogleBatch,
        DecoderKind::Sql => return None,
    })
}

/// How the endpoints of an action are read. JSON-RPC and GraphQL come by POST: a catalog's other endpoints (the stream
/// and the end of a session, in MCP) are ordinary actions.
///
/// # Errors
/// What is wrong with the action's decoder or endpoints, in one sentence.
pub(crate) fn decoder_of(entry: &ActionEntry, catalog: Decoder, endpoints: &[Endpoint]) -> Result<Decoder, String> {
    let own = match entry.decoder {
        None => None,
        Some(word) => match decoder(word) {
            None => return Err("this decoder is not supported yet: this version cannot evaluate it".into()),
            Some(Decoder::Postgrest) => return Err("the decoder `postgrest` belongs to a whole catalog".into()),
            own => own,
        },
    };
    if own.is_some() && endpoints.is_empty() {
        return Err("`decoder` says how endpoints are read, and this action has none".into());
    }
    let found = own.unwrap_or(catalog);
    let methods = || endpoints.iter().flat_map(|endpoint| &endpoint.methods);
    let what = match found {
        Decoder::GoogleBatch if methods().any(|method| *method != Method::Post) => {
            return Err("batches of requests come by POST alone".into());
        }
        Decoder::Jsonrpc => "JSON-RPC",
        Decoder::Graphql => "GraphQL",
        other => return Ok(other),
    };
    match (methods().any(|m| *m == Method::Post), methods().any(|m| *m != Method::Post)) {
        (true, true) => Err(format!("{what} comes by POST: list its other methods as actions of their own")),
        (false, true) if own.is_some() => Err(format!("{what} comes by POST alone")),
        (false, _) => Ok(Decoder::Json),
        (true, false) => Ok(found),
    }
}

/// The names an action lists, each with its place.
fn names(entry: &ActionEntry) -> Vec<(String, Result<CallName, String>)> {
    let mut out = Vec::new();
    for (position, text) in entry.graphql.iter().enumerate() {
        out.push((format!("graphql/{position}"), graphql_name(text)));
    }
    for (kind, word, listed) in [(CallKind::Tool, "tool", &entry.tool), (CallKind::Rpc, "rpc", &entry.rpc)] {
        for (position, text) in listed.iter().flat_map(|listed| listed.values()).enumerate() {
            let many = listed.as_ref().is_some_and(crate::template::OneOrMany::is_list);
            let place = if many { format!("{word}/{position}") } else { word.to_string() };
            out.push((place, rpc_name(kind, text)));
        }
    }
    out
}

/// Finds the names that a catalog lists, each once.
pub(crate) fn listed(catalog: &Catalog, parts: &mut CatalogParts, faults: &mut Vec<Fault>) {
    let index_of: BTreeMap<&str, u32> =
        parts.actions.iter().zip(0..).map(|(action, index)| (action.name.as_str(), index)).collect();
    let mut calls: BTreeMap<CallName, u32> = BTreeMap::new();
    for (resource, entry) in &catalog.resources {
        for (name, action) in &entry.actions {
            let full = format!("{resource}.{name}");
            for (place, call) in names(action) {
                let pointer = format!("/resources/{resource}/actions/{name}/{place}");
                let call = match call {
                    Ok(call) => call,
                    Err(message) => {
                        faults.push((pointer, message));
                        continue;
                    }
                };
                if !carried(parts, call.0) {
                    let decoder = if is_rpc(call.0) { "jsonrpc" } else { "graphql" };
                    let message = format!(
                        "no endpoint of this catalog carries a {}: none has the decoder `{decoder}`",
                        call.0.noun()
                    );
                    faults.push((pointer.clone(), message));
                }
                let Some(index) = index_of.get(full.as_str()) else { continue };
                if let Some(other) = calls.insert(call.clone(), *index) {
                    let other = parts.actions.get(other as usize).map(|a| a.name.as_str()).unwrap_or_default();
                    let message = format!("one {} is listed by `{other}` and `{full}`", call.0.noun());
                    faults.push((pointer, message));
                }
            }
        }
    }
    parts.calls = calls;
}

fn is_rpc(kind: CallKind) -> bool {
    matches!(kind, CallKind::Tool | CallKind::Rpc)
}

/// Whether some endpoint of the API carries calls of this kind.
pub(crate) fn carried(parts: &CatalogParts, kind: CallKind) -> bool {
    let wanted = if is_rpc(kind) { Decoder::Jsonrpc } else { Decoder::Graphql };
    parts.actions.iter().any(|action| action.decoder == wanted)
}

/// An extension keeps how its base is read, and the names of its base's actions; it moves none to another action.
pub(crate) fn kept(own: &Catalog, base: &Catalog, faults: &mut Vec<Fault>) {
    if own.decoder.is_some() && base.decoder.is_some() && own.decoder != base.decoder {
        faults.push(("/decoder".into(), "an extension keeps the decoder of its base".into()));
    }
    for (resource, entry) in &base.resources {
        for (name, action) in &entry.actions {
            let redefined = own.resources.get(resource).and_then(|resource| resource.actions.get(name));
            let Some(redefined) = redefined else { continue };
            let inner = action.inner.keys().all(|text| redefined.inner.contains_key(text));
            let rows = action.rows.keys().all(|list| redefined.rows.contains_key(list));
            if action.decoder != redefined.decoder || !inner || !rows {
                let pointer = format!("/resources/{resource}/actions/{name}");
                let message =
                    "an extension keeps the `decoder`, the `rows` and the `inner` texts of its base's actions";
                faults.push((pointer, message.into()));
            }
        }
    }
    let list = |catalog: &Catalog| -> BTreeMap<CallName, (String, String)> {
        let mut out = BTreeMap::new();
        for (resource, entry) in &catalog.resources {
            for (name, action) in &entry.actions {
                for (_, call) in names(action) {
                    out.extend(call.ok().map(|call| (call, (resource.clone(), name.clone()))));
                }
            }
        }
        out
    };
    let (own_calls, base_calls) = (list(own), list(base));
    for ((kind, call), place) in &base_calls {
        let now = own_calls.get(&(*kind, call.clone()));
        let redefined = own.resources.get(&place.0).is_some_and(|resource| resource.actions.contains_key(&place.1));
        let (resource, name) = match now {
            Some(now) if now != place => now,
            None if redefined => place,
            _ => continue,
        };
        let message = format!("an extension keeps the {} {} with the action of its base", kind.noun(), quote(call));
        faults.push((format!("/resources/{resource}/actions/{name}"), message));
    }
}

/// The calls of an API as the filter looks them up: what the catalog lists, and what rules name.
pub(crate) fn lay_out(
    listed: &BTreeMap<CallName, u32>,
    actions: &[Action],
    targeted: Vec<(CallName, RuleTarget)>,
) -> Calls {
    let mut calls: BTreeMap<CallName, Call> = BTreeMap::new();
    let call = |(kind, name): &CallName, action| Call { kind: *kind, name: name.clone(), action, rules: Vec::new() };
    for (name, action) in listed {
        calls.insert(name.clone(), call(name, Some(*action)));
    }
    for (name, target) in targeted {
        let known = calls.entry(name.clone()).or_insert_with(|| call(&name, None));
        let rule = RuleRef { target, filters: Vec::new() };
        if !known.rules.contains(&rule) {
            known.rules.push(rule);
        }
    }
    let mut permits = Vec::new();
    let mut add = |rules: &[RuleRef]| {
        permits.extend(rules.iter().filter_map(|rule| match rule.target {
            RuleTarget::Permit(index) => Some(index),
            RuleTarget::Forbid(_) => None,
        }));
    };
    for call in calls.values() {
        add(&call.rules);
        let Some(action) = call.action.and_then(|index| actions.get(index as usize)) else { continue };
        add(&action.rules);
        let rows = action.rows.iter().map(|list| list.action);
        let held: Vec<&Action> = rows.filter_map(|index| actions.get(index as usize)).collect();
        for held in &held {
            add(&held.rules);
        }
        for inner in core::iter::once(action).chain(held).flat_map(|action| &action.inner) {
            let Inner::Sql { select, write, .. } = inner else { continue };
            for index in [select, write] {
                add(actions.get(*index as usize).map(|action| action.rules.as_slice()).unwrap_or_default());
            }
        }
    }
    Calls::new(calls.into_values().collect(), permits)
}
