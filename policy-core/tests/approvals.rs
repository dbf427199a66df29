//! Approvals: what a ticket says, what a grant takes away, how often it may be used (B4, B5).
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::{Obligation, Step, Unavailable, evaluate};
use serde_json::Value;
use support::approving::{STEP, gateway, on, says, with};
use support::counting::{DONE, Gateway, SENT};
use support::present::{World, put, response};
use support::{json, request, text_of};

const RAISE: &str = r#"{"price":"20.98"}"#;
const HELD: &str = "approval_required reprice: approval_required /price";

fn problem(gateway: &mut Gateway, request: &support::Request) -> Value {
    let outcome = gateway.send(request, DONE);
    serde_json::from_slice(&outcome.problem(&gateway.set).body).unwrap()
}

/// B4: refused with a ticket, approved, passed, and never again.
#[test]
fn a_granted_action_passes_once() {
    let mut gateway = gateway(STEP);
    let ticket = gateway.held(&put(RAISE));
    let grant = gateway.grant(&ticket, "manager", "mia");
    let granted = with(&put(RAISE), &grant);
    let outcome = gateway.send(&granted, DONE);
    assert_eq!(text_of(&outcome), "allow reprice");
    assert!(outcome.forward);
    assert_eq!(outcome.obligations, [Obligation::RemoveRequestHeader { name: "ambit-grant".into() }]);
    says(&mut gateway, &granted, "deny reprice: approval_invalid", "`grant-1` has been used");
    // Nor the same without it.
    gateway.check(&put(RAISE), HELD);
    // The burnt one is no ticket to another either.
    says(&mut gateway, &granted, "deny", "has been used");
}

/// B4: once, however many have signed: who wants it done again says so when it is done.
#[test]
fn two_people_who_sign_the_same_approve_it_once() {
    let mut gateway = gateway(STEP);
    let ticket = gateway.held(&put(RAISE));
    let mias = with(&put(RAISE), &gateway.grant(&ticket, "manager", "mia"));
    gateway.pass(5);
    let others = with(&put(RAISE), &gateway.grant(&ticket, "manager", "both"));
    gateway.pass(5);
    gateway.check(&mias, "allow reprice");
    says(&mut gateway, &others, "deny reprice: approval_invalid", "or another for the same since it was signed");
    // What differs is another action.
    let dearer = put(r#"{"price":"30.00"}"#);
    let of_another = gateway.held(&dearer);
    gateway.check(&with(&dearer, &gateway.grant(&of_another, "manager", "mia")), "allow reprice");
    gateway.pass(1);
    let again = with(&put(RAISE), &gateway.grant(&ticket, "manager", "both"));
    gateway.check(&again, "allow reprice");
    says(&mut gateway, &again, "deny reprice: approval_invalid", "has been used");
}

/// B4: the ticket says in words what is done, and binds all of it.
#[test]
fn a_ticket_says_what_would_be_done() {
    let mut gateway = gateway(STEP);
    let note = json("PUT /v1/products/42", r#"{"price":"20.98","status":"a\u001b[31m\"b\" line\n`two`"}"#);
    let ticket = gateway.held(&note);
    assert_eq!(
        ticket.action,
        [
            "PUT shop.example.com`/v1/products/42`",
            "  header `content-type`: `application/json`",
            "`store:products.update` of `42`",
            "  price: `\"10.00\"` → `\"20.98\"`",
            "  status: `\"a\\u{1b}[31m\\\"b\\\" line\\u{a}\\u{60}two\\u{60}\"`",
            "held: `price` 20.98 is 109.8 % above 10.00; at most 5 % (10.50); past that, `manager` must approve (limit `step`)",
        ]
    );
    assert!(!ticket.unseen);
    assert_eq!((ticket.gateway.as_str(), ticket.agent.as_str()), ("g1", "agent"));
    assert_eq!(ticket.rules, ["reprice"]);
    assert_eq!(ticket.headers.keys().collect::<Vec<_>>(), ["content-type"]);
    let problem = problem(&mut gateway, &note);
    let approval = &problem["approval"];
    assert_eq!(approval["ticket"], ticket.encoded());
    assert_eq!(approval["id"].as_str().unwrap().len(), 16);
    assert_eq!(approval["roles"], serde_json::json!(["manager"]));
    assert_eq!(approval["expires"], 900);
    assert_eq!(approval["header"], "ambit-grant");
    assert_eq!(approval["action"][3], "  price: `\"10.00\"` → `\"20.98\"`");
}

/// A ticket is made of the request, the policies and the present: it is the same as long as they are.
#[test]
fn the_same_request_has_the_same_ticket() {
    let mut gateway = gateway(STEP);
    let first = gateway.held(&put(RAISE));
    gateway.pass(3_600);
    assert_eq!(gateway.held(&put(RAISE)), first);
    // What nobody looks at is not bound.
    assert_eq!(gateway.held(&put(RAISE).header("user-agent", "x/2").header("x-request-id", "7")), first);
    gateway.world = World::of(&[("/v1/products/42", r#"{"id":42,"price":"10.01"}"#)]);
    assert_ne!(gateway.held(&put(RAISE)).digest(), first.digest());
}

/// B4: secrets are not shown, what does not fit is said to be covered.
#[test]
fn words_are_bounded_and_hold_no_secret() {
    let permits = r#"{ "id": "any", "scope": "store:products.create", "fields": "any", "approval": "manager" }"#;
    let secret = format!("xoxb-{}", "123456789012-1234567890123-abcdefghijklmnopqrstuvwx");
    let members =
        format!(r#"{{ "permit": [{permits}], "apis": {{ "store": {{ "loosen": {{ "secrets": ["slack"] }} }} }} }}"#);
    let mut gateway = on(&members);
    let ticket = gateway.held(&json("POST /v1/products", &format!(r#"{{"note":"{secret}"}}"#)));
    assert!(ticket.action[3].contains("not repeated") && ticket.unseen, "{:?}", ticket.action);
    let many: Vec<String> = (0..2_000).map(|n| format!(r#""m{n}":"{}""#, "x".repeat(10))).collect();
    let ticket = gateway.held(&json("POST /v1/products", &format!("{{{}}}", many.join(","))).set("x", None));
    let last = ticket.action.last().unwrap();
    assert!(last.contains("more lines") && last.contains("digests of the request") && ticket.unseen, "{last}");
    assert!(ticket.encoded().len() < 24 * 1024, "{}", ticket.encoded().len());
}

/// B4: every role that is named must have approved; B5: the event walks from the ticket to the people and back.
#[test]
fn every_role_signs() {
    let permits = r#"{ "id": "reprice", "scope": "store:products.update", "fields": "any", "approval": "owner",
      "limits": [{ "id": "step", "field": "price", "change": { "percent": "5" }, "beyond": { "approval": "manager" } }] }"#;
    let mut gateway = gateway(permits);
    let first = gateway.send(&put(RAISE), DONE);
    let ticket = support::approving::ticket(&first);
    assert_eq!(first.held.as_ref().unwrap().roles.iter().collect::<Vec<_>>(), ["manager", "owner"]);
    let (manager, owner) = (gateway.grant(&ticket, "manager", "mia"), gateway.grant(&ticket, "owner", "olaf"));
    // One is not enough, and is not used up.
    let again = gateway.send(&with(&put(RAISE), &manager), DONE);
    assert_eq!(again.decision.name(), "approval_required");
    assert_eq!(support::approving::ticket(&again), ticket);
    let outcome = gateway.send(&with(&put(RAISE), &format!("{manager}, {owner}")), DONE);
    assert_eq!(text_of(&outcome), "allow reprice");
    let event: Value = serde_json::from_slice(&outcome.decision_json(&gateway.set)).unwrap();
    let held: Value = serde_json::from_slice(&first.decision_json(&gateway.set)).unwrap();
    let id = held["ticket"].as_str().unwrap();
    assert_eq!(
        event["approval"],
        serde_json::json!([
            { "grant": "grant-1", "key": "mia", "role": "manager", "ticket": id },
            { "grant": "grant-1", "key": "olaf", "role": "owner", "ticket": id },
        ])
    );
    assert!(!String::from_utf8(outcome.decision_json(&gateway.set)).unwrap().contains(&manager));
    // Who holds both roles may sign for both, with a grant for each.
    gateway.pass(1);
    let both = ["manager", "owner"].map(|role| gateway.grant(&ticket, role, "both")).join(" ");
    gateway.check(&with(&put(RAISE), &both), "allow reprice");
}

/// B4: a grant removes the findings of its roles, never a deny.
#[test]
fn a_grant_never_lifts_a_deny() {
    let mut gateway = gateway(STEP);
    let ticket = gateway.held(&put(RAISE));
    let grant = gateway.grant(&ticket, "manager", "mia");
    for body in [r#"{"price":"20.98","stock":1}"#, r#"{"price":"x"}"#] {
        let outcome = gateway.send(&with(&put(body), &grant), DONE);
        assert!(text_of(&outcome).starts_with("deny reprice: ") && outcome.approved.is_empty(), "{outcome:#?}");
    }
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
}

/// A grant that nothing asks for goes no further than the gateway, and stays good.
#[test]
fn a_grant_that_is_not_needed_is_taken_off_and_kept() {
    let mut gateway = gateway(STEP);
    let ticket = gateway.held(&put(RAISE));
    let grant = gateway.grant(&ticket, "manager", "mia");
    for grant in [&grant, "nonsense", "\u{1f}"] {
        let outcome = gateway.send(&with(&put(r#"{"price":"10.10"}"#), grant), DONE);
        assert!(outcome.forward && outcome.approved.is_empty(), "{grant}: {outcome:#?}");
        assert_eq!(outcome.obligations, [Obligation::RemoveRequestHeader { name: "ambit-grant".into() }]);
    }
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
}

/// The header is taken off whatever lets the request pass.
#[test]
fn no_grant_reaches_an_upstream() {
    let removed = [Obligation::RemoveRequestHeader { name: "ambit-grant".into() }];
    let mut shadow = on(&format!(r#"{{ "mode": "shadow", "permit": [{STEP}] }}"#));
    for sent in [put(RAISE), put(r#"{"price":"x"}"#), request("GET /nowhere"), request("GET /a//b")] {
        let outcome = shadow.send(&with(&sent, "x"), DONE);
        assert!(outcome.forward, "{outcome:#?}");
        assert_eq!(outcome.obligations, removed);
    }
    let gateway = r#"{ "unknown_agent": "not_an_agent" }"#;
    let set = support::pages::shop_behind(gateway, r#"{ "permit": [{ "id": "r", "scope": "shop:products.read" }] }"#);
    let outcome = support::judge(&set, &with(&request("GET /v3/products/1"), "x").set("x-agent", None));
    assert!(outcome.not_an_agent && outcome.obligations == removed, "{outcome:#?}");
}

/// B4: as often as the template lets it.
#[test]
fn a_grant_for_a_rule_covers_what_the_rule_holds() {
    let members = format!(
        r#"{{ "approvers": {{ "manager": {{ "reuse": "rule" }} }}, "permit": [{STEP},
      {{ "id": "drop", "scope": "store:products.delete", "approval": "manager" }}] }}"#
    );
    let mut gateway = on(&members);
    let ticket = gateway.held(&put(RAISE));
    let grant = gateway.grant(&ticket, "manager", "mia");
    for body in [RAISE, RAISE, r#"{"price":"30.00"}"#] {
        gateway.check(&with(&put(body), &grant), "allow reprice");
    }
    let other = with(&request("DELETE /v1/products/42"), &grant);
    says(&mut gateway, &other, "deny drop: approval_invalid", "is not for requests under the rule `drop`");
    gateway.pass(900);
    says(&mut gateway, &with(&put(RAISE), &grant), "deny reprice: approval_invalid", "has expired");
}

/// Without a session there is none that a grant could hold for: it is used once.
#[test]
fn a_grant_for_a_session_needs_one() {
    let members = format!(r#"{{ "approvers": {{ "manager": {{ "reuse": "session" }} }}, "permit": [{STEP}] }}"#);
    let mut gateway = on(&members);
    let ticket = gateway.held(&put(RAISE));
    let granted = with(&put(RAISE), &gateway.grant(&ticket, "manager", "mia"));
    gateway.check(&granted, "allow reprice");
    says(&mut gateway, &granted, "deny", "has been used");
}

/// B4: time to take it back.
#[test]
fn a_grant_is_held_as_long_as_its_role_says() {
    let members = format!(r#"{{ "approvers": {{ "manager": {{ "hold": "5m" }} }}, "permit": [{STEP}] }}"#);
    let mut gateway = on(&members);
    let ticket = gateway.held(&put(RAISE));
    let claims = gateway.claims(&ticket, "manager");
    assert_eq!(claims.nbf, claims.iat + 300);
    let granted = with(&put(RAISE), &gateway.grant_of(&claims, "mia"));
    // Nor when who signed it leaves that out.
    let early = policy_core::approval::Claims { nbf: claims.iat, jti: "grant-2".into(), ..claims };
    let early = with(&put(RAISE), &gateway.grant_of(&early, "mia"));
    gateway.pass(299);
    says(&mut gateway, &granted, "deny", "is held until 2026-11-20T12:05:00Z");
    says(&mut gateway, &early, "deny", "is held until 2026-11-20T12:05:00Z");
    gateway.pass(1);
    gateway.check(&granted, "allow reprice");
}

const COUNTED: &str = r#"{ "id": "count", "scope": "store:products.update", "fields": "any",
  "counters": [{ "id": "pace", "count": "requests", "max": 2, "window": "1h", "beyond": { "approval": "manager" } }] }"#;

/// COUNTER `beyond`: a granted request is charged, and may pass `max`.
#[test]
fn a_granted_request_is_charged_past_its_counter() {
    let mut gateway = gateway(COUNTED);
    gateway.check_times(2, &put(RAISE), "allow count");
    let ticket = gateway.held(&put(RAISE));
    let grant = gateway.grant(&ticket, "manager", "mia");
    let outcome = gateway.send(&with(&put(RAISE), &grant), DONE);
    assert_eq!((text_of(&outcome).as_str(), outcome.reserved.len(), outcome.approved.len()), ("allow count", 1, 1));
    says(&mut gateway, &with(&put(RAISE), &grant), "deny count: approval_invalid", "has been used");
    says(&mut gateway, &put(RAISE), "approval_required", "3 of 2 requests");
    // One that would fit has no need of its grant.
    gateway.pass(3_700);
    let fresh = gateway.grant(&ticket, "manager", "mia");
    gateway.check_times(2, &with(&put(RAISE), &fresh), "allow count");
    gateway.check(&with(&put(RAISE), &fresh), "allow count");
    says(&mut gateway, &with(&put(RAISE), &fresh), "deny", "has been used");
    // One that counts for nothing decides where it is needed, and nowhere else.
    gateway.pass(3_700);
    gateway.check_times(2, &with(&put(RAISE), "nonsense"), "allow count");
    says(&mut gateway, &with(&put(RAISE), "nonsense"), "deny count: approval_invalid", "not a compact signed message");
}

/// What cannot be used gives back what was charged, and is not used in vain.
#[test]
fn a_request_that_does_not_pass_uses_nothing() {
    let permits = r#"{ "id": "reprice", "scope": "store:products.update", "fields": "any", "approval": "manager",
      "counters": [{ "id": "pace", "count": "requests", "max": 2, "window": "1h" }] }"#;
    let mut gateway = gateway(permits);
    let ticket = gateway.held(&put(RAISE));
    let first = with(&put(RAISE), &gateway.grant(&ticket, "manager", "mia"));
    gateway.check(&first, "allow reprice");
    // Refused for its grant: three times, each charged and given back.
    for _ in 0..3 {
        says(&mut gateway, &first, "deny", "has been used");
    }
    gateway.pass(1);
    let mut claims = gateway.claims(&ticket, "manager");
    claims.jti = "grant-2".into();
    gateway.check(&with(&put(RAISE), &gateway.grant_of(&claims, "mia")), "allow reprice");
    // Refused for its counter: the grant stays good until there is room.
    gateway.pass(1);
    let mut claims = gateway.claims(&ticket, "manager");
    claims.jti = "grant-3".into();
    let third = with(&put(RAISE), &gateway.grant_of(&claims, "mia"));
    says(&mut gateway, &third, "deny reprice: rate_limited", "2 of 2 requests");
    claims.iat += 3_600;
    claims.nbf = claims.iat;
    claims.exp = claims.iat + 900;
    gateway.pass(3_700);
    gateway.check(&with(&put(RAISE), &gateway.grant_of(&claims, "mia")), "allow reprice");
}

/// `on_unavailable`: a person decides where the present cannot be had; where it can be had again, they decide anew.
#[test]
fn what_could_not_be_looked_up_can_be_approved() {
    let mut gateway = on(&format!(r#"{{ "on_unavailable": {{ "approval": "owner" }}, "permit": [{STEP}] }}"#));
    let here = std::mem::take(&mut gateway.world);
    gateway.world = World::default().with("/v1/products/42", response(503, "{}"));
    let ticket = gateway.held(&put(RAISE));
    assert_eq!(ticket.action[3], "  price: `\"20.98\"`");
    let grant = gateway.grant(&ticket, "owner", "olaf");
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
    let fresh = gateway.grant(&ticket, "owner", "olaf");
    gateway.world = here;
    says(&mut gateway, &with(&put(RAISE), &fresh), "deny", "is for another current value");
}

/// On a page in shadow what grants come to is recorded, and the request goes on.
#[test]
fn a_page_in_shadow_records_what_grants_come_to() {
    let permits = r#"{ "id": "any", "scope": "store:products.update", "fields": "any", "approval": "manager" }"#;
    let mut enforced = gateway(permits);
    let ticket = enforced.held(&put(RAISE));
    let mut shadow = on(&format!(r#"{{ "mode": "shadow", "permit": [{permits}] }}"#));
    let outcome = shadow.send(&put(RAISE), DONE);
    assert!(outcome.forward && outcome.held.is_none() && outcome.decision.name() == "approval_required");
    let outcome = shadow.send(&with(&put(RAISE), &shadow.grant(&ticket, "manager", "mia")), DONE);
    assert!(outcome.forward && outcome.shadow, "{outcome:#?}");
    assert_eq!(text_of(&outcome), "deny any: approval_invalid");
}

/// Where the store cannot be had, no grant counts.
#[test]
fn without_a_store_no_grant_is_used() {
    let permits = r#"{ "id": "any", "scope": "store:products.update", "fields": "any", "approval": "manager" }"#;
    let mut gateway = gateway(permits);
    let ticket = gateway.held(&put(RAISE));
    let granted = with(&put(RAISE), &gateway.grant(&ticket, "manager", "mia"));
    let body = policy_core::Body::Complete(granted.body.clone().unwrap());
    let Step::NeedBody(need) = evaluate(&gateway.set, granted.head(), gateway.now) else { panic!("a body is needed") };
    let Step::NeedStore(need) = need.answer(body) else { panic!("the store is needed") };
    let Step::Done(outcome) = need.unavailable(Unavailable::NotSupported) else { panic!("the end") };
    assert_eq!(text_of(&outcome), "deny any: unknown_state");
    assert!(!outcome.forward);
    gateway.settle(&outcome, SENT);
}

/// A batch of Google's, a body that passes unread: what a person approves is the bytes.
#[test]
fn a_body_that_passes_unread_is_bound_by_its_digest() {
    let permits =
        r#"{ "id": "blob", "endpoint": "store:POST /files", "body": { "opaque": true }, "approval": "manager" }"#;
    let mut gateway = gateway(permits);
    let file = |bytes: &[u8]| request("POST /v1/files").header("content-type", "image/png").body(bytes);
    let ticket = gateway.held(&file(b"\x89PNG one"));
    assert_eq!(
        ticket.action.last().unwrap(),
        "  a body that is not read: only its digest is approved, 0f910e785fbcc9a7…"
    );
    assert!(ticket.unseen);
    let grant = gateway.grant(&ticket, "manager", "mia");
    says(&mut gateway, &with(&file(b"\x89PNG two"), &grant), "deny", "is for another body");
    gateway.check(&with(&file(b"\x89PNG one"), &grant), "allow blob");
}
