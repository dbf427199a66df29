//! Stands in for the decision point: the decision is written in the request's `:path`.
//!
//! `/allow`, `/deny`, `/approval`, `/shadow-deny`, `/stranger`: decided from the head. `/body`, `/shadow-body`: a body
//! of at most [`LIMIT`] bytes is needed; one that contains `bad`, or none, is denied. `/body-again`: needs a body
//! whatever is answered. `/set-header`,
//! `/remove-header`: allowed with an obligation. `/rpc`, `/notification`: denied to a client that expects an error of
//! JSON-RPC, or no answer.
//!
//! `/current?<n>`: n lookups, each of which must be answered 200 with a body that starts with `good`; otherwise denied,
//! with what was answered in the reply. `/shadow-current?<n>`: forwarded nevertheless. `/body-current?<n>`: after a body.
//! `/counted`: allowed at most [`MOST`] times; `/worker-counted`: for each worker. `/two-counted`: two operations.
//! `/set-header-counted`: with an obligation. `/body-counted`: after a body.
//!
//! With the configuration `trips`, decisions and what becomes of requests are noted in a slot, as text; an answer with `error` in
//! it trips.
//!
//! `/twice-current?<n>`: a second time after the first. `/ever-current?<n>`: again whatever is answered.
//! `/fresh-current?<n>`: kept answers will do for the lookups that are no tools. GET `/<number>`: a read, of whose answer they are.

#![allow(unreachable_pub, dead_code, reason = "mirrors the public interface of policy-core")]

use std::sync::Arc;

mod candidate;
pub mod control;
pub mod counters;
mod needs;
mod outcome;
mod set;
pub mod state;
pub mod tripwires;

pub use candidate::Evidence;
pub use needs::{NeedBody, NeedCurrent, NeedStore};
pub use outcome::Outcome;
pub use policy_core::{Body, Code, Decision, Head, Obligation, Reason, Reply, Timestamp, Unavailable, request};
pub use set::PolicySet;

use counters::Reach;

/// Bytes of a body.
pub const LIMIT: usize = 1024;
/// What a counter allows.
pub const MOST: usize = 3;
/// Calls for one request at a time.
pub const PARALLEL: usize = 3;
/// Bytes of an answer to a lookup.
pub const ANSWER_LIMIT: usize = 64 * 1024;
/// How long answers that are kept may be used.
pub const FRESH_MS: u64 = 5_000;

pub mod decision {
    pub use super::candidate::Compared;
}

pub mod bundle {
    pub use super::set::load;
}

#[must_use]
pub enum Step {
    NeedBody(NeedBody),
    NeedCurrent(NeedCurrent),
    NeedStore(NeedStore),
    Done(Outcome),
}

fn value(head: &Head, name: &[u8]) -> String {
    let value = head.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    String::from_utf8(value.unwrap_or_default()).unwrap_or_default()
}

pub fn evaluate(_set: &Arc<PolicySet>, head: Head, _now: Timestamp) -> Step {
    let agent = value(&head, b"x-agent");
    match begin(head) {
        Step::Done(outcome) if !outcome.not_an_agent => {
            let version = (!agent.is_empty()).then(|| "1".to_string());
            Step::Done(Outcome { agent: Some(agent), version, ..outcome })
        }
        step => step,
    }
}

fn begin(head: Head) -> Step {
    let path = head.fields.iter().find(|(name, _)| name == b":path").map(|(_, value)| value.clone());
    let path = path.unwrap_or_default();
    let agent = value(&head, b"x-agent");
    if let Some(keep) = state::Keep::of(&head, &path, &agent) {
        return Step::Done(Outcome { keep: Some(Box::new(keep)), ..Outcome::new(Decision::Allow) });
    }
    if let Some(need) = NeedCurrent::of(&path, &agent) {
        let body = path.starts_with(b"/body-");
        return if body {
            Step::NeedBody(NeedBody { shadow: false, again: false, then: Some(need), counted: false })
        } else {
            Step::NeedCurrent(need)
        };
    }
    match path.as_slice() {
        b"/allow" => Step::Done(Outcome::new(Decision::Allow)),
        // Who a property names may pass.
        b"/named" if head.properties == [Some(b"agent".to_vec())] => Step::Done(Outcome::new(Decision::Allow)),
        b"/approval" => Step::Done(Outcome::new(Decision::ApprovalRequired)),
        b"/shadow-deny" => Step::Done(Outcome { forward: true, ..Outcome::new(Decision::Deny) }),
        b"/stranger" => Step::Done(Outcome { not_an_agent: true, ..Outcome::new(Decision::Allow) }),
        b"/set-header" => Step::Done(Outcome {
            obligations: vec![Obligation::SetRequestHeader { name: "x-route".into(), value: b"ambit".to_vec() }],
            ..Outcome::new(Decision::Allow)
        }),
        b"/remove-header" => Step::Done(Outcome {
            obligations: vec![Obligation::RemoveRequestHeader { name: "authorization".into() }],
            ..Outcome::new(Decision::Allow)
        }),
        b"/body" | b"/shadow-body" | b"/body-again" => Step::NeedBody(NeedBody {
            shadow: path == b"/shadow-body",
            again: path == b"/body-again",
            then: None,
            counted: false,
        }),
        b"/rpc" => Step::Done(Outcome { rpc: Some("{\"id\":7}"), ..Outcome::new(Decision::Deny) }),
        b"/notification" => Step::Done(Outcome { silent: true, ..Outcome::new(Decision::Deny) }),
        b"/counted" => NeedStore::step(1, Reach::Node, vec![]),
        b"/worker-counted" => NeedStore::step(1, Reach::Worker, vec![]),
        b"/two-counted" => NeedStore::step(2, Reach::Node, vec![]),
        b"/set-header-counted" => {
            let obligation = Obligation::SetRequestHeader { name: "x-route".into(), value: b"ambit".to_vec() };
            NeedStore::step(1, Reach::Node, vec![obligation])
        }
        b"/body-counted" => Step::NeedBody(NeedBody { shadow: false, again: false, then: None, counted: true }),
        _ => Step::Done(Outcome::new(Decision::Deny)),
    }
}
