//! What a request does, in words that a person can approve: every operation, every value, and beside a value what it is now
//! where that was looked up. Values are escaped and bounded, what detectors of secrets stop at is left out. What is left out
//! is covered by the digests of the ticket, and the words say so.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::judge::Bench;
use super::names::{Datum, Scope, Values};
use super::present::text_of;
use crate::decode::{Content, Operation};
use crate::document::{Kind, Path, Value};
use crate::limits::{WORD_CHARS, WORDS_BYTES};
use crate::policy::{CURRENT, Currency, FieldKind, FieldType};
use crate::quote::{quote, quote_within};
use crate::state::Trace;

const ROOT: &Path = &Path(Vec::new());

impl<'a> Bench<'a> {
    /// Notes what the request does.
    pub(super) fn describe(&self, operations: &'a [Operation<'a>]) {
        let mut lines = alloc::vec![self.addressed()];
        lines.extend(self.request.query.iter().map(|pair| {
            let credential = self.api.loosen.query_credentials.iter().any(|known| known.matches(&pair.name));
            let value = if credential { "not shown: a credential".into() } else { shown(&pair.value) };
            format!("  query.{}: {value}", shown(&pair.name))
        }));
        for operation in operations {
            lines.push(self.named(operation));
            let scope = self.scope(operation, &self.route.variables);
            if let Some(document) = operation.document {
                fields(&scope, document, &mut lines);
            }
        }
        if matches!(self.content, Content::Unread(_)) {
            lines.push("  a body that is not read: only its digest is approved".into());
        }
        let known = scope_of(self, operations);
        if let Some(known) = known {
            // What is not known is not looked up for words.
            known.known.take_wants();
            known.known.note(|trace| bounded(trace, lines));
        }
    }

    fn addressed(&self) -> String {
        let path = self.request.target.split('?').next().unwrap_or_default();
        format!("{} {}{}", self.request.method.name(), self.request.host, shown(path))
    }

    fn named(&self, operation: &Operation<'_>) -> String {
        let action = operation.action.map(|action| format!("{}:{}", self.api.alias, action.name));
        let call = operation.call.map(|call| format!("{} {}", call.kind.noun(), call.name));
        let name = match (action, call) {
            (Some(action), Some(call)) => format!("{} ({})", quote(&action), quote(&call)),
            (Some(name), None) | (None, Some(name)) => quote(&name),
            (None, None) => "what no catalog lists".to_string(),
        };
        let of = operation.key.as_ref().map(|key| format!(" of {}", shown(key))).unwrap_or_default();
        format!("{name}{of}")
    }
}

fn scope_of<'a>(bench: &Bench<'a>, operations: &'a [Operation<'a>]) -> Option<Scope<'a>> {
    operations.first().map(|operation| bench.scope(operation, &bench.route.variables))
}

/// Adds lines as long as there is room.
fn bounded(trace: &mut Trace, lines: Vec<String>) {
    let mut bytes: usize = trace.words.iter().map(String::len).sum();
    let mut left = 0usize;
    for line in lines {
        bytes = bytes.saturating_add(line.len());
        if bytes > WORDS_BYTES || left > 0 {
            left = left.saturating_add(1);
        } else {
            trace.words.push(line);
        }
    }
    if left > 0 {
        trace.words.push(format!("and {left} lines more, which do not fit here: the digest of the body covers them"));
    }
}

fn shown(text: &str) -> String {
    quote_within(text, WORD_CHARS)
}

/// A field that the catalog names: where it stands here, its type.
type Named<'a> = Vec<(&'a str, Value<'a>, Option<&'a FieldType>)>;

/// Every value of an operation's document, a line each.
fn fields<'a>(scope: &Scope<'a>, document: Value<'a>, lines: &mut Vec<String>) {
    let mut named: Named<'a> = Vec::new();
    let action = scope.operation.action;
    for field in action.iter().flat_map(|action| &action.fields) {
        let (at, kind) = field.spelled(scope.operation.is_by_call());
        for path in at {
            let found = crate::document::select(document, crate::document::Steps { head: &path.0, tail: &[] });
            named.extend(found.into_iter().map(|value| (field.name.as_str(), value, kind)));
        }
    }
    let mut open: Vec<(String, Value<'a>)> = alloc::vec![(String::new(), document)];
    while let Some((at, value)) = open.pop() {
        let known = named.iter().find(|(_, known, _)| known.same_node(value));
        let container = matches!(value.kind(), Kind::Array | Kind::Object);
        if container && value.children().next().is_some() {
            let below = value.children().enumerate().map(|(position, child)| {
                let token = if value.kind() == Kind::Object { child.name().into() } else { position.to_string() };
                let at = if at.is_empty() { token } else { format!("{at}.{token}") };
                (at, child)
            });
            let from = open.len();
            open.extend(below);
            if let Some(below) = open.get_mut(from..) {
                below.reverse();
            }
            continue;
        }
        let name = known.map_or(at.as_str(), |(name, ..)| name);
        let kind = known.and_then(|(.., kind)| *kind);
        let new = written(scope, value, kind);
        let line = match known.and_then(|(name, ..)| now(scope, name)) {
            Some(now) => format!("  {}: {now} \u{2192} {new}", plain(name)),
            None => format!("  {}: {new}", plain(name)),
        };
        lines.push(line);
        if lines.iter().map(String::len).sum::<usize>() > 2 * WORDS_BYTES {
            // Nothing behind this is shown anyway.
            return;
        }
    }
}

/// A name of a request: in the catalog's form as it is, else escaped.
fn plain(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if name.len() <= 64 && name.bytes().all(plain) && !name.is_empty() { name.into() } else { shown(name) }
}

/// A value as the request writes it; an amount of money also as it is meant.
fn written<'a>(scope: &Scope<'a>, value: Value<'a>, kind: Option<&'a FieldType>) -> String {
    let text = shown(&text_of(&Datum::Json(value)));
    let Some(FieldKind::Money(money)) = kind.map(|kind| &kind.kind) else { return text };
    let fixed = matches!(&money.currency, Currency::Fixed(code) if scope.page.currency.as_ref() == Some(code));
    match scope.number(&Datum::Json(value), kind) {
        Ok(number) if money.minor || !fixed => {
            format!("{text}, which is {number} {}", scope.page.currency.as_deref().unwrap_or_default())
        }
        _ => text,
    }
}

/// What a field is now, where that was looked up.
fn now<'a>(scope: &Scope<'a>, field: &'a str) -> Option<String> {
    let lookup = scope.operation.action.and_then(|action| action.lookup(CURRENT))?;
    let Values::Known(data, _) = lookup.knows(field).then(|| scope.present((CURRENT, field, ROOT), None))? else {
        return None;
    };
    match data.as_slice() {
        [] => None,
        [one] => Some(shown(&text_of(one))),
        [first, rest @ ..] => Some(format!("{} and {} more", shown(&text_of(first)), rest.len())),
    }
}
