//! Writing the answer that an API would give, from fields by their names.

use policy_core::document::{Path, Step};

use super::addresses::{Asked, Wanted};
use super::call::{Reply, ToolCall};
use super::json::Json;

/// Longest text of digits that is written as a number.
const NUMBER_DIGITS: usize = 15;

/// A resource as its API spells it: each field at its place. Names that the lookup does not know say nothing.
pub(super) fn resource(asked: &Asked<'_>, fields: &Json, wanted: Option<&Wanted>) -> Json {
    let mut resource = Json::object();
    let Json::Object(members) = fields else { return resource };
    for (name, value) in members {
        put(asked, name, value.clone(), &mut resource);
    }
    if let Some(wanted) = wanted {
        say_which(asked, wanted, &mut resource);
    }
    resource
}

/// Under which key a resource stands is what it is called there too, where it does not say itself.
pub(super) fn say_which(asked: &Asked<'_>, wanted: &Wanted, resource: &mut Json) {
    for same in asked.lookup.same.iter().filter(|same| wanted.key == Some(same.variable)) {
        let places = asked.lookup.field(&same.field).map(|field| field.at.as_slice()).unwrap_or_default();
        if places.iter().all(|place| resource.at(&place.0).is_none()) {
            put(asked, &same.field, id(wanted.key()), resource);
        }
    }
}

fn put(asked: &Asked<'_>, name: &str, value: Json, resource: &mut Json) {
    match (asked.lookup.field(name), &asked.lookup.open_fields) {
        (Some(field), _) => {
            if let Some(place) = field.at.first() {
                resource.put(&place.0, value);
            }
        }
        (None, Some(base)) => {
            let steps: Vec<Step> = base.0.iter().cloned().chain([Step::Member(name.to_owned())]).collect();
            resource.put(&steps, value);
        }
        (None, None) => {}
    }
}

/// An id as most APIs write it: a number where it is one.
fn id(text: &str) -> Json {
    let number = text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
        && (1..=NUMBER_DIGITS).contains(&text.len());
    if number { Json::Number(text.to_owned()) } else { Json::text(text) }
}

/// Whether an answer to this call holds a list.
pub(super) fn is_list(asked: &Asked<'_>) -> bool {
    asked.listed || asked.attempt.each.is_some() || !asked.lookup.totals.is_empty()
}

/// The answer that holds these resources, where the lookup expects them.
pub(super) fn answer(asked: &Asked<'_>, tool: Option<&ToolCall>, mut resources: Vec<Json>) -> Reply {
    let root = Path::default();
    let count = resources.len();
    let (at, content) = if is_list(asked) {
        let single = if asked.listed { &root } else { &asked.attempt.at };
        (asked.attempt.each.as_ref().unwrap_or(single), Json::Array(resources))
    } else {
        match resources.pop() {
            Some(resource) => (&asked.attempt.at, resource),
            None => return missing(tool),
        }
    };
    let mut document = Json::Null;
    document.put(&at.0, content);
    match tool {
        Some(tool) => result(tool, document),
        // It is all there is.
        None if is_list(asked) => Reply::json(200, &document).with_header("x-wp-total", count.to_string()),
        None => Reply::json(200, &document),
    }
}

/// There is no such resource.
pub(super) fn missing(tool: Option<&ToolCall>) -> Reply {
    match tool {
        None => Reply::refusal(404),
        Some(tool) => {
            let text = member("type", Json::text("text")).into_iter().chain(member("text", Json::text("not found")));
            let content = member("content", Json::Array(vec![Json::Object(text.collect())]));
            message(tool, Json::Object(content.into_iter().chain(member("isError", Json::Bool(true))).collect()))
        }
    }
}

/// What a tool answers. Source: Model Context Protocol 2025-06-18, "Tools".
pub(super) fn result(tool: &ToolCall, document: Json) -> Reply {
    let (structured, content) = match document {
        Json::Object(_) => (member("structuredContent", document), Vec::new()),
        other => {
            let text =
                member("type", Json::text("text")).into_iter().chain(member("text", Json::text(other.to_string())));
            (Vec::new(), vec![Json::Object(text.collect())])
        }
    };
    message(tool, Json::Object(member("content", Json::Array(content)).into_iter().chain(structured).collect()))
}

fn message(tool: &ToolCall, result: Json) -> Reply {
    let members = [member("jsonrpc", Json::text("2.0")), member("id", tool.id.clone()), member("result", result)];
    Reply::json(200, &Json::Object(members.concat()))
}

fn member(name: &str, value: Json) -> Vec<(String, Json)> {
    vec![(name.to_owned(), value)]
}
