//! B2: session tokens: whose they are, how long they hold, what they narrow.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy_core::jws::{Kind, sign};
use policy_core::standing::{SessionId, end_session};
use policy_core::{Obligation, PolicySet, Timestamp};
use serde_json::json;
use std::sync::Arc;
use support::counting::{DONE, Gateway};
use support::tokens::{claims, now, secret, shop_with_sessions, shop_with_sessions_and, token};
use support::{Request, json as with_json, request, text_of};

const PAGE: &str = r#"{ "permit": [
  { "id": "read", "scope": "shop:products.read" },
  { "id": "write", "scope": "shop:products.update", "fields": { "only": ["price"] },
    "counters": [{ "id": "pace", "count": "requests", "max": 3, "window": "day" }] },
  { "id": "remove", "scope": "shop:products.delete", "critical": true } ] }"#;

static SET: LazyLock<Arc<PolicySet>> = LazyLock::new(|| shop_with_sessions(PAGE));

fn read() -> Request {
    request("GET /v3/products/1")
}

fn write() -> Request {
    with_json("PUT /v3/products/1", r#"{"price":"1.00"}"#)
}

fn remove() -> Request {
    request("DELETE /v3/products/1")
}

#[track_caller]
fn says(request: &Request, expect: &str) {
    Gateway::new(Arc::clone(&SET)).check(request, expect);
}

/// The token names the agent and its session; other sources go on.
#[test]
fn a_session_token_names_the_agent() {
    let outcome = Gateway::new(Arc::clone(&SET)).send(&read().in_session(json!({})), DONE);
    assert_eq!((text_of(&outcome).as_str(), outcome.session.as_deref()), ("allow read", Some("s1")));
    let event = String::from_utf8(outcome.decision_json(&SET)).unwrap();
    assert!(event.contains(r#""agent":"agent","session":"s1""#), "{event}");
    says(&read().in_session(json!({})).header("x-agent", "agent"), "allow read");
    says(&read().in_session(json!({})).header("x-agent", "other"), "deny: unknown_agent");
    says(&read().set("x-agent", None).header("authorization", token(json!({}))), "allow read");
    // A bearer token that is no signed message is for the next source.
    says(&read().with_token("s3cret"), "allow read");
    says(&read().with_token("guessed"), "deny: unknown_agent");
    says(&read(), "allow read");
}

/// Everything that is wrong with a token refuses the request, with a reason of its own, although a header names the agent.
#[test]
fn attacks_on_tokens_are_refused() {
    let signed = |key: &str, kind| sign(kind, key, &secret(key), claims(json!({})).to_string().as_bytes());
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let good = token(json!({}));
    let [header, payload, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let narrow = token(json!({ "rules": ["read"] }));
    let narrow_signature = narrow.rsplit_once('.').unwrap().1;
    let raw = |payload: &str| sign(Kind::Session, "ci", &secret("ci"), payload.as_bytes());
    let alg = |alg: &str| encoded(&format!(r#"{{"alg":"{alg}","kid":"ci","typ":"ambit-session+jwt"}}"#));
    let plain = claims(json!({})).to_string();
    for (what, token, code) in [
        ("widened", format!("{header}.{payload}.{narrow_signature}"), "session_invalid"),
        ("cut", good[..good.len() - 5].to_owned(), "session_invalid"),
        ("without its signature", format!("{header}.{payload}."), "session_invalid"),
        ("its header alone", header.to_owned(), "session_invalid"),
        ("alg none", format!("{}.{payload}.{signature}", alg("none")), "session_invalid"),
        ("alg none, unsigned", format!("{}.{payload}.", alg("none")), "session_invalid"),
        ("alg HS256", format!("{}.{payload}.{signature}", alg("HS256")), "session_invalid"),
        ("a grant", signed("anna", Kind::Grant), "session_invalid"),
        ("a command", signed("ops", Kind::Command), "session_invalid"),
        ("a key without `sessions`", signed("anna", Kind::Session), "session_invalid"),
        ("a key for commands", signed("ops", Kind::Session), "session_invalid"),
        ("an unknown key", sign(Kind::Session, "bob", &[1; 32], plain.as_bytes()), "session_invalid"),
        ("another's key", sign(Kind::Session, "ci", &[1; 32], plain.as_bytes()), "session_invalid"),
        ("another gateway", token(json!({ "aud": "g2" })), "session_invalid"),
        ("several gateways", token(json!({ "aud": ["g1"] })), "session_invalid"),
        ("another issuer", token(json!({ "iss": "anna" })), "session_invalid"),
        ("expired", token(json!({ "exp": now() })), "session_expired"),
        ("from the future", token(json!({ "iat": now() + 61, "exp": now() + 100 })), "session_invalid"),
        ("backwards", token(json!({ "iat": now() + 10, "exp": now() + 10 })), "session_invalid"),
        ("for longer than 30 days", token(json!({ "exp": now() - 60 + 30 * 86_400 + 1 })), "session_invalid"),
        ("for ever", token(json!({ "exp": u64::MAX })), "session_invalid"),
        ("no end", token(json!({ "exp": null })), "session_invalid"),
        ("an end as text", token(json!({ "exp": "99999999999" })), "session_invalid"),
        ("an end with a fraction", raw(&plain.replace(&format!("{}", now() + 3_540), "1.9e10")), "session_invalid"),
        ("no session", token(json!({ "sid": null })), "session_invalid"),
        ("a session with blanks", token(json!({ "sid": "a b" })), "session_invalid"),
        ("a long session", token(json!({ "sid": "s".repeat(129) })), "session_invalid"),
        ("no agent", token(json!({ "sub": null })), "session_invalid"),
        ("an empty agent", token(json!({ "sub": "" })), "session_invalid"),
        ("an agent twice", raw(&plain.replacen('{', r#"{"sub":"agent","#, 1)), "session_invalid"),
        ("another claim", token(json!({ "nbf": 0 })), "session_invalid"),
        ("no list of rules", token(json!({ "rules": "read" })), "session_invalid"),
        ("no object of caps", token(json!({ "caps": [1] })), "session_invalid"),
        ("a negative cap", token(json!({ "caps": { "pace": -1 } })), "session_invalid"),
        ("no JSON", raw("x"), "session_invalid"),
        ("a list", raw("[]"), "session_invalid"),
        ("nothing", raw(""), "session_invalid"),
        ("an unknown agent", token(json!({ "sub": "other" })), "unknown_agent"),
        ("1 MB", format!("eyJ{}", "a".repeat(1 << 20)), "session_invalid"),
        ("non-ASCII", format!("{good}é"), "unknown_agent"),
    ] {
        for named in [None, Some("agent")] {
            let request = read().with_token(&token).set("x-agent", named);
            let outcome = Gateway::new(Arc::clone(&SET)).send(&request, DONE);
            let codes: Vec<_> = outcome.reasons.iter().map(|reason| reason.code.text()).collect();
            // Whoever else it is from, the header names another.
            let differs = what == "an unknown agent" && named.is_some();
            assert!(!outcome.forward && (codes == [code] || differs), "{what}: {outcome:?}");
            assert!(!outcome.reasons[0].message.contains(&good[..40]), "{what}");
            assert_eq!(outcome.problem(&SET).status, 401, "{what}");
        }
    }
    says(&read().with_token(&good).header("authorization", format!("Bearer {good}")), "deny: unknown_agent");
    says(&read().in_session(json!({ "iat": now() + 60, "exp": now() + 100 })), "allow read");
    says(&read().in_session(json!({ "exp": now() - 60 + 30 * 86_400 })), "allow read");
}

/// B3: a token that names an agent here is worth nothing to the API, and does not reach it.
#[test]
fn a_session_token_does_not_go_upstream() {
    let routes = json!({ "credentials": { "routes": { "shop.example.com": "shop" } } });
    let mut gateway = Gateway::new(shop_with_sessions_and(PAGE, &routes));
    let outcome = gateway.send(&read().in_session(json!({})), DONE);
    let off = Obligation::RemoveRequestHeader { name: "authorization".into() };
    assert!(outcome.forward && outcome.obligations.contains(&off), "{outcome:?}");
    let of_the_api = gateway.send(&read().header("authorization", "Basic YTpi"), DONE);
    assert!(of_the_api.forward && !of_the_api.obligations.contains(&off), "{of_the_api:?}");
}

/// A key counts while it is valid, whatever it has signed.
#[test]
fn a_token_ends() {
    let mut gateway = Gateway::new(Arc::clone(&SET));
    let request = read().in_session(json!({}));
    gateway.check(&request, "allow read");
    gateway.now = Timestamp::from_seconds(now() + 3_539);
    gateway.check(&request, "allow read");
    gateway.now = Timestamp::from_seconds(now() + 3_540);
    gateway.check(&request, "deny: session_expired");
}

/// B2: ended when the task ends, for all workers, and only that session.
#[test]
fn a_session_that_has_ended_is_refused() {
    let mut gateway = Gateway::new(Arc::clone(&SET));
    let until = Timestamp::from_seconds(now() + 3_540);
    end_session(SessionId::of("agent", "s1"), until, &mut gateway.memory, gateway.now).expect("ended");
    gateway.check(&read().in_session(json!({})), "deny: session_ended");
    // Another token of the same session is of no use, another session goes on.
    gateway.check(&read().in_session(json!({ "iat": now() - 1 })), "deny: session_ended");
    gateway.check(&read().in_session(json!({ "sid": "s2" })), "allow read");
    gateway.check(&read(), "allow read");
}

/// B2: narrower than the page: permits that the token does not name are as if they were not there.
#[test]
fn rules_of_a_token_narrow_the_page() {
    says(&read().in_session(json!({ "rules": ["read"] })), "allow read");
    says(&write().in_session(json!({ "rules": ["read"] })), "deny: endpoint_not_allowed");
    says(&write().in_session(json!({ "rules": ["write", "read"] })), "allow write");
    says(&read().in_session(json!({ "rules": [] })), "deny: endpoint_not_allowed");
    says(&read().in_session(json!({ "rules": ["no-such-rule"] })), "deny: endpoint_not_allowed");
    let outcome = Gateway::new(Arc::clone(&SET)).send(&write().in_session(json!({ "rules": ["read"] })), DONE);
    assert_eq!(
        outcome.reasons[0].message,
        "no rule of this page that this session may use permits `shop:products.update`"
    );
}

/// B2, B4: what a session narrows a person does not widen, whatever the page says of the counter.
#[test]
fn nobody_approves_past_a_cap() {
    let spend = r#"{ "permit": [{ "id": "write", "scope": "shop:products.update", "fields": "any", "counters": [
        { "id": "pace", "count": "requests", "max": 2, "window": "day", "beyond": { "approval": "manager" } }] }] }"#;
    let mut gateway = Gateway::new(shop_with_sessions(spend));
    let capped = write().in_session(json!({ "caps": { "pace": 1 } }));
    gateway.check(&capped, "allow write");
    gateway.check(&capped, "deny write: rate_limited");
    let outcome = gateway.send(&capped, DONE);
    assert!(outcome.reasons[0].message.ends_with("; the session caps it"), "{outcome:?}");
    assert!(outcome.held.is_none());
    // A cap that narrows nothing leaves the page's word.
    let wide = write().in_session(json!({ "caps": { "pace": 2 } }));
    gateway.check(&wide, "allow write");
    gateway.check(&wide, "approval_required write: approval_required");
}

/// B2: a cap is a lower maximum of a counter, never a higher one. A cap of what is no counter is nobody's to hold.
#[test]
fn caps_of_a_token_narrow_counters() {
    for (cap, allowed) in [(json!(2), 2), (json!("1"), 1), (json!(0), 0), (json!(50), 3)] {
        let mut gateway = Gateway::new(Arc::clone(&SET));
        let capped = write().in_session(json!({ "caps": { "pace": cap } }));
        gateway.check_times(allowed, &capped, "allow write");
        gateway.check(&capped, "deny write: rate_limited");
        // What is used is used by the agent: it counts beyond the session.
        gateway.check_times(3 - allowed, &write(), "allow write");
        gateway.check(&write(), "deny write: rate_limited");
    }
    let mut gateway = Gateway::new(Arc::clone(&SET));
    let capped = write().in_session(json!({ "caps": { "pace": 1 } }));
    gateway.check(&capped, "allow write");
    let outcome = gateway.send(&capped, DONE);
    assert!(outcome.reasons[0].message.starts_with("1 of 1 requests within a day"), "{outcome:?}");
    says(&read().in_session(json!({ "caps": { "no-such-counter": 1 } })), "deny: session_invalid");
}

/// B2: a request that is begun in time is not done past it: a token holds no longer for who sends a body slowly.
#[test]
fn a_token_that_expires_while_the_body_comes_holds_no_more() {
    let mut gateway = Gateway::new(Arc::clone(&SET));
    let write = write().in_session(json!({ "exp": now() + 10 }));
    gateway.slowly = 10;
    gateway.check(&write, "deny: session_expired");
    let mut gateway = Gateway::new(Arc::clone(&SET));
    gateway.slowly = 9;
    gateway.check(&write, "allow write");
}

/// B2: critical permits need a token that was issued for two hours at most, however much of it is left.
#[test]
fn critical_permits_need_a_short_session() {
    let token = |life: u64| json!({ "iat": now() - 60, "exp": now() - 60 + life });
    says(&remove().in_session(token(7_200)), "allow remove");
    says(&remove().in_session(token(7_201)), "deny remove: short_session_required");
    says(
        &remove().in_session(json!({ "iat": now() - 86_400, "exp": now() + 60 })),
        "deny remove: short_session_required",
    );
    says(&remove(), "deny remove: short_session_required");
    says(&remove().with_token("s3cret"), "deny remove: short_session_required");
    says(&write(), "allow write");
}

/// B2: a page whose agent acts in sessions alone is no wider for who leaves the token behind, however else it is named.
#[test]
fn an_agent_that_needs_a_session_cannot_leave_it_behind() {
    let page = r#"{ "session": "required", "permit": [{ "id": "read", "scope": "shop:products.read" },
        { "id": "write", "scope": "shop:products.update", "fields": { "only": ["price"] } }] }"#;
    let mut gateway = Gateway::new(shop_with_sessions(page));
    gateway.check(&read(), "deny: session_required");
    gateway.check(&read().with_token("s3cret"), "deny: session_required");
    gateway.check(&read().in_session(json!({})), "allow read");
    let narrowed = |request: Request| request.in_session(json!({ "rules": ["read"] }));
    gateway.check(&narrowed(read()), "allow read");
    gateway.check(&narrowed(write()), "deny: endpoint_not_allowed");
    gateway.check(&write(), "deny: session_required");
}

/// A11: budgets of a session: per session in any window, or as long as the session lasts.
#[test]
fn a_session_has_budgets_of_its_own() {
    for counter in [
        r#""window": "session", "count": "requests""#,
        r#""window": "1h", "count": "requests", "per": ["session"]"#,
        r#""window": "session", "count": "requests", "per": ["session"]"#,
    ] {
        let page = format!(
            r#"{{ "permit": [{{ "id": "write", "scope": "shop:products.update", "fields": {{ "only": ["price"] }},
               "counters": [{{ "id": "pace", {counter}, "max": 2 }}] }}] }}"#
        );
        let mut gateway = Gateway::new(shop_with_sessions(&page));
        for session in ["s1", "s2", &"s".repeat(128)] {
            let request = write().in_session(json!({ "sid": session }));
            gateway.check_times(2, &request, "allow write");
            gateway.check(&request, "deny write: rate_limited");
        }
        gateway.check(&write(), "deny write: session_required");
    }
}

/// A budget of a session lasts as long as any of its tokens: a new token does not begin it anew, an old one does not end it.
#[test]
fn a_new_token_of_a_session_is_no_new_budget() {
    let page = r#"{ "permit": [{ "id": "write", "scope": "shop:products.update", "fields": { "only": ["price"] },
        "counters": [{ "id": "total", "window": "session", "sum": "price", "max": "3.00" }] }] }"#;
    let mut gateway = Gateway::new(shop_with_sessions(page));
    let first = write().in_session(json!({}));
    let second = write().in_session(json!({ "iat": now(), "exp": now() + 7_200 }));
    gateway.check(&first, "allow write");
    gateway.check(&second, "allow write");
    gateway.check(&first, "allow write");
    gateway.check(&first, "deny write: budget_exceeded");
    gateway.pass(3_600);
    gateway.check(&second, "deny write: budget_exceeded");
    gateway.pass(3_600);
    // Both tokens are void. A session of the same name that begins later is another one.
    let third = write().in_session(json!({ "iat": now() + 7_200, "exp": now() + 7_300 }));
    gateway.check(&third, "allow write");
}

/// A sum of a session is not known to a gateway that was started after the session began, if such sessions hold at all.
#[test]
fn a_session_from_before_a_restart_has_no_known_sum() {
    let page = r#"{ "permit": [{ "id": "write", "scope": "shop:products.update", "fields": { "only": ["price"] },
        "counters": [{ "id": "total", "window": "session", "sum": "price", "max": "3.00" }] }] }"#;
    let allow = json!({ "sessions": { "after_restart": "allow" } });
    let mut gateway = Gateway::born(shop_with_sessions_and(page, &allow), "2026-11-20T11:59:30Z");
    gateway.check(&write().in_session(json!({})), "deny write: unknown_state");
    gateway.check(&write().in_session(json!({ "sid": "s2", "iat": now() })), "allow write");
}

/// C2: sessions fall into the same part for as long as the percentage stands; without a session the stricter side counts.
#[test]
fn a_canary_by_session() {
    let page = |percent: u32, outside: &str| {
        format!(
            r#"{{ "permit": [{{ "id": "read", "scope": "shop:products.read",
               "canary": {{ "percent": {percent}, "by": "session", "outside": "{outside}" }} }}] }}"#
        )
    };
    let inside = |percent: u32| -> Vec<u32> {
        let mut gateway = Gateway::new(shop_with_sessions(&page(percent, "deny")));
        let allowed = |id: &u32| gateway.send(&read().in_session(json!({ "sid": format!("run-{id}") })), DONE).forward;
        (0..200).filter(allowed).collect()
    };
    let (few, more, all) = (inside(20), inside(60), inside(100));
    assert!((20..60).contains(&few.len()) && (90..150).contains(&more.len()) && all.len() == 200);
    assert!(few.iter().all(|id| more.contains(id)));
    let mut denying = Gateway::new(shop_with_sessions(&page(100, "deny")));
    denying.check(&read(), "deny read: outside_canary");
}
