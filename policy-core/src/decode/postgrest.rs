//! PostgREST: a request names its rows by a filter in the query (PATCH, DELETE) or brings them in the body (POST).
//! Source: PostgREST documentation, "Tables and Views", v12.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Input, Operation};
use crate::document::Kind;
use crate::limits::OPERATIONS;
use crate::policy::{Action, Method, Name};
use crate::reason::{Code, Reason};
use crate::request::Request;

/// Aggregate functions of a `select`.
const AGGREGATES: [&str; 5] = ["count", "sum", "avg", "min", "max"];

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

/// Tables that a `select` embeds (`orders(id)`, `buyer:customers!inner(name)`, `...secrets(*)`, `"order items"(*)`), at
/// any depth; one `None` for a `select` that cannot be read to its end. An aggregate (`count()`, `total.sum()`) names
/// none.
/// Source: PostgREST documentation, "Resource Embedding", and its grammar (`pFieldForest`, `pFieldName`).
pub(crate) fn embedded_tables(request: &Request) -> Vec<Option<String>> {
    let mut tables = Vec::new();
    // Nothing is embedded without a bracket.
    for pair in request.query.iter().filter(|pair| pair.name == "select" && pair.value.contains('(')) {
        match embedded(&pair.value) {
            Some(names) => tables.extend(names.into_iter().map(Some)),
            None => tables.push(None),
        }
    }
    tables
}

/// The tables of one `select`. `None`: it is no list that PostgREST is known to read in one way.
fn embedded(select: &str) -> Option<Vec<String>> {
    let mut tables = Vec::new();
    let (mut start, mut depth, mut quoted) = (0, 0usize, false);
    // The last character outside of quotes; a quote counts as one.
    let mut last = ',';
    // Behind a `)` only a cast may stand until the next item.
    let mut closed = false;
    for (at, c) in select.char_indices() {
        if quoted {
            match c {
                '"' => quoted = false,
                // Versions differ on whether it escapes.
                '\\' => return None,
                _ => {}
            }
            continue;
        }
        match c {
            // Where a name begins, and nowhere else.
            '"' if !closed && matches!(last, ',' | '(' | ':' | '!' | '>' | '.' | ' ' | '\t') => quoted = true,
            '"' | '\\' => return None,
            '(' if closed => return None,
            '(' => {
                let item = select.get(start..at)?;
                let empty = select.get(at + 1..).is_some_and(|rest| rest.starts_with(')'));
                if !(empty && is_aggregate(item)) {
                    tables.push(embedded_table(item)?);
                }
                (start, depth) = (at + 1, depth + 1);
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                closed = true;
            }
            ',' => (start, closed) = (at + 1, false),
            _ if last == '"' && !matches!(c, ':' | '!' | '-' | '.' | ' ' | '\t') => return None,
            _ => {}
        }
        last = c;
    }
    (depth == 0 && !quoted).then_some(tables)
}

/// The table of an item before its bracket: `[alias:]table[!hint][!join]` or `...table[!hint][!join]`.
fn embedded_table(item: &str) -> Option<String> {
    let item = item.trim_matches([' ', '\t']);
    let (table, mut rest) = match item.strip_prefix("...") {
        Some(spread) => name(spread)?,
        None => {
            let (first, rest) = name(item)?;
            match rest.strip_prefix(':') {
                Some(behind) => name(behind)?,
                None => (first, rest),
            }
        }
    };
    while !rest.is_empty() {
        (_, rest) = name(rest.strip_prefix('!')?)?;
    }
    Some(table)
}

/// A name at the beginning of a text, and what stands behind it. A plain one may hold blanks; those at the ends of its
/// parts (hyphens part it) are no part of it.
fn name(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, rest) = quoted.split_once('"')?;
        return Some((name.to_string(), rest));
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | ' ' | '-');
    let (name, rest) = text.split_at_checked(text.find(|c| !plain(c)).unwrap_or(text.len()))?;
    let parts: Vec<&str> = name.split('-').map(|part| part.trim_matches(' ')).collect();
    (!parts.contains(&"")).then(|| (parts.join("-"), rest))
}

/// `count` or `column.sum`, with or without an alias.
fn is_aggregate(item: &str) -> bool {
    match item.rsplit_once('.') {
        // Behind an alias or none; `...count` is a table.
        None => item.rsplit(':').next() == Some("count"),
        Some((column, function)) => !column.ends_with('.') && AGGREGATES.contains(&function),
    }
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
