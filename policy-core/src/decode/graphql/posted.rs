//! A GraphQL request over HTTP: a POST whose body is one JSON object with the document and its variables. Each root
//! field is an operation.
//! Source: GraphQL over HTTP, "POST" and "Request Parameters".

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{OperationType, Parameters, read};
use crate::decode::json::call_key;
use crate::decode::{Fact, Input, Operation, Unfolded};
use crate::document::{Builder, Document, Kind, Label, Value, pointer_token};
use crate::number::Decimal;
use crate::policy::CallKind;
use crate::quote::{list, quote};
use crate::reason::{Code, Reason};

/// What a body may hold.
const MEMBERS: [&str; 3] = ["query", "variables", "operationName"];
/// What else it may hold where that says nothing: it can name a document that the server keeps, and there is nothing to
/// judge in that.
const EXTENSIONS: &str = "extensions";
/// Which client sends the request (Apollo Client 4 and later).
const CLIENT: &str = "clientLibrary";

/// Reads the document of a request, and puts the arguments of its root fields together.
pub(in crate::decode) fn unfold(input: &Input<'_>) -> Result<Unfolded, Reason> {
    query_string(input)?;
    let parameters = parameters(input)?;
    let operation = read(&parameters)?;
    let kind = match operation.kind {
        OperationType::Query => CallKind::Query,
        OperationType::Mutation => CallKind::Mutation,
        OperationType::Subscription => CallKind::Subscription,
    };
    let count = Fact::Number(Decimal::from_count(operation.fields.len()));
    let mut unfolded = Unfolded { facts: alloc::vec![("root_fields", alloc::vec![count])], ..Unfolded::default() };
    for field in operation.fields {
        unfolded.calls.push((kind, field.name));
        unfolded.documents.push(field.arguments);
    }
    if !operation.texts.is_empty() {
        unfolded.documents.push(texts(&operation.texts));
    }
    Ok(unfolded)
}

/// One operation per root field.
pub(in crate::decode) fn operations<'a>(
    input: &Input<'a>,
    unfolded: &'a Unfolded,
) -> Result<Vec<Operation<'a>>, Reason> {
    let carrier = Rc::new(Operation::of(input.actions.first().copied(), input.document));
    let calls = unfolded.calls.iter().zip(&unfolded.documents);
    let operation = |((kind, name), arguments): (&'a (CallKind, String), &'a Document)| {
        let document = arguments.root();
        let operation = Operation::called(input.api, (*kind, name.as_str()), &carrier);
        let key = operation.action.map_or(Ok(None), |action| call_key(action, document))?;
        Ok(Operation { document: Some(document), key, ..operation })
    };
    calls.map(operation).collect()
}

/// Servers take the parameters from the query string too, some before the body.
fn query_string(input: &Input<'_>) -> Result<(), Reason> {
    let api = input.api;
    let harmless = |name: &str| {
        let listed = api.write_query.iter().chain(&api.loosen.write_query).any(|known| known == name);
        listed || api.loosen.query_credentials.iter().any(|pattern| pattern.matches(name))
    };
    match input.request.query.iter().find(|pair| !harmless(&pair.name)) {
        None => Ok(()),
        Some(pair) => {
            let what = "a GraphQL server may take its document from there; send everything in the body";
            let message = format!("the query holds {}: {what}", quote(&pair.name));
            Err(Reason { code: Code::ParamShadow, message, pointer: None })
        }
    }
}

fn parameters<'a>(input: &Input<'a>) -> Result<Parameters<'a>, Reason> {
    let body = match input.document.map(|body| (body, body.kind())) {
        Some((body, Kind::Object)) => body,
        Some((_, Kind::Array)) => {
            return Err(shape("a list of GraphQL requests is not taken: send one at a time", None));
        }
        _ => return Err(shape("the body is one JSON object with `query` in it", None)),
    };
    extensions(body)?;
    let unknown = |member: &Value<'_>| !MEMBERS.contains(&member.name()) && member.name() != EXTENSIONS;
    if let Some(member) = body.children().find(unknown) {
        let message =
            format!("{} is not a member of a GraphQL request; they are {}", quote(member.name()), list(MEMBERS, 3));
        let pointer = Some(format!("/{}", pointer_token(member.name())));
        return Err(Reason { code: Code::FieldNotAllowed, message, pointer });
    }
    let Some(query) = body.member("query").and_then(Value::string) else {
        return Err(shape("`query` is the text of a GraphQL document", Some("/query".to_string())));
    };
    let operation_name = match body.member("operationName").map(|name| (name, name.kind())) {
        None | Some((_, Kind::Null)) => None,
        Some((name, Kind::String)) => name.string(),
        Some(_) => {
            return Err(shape("`operationName` is a string or `null`", Some("/operationName".to_string())));
        }
    };
    Ok(Parameters { query, variables: body.member("variables"), operation_name, directives: &input.api.directives })
}

/// Extensions that change nothing: none, or the name of the client's library.
fn extensions(body: Value<'_>) -> Result<(), Reason> {
    let what = match body.member(EXTENSIONS).map(|extensions| (extensions, extensions.kind())) {
        None | Some((_, Kind::Null)) => return Ok(()),
        Some((extensions, Kind::Object)) => match extensions.children().find(|member| member.name() != CLIENT) {
            None => return Ok(()),
            Some(other) => quote(other.name()),
        },
        Some((_, other)) => other.with_article().to_string(),
    };
    let why = "a server may take its document from there";
    let message = format!("`{EXTENSIONS}` holds {what}: {why}; `{CLIENT}` alone passes");
    Err(Reason { code: Code::FieldNotAllowed, message, pointer: Some(format!("/{EXTENSIONS}")) })
}

/// Strings that the text of the document spells in another way: looked through for secrets, like all others.
fn texts(texts: &[String]) -> Document {
    let mut builder = Builder::typed();
    let all = builder.array(&Label::default());
    for text in texts {
        builder.string(&Label::default(), text, 0..0);
    }
    builder.close(all);
    builder.finish()
}

fn shape(message: &str, pointer: Option<String>) -> Reason {
    Reason { code: Code::GraphqlShape, message: message.to_string(), pointer }
}
