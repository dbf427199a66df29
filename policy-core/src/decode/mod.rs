//! From a request to its operations: a PUT is one, a batch of 50 is 50. Each decoder is a file behind one function;
//! the catalog chooses.

mod body;
mod form;
pub mod graphql;
mod gzip;
mod json;
mod postgrest;

pub use body::{Body, Unavailable};
pub(crate) use body::{Content, content_type, read_body};

pub(crate) use postgrest::embedded_tables;

use alloc::string::String;
use alloc::vec::Vec;

use crate::decision::Reason;
use crate::document::Value;
use crate::policy::{Action, Api, Decoder};
use crate::request::Request;

/// One operation of a request.
#[derive(Clone, Debug)]
pub(crate) struct Operation<'a> {
    /// The catalog's action; `None` at an endpoint no catalog lists.
    pub(crate) action: Option<&'a Action>,
    /// The operation's own document: the body, or one row of it.
    pub(crate) document: Option<Value<'a>>,
    /// Canonical key of the resource, where the request names one.
    pub(crate) key: Option<String>,
    /// The value that addresses the row; not counted as a written field.
    pub(crate) key_value: Option<Value<'a>>,
    /// It is one row of a batch: what its resource's own path would say, its key says.
    pub(crate) row: bool,
    /// The operation stands for a known number of rows (one). Where it is not, the row count is not knowable.
    pub(crate) counted: bool,
}

impl<'a> Operation<'a> {
    fn of(action: Option<&'a Action>, document: Option<Value<'a>>) -> Self {
        Self { action, document, key: None, key_value: None, row: false, counted: true }
    }
}

/// What a decoder works on.
pub(crate) struct Input<'a> {
    pub(crate) api: &'a Api,
    /// Actions of the endpoint; several only where the decoder tells them apart.
    pub(crate) actions: Vec<&'a Action>,
    /// Path variables by the catalog's names.
    pub(crate) variables: &'a [(String, String)],
    pub(crate) request: &'a Request,
    pub(crate) document: Option<Value<'a>>,
}

/// Takes a request apart.
///
/// # Errors
/// A [`Reason`] to deny when the request does not have the shape its API gives it.
pub(crate) fn decode<'a>(input: &Input<'a>) -> Result<Vec<Operation<'a>>, Reason> {
    match input.api.decoder {
        // A form's tree holds its rows, if any, where a JSON document does.
        Decoder::Json | Decoder::Form => json::operations(input),
        Decoder::Postgrest => postgrest::operations(input),
    }
}

/// The actions whose rules could match an operation of this endpoint: known before the body is.
pub(crate) fn possible_actions<'a>(api: &'a Api, actions: &[&'a Action]) -> Vec<&'a Action> {
    let mut all: Vec<&Action> = actions.to_vec();
    for action in actions {
        all.extend(action.rows.iter().filter_map(|list| api.actions.get(list.action as usize)));
    }
    all
}
