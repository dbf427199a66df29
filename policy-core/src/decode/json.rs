//! JSON over REST: the body is one operation's document, or holds lists of rows that are operations of their own.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Input, Operation};
use crate::decision::{Code, Reason};
use crate::document::{Kind, Step, Steps, Value, pointer_token, select};
use crate::limits::OPERATIONS;
use crate::policy::{Action, Api, FieldKind, Name, RowList, is_id};
use crate::quote::quote;

pub(super) fn operations<'a>(input: &Input<'a>) -> Result<Vec<Operation<'a>>, Reason> {
    let action = input.actions.first().copied();
    match action {
        Some(batch) if !batch.rows.is_empty() => rows(input.api, batch, input.document, None),
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
pub(super) fn path_key(action: &Action, variables: &[(String, String)]) -> Option<String> {
    match &action.key {
        Some(Name::Path(name)) => variables
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| without_prefix(value, action.key_prefix.as_deref()).to_string()),
        _ => None,
    }
}

/// One operation per element of each list; nothing else may stand in the body, but beside the lists of a call what says
/// whose rows they are.
pub(super) fn rows<'a>(
    api: &'a Api,
    batch: &'a Action,
    document: Option<Value<'a>>,
    call: Option<&Rc<Operation<'a>>>,
) -> Result<Vec<Operation<'a>>, Reason> {
    let Some(root) = document.filter(|root| root.kind() == Kind::Object) else {
        return Err(shape("a batch is a JSON object that holds lists of rows", None));
    };
    let mut operations = Vec::new();
    let mut claimed: Vec<Value<'a>> = Vec::new();
    for list in &batch.rows {
        for value in select(root, Steps { head: &list.at.0, tail: &[] }) {
            claimed.push(value);
            take_rows(api, list, value, &mut operations)?;
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
    for operation in &mut operations {
        operation.outer = call.map(Rc::clone);
    }
    Ok(operations)
}

fn take_rows<'a>(
    api: &'a Api,
    list: &'a RowList,
    value: Value<'a>,
    operations: &mut Vec<Operation<'a>>,
) -> Result<(), Reason> {
    let pointer = || Some(format!("/{}", pointer_token(value.name())));
    // An object here would be taken for a list by PHP; a filter that skipped it would not judge its rows.
    if value.kind() != Kind::Array {
        return Err(shape(&format!("{} must be an array of rows", quote(value.name())), pointer()));
    }
    let action = api.actions.get(list.action as usize);
    let before = operations.len();
    for element in value.children() {
        if operations.len() >= OPERATIONS {
            let message = format!("more than {OPERATIONS} rows in one request");
            return Err(Reason { code: Code::BatchLimit, message, pointer: pointer() });
        }
        let mut operation = Operation { row: true, ..Operation::of(action, Some(element)) };
        if let Some(path) = &list.key {
            let keys = select(element, Steps { head: &path.0, tail: &[] });
            if let [key] = keys.as_slice() {
                let prefix = action.and_then(|action| action.key_prefix.as_deref());
                operation.key = Some(canonical_key(*key, key_kind(action, &path.0), prefix).map_err(|message| {
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
fn key_kind<'a>(action: Option<&'a Action>, path: &[Step]) -> Option<&'a FieldKind> {
    let action = action?;
    let named = match &action.key {
        Some(Name::Path(name)) => action.field(name),
        _ => None,
    };
    let standing = action.fields.iter().find(|field| field.at.iter().any(|at| at.0 == path));
    let kind = if path.is_empty() { named } else { standing.or(named) };
    kind.and_then(|field| field.kind.as_ref()).map(|kind| &kind.kind)
}

/// One spelling for one resource: `42` and `"42"` are the same; `42.0`, `"042"`, `" 42"` and `4.2e1` are refused. A key
/// that is no number is a token.
pub(super) fn canonical_key(
    value: Value<'_>,
    kind: Option<&FieldKind>,
    prefix: Option<&str>,
) -> Result<String, String> {
    let text = value.string().map(|text| without_prefix(text, prefix)).or_else(|| value.number()).unwrap_or_default();
    let numeric = is_id(text);
    let token = (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        && !(text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    let canonical = match (value.kind(), kind) {
        (Kind::Number, _) | (Kind::String, Some(FieldKind::Digits | FieldKind::Integer)) => numeric,
        (Kind::String, _) => numeric || token,
        _ => false,
    };
    if canonical { Ok(text.to_string()) } else { Err(format!("{} is not an id in its one spelling", quote(text))) }
}

/// A key as every door spells it: `gid://shop/Variant/42` is `42`.
fn without_prefix<'t>(text: &'t str, prefix: Option<&str>) -> &'t str {
    prefix.and_then(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
}

fn shape(message: &str, pointer: Option<String>) -> Reason {
    Reason { code: Code::BatchShape, message: message.to_string(), pointer }
}
