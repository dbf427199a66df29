//! GraphQL: what a document asks for, as root fields with their arguments.
//!
//! A filter that is not the server has no schema. What it can know for certain is the one operation of the document, the
//! names of its root fields (an alias says nothing) and the arguments each of them gets once variables and defaults are
//! put in. That is what is judged; what is selected below a root field is not.
//!
//! ```text
//! token      text -> tokens               as every known server cuts them, or a refusal
//! syntax     tokens -> definitions        executable ones, exactly one operation
//! roots      definitions -> root fields   fragments resolved; none left out
//! arguments  literals + variables -> one Document per root field
//! posted     the body of a POST -> its document, and the operations that its root fields are
//! ```
//!
//! Source: GraphQL specification, October 2021, §2 (language), §3.10 and §6.1.2 (coercion), §6.3.2 (field collection);
//! September 2025 for `\u{…}`. Only executable definitions are read. Where servers read the same bytes differently the
//! document is refused: `token` and `text` name the servers.

mod arguments;
mod names;
mod posted;
mod roots;
mod syntax;
mod text;
mod token;

pub(super) use posted::{operations, unfold};

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::document::{Document, Value};
use crate::reason::{Code, Reason};

/// What a client posts ("request parameters" of GraphQL over HTTP).
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// `query`: the text of the document.
    pub query: &'a str,
    /// `variables`: an object, or `null`, or absent.
    pub variables: Option<Value<'a>>,
    /// `operationName`; `None` where it is `null` or absent.
    pub operation_name: Option<&'a str>,
    /// Directives that may stand at the root beside `@skip` and `@include`, without `@`: those of which is known that
    /// they do not change what a root field does.
    pub directives: &'a [String],
}

/// The type of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationType {
    /// `query`, or the shorthand `{ … }`.
    Query,
    /// `mutation`
    Mutation,
    /// `subscription`
    Subscription,
}

impl OperationType {
    /// The keyword.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// The one operation of a document.
#[derive(Debug)]
pub struct Operation {
    /// What it is.
    pub kind: OperationType,
    /// Its root fields in the order of execution, each as often as it stands there; one or more. `__typename` is left
    /// out where another field stands beside it: clients add it to everything, and it says nothing but a type.
    pub fields: Vec<RootField>,
    /// Strings of the whole document, below root fields too, that do not stand in its text as they are: those with
    /// escapes, and block strings.
    pub texts: Vec<String>,
}

/// One root field.
#[derive(Debug)]
pub struct RootField {
    /// Its name in the schema, never its alias.
    pub name: String,
    /// Its arguments: an object, empty where there are none. Numbers keep their text, an enum value is the text of its
    /// name (a server takes it where an enum is due and refuses it where a string is, so no server can mean anything
    /// else by it). An argument that gets no value is not there. A single value where the schema has a list stays one:
    /// what is a list is known to the server alone.
    pub arguments: Document,
}

/// Reads a document.
///
/// # Errors
/// A [`Reason`] to deny, when the document is not one operation with one meaning, or passes a bound of
/// [`crate::limits`].
pub fn read(parameters: &Parameters<'_>) -> Result<Operation, Reason> {
    let text = parameters.query;
    let in_text = |fault: Fault| fault.reason(text);
    let syntax = syntax::parse(text).map_err(in_text)?;
    if let Some(asked) = parameters.operation_name
        && syntax.operation.name != Some(asked)
    {
        let message = "`operationName` names an operation that the document does not define; leave it out";
        let pointer = Some("/operationName".to_string());
        return Err(Reason { code: Code::GraphqlShape, message: message.to_string(), pointer });
    }
    let roots = roots::collect(&syntax, parameters.directives).map_err(in_text)?;
    let fields = arguments::resolve(&syntax, &roots, text, parameters.variables)?;
    Ok(Operation { kind: syntax.operation.kind, fields, texts: syntax.texts })
}

/// What is wrong with a document, and where.
#[derive(Debug)]
struct Fault {
    /// Offset in the document's text.
    at: usize,
    code: Code,
    /// Goes on behind "the GraphQL document".
    what: String,
}

impl Fault {
    fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, code: Code::GraphqlShape, what: what.into() }
    }

    fn reason(self, text: &str) -> Reason {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        let message = format!("the GraphQL document {} (line {line}, column {column})", self.what);
        Reason { code: self.code, message, pointer: Some("/query".to_string()) }
    }
}
