//! What a person reads before they approve: all that a ticket binds, or that something of it is not shown (B4).
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::compile::SourceKind;
use support::approving::{behind_catalog, keys, on};
use support::counting::Gateway;
use support::pages::{merge, tools_sources};
use support::present::{World, put};
use support::{Request, json, policy, request, source};

const ANY: &str = r#"{ "id": "any", "scope": "store:products.*", "fields": "any", "approval": "manager" }"#;

fn any() -> Gateway {
    on(&format!(r#"{{ "permit": [{ANY}] }}"#))
}

/// The words, and whether something is not shown.
#[track_caller]
fn says(gateway: &mut Gateway, request: &Request) -> (Vec<String>, bool) {
    let ticket = gateway.held(request);
    assert_eq!(String::from_utf8(ticket.text()).unwrap().contains(r#","unseen":true}"#), ticket.unseen);
    (ticket.action, ticket.unseen)
}

#[test]
fn headers_that_are_bound_are_shown() {
    let permit = r#"{ "id": "any", "scope": "store:products.delete", "approval": "manager",
      "headers": { "allow": ["x-tenant", "x-tenant-token"] } }"#;
    let mut gateway = on(&format!(r#"{{ "permit": [{permit}] }}"#));
    let sent = request("DELETE /v1/products/42")
        .header("x-tenant", "evil`\\")
        .header("x-tenant-token", "abc")
        .header("if-match", "\"7\"")
        .header("user-agent", "nobody looks at it");
    let (words, unseen) = says(&mut gateway, &sent);
    assert_eq!(
        words,
        [
            "DELETE shop.example.com`/v1/products/42`",
            r"  header `x-tenant`: `evil\u{60}\\`",
            "  header `x-tenant-token`: not shown: a credential",
            "  header `if-match`: `\"7\"`",
            "`store:products.delete` of `42`",
        ]
    );
    assert!(!unseen);
}

#[test]
fn what_is_cut_is_marked() {
    let mut gateway = any();
    let long = |end: &str| put(&format!(r#"{{"note":"echo ok{};{end}"}}"#, " ".repeat(500)));
    let (words, unseen) = says(&mut gateway, &long("drop"));
    let note = words.last().unwrap();
    assert!(
        note.starts_with("  /note: `\"echo ok ") && note.ends_with(" ;drop\"` (512 characters, not all shown)"),
        "{note}"
    );
    assert!(unseen);
    assert!(!says(&mut gateway, &put(&format!(r#"{{"note":"{}"}}"#, "x".repeat(300)))).1);
}

#[test]
fn different_requests_have_different_words() {
    let mut gateway = any();
    let bodies = [
        r#"{"price":"1"}"#,
        r#"{"price":1}"#,
        r#"{"note":null}"#,
        r#"{"note":"null"}"#,
        r#"{"note":[]}"#,
        r#"{"note":{}}"#,
        r#"{"note":""}"#,
        r#"{"note":"a\n"}"#,
        r#"{"note":"a\\u{a}"}"#,
        r#"{"note":"'"}"#,
        r#"{"note":"`"}"#,
        r#"{"note":{"a.b":1}}"#,
        r#"{"note":{"a":{"b":1}}}"#,
        r#"{"note":{"a/b":1}}"#,
        r#"{"note":["x"]}"#,
    ];
    let words: std::collections::BTreeSet<Vec<String>> = bodies.map(|body| says(&mut gateway, &put(body)).0).into();
    assert_eq!(words.len(), bodies.len(), "{words:#?}");
    // A member that is no field of the catalog is shown by its pointer, a field by its name.
    assert_eq!(says(&mut gateway, &put(r#"{"price":5000}"#)).0.last().unwrap(), "  price: `5000`");
    assert_eq!(says(&mut gateway, &put(r#"{"order":1}"#)).0.last().unwrap(), "  /order: `1`");
}

#[test]
fn what_a_rule_looked_up_is_shown() {
    let forbid =
        r#"{ "id": "f", "scope": "store:products.update", "when": [{ "field": "current.status", "in": ["live"] }] }"#;
    let mut gateway = on(&format!(r#"{{ "permit": [{ANY}], "forbid": [{forbid}] }}"#));
    gateway.world = World::of(&[("/v1/products/42", r#"{"id":42,"price":"10.00","status":"draft"}"#)]);
    let (words, _) = says(&mut gateway, &put(r#"{"price":"10.10"}"#));
    assert_eq!(words.last().unwrap(), "  `status` of `42` now: `\"draft\"`");
    // Beside what is written it stands once.
    let (words, _) = says(&mut gateway, &put(r#"{"status":"live"}"#));
    assert_eq!(words.last().unwrap(), "  status: `\"draft\"` → `\"live\"`");
}

#[test]
fn what_a_call_carries_beside_its_arguments_is_shown() {
    let members = r#"{ "apis": { "srv": { "loosen": { "mcp_input": "unread" } } },
      "permit": [{ "id": "drop", "tool": "srv:drop", "fields": "any", "approval": "manager" }] }"#;
    let mut sources = tools_sources(members);
    let mut document = serde_json::from_str(&sources[0].text).unwrap();
    merge(&mut document, serde_json::from_str(&keys()).unwrap());
    sources[0] = source(SourceKind::Gateway, document.to_string());
    let mut gateway = Gateway::new(policy(&sources));
    let body = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"drop","arguments":{"id":"7"},
      "_meta":{"progressToken":3,"acme/tenant":"evil"},"requestState":"s"}}"#;
    let sent = json("POST /mcp", body)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18");
    let (words, unseen) = says(&mut gateway, &sent);
    let beside = [r#"  body /params/_meta/acme~1tenant: `"evil"`"#, r#"  body /params/requestState: `"s"`"#];
    assert_eq!(words[2..], [&["`tool drop`", "  /id: `\"7\"`"][..], &beside].concat());
    assert!(!unseen);
}

#[test]
fn the_text_of_a_graphql_document_is_shown() {
    let catalog = r#"{ "catalog": "graph", "resources": {
      "graphql": { "actions": { "post": { "endpoints": ["POST /graphql"], "decoder": "graphql", "effect": "door" } } },
      "products": { "fields": { "id": { "at": "/id", "type": "string" } },
        "actions": { "drop": { "graphql": ["mutation drop"], "effect": "door" } } } } }"#;
    let permit = r#"{ "id": "drop", "scope": "store:products.drop", "fields": "any", "approval": "manager" }"#;
    let mut gateway = Gateway::new(behind_catalog(catalog, &format!(r#"{{ "permit": [{permit}] }}"#)));
    let post = |text: &str| json("POST /graphql", &format!(r#"{{"query":"{text}"}}"#));
    let (words, unseen) = says(&mut gateway, &post("mutation { drop(id: 7) { logs(wipe: true) { n } } }"));
    assert_eq!(
        words[2..],
        [
            "`store:products.drop` (`mutation drop`)",
            "  id: `7`",
            "  body /query: `\"mutation { drop(id: 7) { logs(wipe: true) { n } } }\"`"
        ]
    );
    assert!(!unseen);
    let long = format!("mutation {{ drop(id: 7) {{ {} }} }}", "abcdef ".repeat(300));
    assert!(says(&mut gateway, &post(&long)).1);
}
