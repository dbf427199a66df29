//! JSON over REST: the body is one operation's document, or holds lists of rows that are operations of their own.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Input, Operation};
use crate::document::{Kind, Step, Steps, Value, pointer_token, select};
use crate::limits::OPERATIONS;
use crate::policy::{Action, Api, Effect, FieldKind, Name, RowList, is_id};
use crate::quote::quote;
use crate::reason::{Code, Reason};

pub(super) fn operations<'a>(input: &Input<'a>) -> Result<Vec<Operation<'a>>, Reason> {
    let action = input.actions.first().copied();
    match action {
        Some(batch) if !batch.rows.is_empty() => rows(input.api, batch, input.document, None, Lists::AsWritten),
        _ => {
            let mut operation = Operation::of(action, input.document);
            if let Some(action) = action {
                operation.key = path_key(action, input.variables);
            }
            Ok(alloc::vec![operation])
        }
    }
}

/// The key of a resource that the path addresses.
pub(crate) fn path_key(action: &Action, variables: &[(String, String)]) -> Option<String> {
    match &action.key {
        Some(Name::Path(name)) => {
            let value = variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())?;
            Some(action.stripped_key(value).to_string())
        }
        _ => None,
    }
}

/// The key of the resource that a call names by an argument: what stands at the field that is the key, or at the field
/// of the name of the path variable that is it elsewhere. A write that spells it in another way than the one is refused;
/// a read is let be.
pub(super) fn call_key(action: &Action, document: Value<'_>) -> Result<Option<String>, Reason> {
    let (field, tail) = match &action.key {
        Some(Name::Field(name, tail)) => (action.field(name), tail.0.as_slice()),
        Some(Name::Path(name)) => (action.field(name), [].as_slice()),
        _ => (None, [].as_slice()),
    };
    let Some(field) = field else { return Ok(None) };
    let (at, kind) = field.spelled(true);
    let found: Vec<Value<'_>> = at.iter().flat_map(|at| select(document, Steps { head: &at.0, tail })).collect();
    let [value] = found.as_slice() else { return Ok(None) };
    match canonical_key(*value, kind.map(|kind| &kind.kind), action) {
        Ok(key) => Ok(Some(key)),
        Err(_) if action.effect == Effect::Read => Ok(None),
        Err(message) => Err(Reason { code: Code::ValueFormat, message, pointer: None }),
    }
}

/// What stands for a list of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// An array.
    AsWritten,
    /// A single object too, for a list of it alone. Source: GraphQL, "List, Input Coercion".
    OfOne,
}

/// One operation per element of each list; nothing else may stand in the body, but beside the lists of a call what says
/// whose rows they are.
pub(super) fn rows<'a>(
    api: &'a Api,
    batch: &'a Action,
    document: Option<Value<'a>>,
    call: Option<&Rc<Operation<'a>>>,
    lists: Lists,
) -> Result<Vec<Operation<'a>>, Reason> {
    let Some(root) = document.filter(|root| root.kind() == Kind::Object) else {
        return Err(shape("a batch is a JSON object that holds lists of rows", None));
    };
    let mut operations = Vec::new();
    let mut claimed: Vec<Value<'a>> = Vec::new();
    for list in &batch.rows {
        for value in select(root, Steps { head: &list.at.0, tail: &[] }) {
            claimed.push(value);
            take_rows(api, (list, lists), value, call, &mut operations)?;
        }
        let parent = list.parent.as_ref().filter(|_| call.is_some());
        claimed.extend(parent.into_iter().flat_map(|parent| select(root, Steps { head: &parent.0, tail: &[] })));
    }
    for member in root.children() {
        if !claimed.iter().any(|value| value.same_node(member)) {
            let message = format!("{} is not a list of rows of this batch", quote(member.name()));
            return Err(shape(&message, Some(format!("/{}", pointer_token(member.name())))));
        }
    }
    if operations.is_empty() {
        return Err(shape("the batch has no rows", None));
    }
    Ok(operations)
}

fn take_rows<'a>(
    api: &'a Api,
    (list, lists): (&'a RowList, Lists),
    value: Value<'a>,
    call: Option<&Rc<Operation<'a>>>,
    operations: &mut Vec<Operation<'a>>,
) -> Result<(), Reason> {
    let pointer = || Some(format!("/{}", pointer_token(value.name())));
    let elements: Vec<Value<'a>> = match value.kind() {
        Kind::Array => value.children().collect(),
        Kind::Object if lists == Lists::OfOne => alloc::vec![value],
        // An object here would be taken for a list by PHP; a filter that skipped it would not judge its rows.
        _ => return Err(shape(&format!("{} must be an array of rows", quote(value.name())), pointer())),
    };
    let action = api.actions.get(list.action as usize);
    let before = operations.len();
    for element in elements {
        if operations.len() >= OPERATIONS {
            let message = format!("more than {OPERATIONS} rows in one request");
            return Err(Reason { code: Code::BatchLimit, message, pointer: pointer() });
        }
        if list.key.as_ref().is_some_and(|path| !path.0.is_empty()) && element.kind() != Kind::Object {
            let pointer = pointer().map(|list| format!("{list}/{}", operations.len() - before));
            return Err(shape(&format!("a row of {} must be an object", quote(value.name())), pointer));
        }
        let outer = call.map(Rc::clone);
        let mut operation = Operation { row: true, outer, ..Operation::of(action, Some(element)) };
        if let Some(path) = &list.key {
            let keys = select(element, Steps { head: &path.0, tail: &[] });
            if let [key] = keys.as_slice() {
                operation.key = Some(canonical_row_key(*key, action, &path.0, call.is_some()).map_err(|message| {
                    let pointer = pointer().map(|list| format!("{list}/{}", operations.len() - before));
                    Reason { code: Code::ValueFormat, message, pointer }
                })?);
                operation.key_value = Some(*key);
            } else {
                return Err(Reason {
                    code: Code::MissingRequired,
                    message: format!("a row of {} does not say which resource it means", quote(value.name())),
                    pointer: pointer(),
                });
            }
        }
        operations.push(operation);
    }
    if operations.len() == before {
        return Err(shape(&format!("{} is an empty list; leave it out", quote(value.name())), pointer()));
    }
    Ok(())
}

/// What the catalog says a row's key is: the type of the field that stands there, or of the field that the resource's
/// own path variable names.
fn key_kind<'a>(action: &'a Action, path: &[Step], by_call: bool) -> Option<&'a FieldKind> {
    let named = match &action.key {
        Some(Name::Path(name)) => action.field(name),
        _ => None,
    };
    let standing = action.fields.iter().find(|field| field.spelled(by_call).0.iter().any(|at| at.0 == path));
    let kind = if path.is_empty() { named } else { standing.or(named) };
    kind.and_then(|field| field.spelled(by_call).1).map(|kind| &kind.kind)
}

fn canonical_row_key(
    value: Value<'_>,
    action: Option<&Action>,
    path: &[Step],
    by_call: bool,
) -> Result<String, String> {
    match action {
        Some(action) => canonical_key(value, key_kind(action, path, by_call), action),
        None => Err("a row of an action that is not there".into()),
    }
}

/// One spelling for one resource: `42` and `"42"` are the same; `42.0`, `"042"`, `" 42"` and `4.2e1` are refused. A key
/// that is no number is a token. The prefix that the catalog strips is no part of it.
fn canonical_key(value: Value<'_>, kind: Option<&FieldKind>, action: &Action) -> Result<String, String> {
    let text = match value.string() {
        Some(text) => action.stripped_key(text),
        None => value.number().unwrap_or_default(),
    };
    let numeric = is_id(text);
    let token = (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        && !(text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    let canonical = match (value.kind(), kind) {
        (Kind::Number, _) | (Kind::String, Some(FieldKind::Digits | FieldKind::Integer)) => numeric,
        (Kind::String, _) => numeric || token,
        _ => false,
    };
    if value.kind() == Kind::Null {
        return Err("null is not an id".into());
    }
    if canonical { Ok(text.to_string()) } else { Err(format!("{} is not an id in its one spelling", quote(text))) }
}

fn shape(message: &str, pointer: Option<String>) -> Reason {
    Reason { code: Code::BatchShape, message: message.to_string(), pointer }
}
