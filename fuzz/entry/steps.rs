//! Entry: bytes as a sequence of operations on the state machine: requests begin, wait, are answered, given up, mixed
//! with each other, while the policy set is replaced. Two bytes an operation, the second its argument.
//!
//! Each request must end as it does alone, under the set it began with.

use std::sync::Arc;

use policy_core::{Body, Decision, Outcome, PolicySet, Step, Timestamp, Unavailable, evaluate};

use super::documents::{LIBRARY, SMALL, now};
use super::drive::{assert_sound, finish};
use super::message::{Message, read};

/// Requests, and whether a rule that lets bytes pass unread may allow them.
const REQUESTS: [(&str, bool); 8] = [
    ("GET /v3/products/1\nhost: shop.example.com\nx-agent-name: agent", false),
    (
        "PUT /v3/products/1\nhost: shop.example.com\nx-agent-name: agent\ncontent-type: application/json\n\n{\"price\":\"5\",\"stock\":2,\"category\":\"games\"}",
        false,
    ),
    (
        "PUT /v3/products/1\nhost: shop.example.com\nx-agent-name: agent\ncontent-type: application/json\ncontent-length: 42\n\n{\"price\":\"5\",\"stock\":0,\"category\":\"games\"}",
        false,
    ),
    (
        "POST /v3/products/batch\nhost: shop.example.com\nx-agent-name: agent\ncontent-type: application/json\n\n{\"update\":[{\"id\":1,\"price\":1,\"stock\":0,\"category\":\"games\"},{\"id\":2,\"price\":2,\"category\":\"toys\"}]}",
        false,
    ),
    ("DELETE /v3/products/1\nhost: shop.example.com\nx-agent-name: agent", false),
    ("PUT /v3/products/1\nhost: shop.example.com\nx-agent-name: agent\ncontent-length: 99999999\n\n{}", false),
    ("GET /v3/products/1\nhost: shop.example.com\nx-agent-name: nobody", false),
    (
        "POST /upload/gmail/v1/users/me/drafts?uploadType=media\nhost: google.egress.example.com:10000\nx-agent-name: email-agent\ncontent-type: message/rfc822\n\nSubject: x",
        true,
    ),
];

/// Every way in which a body is not to be had.
const UNAVAILABLE: [Unavailable; 7] = [
    Unavailable::TooLarge,
    Unavailable::NotSeen,
    Unavailable::NotRecorded,
    Unavailable::Truncated,
    Unavailable::Timeout,
    Unavailable::NotDelivered,
    Unavailable::NotSupported,
];

/// A request on its way.
struct Open {
    step: Step,
    set: Arc<PolicySet>,
    message: Message,
    opaque: bool,
    end_of_stream: bool,
    at: Timestamp,
}

/// Most requests on their way at once.
const MOST_OPEN: usize = 32;

/// Carries the operations out.
pub fn run(bytes: &[u8]) {
    let mut set = &*LIBRARY;
    let mut open: Vec<Open> = Vec::new();
    let mut at = now();
    for operation in bytes.chunks_exact(2) {
        let argument = usize::from(operation[1]);
        match operation[0] % 8 {
            0 | 1 if open.len() < MOST_OPEN => open.push(begin(set, argument, operation[0] % 8 == 0, at)),
            0 | 1 => {}
            2 => set = if argument % 2 == 0 { &LIBRARY } else { &SMALL },
            3 => at = moment(argument),
            4 => {
                // Given up: nothing is left behind.
                take(&mut open, argument);
            }
            5 => {
                if let Some(request) = take(&mut open, argument) {
                    let body = request.message.body.clone();
                    end(request, if body.is_empty() { Body::Empty } else { Body::Complete(body) });
                }
            }
            6 => {
                if let Some(request) = take(&mut open, argument) {
                    end(request, other_body(argument, bytes));
                }
            }
            _ => {
                if let Some(request) = take(&mut open, argument) {
                    end(request, Body::Unavailable(UNAVAILABLE[argument / 8 % UNAVAILABLE.len()]));
                }
            }
        }
    }
    for request in open {
        end(request, Body::Unavailable(Unavailable::Timeout));
    }
}

fn moment(argument: usize) -> Timestamp {
    let text = ["2026-11-20T12:00:00Z", "2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"];
    Timestamp::parse(text[argument % text.len()]).expect("a time")
}

fn begin(set: &Arc<PolicySet>, argument: usize, ends: bool, at: Timestamp) -> Open {
    let (text, opaque) = REQUESTS[argument % REQUESTS.len()];
    let message = read(text.as_bytes());
    let end_of_stream = ends && message.body.is_empty();
    let mut head = message.head();
    head.end_of_stream = end_of_stream;
    Open { step: evaluate(set, head, at), set: Arc::clone(set), message, opaque, end_of_stream, at }
}

fn take(open: &mut Vec<Open>, argument: usize) -> Option<Open> {
    if open.is_empty() { None } else { Some(open.swap_remove(argument % open.len())) }
}

/// A body that is not the one the request has.
fn other_body(argument: usize, bytes: &[u8]) -> Body {
    match argument % 4 {
        0 => Body::Empty,
        1 => Body::Complete(Vec::new()),
        2 => Body::Complete(bytes[..bytes.len().min(argument)].to_vec()),
        _ => Body::Complete(vec![b' '; 300 * 1024]),
    }
}

fn end(request: Open, body: Body) {
    let Open { step, set, message, opaque, end_of_stream, at } = request;
    let limit = match &step {
        Step::NeedBody(need) => Some(need.limit()),
        _ => None,
    };
    let outcome = finish(step, &body);
    assert_sound(&set, &outcome);
    assert_eq!(outcome, alone(&set, &message, end_of_stream, at, &body), "a request ends as it does alone");
    let allowed = outcome.decision == Decision::Allow;
    if at < moment(2) || at >= moment(3) {
        assert!(!allowed, "a page that is not valid allows nothing: {outcome:?}");
    }
    if let Some(limit) = limit {
        match &body {
            Body::Unavailable(_) => assert!(!allowed || opaque, "what was not seen is not allowed: {outcome:?}"),
            Body::Complete(bytes) => {
                assert!(!allowed || bytes.len() <= limit, "what is too large is not allowed: {outcome:?}")
            }
            Body::Empty => {}
        }
    }
}

fn alone(set: &Arc<PolicySet>, message: &Message, end_of_stream: bool, at: Timestamp, body: &Body) -> Outcome {
    let mut head = message.head();
    head.end_of_stream = end_of_stream;
    finish(evaluate(set, head, at), body)
}
