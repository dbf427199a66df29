//! What a request does, in words that a person can approve: every header that is bound, every operation, every value, and
//! beside a value what it is now where that was looked up. What a body holds beside its operations stands behind them. What
//! detectors of secrets stop at is left out. What is left out is covered by the digests of the ticket, and the words say so.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::approving::bound_headers;
use super::bench::Bench;
use super::leaks::is_credential_by_name;
use super::names::{Datum, Scope, Values};
use super::reading::actions;
use super::words::Words;
use crate::decode::{Operation, decoder_of};
use crate::document::{Kind, Path, Step, Value, pointer_token};
use crate::limits::{WORD_BYTES, WORD_TEXT_BYTES};
use crate::policy::{CURRENT, Currency, Decoder, FieldKind, FieldType};

const ROOT: &Path = &Path(Vec::new());

impl<'a> Bench<'a> {
    /// Notes what the request does.
    pub(super) fn describe(&self, operations: &'a [Operation<'a>]) {
        let (mut words, mut names) = (Words::default(), Vec::new());
        self.known.note(|trace| {
            words = Words::after(&trace.words);
            names = bound_headers(self.page, self.api, trace);
        });
        let addressed = self.addressed(&mut words);
        words.line(addressed);
        for pair in &self.request.query {
            let credential = self.api.loosen.query_credentials.iter().any(|known| known.matches(&pair.name));
            let value = if credential { CREDENTIAL.into() } else { words.text(&pair.value) };
            let line = format!("  query.{}: {value}", words.text(&pair.name));
            words.line(line);
        }
        for name in names {
            let credential = is_credential_by_name(&name, &self.set.set.gateway);
            for value in self.request.headers.all(&name) {
                let value = if credential { CREDENTIAL.into() } else { words.octets(value) };
                words.line(format!("  header `{name}`: {value}"));
            }
        }
        for operation in operations {
            let named = self.named(operation, &mut words);
            words.line(named);
            let scope = self.scope(operation, &self.route.variables);
            if let Some(document) = operation.document {
                fields(&scope, document, &mut words);
            }
        }
        self.beside(operations, &mut words);
        // What is not known is not looked up for words.
        self.known.take_wants();
        self.known.note(|trace| trace.say(words.lines, words.unseen));
    }

    fn addressed(&self, words: &mut Words) -> String {
        let path = self.request.target.split('?').next().unwrap_or_default();
        format!("{} {}{}", self.request.method.name(), self.request.host, words.text(path))
    }

    fn named(&self, operation: &Operation<'_>, words: &mut Words) -> String {
        let action = operation.action.map(|action| format!("{}:{}", self.api.alias, action.name));
        let call = operation.call.map(|call| format!("{} {}", call.kind.noun(), call.name));
        let name = match (action, call) {
            (Some(action), Some(call)) => format!("{} ({})", words.text(&action), words.text(&call)),
            (Some(name), None) | (None, Some(name)) => words.text(&name),
            (None, None) => "what no catalog lists".to_string(),
        };
        let of = operation.key.as_ref().map(|key| format!(" of {}", words.text(key))).unwrap_or_default();
        format!("{name}{of}")
    }

    /// What the body holds and no operation: `_meta` of a call, the text of a GraphQL document or of a statement.
    fn beside(&self, operations: &[Operation<'_>], words: &mut Words) {
        let Some(body) = self.body else { return };
        let rpc = decoder_of(self.api, &actions(self.api, self.route)) == Decoder::Jsonrpc;
        let root = body.root();
        let mut messages: Vec<Value<'_>> = Vec::new();
        if rpc {
            if root.kind() == Kind::Array { messages.extend(root.children()) } else { messages.push(root) }
        }
        // What the lines of the operation say, and what is left out of the digest as well.
        let mut said: Vec<Value<'_>> = operations.iter().filter_map(|operation| operation.document).collect();
        for message in messages {
            said.extend(["jsonrpc", "id", "method"].iter().filter_map(|name| message.member(name)));
            let Some(params) = message.member("params") else { continue };
            said.extend(params.member("_meta").and_then(|meta| meta.member("progressToken")));
            if message.member("method").and_then(Value::string) == Some("tools/call") {
                said.extend(params.member("name"));
            }
        }
        leaves(root, &|value| said.iter().any(|said| said.same_node(value)), &mut |pointer, value| {
            let value = words.value(value, WORD_TEXT_BYTES);
            let line = format!("  body {}: {value}", words.name(pointer));
            words.line(line);
            !words.is_full()
        });
    }
}

const CREDENTIAL: &str = "not shown: a credential";

/// Calls `each` for every value that has nothing below it, with its pointer, until that says no.
fn leaves<'a>(root: Value<'a>, said: &dyn Fn(Value<'a>) -> bool, each: &mut dyn FnMut(&str, Value<'a>) -> bool) {
    let mut open: Vec<(String, Value<'a>)> = alloc::vec![(String::new(), root)];
    while let Some((at, value)) = open.pop() {
        if said(value) {
            continue;
        }
        if matches!(value.kind(), Kind::Array | Kind::Object) && value.children().next().is_some() {
            let from = open.len();
            open.extend(value.children().enumerate().map(|(position, child)| {
                let object = value.kind() == Kind::Object;
                let token = if object { pointer_token(child.name()) } else { position.to_string() };
                (format!("{at}/{token}"), child)
            }));
            if let Some(below) = open.get_mut(from..) {
                below.reverse();
            }
        } else if !each(&at, value) {
            return;
        }
    }
}

/// A field that the catalog names.
struct Named<'a> {
    name: &'a str,
    kind: Option<&'a FieldType>,
    /// It stands at one place, so that its name says where.
    one: bool,
    value: Value<'a>,
}

/// Every value of an operation's document, a line each.
fn fields<'a>(scope: &Scope<'a>, document: Value<'a>, words: &mut Words) {
    let mut named: Vec<Named<'a>> = Vec::new();
    let action = scope.operation.action;
    for field in action.iter().flat_map(|action| &action.fields) {
        let (at, kind) = field.spelled(scope.operation.is_by_call());
        let one = at.len() == 1 && at.iter().all(|at| at.0.iter().all(|step| matches!(step, Step::Member(_))));
        for path in at {
            let found = crate::document::select(document, crate::document::Steps { head: &path.0, tail: &[] });
            named.extend(found.into_iter().map(|value| Named { name: &field.name, kind, one, value }));
        }
    }
    leaves(document, &|_| false, &mut |pointer, value| {
        let known = named.iter().find(|known| known.value.same_node(value));
        let label = match known {
            Some(known) if known.one => words.name(known.name),
            Some(known) => format!("{} {}", words.name(known.name), words.name(pointer)),
            None => words.name(pointer),
        };
        let new = written(scope, value, known.and_then(|known| known.kind), words);
        let line = match known.and_then(|known| now(scope, known.name, words)) {
            Some(now) => format!("  {label}: {now} \u{2192} {new}"),
            None => format!("  {label}: {new}"),
        };
        words.line(line);
        !words.is_full()
    });
}

/// A value as the request writes it; an amount of money also as it is meant.
fn written<'a>(scope: &Scope<'a>, value: Value<'a>, kind: Option<&'a FieldType>, words: &mut Words) -> String {
    let text = words.value(value, WORD_BYTES);
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
fn now<'a>(scope: &Scope<'a>, field: &'a str, words: &mut Words) -> Option<String> {
    let lookup = scope.operation.action.and_then(|action| action.lookup(CURRENT))?;
    if !lookup.knows(field) {
        return None;
    }
    scope.known.note(|trace| trace.telling = true);
    let found = scope.present((CURRENT, field, ROOT), None);
    scope.known.note(|trace| trace.telling = false);
    match &found {
        Values::Known(data, _) if !data.is_empty() => Some(words.known(&found)),
        _ => None,
    }
}
