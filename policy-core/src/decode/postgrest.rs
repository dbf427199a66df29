//! PostgREST: a request names its rows by a filter in the query (PATCH, DELETE) or brings them in the body (POST).
//! Source: PostgREST documentation, "Tables and Views", v12.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Input, Operation};
use crate::decision::{Code, Reason};
use crate::document::Kind;
use crate::limits::OPERATIONS;
use crate::policy::{Action, Method, Name};
use crate::request::Request;

/// Query names that are no row filters.
const NOT_FILTERS: [&str; 6] = ["select", "columns", "order", "limit", "offset", "on_conflict"];

pub(super) fn operations<'a>(input: &Input<'a>) -> Result<Vec<Operation<'a>>, Reason> {
    let action = action(input);
    let document = input.document;
    match input.request.method {
        Method::Post | Method::Put => match document {
            Some(list) if list.kind() == Kind::Array => {
                let rows: Vec<_> =
                    list.children().take(OPERATIONS + 1).map(|row| Operation::of(action, Some(row))).collect();
                if list.children().any(|row| row.kind() != Kind::Object) {
                    return Err(refuse(Code::BatchShape, "each row is a JSON object"));
                }
                match rows.len() {
                    0 => Err(refuse(Code::BatchShape, "the array of rows is empty")),
                    n if n > OPERATIONS => {
                        Err(refuse(Code::BatchLimit, &format!("more than {OPERATIONS} rows in one request")))
                    }
                    _ => Ok(rows),
                }
            }
            Some(row) if row.kind() != Kind::Object => Err(refuse(Code::BatchShape, "a row is a JSON object")),
            other => Ok(alloc::vec![Operation::of(action, other)]),
        },
        Method::Patch | Method::Delete if document.is_some_and(|row| row.kind() != Kind::Object) => {
            Err(refuse(Code::BatchShape, "the body is a JSON object of columns"))
        }
        Method::Patch | Method::Delete => {
            let Some(keys) = keys(input, action)? else {
                return Ok(alloc::vec![Operation { counted: false, ..Operation::of(action, document) }]);
            };
            let operation = |key| Operation { key: Some(key), ..Operation::of(action, document) };
            Ok(keys.into_iter().map(operation).collect())
        }
        Method::Get | Method::Head => Ok(alloc::vec![Operation::of(action, document)]),
    }
}

/// Tables that a `select` embeds (`orders(id)`, `buyer:customers!inner(name)`, `...secrets(*)`), at any depth. An
/// aggregate (`count()`, `total.sum()`) has nothing in its parentheses and names none.
/// Source: PostgREST documentation, "Resource Embedding".
pub(crate) fn embedded_tables(request: &Request) -> Vec<String> {
    let mut tables = Vec::new();
    for pair in request.query.iter().filter(|pair| pair.name == "select") {
        let mut start = 0;
        for (at, c) in pair.value.char_indices() {
            match c {
                '(' => {
                    let item = pair.value.get(start..at).unwrap_or_default();
                    let aggregate = pair.value.get(at + 1..).is_some_and(|rest| rest.trim_start().starts_with(')'));
                    let name = item.rsplit(':').next().unwrap_or_default();
                    let name = name.split('!').next().unwrap_or_default().trim().trim_start_matches("...");
                    if !aggregate {
                        tables.push(name.trim_matches('"').to_string());
                    }
                    start = at + 1;
                }
                ',' | ')' => start = at + 1,
                _ => {}
            }
        }
    }
    tables
}

/// An insert becomes an upsert, which overwrites, when `Prefer: resolution=…` or `on_conflict` asks for it.
fn action<'a>(input: &Input<'a>) -> Option<&'a Action> {
    let upsert = input.request.method == Method::Put
        || input.request.query.iter().any(|pair| pair.name == "on_conflict")
        || input.request.headers.all("prefer").any(|value| {
            // A value that is not readable is refused by the header rules; here it only must not look harmless.
            core::str::from_utf8(value).map_or(true, |text| text.to_ascii_lowercase().contains("resolution"))
        });
    let wanted = if upsert { ".upsert" } else { ".insert" };
    match input.actions.as_slice() {
        [only] => Some(only),
        several => several.iter().find(|action| action.name.ends_with(wanted)).or(several.first()).copied(),
    }
}

/// The keys that the filter names, when it is exactly one filter on the key column, `eq.` or `in.()`. `None`: the
/// number of rows is not knowable.
fn keys(input: &Input<'_>, action: Option<&Action>) -> Result<Option<Vec<String>>, Reason> {
    let Some(Name::Query(column)) = action.and_then(|action| action.key.as_ref()) else {
        return Ok(None);
    };
    let filters: Vec<_> =
        input.request.query.iter().filter(|pair| !NOT_FILTERS.contains(&pair.name.as_str())).collect();
    let [filter] = filters.as_slice() else {
        return Ok(None);
    };
    if filter.name != *column {
        return Ok(None);
    }
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if let Some(key) = filter.value.strip_prefix("eq.") {
        return Ok(plain(key).then(|| alloc::vec![key.to_string()]));
    }
    let Some(list) = filter.value.strip_prefix("in.(").and_then(|rest| rest.strip_suffix(')')) else {
        return Ok(None);
    };
    let keys: Vec<_> = list.split(',').take(OPERATIONS + 1).map(ToString::to_string).collect();
    if keys.len() > OPERATIONS {
        return Err(refuse(Code::BatchLimit, &format!("more than {OPERATIONS} rows in one request")));
    }
    Ok(keys.iter().all(|key| plain(key)).then_some(keys))
}

fn refuse(code: Code, message: &str) -> Reason {
    Reason { code, message: message.to_string(), pointer: None }
}
