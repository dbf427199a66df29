//! Who may act at all: pauses, as a gateway's workers share them (C5).

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::standing::{Cause, Pause, Scope, What, change};
use policy_core::{Body, Decision, Step, Timestamp, Unavailable, evaluate};
use support::counting::{DONE, Gateway};
use support::pages::shop_behind;
use support::{Request, json, request, text_of};

/// A gateway that somebody may command.
const KEYS: &str = r#"{ "name": "g1", "keys": [
  { "id": "ops", "public_key": "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw", "control": true } ] }"#;

/// A page on which a read, a write and a brake are allowed, each counted whatever becomes of it.
fn gateway(mode: &str) -> Gateway {
    let members = format!(
        r#"{{ "mode": "{mode}", "permit": [
          {{ "id": "read", "scope": "shop:products.read" }},
          {{ "id": "write", "scope": "shop:products.update", "fields": {{ "only": ["price"] }},
             "counters": [{{ "id": "pace", "count": "requests", "max": 3, "window": "1m", "charge": "attempt" }}] }} ] }}"#
    );
    Gateway::new(shop_behind(KEYS, &members))
}

fn read() -> Request {
    request("GET /v3/products/1")
}

fn write() -> Request {
    json("PUT /v3/products/1", r#"{"price":"1.00"}"#)
}

fn pause(gateway: &mut Gateway, scope: Scope, what: What, until: Option<Timestamp>) {
    let cause = Cause::Command { key: "ops".into(), reason: "it \u{1b}[31mruns away".into() };
    let pause = Pause { scope, what, cause, since: gateway.now, until };
    change(&mut gateway.memory, gateway.now, |pauses| pauses.pause(pause.clone())).expect("a pause");
}

fn resume(gateway: &mut Gateway, scope: &Scope) {
    change(&mut gateway.memory, gateway.now, |pauses| Ok(pauses.resume(scope))).expect("a store");
}

/// C5: one agent or all, everything or what has an effect.
#[test]
fn who_is_paused_is_refused() {
    let agent = || Scope::Agent("agent".into());
    for (scope, what, reads) in [
        (agent(), What::Everything, "deny: paused"),
        (agent(), What::Writes, "allow read"),
        (Scope::All, What::Everything, "deny: paused"),
        (Scope::All, What::Writes, "allow read"),
        (Scope::Agent("other".into()), What::Everything, "allow read"),
    ] {
        let mut gateway = gateway("enforce");
        let writes = if scope == Scope::Agent("other".into()) { "allow write" } else { "deny: paused" };
        pause(&mut gateway, scope.clone(), what, None);
        gateway.check(&read(), reads);
        gateway.check(&write(), writes);
        resume(&mut gateway, &scope);
        gateway.check(&read(), "allow read");
        gateway.check(&write(), "allow write");
    }
}

/// C5: the reason names who, why and until when, as one line of text.
#[test]
fn the_reason_says_what_to_do() {
    let mut gateway = gateway("enforce");
    let until = Timestamp::parse("2026-11-20T13:00:00Z");
    pause(&mut gateway, Scope::All, What::Everything, until);
    let outcome = gateway.send(&read(), DONE);
    assert_eq!(
        outcome.reasons[0].message,
        "all agents are paused since 2026-11-20T12:00:00Z: `it \\u{1b}[31mruns away`, until 2026-11-20T13:00:00Z"
    );
    assert_eq!(outcome.problem(&gateway.set).status, 403);
    gateway.at("2026-11-20T13:00:00Z");
    gateway.check(&read(), "allow read");
}

/// C5: a command stops an agent also where its page only records.
#[test]
fn a_pause_stops_an_agent_in_shadow() {
    let mut gateway = gateway("shadow");
    assert!(gateway.send(&request("DELETE /v3/products/1"), DONE).forward);
    pause(&mut gateway, Scope::All, What::Writes, None);
    let outcome = gateway.send(&request("DELETE /v3/products/1"), DONE);
    assert!(!outcome.forward && !outcome.shadow, "{outcome:?}");
    assert!(gateway.send(&read(), DONE).forward);
}

/// C5: a request that was held when the pause came does not go on.
#[test]
fn a_held_request_is_asked_about_again() {
    let mut gateway = gateway("enforce");
    let first = evaluate(&gateway.set, write().head(), gateway.now);
    let Step::NeedStore(need) = first else { panic!("the store is asked first: {first:?}") };
    let tallied = policy_core::counters::carry_out(need.plan(), &gateway.table, &mut gateway.memory, gateway.now);
    let Step::NeedBody(need) = need.answer(tallied) else { panic!("it is not paused") };
    pause(&mut gateway, Scope::All, What::Writes, None);
    let Step::NeedStore(need) = need.answer(Body::Complete(write().body.expect("a body"))) else {
        panic!("the store is asked last")
    };
    let tallied = policy_core::counters::carry_out(need.plan(), &gateway.table, &mut gateway.memory, gateway.now);
    let Step::Done(outcome) = need.answer(tallied) else { panic!("nothing else is needed") };
    assert_eq!(text_of(&outcome), "deny: paused");
    assert!(outcome.reserved.is_empty());
}

/// Nothing is charged for who may not act, not even attempts.
#[test]
fn a_paused_agent_uses_nothing_up() {
    let mut gateway = gateway("enforce");
    pause(&mut gateway, Scope::All, What::Writes, None);
    gateway.check_times(5, &write(), "deny: paused");
    resume(&mut gateway, &Scope::All);
    gateway.check_times(3, &write(), "allow write");
    gateway.check(&write(), "deny write: rate_limited");
}

/// Whoever cannot be asked about is refused.
#[test]
fn a_store_that_says_nothing_refuses() {
    let mut gateway = gateway("enforce");
    gateway.memory = policy_core::store::Memory::new();
    gateway.check(&read(), "deny: unknown_state");
    let Step::NeedStore(need) = evaluate(&gateway.set, read().head(), gateway.now) else {
        panic!("the store is asked")
    };
    let Step::Done(outcome) = need.unavailable(Unavailable::NotSupported) else { panic!("nothing else is needed") };
    assert_eq!((outcome.decision, outcome.forward), (Decision::Deny, false));
}
