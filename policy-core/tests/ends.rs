//! B2: a session ends when its holder says so, and what that means for other tokens, for others, and after a restart.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::control::{Answer, carry_out, read_head};
use policy_core::counters::Table;
use policy_core::jws::{Kind, sign};
use policy_core::store::Memory;
use policy_core::{Body, Timestamp, Unavailable};
use serde_json::{Value, json};
use support::counting::{BUDGET, Gateway};
use support::tokens::{claims, now, secret, shop_with_sessions_and, token};
use support::{Request, request};

const PAGE: &str = r#"{ "permit": [ { "id": "read", "scope": "shop:products.read" } ] }"#;
const DAY: u64 = 86_400;

/// A gateway that takes session tokens, and requests on its control route.
fn gateway_with(mut more: Value) -> Gateway {
    more["control"] = json!({ "path": "/.ambit/control" });
    Gateway::new(shop_with_sessions_and(PAGE, &more))
}

fn gateway() -> Gateway {
    gateway_with(json!({}))
}

fn read() -> Request {
    request("GET /v3/products/1")
}

fn delete(token: &str) -> Request {
    request("DELETE /.ambit/control").with_token(token)
}

fn send(gateway: &mut Gateway, request: &Request, body: Body) -> Answer {
    match read_head(&gateway.set, &request.head().fields) {
        Ok(asked) => carry_out(&gateway.set, asked, body, &mut gateway.memory, gateway.now),
        Err(answer) => answer,
    }
}

/// Ends the session of a token.
#[track_caller]
fn end(gateway: &mut Gateway, token: &str) -> Answer {
    let answer = send(gateway, &delete(token), Body::Empty);
    assert!(answer.carried_out && answer.status == 200, "{}", answer.line);
    answer
}

#[track_caller]
fn refused(gateway: &mut Gateway, request: &Request, body: Body, expect: &str) {
    let before = format!("{:?}", gateway.memory);
    let answer = send(gateway, request, body);
    let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(format!("{} {}", answer.status, answer.details), expect, "{}", answer.line);
    assert_eq!(problem["type"], format!("urn:ambit:command:{}", answer.details));
    assert!(!answer.carried_out && answer.line.contains("refused"), "{}", answer.line);
    assert!(format!("{:?}", gateway.memory) == before, "what is refused changes nothing");
}

/// B2: one call, and every token of the session is refused from then on; other sessions go on.
#[test]
fn whoever_holds_a_token_ends_its_session() {
    let mut gateway = gateway();
    let longer = json!({ "exp": now() - 60 + 30 * DAY });
    gateway.check(&read().in_session(json!({})), "allow read");
    end(&mut gateway, &token(json!({})));
    gateway.check(&read().in_session(json!({})), "deny: session_ended");
    gateway.check(&read().in_session(longer.clone()), "deny: session_ended");
    gateway.check(&read().in_session(json!({ "sid": "s2" })), "allow read");
    gateway.check(&read(), "allow read");
    // No token that was issued before the end comes back to life, however long it holds.
    gateway.pass(30 * DAY - 61);
    gateway.check(&read().in_session(longer), "deny: session_ended");
    let ahead = json!({ "iat": now() + 60, "exp": now() + 60 + 30 * DAY });
    gateway.pass(120);
    gateway.check(&read().in_session(ahead), "deny: session_ended");
}

/// Its runner may send it again, and so may another holder.
#[test]
fn ending_a_session_twice_is_one_end() {
    let mut gateway = gateway();
    let first = end(&mut gateway, &token(json!({})));
    let kept = gateway.memory.bytes();
    let again = end(&mut gateway, &token(json!({ "exp": now() + 60 })));
    assert_eq!((first.body, kept), (again.body, gateway.memory.bytes()));
    gateway.check(&read().in_session(json!({})), "deny: session_ended");
}

/// What a holder reads is of its own session: not who is paused, nor which agents there are.
#[test]
fn the_answer_and_the_record_name_the_session() {
    let mut gateway = gateway_with(json!({ "paused": [{ "agent": "agent", "what": "writes", "reason": "audit" }] }));
    let answer = end(&mut gateway, &token(json!({})));
    let until = Timestamp::from_seconds(now() + 60 + 30 * DAY).to_string();
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let expect = json!({ "gateway": "g1", "command": "end_session", "now": gateway.now.to_string(), "agent": "agent",
        "session": "s1", "until": until });
    assert_eq!(body, expect);
    let event: Value = serde_json::from_slice(&answer.event).expect("JSON");
    assert_eq!(
        event,
        json!({
            "command": "end_session", "outcome": "carried_out", "agent": "agent", "session": "s1", "until": until,
            "key": "ci", "by": "holder", "gateway": "g1", "policy": gateway.set.digest(),
        })
    );
    let line = format!(
        "ambit: end_session by the holder of a token of `agent` session `s1` until `{until}` by the key `ci`: carried out"
    );
    assert_eq!(answer.line, line);
    let stranger = send(&mut gateway, &delete(&token(json!({ "sub": "robot" }))), Body::Empty);
    assert_eq!(stranger.details, "unknown_agent");
    assert!(!String::from_utf8_lossy(&stranger.body).contains("`agent`"), "{}", stranger.line);
}

/// Only a token that holds here ends its session, sent as the call says.
#[test]
fn what_is_no_end_of_a_session_is_refused() {
    let mut gateway = gateway();
    let sound = token(json!({}));
    let signed = |kind, key: &str, secret: [u8; 32]| sign(kind, key, &secret, claims(json!({})).to_string().as_bytes());
    let forged = format!("{}AAAA", &sound[..sound.len() - 4]);
    for (token, expect) in [
        ("s3cret".to_owned(), "401 not_a_token"),
        (forged, "401 wrong_signature"),
        (format!("{sound} x"), "401 not_a_token"),
        (format!("{sound}{}", "x".repeat(5_000)), "401 not_a_token"),
        (signed(Kind::Command, "ops", secret("ops")), "400 other_kind"),
        (signed(Kind::Session, "ops", secret("ops")), "403 key_not_for_sessions"),
        (signed(Kind::Session, "bob", secret("ci")), "401 unknown_key"),
        (signed(Kind::Session, "ci", secret("ops")), "401 wrong_signature"),
        (token(json!({ "aud": "g2" })), "403 other_gateway"),
        (token(json!({ "iss": "ops" })), "403 other_issuer"),
        (token(json!({ "exp": now() })), "401 expired"),
        (token(json!({ "iat": now() + 61, "exp": now() + 90 })), "401 early"),
        (token(json!({ "nbf": 1 })), "400 claims"),
        (token(json!({ "exp": now() + 31 * DAY })), "400 claims"),
        (token(json!({ "sub": "robot" })), "404 unknown_agent"),
    ] {
        refused(&mut gateway, &delete(&token), Body::Empty, expect);
    }
    let bare = request("DELETE /.ambit/control");
    let basic = format!("Basic {sound}");
    for request in [bare.clone(), bare.clone().header("authorization", &sound), bare.header("authorization", basic)] {
        refused(&mut gateway, &request, Body::Empty, "401 no_token");
    }
    let twice = delete(&sound).header("authorization", format!("Bearer {sound}"));
    refused(&mut gateway, &twice, Body::Empty, "401 no_token");
    refused(&mut gateway, &request("GET /.ambit/control").with_token(&sound), Body::Empty, "405 method");
    refused(&mut gateway, &request("DELETE /.ambit/control?a=b").with_token(&sound), Body::Empty, "400 query");
    for (body, expect) in [
        (Body::Complete(b"x".to_vec()), "400 body"),
        (Body::Unavailable(Unavailable::TooLarge), "400 body"),
        (Body::Unavailable(Unavailable::Timeout), "408 body_timeout"),
        (Body::Unavailable(Unavailable::NotSeen), "503 body_not_seen"),
    ] {
        refused(&mut gateway, &delete(&sound), body, expect);
    }
    refused(&mut gateway, &delete(&sound).header("content-length", "1"), Body::Empty, "400 body");
    gateway.check(&read().in_session(json!({})), "allow read");
    assert!(send(&mut gateway, &delete(&sound).header("content-length", "0"), Body::Complete(vec![])).carried_out);
    gateway.memory = Memory::new();
    refused(&mut gateway, &delete(&sound), Body::Empty, "503 store");
}

/// A restart forgets which sessions had ended: tokens from before it hold no more, and new ones do, of any session.
#[test]
fn a_token_from_before_a_restart_is_refused() {
    let restarted = |more: Value| {
        let mut gateway = gateway_with(more);
        end(&mut gateway, &token(json!({})));
        gateway.memory = Memory::new();
        let birth = Timestamp(gateway.now.0 + 1);
        gateway.table = Table::open(&gateway.set, &mut gateway.memory, BUDGET, birth).expect("a table");
        gateway.pass(1);
        gateway
    };
    let mut gateway = restarted(json!({}));
    gateway.check(&read().in_session(json!({})), "deny: session_before_start");
    gateway.check(&read().in_session(json!({ "sid": "s2" })), "deny: session_before_start");
    // A token says in whole seconds when it was issued: one of the same second may be from before.
    gateway.check(&read().in_session(json!({ "iat": now() })), "deny: session_before_start");
    gateway.check(&read().in_session(json!({ "iat": now() + 1 })), "allow read");
    gateway.check(&read(), "allow read");
    let outcome = gateway.judge(&read().in_session(json!({})));
    assert_eq!(outcome.problem(&gateway.set).status, 401);
    assert_eq!(
        outcome.reasons[0].message,
        "the session token is from before 2026-11-20T12:00:00Z, since when this gateway knows which sessions \
         have ended: send a new token"
    );
    // Its holder may still end it, so that no later token holds either.
    end(&mut gateway, &token(json!({})));
    gateway.check(&read().in_session(json!({ "iat": now() + 1 })), "deny: session_ended");

    let mut forgiving = restarted(json!({ "sessions": { "after_restart": "allow" } }));
    forgiving.check(&read().in_session(json!({})), "allow read");
    let mut refusing = restarted(json!({ "sessions": { "after_restart": "refuse" } }));
    refusing.check(&read().in_session(json!({})), "deny: session_before_start");
}

/// Whoever is paused altogether is told so, and not to send another token.
#[test]
fn a_pause_is_told_before_an_old_token() {
    for (what, expect) in [("everything", "deny: paused"), ("writes", "deny: session_before_start")] {
        let set = shop_with_sessions_and(PAGE, &json!({}));
        let mut gateway = Gateway::born(set, "2026-11-20T11:59:30Z");
        gateway.check(&read().in_session(json!({})), "deny: session_before_start");
        let pause = json!({ "paused": [{ "agent": "agent", "what": what }] });
        let set = shop_with_sessions_and(PAGE, &pause);
        gateway.load(set);
        gateway.check(&read().in_session(json!({})), expect);
    }
}

/// The end of a session is kept through updates of the policies.
#[test]
fn an_update_forgets_no_end() {
    let mut gateway = gateway();
    end(&mut gateway, &token(json!({})));
    gateway.load(gateway_with(json!({ "unknown_agent": "not_an_agent" })).set);
    gateway.check(&read().in_session(json!({})), "deny: session_ended");
}
