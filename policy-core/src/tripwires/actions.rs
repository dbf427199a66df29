//! The last things an agent did: one slot per agent, for the record of a tripwire that trips.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::decision::Outcome;
use crate::limits::{ACTIONS, ID_BYTES};
use crate::time::Timestamp;

/// The form of the slot's bytes.
const FORM: u8 = 1;
/// Operations and reasons of a request that are named one by one.
const NAMED: usize = 4;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Ring<'a> {
    form: u8,
    next: u64,
    /// The oldest first.
    #[serde(borrow)]
    kept: Vec<Kept<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept<'a> {
    number: u64,
    #[serde(borrow)]
    action: &'a [u8],
    ended: Option<Ended>,
}

/// What became of a request that went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    /// The status it was answered with; `None`: it was not.
    pub(super) status: Option<u16>,
    pub(super) failed: bool,
}

/// One request, as the slot holds it. No value of the request is in it.
#[derive(Serialize, Deserialize)]
struct Held {
    at: Timestamp,
    decision: String,
    forwarded: bool,
    rule: Option<String>,
    reasons: Vec<String>,
    operations: Vec<(Option<String>, Option<String>, Option<String>)>,
    count: u32,
}

/// One request of an agent, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// When it was decided.
    pub time: String,
    /// `allow`, `deny`, `approval_required`.
    pub decision: String,
    /// Whether it went upstream.
    pub forwarded: bool,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Codes of the first reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The first operations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<ActionOperation>,
    /// Number of operations.
    pub operation_count: u32,
    /// What it was answered with; absent: not answered, or not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// It failed, whatever the status.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub failed: bool,
}

/// One operation of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActionOperation {
    /// `resource.action`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Its effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// What is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
}

/// A request, to be put into the slot.
pub(super) fn of_outcome(outcome: &Outcome, now: Timestamp) -> Vec<u8> {
    let held = Held {
        at: now,
        decision: outcome.decision.name().to_string(),
        forwarded: outcome.forward,
        rule: outcome.rule.as_deref().map(cut),
        reasons: outcome.reasons.iter().take(NAMED).map(|reason| reason.code.text().to_string()).collect(),
        operations: outcome
            .operations
            .iter()
            .take(NAMED)
            .map(|operation| {
                let effect = operation.effect.map(ToString::to_string);
                (operation.action.as_deref().map(cut), effect, operation.call.as_deref().map(cut))
            })
            .collect(),
        count: u32::try_from(outcome.operations.len()).unwrap_or(u32::MAX),
    };
    postcard::to_allocvec(&held).unwrap_or_default()
}

/// Puts a request into the slot: under which number.
pub(super) fn push(bytes: &[u8], action: &[u8]) -> (Option<Vec<u8>>, u64) {
    let mut ring = read(bytes);
    let number = ring.next;
    ring.next = number.wrapping_add(1);
    ring.kept.push(Kept { number, action, ended: None });
    let over = ring.kept.len().saturating_sub(ACTIONS);
    ring.kept.drain(..over);
    (postcard::to_allocvec(&ring).ok(), number)
}

/// Notes what became of it; `None`: it is not there any more.
pub(super) fn end(bytes: &[u8], number: u64, ended: Ended) -> Option<Vec<u8>> {
    let mut ring = read(bytes);
    ring.kept.iter_mut().rev().find(|kept| kept.number == number)?.ended = Some(ended);
    postcard::to_allocvec(&ring).ok()
}

/// All of them, the oldest first.
pub(super) fn all(bytes: &[u8]) -> Vec<Action> {
    read(bytes).kept.iter().filter_map(told).collect()
}

fn read(bytes: &[u8]) -> Ring<'_> {
    let known = postcard::from_bytes(bytes).ok().filter(|ring: &Ring<'_>| ring.form == FORM);
    known.unwrap_or_else(|| Ring { form: FORM, ..Ring::default() })
}

fn told(kept: &Kept<'_>) -> Option<Action> {
    let held: Held = postcard::from_bytes(kept.action).ok()?;
    let operation = |(action, effect, call)| ActionOperation { action, effect, call };
    Some(Action {
        time: held.at.to_string(),
        decision: held.decision,
        forwarded: held.forwarded,
        rule: held.rule,
        reasons: held.reasons,
        operations: held.operations.into_iter().map(operation).collect(),
        operation_count: held.count,
        status: kept.ended.and_then(|ended| ended.status),
        failed: kept.ended.is_some_and(|ended| ended.failed),
    })
}

/// Names are the policy author's; a long one says as much by its beginning.
fn cut(name: &str) -> String {
    let end = name.char_indices().map(|(at, c)| at.saturating_add(c.len_utf8())).take_while(|end| *end <= ID_BYTES);
    name.get(..end.last().unwrap_or_default()).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(rule: &str) -> Vec<u8> {
        let held = Held {
            at: Timestamp(0),
            decision: "allow".into(),
            forwarded: true,
            rule: Some(cut(rule)),
            reasons: Vec::new(),
            operations: alloc::vec![(Some("shop:products.update".into()), Some("gate".into()), None)],
            count: 1,
        };
        postcard::to_allocvec(&held).unwrap()
    }

    #[test]
    fn the_last_ones_are_kept_in_their_order() {
        let mut bytes = Vec::new();
        for number in 0..60u64 {
            let (next, given) = push(&bytes, &held(&alloc::format!("{number}")));
            assert_eq!(given, number);
            bytes = next.unwrap();
        }
        let ended = Ended { status: Some(200), failed: true };
        assert_eq!(end(&bytes, 9, ended), None);
        bytes = end(&bytes, 10, ended).unwrap();
        let all = all(&bytes);
        assert_eq!(all.len(), ACTIONS);
        let rules: Vec<&str> = all.iter().filter_map(|action| action.rule.as_deref()).collect();
        assert_eq!((rules[0], rules[49]), ("10", "59"));
        assert_eq!((all[0].status, all[0].failed, all[1].status, all[1].failed), (Some(200), true, None, false));
        assert!(bytes.len() < 4_096, "{}", bytes.len());
    }

    #[test]
    fn what_cannot_be_read_is_begun_anew() {
        assert_eq!(all(b"\xff\xff"), []);
        let (bytes, _) = push(b"\x07rest", &held("a"));
        assert_eq!(all(&bytes.unwrap()).len(), 1);
        let long = "é".repeat(500);
        assert_eq!(cut(&long).len(), ID_BYTES);
    }
}
