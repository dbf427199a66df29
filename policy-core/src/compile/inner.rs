//! Texts that hold operations of their own: where they stand, and which actions their statements are.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::api::{CatalogParts, Fault};
use super::names;
use crate::catalog::{Catalog, InnerKind};
use crate::document::Path;
use crate::policy::{Action, Inner, Name};
use crate::quote::quote;

/// The actions of SQL statements: those of the catalog's resource `sql`.
const SELECT: &str = "sql.select";
const WRITE: &str = "sql.write";

/// Resolves `inner` once all actions are known.
pub(crate) fn compile(catalog: &Catalog, parts: &mut CatalogParts, faults: &mut Vec<Fault>) {
    let index_of: BTreeMap<String, u32> =
        parts.actions.iter().zip(0..).map(|(action, index)| (action.name.clone(), index)).collect();
    for (resource, entry) in &catalog.resources {
        for (name, action) in &entry.actions {
            let full = format!("{resource}.{name}");
            let Some(own) = index_of.get(&full).and_then(|index| parts.actions.get_mut(*index as usize)) else {
                continue;
            };
            for (text, kind) in &action.inner {
                let pointer = format!("/resources/{resource}/actions/{name}/inner/{text}");
                if *kind == InnerKind::HttpBatch {
                    parts.unsupported.insert(full.clone(), "its text holds operations of their own, which");
                    own.inner.push(Inner::Unread);
                    continue;
                }
                let (Some(select), Some(write)) = (index_of.get(SELECT), index_of.get(WRITE)) else {
                    let message =
                        format!("a text of SQL needs the actions `{SELECT}` and `{WRITE}`: what its statements are");
                    faults.push((pointer, message));
                    continue;
                };
                if [SELECT, WRITE].contains(&full.as_str()) {
                    faults.push((pointer, "what a statement is holds no statements itself".into()));
                    continue;
                }
                match places(own, text) {
                    Ok(at) => own.inner.push(Inner::Sql { at, select: *select, write: *write }),
                    Err(message) => faults.push((pointer, message)),
                }
            }
        }
    }
}

/// Where the text of this name stands in the action's document.
fn places(action: &Action, text: &str) -> Result<Vec<Path>, String> {
    match names::head(text)? {
        Name::Pointer(path) => Ok(alloc::vec![path]),
        Name::Field(name, tail) if tail.0.is_empty() => match action.field(&name) {
            Some(field) => Ok(field.at.clone()),
            None => Err(format!("{} is not a field of this resource", quote(text))),
        },
        _ => Err(format!("{} is neither a field nor a pointer", quote(text))),
    }
}
