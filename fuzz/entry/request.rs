//! Entry: bytes as a request, judged by every policy of the repository.

use policy_core::decode::google_batch::read_google_batch;
use policy_core::request::{Headers, Request, normalize};
use policy_core::{Body, Decision, Step, evaluate};

use super::documents::{LIBRARY, REVERSED, UNFORBIDDEN, now};
use super::drive::{assert_allowed_for_a_reason, assert_sound, finish, judge, judge_head};
use super::message::{Message, read};
use super::page;

/// Judges the request, and the same request said in other ways.
pub fn run(bytes: &[u8]) {
    let message = read(bytes);
    let outcome = judge(&LIBRARY, &message);
    assert_sound(&LIBRARY, &outcome);
    assert_eq!(outcome, judge(&LIBRARY, &message), "the same request has the same outcome");
    assert_eq!(outcome, judge(&LIBRARY, &message.in_capitals()), "header names have no case");
    let same = |other: Decision, why: &str| assert_eq!(other, outcome.decision, "{why}: {outcome:?}");
    same(judge(&LIBRARY, &message.in_another_order()).decision, "the order of headers says nothing");
    same(judge(&REVERSED, &message).decision, "the order of rules says nothing");
    if let Some(reversed) = message.with_members_reversed() {
        same(judge(&LIBRARY, &reversed).decision, "the order of members says nothing");
    }
    let unforbidden = judge(&UNFORBIDDEN, &message).decision;
    assert!(unforbidden <= outcome.decision, "a forbid never allows more: {unforbidden:?}, {outcome:?}");
    let allowed = outcome.decision == Decision::Allow && !outcome.not_an_agent;
    if allowed {
        assert_allowed_for_a_reason(&LIBRARY, &message, &outcome);
        if outcome.agent.as_deref() == Some("agent") {
            page::assert_allowed(&message);
        }
        parts_alone(&message);
    }
    late_end(&message);
    canonical(&message, allowed);
}

/// Each request of a batch that is allowed is allowed alone.
fn parts_alone(message: &Message) {
    let content_type = message.header("content-type").and_then(|value| std::str::from_utf8(value).ok());
    let Some(Ok(parts)) = content_type.map(|content_type| read_google_batch(content_type, &message.body)) else {
        return;
    };
    for part in parts {
        let own = |name: &[u8]| part.headers.iter().any(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        let mut fields = vec![
            (b":method".to_vec(), part.method.as_bytes().to_vec()),
            (b":path".to_vec(), part.target.as_bytes().to_vec()),
        ];
        let outer = message.fields.iter().filter(|(name, _)| {
            let about = name.len() >= 8 && name[..8].eq_ignore_ascii_case(b"content-");
            !about && name != b":method" && name != b":path" && !own(name)
        });
        fields.extend(outer.cloned());
        fields.extend(part.headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
        let alone = Message { fields, body: part.body.to_vec() };
        let outcome = judge(&LIBRARY, &alone);
        assert_eq!(outcome.decision, Decision::Allow, "{outcome:?}\n{alone:?}");
    }
}

/// An empty body is none, whether the head says so or the gateway does later.
fn late_end(message: &Message) {
    if !message.body.is_empty() {
        return;
    }
    let mut head = message.head();
    head.end_of_stream = false;
    if let step @ Step::NeedBody(_) = evaluate(&LIBRARY, head, now()) {
        let (late, early) = (finish(step, &Body::Empty), judge_head(&LIBRARY, message.head(), &Body::Empty));
        assert_eq!(late.decision, early.decision, "{late:?}, {early:?}");
    }
}

/// Normalising what was normalised changes nothing, and what is allowed stays allowed in its canonical spelling.
fn canonical(message: &Message, allowed: bool) {
    let Ok(once) = normalize(Headers::new(message.fields.clone())) else {
        return;
    };
    let mut fields = vec![
        (b":method".to_vec(), once.method.name().as_bytes().to_vec()),
        (b":path".to_vec(), target(&once).into_bytes()),
        (b":authority".to_vec(), once.host.clone().into_bytes()),
    ];
    let known = |name: &str| [":method", ":path", ":authority", "host"].contains(&name);
    fields.extend(
        once.headers
            .iter()
            .filter(|(name, _)| !known(name))
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())),
    );
    if fields[1].1.len() > policy_core::limits::TARGET_BYTES {
        return;
    }
    let again = Message { fields, body: message.body.clone() };
    let twice = match normalize(Headers::new(again.fields.clone())) {
        Ok(twice) => twice,
        Err(why) => panic!("the canonical form of a request has a reading: {why:?}\n{again:?}"),
    };
    assert_eq!(once.method, twice.method);
    assert_eq!(once.host, twice.host);
    assert_eq!(once.segments, twice.segments);
    assert_eq!(once.trailing_slash, twice.trailing_slash);
    assert_eq!(once.query, twice.query);
    assert_eq!((once.content_length, once.chunked), (twice.content_length, twice.chunked));
    if allowed {
        let outcome = judge(&LIBRARY, &again);
        assert_eq!(outcome.decision, Decision::Allow, "{outcome:?}\n{again:?}");
    }
}

/// The request target, written from what was read of it: what was encoded is encoded from the beginning of its segment.
fn target(request: &Request) -> String {
    let mut text = String::new();
    for segment in &request.segments {
        text.push('/');
        let (encoded, plain) = segment.text.split_at(segment.encoded);
        encode(encoded, &mut text);
        text.push_str(plain);
    }
    if request.trailing_slash || text.is_empty() {
        text.push('/');
    }
    for (index, pair) in request.query.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        encode(&pair.name, &mut text);
        text.push('=');
        encode(&pair.value, &mut text);
    }
    text
}

fn encode(text: &str, into: &mut String) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        write!(into, "%{byte:02X}").expect("a String takes all");
    }
}
