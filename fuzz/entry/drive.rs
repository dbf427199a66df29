//! Taking an evaluation to its end, and what holds for every outcome.

use std::sync::Arc;

use policy_core::counters::Tallied;
use policy_core::decode::google_batch::read_google_batch;
use policy_core::document::read_json;
use policy_core::limits::REASONS;
use policy_core::request::{Headers, normalize};
use policy_core::{Body, Decision, Head, Outcome, PolicySet, Step, Unavailable, evaluate};

use super::documents::now;
use super::message::Message;
use super::unique::Unique;

/// Most answers that one request may need.
const ANSWERS: usize = 8;

/// Answers every need: the body with `body`, whether the agent may act with yes, all else with "not to be had".
pub fn finish(mut step: Step, body: &Body) -> Outcome {
    for _ in 0..ANSWERS {
        step = match step {
            Step::Done(outcome) => return outcome,
            Step::NeedBody(need) => need.answer(body.clone()),
            Step::NeedCurrent(need) => need.unavailable(Unavailable::NotSupported),
            // Nobody is paused.
            Step::NeedStore(need) if need.plan().charges().is_empty() => need.answer(Tallied::default()),
            Step::NeedStore(need) => need.unavailable(Unavailable::NotSupported),
        };
    }
    panic!("an evaluation ends after {ANSWERS} answers");
}

/// What `set` says of a head and its body.
pub fn judge_head(set: &Arc<PolicySet>, head: Head, body: &Body) -> Outcome {
    finish(evaluate(set, head, now()), body)
}

/// What `set` says of a whole request.
pub fn judge(set: &Arc<PolicySet>, message: &Message) -> Outcome {
    let body = if message.body.is_empty() { Body::Empty } else { Body::Complete(message.body.clone()) };
    judge_head(set, message.head(), &body)
}

/// What holds for every outcome, whatever was asked.
pub fn assert_sound(set: &Arc<PolicySet>, outcome: &Outcome) {
    let allowed = outcome.decision == Decision::Allow;
    assert_eq!(outcome.forward, allowed || outcome.shadow, "only what is allowed, or in shadow, goes on: {outcome:?}");
    assert_eq!(outcome.reasons.is_empty(), allowed, "a refusal says why, an allow has no reason: {outcome:?}");
    assert!(outcome.reasons.len() <= REASONS, "the reasons are bounded: {outcome:?}");
    for reason in &outcome.reasons {
        let text = format!("{}{}", reason.message, reason.pointer.as_deref().unwrap_or_default());
        assert!(!text.is_empty() && text.len() < 4096, "a reason is one bounded text: {reason:?}");
        assert!(!reason.message.contains(char::is_control), "a reason is one line of text: {reason:?}");
    }
    for bytes in [outcome.problem(set).body, outcome.decision_json(set)] {
        let read = serde_json::from_slice::<serde_json::Value>(&bytes);
        assert!(read.is_ok_and(|value| value.is_object()), "a reply and a record are JSON objects: {outcome:?}");
        assert!(bytes.iter().all(|byte| *byte >= b' '), "a record is one line: {outcome:?}");
    }
    let reply = outcome.reply(set);
    let read = serde_json::from_slice::<serde_json::Value>(&reply.body);
    assert_eq!(read.is_ok(), reply.content_type.is_some(), "a reply is JSON, or there is none: {outcome:?}");
    assert!((200..600).contains(&reply.status), "a reply has a status: {outcome:?}");
}

/// What holds for a request that is allowed on a page that enforces.
pub fn assert_allowed_for_a_reason(set: &Arc<PolicySet>, message: &Message, outcome: &Outcome) {
    let agent = outcome.agent.as_deref().expect("an allowed request names its agent");
    let page = set.page(agent).expect("the agent has a page");
    let request = normalize(Headers::new(message.fields.clone())).expect("an allowed request has one reading");
    assert!(page.trie(&request.host).is_some(), "the page speaks of the host: {outcome:?}");
    assert!(!outcome.operations.is_empty(), "an allowed request does something: {outcome:?}");
    let of = |effect: &'static str| outcome.considered.iter().filter(move |c| c.effect == effect && !c.shadow);
    assert!(of("forbid").all(|c| c.decision.is_none()), "nothing forbids it: {outcome:?}");
    for operation in 0..outcome.operations.len() {
        let permitted = of("permit").any(|c| c.operation == operation && c.decision == Some(Decision::Allow));
        assert!(permitted, "a rule permits operation {operation}: {outcome:?}");
    }
    let rule = outcome.rule.as_deref().expect("an allowed request names its rule");
    let permit = page.permits.iter().find(|permit| permit.id == rule).expect("the rule is a permit of the page");
    if request.method.is_bodiless() {
        assert!(message.body.is_empty(), "a read has no body: {outcome:?}");
    } else if !permit.body.opaque && !message.body.is_empty() {
        let content_type = message.header("content-type").unwrap_or_default();
        let parts = std::str::from_utf8(content_type).ok().and_then(|text| read_google_batch(text, &message.body).ok());
        let bodies = match parts {
            Some(parts) => parts.iter().map(|part| part.body.to_vec()).filter(|body| !body.is_empty()).collect(),
            None => vec![message.body.clone()],
        };
        for body in bodies {
            let (strict, other) = (read_json(body.clone()), serde_json::from_slice::<Unique>(&body));
            assert!(strict.is_ok() && other.is_ok(), "two readers take the body for JSON: {outcome:?}");
        }
    }
}
