//! What the agent gets in the upstream's place: a problem document, or for a JSON-RPC request an error that its client
//! hands to whoever made the call.

use alloc::format;
use alloc::vec::Vec;

use super::{Code, Decision, Outcome, Problem};
use crate::decode::{Rpc, VERSIONS};
use crate::policy::PolicySet;

/// A local reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body; `None`: there is no body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

/// JSON-RPC error codes (JSON-RPC 2.0, §5.1; MCP 2026-07-28, "Error Codes").
const INVALID_REQUEST: i32 = -32600;
const HEADER_MISMATCH: i32 = -32020;
const UNSUPPORTED_VERSION: i32 = -32022;
/// Ambit's own, of the range that JSON-RPC leaves to servers; MCP gives these no meaning.
const REFUSED: i32 = -32010;
const APPROVAL_REQUIRED: i32 = -32011;

impl Outcome {
    /// The answer to a request that is not forwarded.
    #[must_use]
    pub fn reply(&self, set: &PolicySet) -> Reply {
        let problem = self.problem(set);
        match &self.rpc {
            None => {
                Reply { status: problem.status, content_type: Some("application/problem+json"), body: problem.body }
            }
            // Nobody reads an answer to a notification.
            Some(rpc) if rpc.ids.is_empty() => Reply { status: problem.status, content_type: None, body: Vec::new() },
            Some(rpc) => self.errors(rpc, problem),
        }
    }

    /// One error per request. MCP clients take an HTTP error for a broken transport and show its text to nobody: the status
    /// is 200, but where the specification asks for 400 (headers that contradict the body, and versions that are not
    /// served).
    fn errors(&self, rpc: &Rpc, problem: Problem) -> Reply {
        let first = self.reasons.first();
        let (status, code) = match (self.decision, first.map(|reason| reason.code)) {
            (_, Some(Code::HeaderBodyMismatch)) => (400, HEADER_MISMATCH),
            (_, Some(Code::HeaderNotAllowed)) if rpc.unsupported.is_some() => (400, UNSUPPORTED_VERSION),
            (_, Some(Code::JsonrpcShape)) => (200, INVALID_REQUEST),
            (Decision::ApprovalRequired, _) => (200, APPROVAL_REQUIRED),
            _ => (200, REFUSED),
        };
        let data = match problem.body.strip_prefix(b"{") {
            // Members that the specification asks for, in front of the document's.
            Some(members) if code == UNSUPPORTED_VERSION => {
                let supported = serde_json::to_string(&VERSIONS).unwrap_or_default();
                let requested = serde_json::to_string(&rpc.unsupported).unwrap_or_default();
                let mut data = format!(r#"{{"supported":{supported},"requested":{requested},"#).into_bytes();
                data.extend_from_slice(members);
                data
            }
            Some(_) => problem.body,
            None => b"null".to_vec(),
        };
        let message = first.map_or("outside the agent's scope", |reason| reason.message.as_str());
        // A text always has a JSON form; an empty one would still be a refusal.
        let message = serde_json::to_string(message).unwrap_or_else(|_| "\"\"".into());
        let mut body = Vec::new();
        for (position, id) in rpc.ids.iter().enumerate() {
            body.extend_from_slice(if position == 0 { b"" } else { b"," });
            // The id is the text of a JSON value that was read.
            let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}"#);
            body.extend_from_slice(start.as_bytes());
            // The document stands once: it speaks of the whole batch.
            if position == 0 {
                body.extend_from_slice(b",\"data\":");
                body.extend_from_slice(&data);
            }
            body.extend_from_slice(b"}}");
        }
        if rpc.batch {
            body.insert(0, b'[');
            body.push(b']');
        }
        Reply { status, content_type: Some("application/json"), body }
    }
}
