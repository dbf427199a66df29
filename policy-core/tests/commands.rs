//! Commands to the gateway (C5): what is carried out, what is refused and why, and that nothing is carried out twice.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::control::{Answer, LIMIT, carry_out, is_for, read_head};
use policy_core::jws::{Kind, public_key_text, public_of, sign};
use policy_core::store::Memory;
use policy_core::{Body, Timestamp, Unavailable};
use serde_json::{Value, json};
use support::counting::Gateway;
use support::pages::shop_behind;
use support::{Request, json as write_of, request};

const OPS: [u8; 32] = [7; 32];
const ANNA: [u8; 32] = [8; 32];
/// The second at which the tests' gateway is.
const SECOND: u64 = 1_795_176_000;

/// A gateway with a key for commands, one for approvals, and one that was for commands.
fn gateway_with(members: Value) -> Gateway {
    let key = |id: &str, secret, more: Value| {
        let mut key = json!({ "id": id, "public_key": public_key_text(&public_of(&secret)) });
        key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        key
    };
    let mut document = json!({
        "name": "g1",
        "control": { "path": "/.ambit/control" },
        "keys": [
            key("ops", OPS, json!({ "control": true, "owner": "anna" })),
            key("anna", ANNA, json!({ "roles": ["finance"] })),
            key("old", OPS, json!({ "control": true, "until": "2026-11-20T12:00:00Z" })),
        ],
    });
    let document_members = document.as_object_mut().expect("an object");
    document_members.extend(members.as_object().expect("an object").clone());
    document_members.retain(|_, value| !value.is_null());
    let page = r#"{ "permit": [ { "id": "read", "scope": "shop:products.read" },
        { "id": "write", "scope": "shop:products.update", "fields": { "only": ["price"] } } ] }"#;
    Gateway::new(shop_behind(&document.to_string(), page))
}

fn gateway() -> Gateway {
    gateway_with(json!({}))
}

fn read() -> Request {
    request("GET /v3/products/1")
}

fn write() -> Request {
    write_of("PUT /v3/products/1", r#"{"price":"1.00"}"#)
}

/// The claims of a sound command, with these members besides.
fn claims(more: &Value) -> Value {
    let mut claims = json!({ "aud": "g1", "jti": "1", "iat": SECOND, "exp": SECOND + 60 });
    claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    claims
}

fn signed(claims: &Value) -> String {
    sign(Kind::Command, "ops", &OPS, claims.to_string().as_bytes())
}

fn send(gateway: &mut Gateway, message: &str) -> Answer {
    deliver(gateway, Body::Complete(message.into()))
}

fn deliver(gateway: &mut Gateway, body: Body) -> Answer {
    let asked = read_head(&gateway.set, &request("POST /.ambit/control").head().fields).expect("a command");
    carry_out(&gateway.set, asked, body, &mut gateway.memory, gateway.now)
}

/// Signs and sends a command, which is carried out.
#[track_caller]
fn obeyed(gateway: &mut Gateway, more: &Value) -> Value {
    let answer = send(gateway, &signed(&claims(more)));
    let body = serde_json::from_slice(&answer.body).expect("JSON");
    assert!(answer.carried_out && answer.status == 200, "{body}");
    body
}

/// `status code`, from an answer that is the same in every of its parts.
#[track_caller]
fn refusal(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let event: Value = serde_json::from_slice(&answer.event).expect("JSON");
    assert!(!answer.carried_out, "{body}");
    assert_eq!(answer.content_type, "application/problem+json");
    assert_eq!((&body["status"], &body["reasons"][0]["code"]), (&answer.status.into(), &answer.details.into()));
    assert_eq!((&event["outcome"], &event["code"]), (&"refused".into(), &answer.details.into()));
    let said = body["detail"].as_str().expect("a text");
    assert!(answer.line.ends_with(&format!("refused: {}: {said}", answer.details)), "{}", answer.line);
    assert!(!answer.line.contains('\n'), "{}", answer.line);
    format!("{} {}", answer.status, answer.details)
}

#[track_caller]
fn refused(gateway: &mut Gateway, message: &str, expect: &str) {
    let before = format!("{:?}", gateway.memory);
    let answer = send(gateway, message);
    assert_eq!(refusal(&answer), expect, "{}", answer.line);
    assert_eq!(format!("{:?}", gateway.memory), before, "what is refused changes nothing");
}

/// C5: one agent or all, everything or what has an effect, until a time or until it is lifted.
#[test]
fn agents_are_paused_and_resumed() {
    let mut gateway = gateway();
    let body = obeyed(
        &mut gateway,
        &json!({ "command": "pause", "agent": "agent", "what": "writes", "reason": "odd prices" }),
    );
    assert_eq!(
        body,
        json!({
            "gateway": "g1", "command": "pause", "now": "2026-11-20T12:00:00Z", "since": "2026-10-01T00:00:00Z",
            "paused": [{ "agent": "agent", "what": "writes", "cause": "command", "key": "ops", "reason": "odd prices",
                         "since": "2026-11-20T12:00:00Z" }],
        })
    );
    gateway.check(&read(), "allow read");
    gateway.check(&write(), "deny: paused");
    obeyed(&mut gateway, &json!({ "command": "pause", "all": true, "until": SECOND + 600, "jti": "2" }));
    gateway.check(&read(), "deny: paused");

    let body = obeyed(&mut gateway, &json!({ "command": "resume", "agent": "agent", "jti": "3" }));
    assert_eq!((&body["lifted"], body["paused"].as_array().expect("a list").len()), (&1.into(), 1));
    assert_eq!(
        (&body["paused"][0]["all"], &body["paused"][0]["until"]),
        (&true.into(), &"2026-11-20T12:10:00Z".into())
    );
    gateway.check(&read(), "deny: paused");
    gateway.pass(600);
    gateway.check(&write(), "allow write");
}

/// C5: what has been carried out is not carried out again, and nothing from before the start is.
#[test]
fn a_captured_command_is_worth_nothing() {
    let mut gateway = gateway();
    let pause = signed(&claims(&json!({ "command": "pause", "all": true })));
    assert!(send(&mut gateway, &pause).carried_out);
    obeyed(&mut gateway, &json!({ "command": "resume", "all": true, "jti": "2" }));
    refused(&mut gateway, &pause, "409 replayed");
    // The same id in another command, or signed anew.
    refused(&mut gateway, &signed(&claims(&json!({ "command": "resume", "all": true }))), "409 replayed");
    gateway.pass(59);
    refused(&mut gateway, &pause, "409 replayed");
    gateway.pass(1);
    refused(&mut gateway, &pause, "401 expired");
    gateway.check(&read(), "allow read");

    let mut restarted = self::gateway();
    restarted.memory = Memory::new();
    let birth = Timestamp(Timestamp::from_seconds(SECOND).0 + 1);
    let opened =
        policy_core::counters::Table::open(&restarted.set, &mut restarted.memory, support::counting::BUDGET, birth);
    assert!(opened.is_ok());
    restarted.now = birth;
    refused(&mut restarted, &pause, "409 before_start");
    obeyed(&mut restarted, &json!({ "command": "pause", "all": true, "iat": SECOND + 1 }));
}

/// C5: what is no sound command of this gateway's operators is refused, with what is wrong.
#[test]
fn what_is_not_a_sound_command_is_refused() {
    let mut gateway = gateway();
    let sound = claims(&json!({ "command": "pause", "all": true }));
    let payload = sound.to_string();
    let by = |kind, id: &str, secret: &[u8; 32]| sign(kind, id, secret, payload.as_bytes());
    let message = signed(&sound);
    for (message, expect) in [
        (String::new(), "400 not_a_command"),
        ("{}".into(), "400 not_a_command"),
        ("pause everything".into(), "400 not_a_command"),
        (format!(" {message}"), "400 not_a_command"),
        (format!("{message}{message}"), "400 not_a_command"),
        ("x".repeat(LIMIT + 1), "413 too_large"),
        (by(Kind::Grant, "ops", &OPS), "400 other_kind"),
        (by(Kind::Session, "ops", &OPS), "400 other_kind"),
        (by(Kind::Command, "nobody", &OPS), "401 unknown_key"),
        (by(Kind::Command, "anna", &ANNA), "403 key_not_for_control"),
        (by(Kind::Command, "old", &OPS), "401 key_not_valid"),
        (by(Kind::Command, "ops", &ANNA), "401 wrong_signature"),
    ] {
        refused(&mut gateway, &message, expect);
    }
    for (more, expect) in [
        (json!({ "aud": "g2" }), "403 other_gateway"),
        (json!({ "aud": "" }), "403 other_gateway"),
        (json!({ "iat": SECOND - 60, "exp": SECOND }), "401 expired"),
        (json!({ "iat": SECOND + 31, "exp": SECOND + 60 }), "401 early"),
        (json!({ "exp": SECOND + 301 }), "400 claims"),
        (json!({ "exp": SECOND, "iat": SECOND }), "400 claims"),
        (json!({ "exp": u64::MAX }), "400 claims"),
        (json!({ "jti": "" }), "400 claims"),
        (json!({ "jti": "a b" }), "400 claims"),
        (json!({ "nbf": 1 }), "400 claims"),
        (json!({ "command": "stop" }), "400 claims"),
        (json!({ "agent": "agent" }), "400 claims"),
        (json!({ "all": false }), "400 claims"),
        (json!({ "all": null }), "400 claims"),
        (json!({ "all": null, "agent": "other" }), "404 unknown_agent"),
        (json!({ "what": "reads" }), "400 claims"),
        (json!({ "until": SECOND }), "400 claims"),
        (json!({ "session": "1" }), "400 claims"),
        (json!({ "reason": "a\nb" }), "400 claims"),
        (json!({ "reason": "x".repeat(201) }), "400 claims"),
        (json!({ "iat": 1.5 }), "400 claims"),
        (json!({ "command": "resume", "what": "writes" }), "400 claims"),
        (json!({ "command": "resume", "until": SECOND + 5 }), "400 claims"),
        (json!({ "command": "show" }), "400 claims"),
        (json!({ "command": "end_session", "all": null, "agent": "agent", "session": "1" }), "400 claims"),
        (json!({ "command": "end_session", "session": "1", "until": SECOND + 5 }), "400 claims"),
    ] {
        let mut claims = sound.clone();
        claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        refused(&mut gateway, &signed(&claims), expect);
    }
    for payload in ["[]", "{}", r#"{"aud":"g1","aud":"g1"}"#, &format!("{payload} x"), "\u{1b}"] {
        refused(&mut gateway, &sign(Kind::Command, "ops", &OPS, payload.as_bytes()), "400 claims");
    }
    // A line end is what `curl --data-binary @file` adds.
    assert!(send(&mut gateway, &format!("{message}\r\n")).carried_out);
}

/// Clocks differ a little.
#[test]
fn a_command_may_come_a_little_early() {
    let mut gateway = gateway();
    obeyed(&mut gateway, &json!({ "command": "pause", "all": true, "iat": SECOND + 30 }));
}

#[test]
fn a_body_that_does_not_come_is_no_command() {
    let mut gateway = gateway();
    for (body, expect) in [
        (Body::Empty, "400 not_a_command"),
        (Body::Complete(vec![0xff]), "400 not_a_command"),
        (Body::Unavailable(Unavailable::TooLarge), "413 too_large"),
        (Body::Unavailable(Unavailable::Timeout), "408 body_timeout"),
        (Body::Unavailable(Unavailable::NotDelivered), "503 body_not_seen"),
        (Body::Unavailable(Unavailable::NotSeen), "503 body_not_seen"),
    ] {
        assert_eq!(refusal(&deliver(&mut gateway, body)), expect);
    }
}

/// The record names who and what, as far as it is certain.
#[test]
fn what_was_done_is_recorded() {
    let mut gateway = gateway();
    let command =
        json!({ "command": "pause", "agent": "agent", "until": SECOND + 600, "reason": "odd `prices`", "jti": "7f" });
    let answer = send(&mut gateway, &signed(&claims(&command)));
    assert_eq!(
        answer.line,
        "ambit: pause of `agent` what `everything` until `2026-11-20T12:10:00Z` by the key `ops` owner `anna` jti `7f` \
         because `odd 'prices'`: carried out"
    );
    let event: Value = serde_json::from_slice(&answer.event).expect("JSON");
    assert_eq!(
        event,
        json!({
            "command": "pause", "outcome": "carried_out", "agent": "agent", "what": "everything",
            "until": "2026-11-20T12:10:00Z", "reason": "odd `prices`", "key": "ops", "owner": "anna", "jti": "7f",
            "gateway": "g1", "policy": gateway.set.digest(),
        })
    );
    // Who is not verified is not named.
    let forged = sign(Kind::Command, "ops", &ANNA, claims(&command).to_string().as_bytes());
    let answer = send(&mut gateway, &forged);
    assert_eq!(answer.line, "ambit: a command: refused: wrong_signature: the command is not what was signed");
    let event: Value = serde_json::from_slice(&answer.event).expect("JSON");
    assert!(event.get("key").is_none() && event.get("command").is_none(), "{event}");
}

/// What may be a secret stands in no record, and the pause is in force all the same.
#[test]
fn a_reason_that_may_be_a_secret_is_not_repeated() {
    let mut gateway = gateway();
    let secret = concat!("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc");
    let command = claims(&json!({ "command": "pause", "all": true, "reason": secret }));
    let answer = send(&mut gateway, &signed(&command));
    assert!(answer.carried_out);
    for text in [answer.body, answer.event, answer.line.into_bytes()] {
        assert!(!String::from_utf8_lossy(&text).contains(secret));
    }
    let outcome = gateway.judge(&read());
    assert!(!outcome.forward && !format!("{outcome:?}").contains(secret));
}

/// Showing changes nothing and takes no room: a watch that asks all the time blocks no pause.
#[test]
fn who_is_paused_is_shown() {
    let mut gateway = gateway();
    let show = signed(&claims(&json!({ "command": "show" })));
    for _ in 0..500 {
        assert!(send(&mut gateway, &show).carried_out);
    }
    let body = obeyed(&mut gateway, &json!({ "command": "show" }));
    assert_eq!((&body["paused"], body.get("lifted")), (&json!([]), None));
    obeyed(&mut gateway, &json!({ "command": "pause", "all": true }));
    let body = obeyed(&mut gateway, &json!({ "command": "show" }));
    assert_eq!(body["paused"][0]["all"], true);
}

#[test]
fn without_room_or_store_nothing_is_carried_out() {
    let mut gateway = gateway();
    let command = |id: usize| signed(&claims(&json!({ "command": "resume", "all": true, "jti": id.to_string() })));
    for id in 0..policy_core::limits::COMMANDS {
        assert!(send(&mut gateway, &command(id)).carried_out);
    }
    refused(&mut gateway, &command(9_999), "503 full");
    gateway.memory = Memory::new();
    refused(&mut gateway, &command(1), "503 store");
    refused(&mut gateway, &signed(&claims(&json!({ "command": "show" }))), "503 store");
}

/// Where the page is gone, its pause can still be lifted.
#[test]
fn who_has_lost_the_page_can_be_resumed() {
    let mut gateway = gateway();
    let message = "no page is for the agent `robot`; there are pages for `agent`";
    for command in ["pause", "resume"] {
        let answer = send(&mut gateway, &signed(&claims(&json!({ "command": command, "agent": "robot" }))));
        assert_eq!(refusal(&answer), "404 unknown_agent");
        assert!(answer.line.ends_with(message), "{}", answer.line);
    }
    use policy_core::standing::{Cause, Pause, Scope, What, change};
    let pause = Pause {
        scope: Scope::Agent("robot".into()),
        what: What::Writes,
        cause: Cause::Tripwire { id: "t".into() },
        since: gateway.now,
        until: None,
    };
    change(&mut gateway.memory, gateway.now, |pauses| pauses.pause(pause.clone())).expect("a pause");
    let body = obeyed(&mut gateway, &json!({ "command": "show" }));
    assert_eq!((&body["paused"][0]["cause"], &body["paused"][0]["tripwire"]), (&"tripwire".into(), &"t".into()));
    assert_eq!(obeyed(&mut gateway, &json!({ "command": "resume", "agent": "robot" }))["lifted"], 1);
}

/// B2: the end of a session is remembered until its tokens are void.
#[test]
fn sessions_are_ended() {
    let mut gateway = gateway();
    let end = |until: u64| json!({ "command": "end_session", "agent": "agent", "session": "s-1", "until": until, "jti": until.to_string() });
    let before = gateway.memory.bytes();
    obeyed(&mut gateway, &end(SECOND + 86_400));
    assert!(gateway.memory.bytes() > before, "it is kept");
    for (until, expect) in [(SECOND, "400 claims"), (SECOND + 32 * 86_400, "400 claims")] {
        refused(&mut gateway, &signed(&claims(&end(until))), expect);
    }
    let mut other = end(SECOND + 60);
    other["agent"] = json!("robot");
    refused(&mut gateway, &signed(&claims(&other)), "404 unknown_agent");
}

/// C5: what stands in the gateway document holds as long as it stands there, and no command lifts it.
#[test]
fn the_document_pauses_too() {
    let mut gateway = gateway_with(json!({ "paused": [{ "agent": "agent", "what": "writes", "reason": "audit" }] }));
    gateway.check(&read(), "allow read");
    gateway.check(&write(), "deny: paused");
    let body = obeyed(&mut gateway, &json!({ "command": "resume", "agent": "agent" }));
    assert_eq!(body["lifted"], 0);
    assert_eq!(body["paused"], json!([{ "agent": "agent", "what": "writes", "cause": "document", "reason": "audit" }]));
    let outcome = gateway.judge(&write());
    assert_eq!(
        outcome.reasons[0].message,
        "the agent's writes are paused by the gateway document: `audit`, for as long as it says so"
    );
    // The stricter of the two counts, whichever it is.
    obeyed(&mut gateway, &json!({ "command": "pause", "all": true, "jti": "2" }));
    gateway.check(&read(), "deny: paused");
    obeyed(&mut gateway, &json!({ "command": "resume", "all": true, "jti": "3" }));
    gateway.check(&read(), "allow read");
    gateway.check(&write(), "deny: paused");
}

/// C5: a pause by the document needs no key, no store, and ends when it says so.
#[test]
fn the_document_pauses_without_a_store() {
    let until = json!({ "paused": [{ "all": true, "until": "2026-11-20T12:00:01Z" }], "keys": [], "control": null });
    let mut gateway = gateway_with(until);
    assert!(!gateway.set.stands());
    gateway.memory = Memory::new();
    gateway.check(&read(), "deny: paused");
    gateway.pass(1);
    gateway.check(&read(), "allow read");
}

/// Exactly the control route is one; whatever is only like it is judged like any request.
#[test]
fn the_control_route_has_one_spelling() {
    let any = gateway();
    let only = gateway_with(json!({ "control": { "path": "/.ambit/control", "host": "Gateway.example.com:443" } }));
    let fields = |line: &str, host: &str| request(line).host(host).head().fields;
    let at = "POST /.ambit/control";
    for host in ["shop.example.com", "gateway.example.com", "gateway.example.com:443"] {
        assert!(is_for(&any.set, &fields(at, host)));
        assert_eq!(is_for(&only.set, &fields(at, host)), host != "shop.example.com", "{host}");
    }
    for line in [
        "POST /.ambit/control/",
        "POST /.ambit//control",
        "POST /.ambit/contro%6c",
        "POST /.AMBIT/control",
        "POST /x/../.ambit/control",
        "POST /.ambit/control;x",
        "POST /.ambit",
        "POST /",
    ] {
        assert!(!is_for(&any.set, &fields(line, "shop.example.com")), "{line}");
    }
    let mut twice = fields(at, "shop.example.com");
    twice.push((b":path".to_vec(), b"/v3/products/1".to_vec()));
    assert!(!is_for(&any.set, &twice));

    let head = |line: &str, length: &str| {
        let fields = request(line).header("content-length", length).head().fields;
        read_head(&any.set, &fields).map_or_else(|answer| refusal(&answer), |_| "read".into())
    };
    assert_eq!(head(at, "4096"), "read");
    assert_eq!(head(at, "4097"), "413 too_large");
    assert_eq!(head(at, "nonsense"), "read");
    assert_eq!(head("GET /.ambit/control", "0"), "405 method");
    assert_eq!(head("PUT /.ambit/control", "0"), "405 method");
    assert_eq!(head("POST /.ambit/control?x=1", "0"), "400 query");
}
