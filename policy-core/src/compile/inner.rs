//! Texts that hold operations of their own: where they stand, and which actions their statements are.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::names;
use super::parts::CatalogParts;
use super::report::Fault;
use crate::catalog::{Catalog, DecoderKind, DialectWord, InnerKind, SqlEntry};
use crate::decode::sql::Dialect;
use crate::document::Path;
use crate::policy::{Action, Inner, Name, SqlReading};
use crate::quote::quote;

/// The actions of SQL statements: those of the catalog's resource `sql`.
const SELECT: &str = "sql.select";
const WRITE: &str = "sql.write";

/// Resolves `inner` once all actions are known.
pub(crate) fn compile(catalog: &Catalog, parts: &mut CatalogParts, faults: &mut Vec<Fault>) {
    function_names(&catalog.sql, faults);
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
                    parts.unsupported.insert(full.clone(), "its text holds requests of its own");
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

/// How texts of SQL are read.
pub(crate) fn reading(catalog: &Catalog) -> SqlReading {
    let dialect = match catalog.sql.dialect {
        Some(DialectWord::Any) => Dialect::Any,
        Some(DialectWord::Postgresql) => Dialect::Postgresql,
        // PostgREST speaks to PostgreSQL alone.
        None if catalog.decoder == Some(DecoderKind::Postgrest) => Dialect::Postgresql,
        None => Dialect::Any,
    };
    let SqlEntry { write_functions, read_functions, .. } = &catalog.sql;
    SqlReading { dialect, write_functions: write_functions.clone(), read_functions: read_functions.clone() }
}

/// Refuses names that no function has, and such as would both write and read.
fn function_names(sql: &SqlEntry, faults: &mut Vec<Fault>) {
    let writes = sql.write_functions.iter().enumerate().map(|listed| ("write_functions", listed));
    let reads = sql.read_functions.iter().enumerate().map(|listed| ("read_functions", listed));
    for (member, (position, text)) in writes.chain(reads) {
        let plain = |part: &str| {
            let name = part.strip_suffix('*').unwrap_or(part);
            !part.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'))
        };
        if !text.split('.').all(plain) {
            let message = format!("{} is not `name`, `schema.name` or the beginning of one with `*`", quote(text));
            faults.push((format!("/sql/{member}/{position}"), message));
        }
        if member == "read_functions" && sql.write_functions.iter().any(|known| known.eq_ignore_ascii_case(text)) {
            let message = format!("{} stands in `write_functions` too: it writes, or it reads", quote(text));
            faults.push((format!("/sql/{member}/{position}"), message));
        }
    }
}

/// An extension adds functions; it says the dialect only where its base does not.
pub(crate) fn extend(own: &mut SqlEntry, base: &mut SqlEntry, faults: &mut Vec<Fault>) {
    own.write_functions.append(&mut base.write_functions);
    own.read_functions.append(&mut base.read_functions);
    if base.dialect.is_some_and(|base| own.dialect.is_some_and(|own| own != base)) {
        faults.push(("/sql/dialect".into(), "an extension keeps the dialect of its base".into()));
    }
    own.dialect = base.dialect.or(own.dialect);
}

/// Where the text of this name stands in the action's document.
fn places(action: &Action, text: &str) -> Result<Vec<Path>, String> {
    match names::head(text)? {
        Name::Pointer(path) => Ok(alloc::vec![path]),
        Name::Field(name, tail) if tail.0.is_empty() => match action.field(&name) {
            Some(field) => Ok([field.spelled(false).0, field.spelled(true).0].concat()),
            None => Err(format!("{} is not a field of this resource", quote(text))),
        },
        _ => Err(format!("{} is neither a field nor a pointer", quote(text))),
    }
}
