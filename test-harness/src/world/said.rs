//! What a world says of single resources, put together into the answer to a call.

use super::addresses::Asked;
use super::call::{Reply, ToolCall};
use super::json::Json;
use super::paper;

/// What is said of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is like this.
    Resource {
        /// Its members.
        json: Json,
        /// These are all it has.
        whole: bool,
    },
    /// The list that the lookup goes through.
    List(Vec<Json>),
    /// There is none.
    Missing,
    /// The API answers something else, or not at all.
    Reply(Reply),
    /// Nothing.
    Nothing,
}

/// The answer to a call that asks for these resources, each of which `say` says something of by its position.
pub(super) fn answer(asked: &Asked<'_>, tool: Option<&ToolCall>, mut say: impl FnMut(usize) -> Said) -> Reply {
    let mut resources = Vec::new();
    let mut all = true;
    for position in 0..asked.wanted.len() {
        match say(position) {
            Said::Resource { json, whole } => {
                all &= whole;
                resources.push(json);
            }
            Said::List(elements) => return paper::answer(asked, tool, elements),
            Said::Missing => {}
            Said::Reply(reply) => return reply,
            Said::Nothing => return Reply::NotRecorded,
        }
    }
    match paper::answer(asked, tool, resources) {
        Reply::Response { status, headers, body, .. } => Reply::Response { status, headers, body, whole: all },
        other => other,
    }
}
