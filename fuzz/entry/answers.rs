//! Entry: bytes as a request to a store and the answers to its lookups:
//!
//! ```text
//! reprice "20.98"
//! {"id": 42, "price": "19.99", "categories": [{"slug": "toys"}]}
//! ~
//! 503
//! retry-after: 1
//!
//! {}
//! ```
//!
//! The first line names a request of [`super::store`] and gives its value; answers follow in the order of the calls, a line
//! `~` between them. One that begins with digits is a status with a header a line, and behind an empty line a body; any
//! other is the body of a 200 of JSON. A call for which none is left has no answer.

use policy_core::counters::Tallied;
use policy_core::decode::Unavailable;
use policy_core::state::{Answer, Fetch};
use policy_core::{Body, Decision, Outcome, Step, evaluate};

use super::documents::now;
use super::drive::assert_sound;
use super::message::Message;
use super::store::{STORE, assert_within, request};

/// Most rounds of lookups that one request may need.
const ROUNDS: usize = 2;

/// Judges the request with the answers. `None`: there is no request.
pub fn run(bytes: &[u8]) -> Option<Decision> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    let line = String::from_utf8_lossy(line);
    let (name, value) = line.split_once(' ').unwrap_or((&line, "1"));
    let message = request(name, value)?;
    let answers = answers(rest.get(1..).unwrap_or_default());
    let (outcome, given) = judge(&message, &answers);
    assert_sound(&STORE, &outcome);
    let (again, also) = judge(&message, &answers);
    assert_eq!((&outcome, &given), (&again, &also), "the same answers have the same outcome");
    match outcome.decision {
        Decision::Allow => assert_within(name, &message, &given),
        Decision::ApprovalRequired => {
            assert!(given.iter().any(is_away), "only what is not to be had is asked: {outcome:?}")
        }
        Decision::Deny => {}
    }
    Some(outcome.decision)
}

fn judge(message: &Message, answers: &[Answer]) -> (Outcome, Vec<(Fetch, Answer)>) {
    let mut given: Vec<(Fetch, Answer)> = Vec::new();
    let mut rounds = 0;
    let mut step = evaluate(&STORE, message.head(), now());
    loop {
        step = match step {
            Step::Done(outcome) => return (outcome, given),
            Step::NeedBody(need) => need.answer(Body::Complete(message.body.clone())),
            Step::NeedCurrent(need) => {
                rounds += 1;
                assert!(rounds <= ROUNDS, "a request needs {ROUNDS} rounds at most");
                let before = given.len();
                for (position, fetch) in need.fetches().iter().enumerate() {
                    let answer = answers.get(before + position).cloned();
                    given.push((fetch.clone(), answer.unwrap_or(Answer::Unavailable(Unavailable::Timeout))));
                }
                need.answer(given.iter().skip(before).map(|(_, answer)| answer.clone()).collect())
            }
            // Nobody is paused.
            Step::NeedStore(need) if need.plan().charges().is_empty() => need.answer(Tallied::default()),
            Step::NeedStore(need) => need.unavailable(Unavailable::NotSupported),
        };
    }
}

/// Whether a call was not answered, by an agent's leave or not: the page lets a person decide then.
fn is_away((_, answer): &(Fetch, Answer)) -> bool {
    match answer {
        Answer::Unavailable(why) => *why != Unavailable::TooLarge,
        Answer::Response { status, .. } => matches!(status, 408 | 429 | 500..600),
        // Only recordings have parts of answers.
        Answer::Part(_) => false,
    }
}

fn answers(bytes: &[u8]) -> Vec<Answer> {
    let mut all: Vec<Vec<u8>> = vec![Vec::new()];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line {
            b"~\n" | b"~" => all.push(Vec::new()),
            line => all.last_mut().expect("there is one").extend_from_slice(line),
        }
    }
    let last = all.len() - 1;
    // The end of the line before a `~` belongs to it.
    let whole = |(position, bytes): (usize, &Vec<u8>)| match bytes.strip_suffix(b"\n") {
        Some(before) if position < last => answer(before),
        _ => answer(bytes),
    };
    all.iter().enumerate().map(whole).collect()
}

fn answer(bytes: &[u8]) -> Answer {
    let json = (b"content-type".to_vec(), b"application/json".to_vec());
    if !bytes.first().is_some_and(u8::is_ascii_digit) {
        return match bytes {
            b"away" => Answer::Unavailable(Unavailable::Unreachable),
            b"large" => Answer::Unavailable(Unavailable::TooLarge),
            body => Answer::Response { status: 200, headers: vec![json], body: body.to_vec() },
        };
    }
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &b""[..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.trim().parse().ok()).unwrap_or(200);
    let header = |line: &[u8]| match line.windows(2).position(|pair| pair == b": ") {
        Some(at) => (line[..at].to_vec(), line[at + 2..].to_vec()),
        None => (line.to_vec(), Vec::new()),
    };
    Answer::Response { status, headers: lines.map(header).collect(), body: body.to_vec() }
}
