//! Conditions of a catalog's writes: where they stand, and what they are compared with.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::endpoint::Endpoint;
use super::names::{self, known};
use super::parts::CatalogParts;
use super::report::Fault;
use crate::catalog::{Catalog, ConditionEntry, EffectWord};
use crate::diagnostic::nearest;
use crate::document::{Path, Step};
use crate::policy::{Action, Condition, Name};
use crate::quote::{list, quote};

/// Resolves the conditions of all actions, once their lookups are known.
pub(crate) fn compile(catalog: &Catalog, parts: &mut CatalogParts, faults: &mut Vec<Fault>) {
    for (resource, entry) in &catalog.resources {
        let indices = parts.by_resource.get(resource).cloned().unwrap_or_default();
        for ((own, action), index) in entry.actions.iter().zip(indices) {
            let Some(written) = &action.condition else { continue };
            let pointer = format!("/resources/{resource}/actions/{own}/condition");
            if action.effect == EffectWord::Read {
                let message = "a read changes nothing: a condition belongs to an action that writes";
                faults.push((pointer, message.into()));
                continue;
            }
            let of_action = |(of, _): &&(u32, Endpoint)| *of == index;
            let has_head = parts.endpoints.iter().any(|endpoint| of_action(&endpoint));
            let has_body = parts
                .endpoints
                .iter()
                .filter(of_action)
                .any(|(_, endpoint)| endpoint.methods.iter().any(|method| !method.is_bodiless()));
            let Some(known) = parts.actions.get(index as usize) else { continue };
            match condition(written, known, has_head, has_body || !has_head) {
                Ok(condition) => {
                    if let Some(known) = parts.actions.get_mut(index as usize) {
                        known.condition = Some(condition);
                    }
                }
                Err((place, message)) => faults.push((format!("{pointer}{place}"), message)),
            }
        }
    }
}

/// Conditions that bind nothing certain: pointer, message and what to write instead.
pub(crate) fn loose(catalog: &Catalog) -> Vec<(String, String, String)> {
    let mut loose = Vec::new();
    for (resource, entry) in &catalog.resources {
        for (own, action) in &entry.actions {
            let name = match &action.condition {
                Some(ConditionEntry::Name(name)) => name,
                Some(ConditionEntry::Compared(compared)) if compared.equals.is_none() => &compared.name,
                Some(ConditionEntry::Compared(_)) | None => continue,
            };
            if !matches!(names::head(name), Ok(Name::Header(header, None)) if header == "if-unmodified-since") {
                continue;
            }
            let pointer = format!("/resources/{resource}/actions/{own}/condition");
            let message = "the time of `if-unmodified-since` may lie anywhere: alone it binds nothing certain";
            let help = "compare it: `{ \"name\": \"header.if-unmodified-since\", \"equals\": \"current.…\" }`, or write `header.if-match`";
            loose.push((pointer, message.into(), help.into()));
        }
    }
    loose
}

/// A mistake in a condition: where below it, and what.
type Wrong = (&'static str, String);

fn condition(written: &ConditionEntry, action: &Action, has_head: bool, has_body: bool) -> Result<Condition, Wrong> {
    let (name, equals, place) = match written {
        ConditionEntry::Name(name) => (name, None, ""),
        ConditionEntry::Compared(compared) => (&compared.name, compared.equals.as_ref(), "/name"),
    };
    if action.is_carrier() {
        let message = format!("`{}` holds operations: give the condition to the actions that they are", action.name);
        return Err((place, message));
    }
    let wrong = |message: String| (place, message);
    let resolved = names::head(name).map_err(wrong)?;
    match &resolved {
        Name::Header(header, _) if header == "if-none-match" => {
            let message =
                "`header.if-none-match` asks for the reverse, that there is another version: write `header.if-match`";
            return Err(wrong(message.into()));
        }
        Name::Header(..) | Name::Query(_) if has_head => {}
        Name::Header(..) | Name::Query(_) => {
            let message = format!("no request is `{}` alone, so none has {} of its own", action.name, quote(name));
            return Err(wrong(message));
        }
        Name::Field(field, _) if action.field(field).is_none() && action.open_fields.is_none() => {
            let fields = action.fields.iter().map(|field| field.name.as_str());
            let hint = match nearest(field, fields.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", list(fields, 12)),
            };
            return Err(wrong(format!("{} is not a field of this resource: {hint}", quote(name))));
        }
        Name::Field(_, path) | Name::Pointer(path) if !is_one_place(path) => {
            return Err(wrong(format!("{} is not one place: a condition is one value", quote(name))));
        }
        Name::Field(..) | Name::Pointer(_) if has_body => {}
        _ => {
            let message = format!("{} is no condition: it is a header, a query parameter or a field", quote(name));
            return Err(wrong(message));
        }
    }
    let equals = match equals {
        None => None,
        Some(text) => Some(of_present(text, action).map_err(|message| ("/equals", message))?),
    };
    Ok(Condition { name: resolved, equals })
}

fn is_one_place(path: &Path) -> bool {
    path.0.iter().all(|step| matches!(step, Step::Member(_)))
}

/// The version as it is now.
fn of_present(text: &str, action: &Action) -> Result<Name, String> {
    let name = names::head(text)?;
    let Name::State { lookup, .. } = &name else {
        return Err(format!("{} is not looked up: name what is there now, like `current.version`", quote(text)));
    };
    known(&name, action)?;
    if action.lookup(lookup).is_some_and(|lookup| !lookup.each.is_empty()) {
        return Err(format!("the lookup {} is made per element, and a condition is one value", quote(lookup)));
    }
    Ok(name)
}

/// An extension keeps the conditions of its base's actions.
pub(crate) fn kept(own: &Catalog, base: &Catalog, faults: &mut Vec<Fault>) {
    for (resource, entry) in &base.resources {
        for (name, action) in &entry.actions {
            let redefined = own.resources.get(resource).and_then(|resource| resource.actions.get(name));
            let Some(redefined) = redefined else { continue };
            if action.condition.is_some() && action.condition != redefined.condition {
                let pointer = format!("/resources/{resource}/actions/{name}");
                faults.push((pointer, "an extension keeps the `condition` of its base's actions".to_string()));
            }
        }
    }
}
