//! From a request to its operations: a PUT is one, a batch of 50 is 50, a JSON-RPC call is what it names. Each decoder is
//! a file behind `unfold` and `decode`; the catalog chooses.

mod body;
mod form;
pub mod google_batch;
pub mod graphql;
mod gzip;
mod inner;
mod json;
mod jsonrpc;
mod mcp;
mod message;
mod postgrest;
pub mod sql;

pub use body::{Body, Unavailable};
pub(crate) use body::{Content, content_type, read_body};
pub use gzip::inflate;
pub use jsonrpc::Rpc;

pub(crate) use json::path_key;
pub(crate) use jsonrpc::waiting;
pub(crate) use mcp::VERSIONS;
pub(crate) use postgrest::embedded_tables;

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use self::json::Lists;
use crate::document::{Document, Value};
use crate::limits::OPERATIONS;
use crate::number::Decimal;
use crate::policy::{Action, Api, CallKind, Decoder, Inner, RuleRef};
use crate::reason::{Code, Reason};
use crate::request::Request;

/// One operation of a request.
#[derive(Clone, Debug)]
pub(crate) struct Operation<'a> {
    /// The catalog's action; `None` at an endpoint, or for a call, that no catalog lists.
    pub(crate) action: Option<&'a Action>,
    /// The name by which the body calls it, at an endpoint that carries calls.
    pub(crate) call: Option<Called<'a>>,
    /// The operation's own document: the body, one row of it, the arguments of a call.
    pub(crate) document: Option<Value<'a>>,
    /// Canonical key of the resource, where the request names one.
    pub(crate) key: Option<String>,
    /// The value that addresses the row; not counted as a written field.
    pub(crate) key_value: Option<Value<'a>>,
    /// It is one row of a batch: what its resource's own path would say, its key says.
    pub(crate) row: bool,
    /// The operation stands for a known number of rows (one). Where it is not, the row count is not knowable.
    pub(crate) counted: bool,
    /// What it stands in: the request that carries a call, the call whose text holds a statement. A forbid on that reaches
    /// it, a permit on that does not.
    pub(crate) outer: Option<Rc<Operation<'a>>>,
    /// What the decoder found out about this operation alone.
    pub(crate) facts: Facts,
    /// Why it is this operation and not a lesser one, as a sentence: what to write instead.
    pub(crate) why: Option<String>,
}

/// A call by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called<'a> {
    pub(crate) kind: CallKind,
    pub(crate) name: &'a str,
    /// Rules whose target is the name.
    pub(crate) rules: &'a [RuleRef],
}

/// Facts by name: `request.NAME` of the language. A name is listed in `compile::names::FACTS`.
pub(crate) type Facts = Vec<(&'static str, Vec<Fact>)>;

/// One value of a fact.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Text(String),
    Number(Decimal),
}

impl<'a> Operation<'a> {
    pub(crate) fn of(action: Option<&'a Action>, document: Option<Value<'a>>) -> Self {
        Self {
            action,
            call: None,
            document,
            key: None,
            key_value: None,
            row: false,
            counted: true,
            outer: None,
            facts: Vec::new(),
            why: None,
        }
    }

    /// A call that stands in `outer`: its action and rules are found by its name.
    fn called(api: &'a Api, (kind, name): (CallKind, &'a str), outer: &Rc<Self>) -> Self {
        let known = api.calls.find(kind, name);
        let action = known.and_then(|call| api.actions.get(call.action? as usize));
        let rules = known.map(|call| call.rules.as_slice()).unwrap_or_default();
        Self { call: Some(Called { kind, name, rules }), outer: Some(Rc::clone(outer)), ..Self::of(action, None) }
    }

    /// Whether it is a call, or stands in one: its fields are where calls write them.
    pub(crate) fn is_by_call(&self) -> bool {
        core::iter::successors(Some(self), |operation| operation.outer.as_deref()).any(|around| around.call.is_some())
    }

    /// Whether it is a tool's call or one of another JSON-RPC method, or stands in one: its server may read texts of its
    /// arguments as JSON.
    pub(crate) fn is_by_rpc(&self) -> bool {
        let mut around = core::iter::successors(Some(self), |operation| operation.outer.as_deref());
        around.any(|around| around.call.is_some_and(|call| matches!(call.kind, CallKind::Tool | CallKind::Rpc)))
    }

    /// Whether it stands in something else that came as one request: rules of an endpoint then say nothing of it.
    pub(crate) fn is_enclosed(&self) -> bool {
        self.row || self.outer.is_some()
    }
}

/// What a decoder works on.
pub(crate) struct Input<'a> {
    pub(crate) api: &'a Api,
    pub(crate) decoder: Decoder,
    /// Actions of the endpoint; several only where the decoder tells them apart.
    pub(crate) actions: Vec<&'a Action>,
    /// Path variables by the catalog's names.
    pub(crate) variables: &'a [(String, String)],
    pub(crate) request: &'a Request,
    pub(crate) document: Option<Value<'a>>,
}

/// What a decoder makes of a request before there are operations, which refer to it: the caller keeps it alive.
#[derive(Debug, Default)]
pub(crate) struct Unfolded {
    /// Names of calls that do not stand in the body as they are, one for each of the first documents.
    pub(crate) calls: Vec<(CallKind, String)>,
    /// Documents that do not stand in the body as they are: the arguments of a GraphQL field.
    pub(crate) documents: Vec<Document>,
    /// What was found out about the request as a whole.
    pub(crate) facts: Facts,
}

/// First stage: what the operations of a request will refer to, beside its body.
///
/// # Errors
/// A [`Reason`] to deny when the request does not have the shape its API gives it.
pub(crate) fn unfold(input: &Input<'_>) -> Result<Unfolded, Reason> {
    match input.decoder {
        Decoder::Json | Decoder::Form | Decoder::Postgrest => {
            // The stream and the end of a session, beside the endpoint that carries calls.
            if input.api.decoder == Decoder::Jsonrpc {
                mcp::head(input.request)?;
            }
            Ok(Unfolded::default())
        }
        Decoder::Jsonrpc => jsonrpc::unfold(input),
        Decoder::Graphql => graphql::unfold(input),
        Decoder::GoogleBatch => Err(empty_batch()),
    }
}

/// Second stage: takes a request apart.
///
/// # Errors
/// As [`unfold`].
pub(crate) fn decode<'a>(input: &Input<'a>, unfolded: &'a Unfolded) -> Result<Vec<Operation<'a>>, Reason> {
    let operations = match input.decoder {
        // A form's tree holds its rows, if any, where a JSON document does.
        Decoder::Json | Decoder::Form => json::operations(input),
        Decoder::Postgrest => postgrest::operations(input),
        Decoder::Jsonrpc => jsonrpc::operations(input),
        Decoder::Graphql => graphql::operations(input, unfolded),
        Decoder::GoogleBatch => Err(empty_batch()),
    }?;
    inner::expand(input.api, rows_of_calls(input, operations)?)
}

/// A call that holds lists of rows is its rows, as a batch is.
fn rows_of_calls<'a>(input: &Input<'a>, operations: Vec<Operation<'a>>) -> Result<Vec<Operation<'a>>, Reason> {
    let batch = |operation: &Operation<'a>| {
        let action = operation.action.filter(|action| !action.rows.is_empty());
        action.filter(|_| operation.call.is_some())
    };
    let lists = if input.decoder == Decoder::Graphql { Lists::OfOne } else { Lists::AsWritten };
    let mut out = Vec::with_capacity(operations.len());
    for operation in operations {
        match batch(&operation) {
            None => out.push(operation),
            Some(action) => {
                let document = operation.document;
                let rows = json::rows(input.api, action, document, Some(&Rc::new(operation)), lists);
                // Places are those in the arguments, which may stand anywhere in a body, or in none.
                out.extend(rows.map_err(|reason| Reason { pointer: None, ..reason })?);
            }
        }
        if out.len() > OPERATIONS {
            let message = alloc::format!("more than {OPERATIONS} rows in one request");
            return Err(Reason { code: Code::BatchLimit, message, pointer: None });
        }
    }
    Ok(out)
}

/// How an endpoint of these actions is read. What no catalog lists is no carrier: its body is one document.
pub(crate) fn decoder_of(api: &Api, actions: &[&Action]) -> Decoder {
    let carrier = actions.iter().map(|action| action.decoder).find(|decoder| decoder.carries());
    let first = actions.first().map(|action| action.decoder);
    let unlisted = if api.decoder.carries() { Decoder::Json } else { api.decoder };
    carrier.or(first).unwrap_or(unlisted)
}

/// The actions whose rules could match an operation of this endpoint, but for calls: known before the body is.
pub(crate) fn possible_actions<'a>(api: &'a Api, actions: &[&'a Action]) -> Vec<&'a Action> {
    let mut all: Vec<&Action> = actions.to_vec();
    for action in actions {
        let rows = action.rows.iter().map(|list| list.action);
        all.extend(rows.filter_map(|index| api.actions.get(index as usize)));
    }
    let of_texts: Vec<&Action> = all
        .iter()
        .flat_map(|action| &action.inner)
        .flat_map(|inner| match inner {
            Inner::Sql { select, write, .. } => [Some(*select), Some(*write)],
            Inner::Unread => [None, None],
        })
        .flatten()
        .filter_map(|index| api.actions.get(index as usize))
        .collect();
    all.extend(of_texts);
    all
}

/// What is no body, or not read, holds no parts; parts are judged one by one.
fn empty_batch() -> Reason {
    Reason { code: Code::BatchShape, message: "the batch has no parts".into(), pointer: None }
}
