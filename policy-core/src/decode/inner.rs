//! Texts that hold operations of their own: a tool or an endpoint that takes SQL is what the SQL does.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::Operation;
use super::sql::{Sql, read_sql};
use crate::document::{self, Steps, Value};
use crate::limits::OPERATIONS;
use crate::policy::{Api, Inner};
use crate::reason::{Code, Reason};

/// Replaces each operation whose text holds operations by those, with the same document. What forbids the operation
/// itself forbids them.
///
/// # Errors
/// A [`Reason`] to deny when there are more than are judged in one request.
pub(super) fn expand<'a>(api: &'a Api, operations: Vec<Operation<'a>>) -> Result<Vec<Operation<'a>>, Reason> {
    let holds = |operation: &Operation<'_>| operation.action.is_some_and(|action| !action.inner.is_empty());
    if !operations.iter().any(holds) {
        return Ok(operations);
    }
    let mut out = Vec::with_capacity(operations.len());
    for operation in operations {
        let texts = operation.action.map(|action| action.inner.as_slice()).unwrap_or_default();
        if texts.is_empty() || texts.iter().any(|inner| matches!(inner, Inner::Unread)) {
            // What cannot be read is refused where it is judged.
            out.push(operation);
            continue;
        }
        let outer = Rc::new(operation);
        for text in texts {
            statements(api, &outer, text, &mut out);
        }
        if out.len() > OPERATIONS {
            let message = format!("more than {OPERATIONS} statements in one request");
            return Err(Reason { code: Code::BatchLimit, message, pointer: None });
        }
    }
    Ok(out)
}

/// The statements of one text. A text that is not there, or is none, counts as a statement that writes.
fn statements<'a>(api: &'a Api, outer: &Rc<Operation<'a>>, inner: &'a Inner, out: &mut Vec<Operation<'a>>) {
    let Inner::Sql { at, select, write } = inner else { return };
    let found: Vec<Value<'a>> = outer
        .document
        .into_iter()
        .flat_map(|document| {
            at.iter().flat_map(move |path| document::select(document, Steps { head: &path.0, tail: &[] }))
        })
        .collect();
    let read = |value: &Value<'a>| match value.string().map(|text| read_sql(text, &api.sql)) {
        Some(Sql::Select) => (*select, None),
        Some(Sql::Write(why)) => (*write, Some(format!("the SQL counts as a write: {why}"))),
        None => (*write, Some("what should be SQL is no text, and counts as a write".into())),
    };
    let statements: Vec<(u32, Option<String>)> = match found.as_slice() {
        [] => alloc::vec![(*write, Some("there is no SQL where it should be, which counts as a write".into()))],
        found => found.iter().map(read).collect(),
    };
    for (index, why) in statements {
        out.push(Operation {
            outer: Some(Rc::clone(outer)),
            key: outer.key.clone(),
            why,
            ..Operation::of(api.actions.get(index as usize), outer.document)
        });
    }
}
