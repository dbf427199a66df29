//! Shadow: decided and recorded, and nothing changes (C1).

mod support;

use policy_core::{Step, Timestamp, evaluate};
use support::pages::{permits, shop};
use support::{NOW, Request, check, json, judge, request};

/// C1: a page in shadow forwards every request and records what it would have said.
#[test]
fn a_page_in_shadow_forwards_everything() {
    let rules = r#""permit": [{ "id": "r", "scope": "shop:products.read" },
                              { "id": "d", "scope": "shop:products.delete", "approval": "owner" }]"#;
    let live = shop(&format!("{{ {rules} }}"));
    let shadow = shop(&format!(r#"{{ "mode": "shadow", {rules} }}"#));
    let requests: Vec<Request> = vec![
        request("GET /v3/products"),
        request("DELETE /v3/products/1"),
        request("GET /v3/orders/1"),
        request("GET /v3//products"),
        request("GET /v3/products").host("other.example.com"),
        request("GET /v3/products").body("x"),
        json("POST /v3/products/search", "{"),
        json("POST /v3/products/search", &format!("\"{}\"", "x".repeat(2000))),
        request("GET /v3/products?_method=DELETE"),
    ];
    for request in &requests {
        let (live, shadow) = (judge(&live, request), judge(&shadow, request));
        assert!(shadow.forward && shadow.shadow);
        assert!(!live.shadow);
        assert_eq!((live.decision, live.rule, live.reasons), (shadow.decision, shadow.rule, shadow.reasons));
    }
}

/// C1: shadow is the page's: who nobody knows is refused all the same.
#[test]
fn shadow_does_not_identify_strangers() {
    let shadow = shop(r#"{ "mode": "shadow" }"#);
    let outcome = judge(&shadow, &request("GET /v3/products").set("x-agent", Some("stranger")));
    assert!(!outcome.forward);
}

/// C1: a permit in shadow grants nothing; what it would say is recorded.
#[test]
fn a_permit_in_shadow_grants_nothing() {
    let set = shop(
        r#"{ "permit": [{ "id": "live", "scope": "shop:products.update", "fields": { "only": ["price"] } },
                        { "id": "next", "scope": "shop:products.update", "fields": { "only": ["price", "name"] }, "mode": "shadow" },
                        { "id": "alone", "scope": "shop:products.list", "mode": "shadow" }] }"#,
    );
    check(&set, &json("PUT /v3/products/1", r#"{"price":1}"#), "allow live");
    check(&set, &json("PUT /v3/products/1", r#"{"name":"x"}"#), "deny live: field_not_allowed /name");
    check(&set, &request("GET /v3/products"), "deny: endpoint_not_allowed");
    let outcome = judge(&set, &json("PUT /v3/products/1", r#"{"name":"x"}"#));
    let next = outcome.considered.iter().find(|c| c.rule == "next").expect("the shadow rule is recorded");
    assert!(next.shadow);
    assert_eq!(next.decision.map(|d| d.name()), Some("allow"));
}

/// C1: a forbid in shadow refuses nothing; what it would say is recorded.
#[test]
fn a_forbid_in_shadow_refuses_nothing() {
    let set = shop(
        r#"{ "permit": [{ "id": "p", "scope": "shop:products.*" }],
             "forbid": [{ "id": "soon", "scope": "shop:products.delete", "mode": "shadow" }] }"#,
    );
    let outcome = judge(&set, &request("DELETE /v3/products/1"));
    assert!(outcome.forward);
    let soon = outcome.considered.iter().find(|c| c.rule == "soon").expect("the shadow rule is recorded");
    assert!(soon.shadow);
    assert_eq!(soon.decision.map(|d| d.name()), Some("deny"));
}

/// The record of a decision holds codes and names, never a value of the request.
#[test]
fn the_event_holds_no_value() {
    let set = shop(
        r#"{ "permit": [{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["contact"] }, "limits": [{ "field": "contact", "domain": ["example.com"] }] }] }"#,
    );
    let outcome = judge(&set, &json("PUT /v3/products/1?sekret=1", r#"{"contact":"sekret@evil.example"}"#));
    let event = String::from_utf8(outcome.decision_json(&set)).unwrap();
    assert!(!event.contains("sekret"), "{event}");
    let event: serde_json::Value = serde_json::from_str(&event).unwrap();
    assert_eq!(event["decision"], "deny");
    assert_eq!(event["rule"], "u");
    assert_eq!(event["agent"], "agent");
    assert_eq!(event["policy"], set.digest());
    assert_eq!(event["operations"][0]["action"], "shop:products.update");
    assert_eq!(event["operations"][0]["effect"], "gate");
}

/// The refusal tells the agent what is wrong and where (RFC 9457).
#[test]
fn the_problem_document_explains() {
    let set = shop(
        r#"{ "permit": [{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["price"] } },
                        { "id": "d", "scope": "shop:products.delete", "approval": "owner" }] }"#,
    );
    for (request, status, kind) in [
        (json("PUT /v3/products/1", r#"{"name":1}"#), 403, "urn:ambit:field_not_allowed"),
        (request("DELETE /v3/products/1"), 403, "urn:ambit:approval_required"),
        (request("GET /v3//products"), 400, "urn:ambit:path_ambiguous"),
        (request("GET /v3/products").set("x-agent", None), 401, "urn:ambit:unknown_agent"),
        (json("PUT /v3/products/1", &"x".repeat(2000)), 413, "urn:ambit:body_too_large"),
        (request("PUT /v3/products/1").header("content-type", "text/plain").body("x"), 415, "urn:ambit:content_type"),
    ] {
        let outcome = judge(&set, &request);
        let problem = outcome.problem(&set);
        let document: serde_json::Value = serde_json::from_slice(&problem.body).unwrap();
        assert_eq!((problem.status, document["type"].as_str()), (status, Some(kind)));
        assert_eq!(document["status"], status);
        assert_eq!(document["decision"], outcome.decision.name());
        assert_eq!(document["reasons"].as_array().map(Vec::len), Some(outcome.reasons.len()));
    }
    let outcome = judge(&set, &json("PUT /v3/products/1", r#"{"name":1}"#));
    let document: serde_json::Value = serde_json::from_slice(&outcome.problem(&set).body).unwrap();
    assert_eq!(document["rule"], "u");
    assert_eq!(document["reasons"][0]["pointer"], "/name");
}

/// C1: a permit in shadow does not make a body be read that a live one lets pass unread.
#[test]
fn a_permit_in_shadow_does_not_read_an_opaque_body() {
    let live = r#"{ "id": "o", "scope": "shop:files.write", "body": { "opaque": true } }"#;
    let next = r#"{ "id": "n", "scope": "shop:files.write", "mode": "shadow", "fields": "any" }"#;
    for set in [permits(live), permits(&format!("{live}, {next}")), permits(&format!("{next}, {live}"))] {
        check(&set, &json("PUT /v3/files/a", "[1"), "allow o");
        let image = request("PUT /v3/files/a").header("content-type", "image/png");
        check(&set, &image.clone().body("x".repeat(5000)), "allow o");
        let step = evaluate(&set, image.body("x").head(), Timestamp::parse(NOW).unwrap());
        assert!(matches!(step, Step::Done(_)), "{step:?}");
    }
}
