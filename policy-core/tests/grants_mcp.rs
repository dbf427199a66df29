//! Tickets of calls: a client that asks again gives its call another id, which is the same call (B4).
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::compile::SourceKind;
use serde_json::Value;
use support::approving::{keys, says, with};
use support::counting::{DONE, Gateway};
use support::pages::{merge, tools_sources};
use support::{Request, json, policy, source};

fn gateway() -> Gateway {
    let members = r#"{ "apis": { "srv": { "loosen": { "jsonrpc_batch": "each" } } },
      "permit": [{ "id": "drop", "tool": "srv:drop", "fields": "any", "approval": "manager" }] }"#;
    let mut sources = tools_sources(members);
    let mut document = serde_json::from_str(&sources[0].text).unwrap();
    merge(&mut document, serde_json::from_str(&keys()).unwrap());
    sources[0] = source(SourceKind::Gateway, document.to_string());
    Gateway::new(policy(&sources))
}

fn call(id: &str, meta: &str, table: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{{meta}"name":"drop","arguments":{{"id":"7","table":"{table}"}}}}}}"#
    )
}

fn sent(body: &str) -> Request {
    json("POST /mcp", body)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
}

#[test]
fn a_call_is_the_same_under_another_id() {
    let mut gateway = gateway();
    let first = sent(&call("1", r#""_meta":{"progressToken":1},"#, "orders"));
    let outcome = gateway.send(&first, DONE);
    let ticket = support::approving::ticket(&outcome);
    assert!(ticket.action.iter().any(|line| line == "  /table: `\"orders\"`"), "{:?}", ticket.action);
    // The ticket travels in the error's `data`.
    let reply: Value = serde_json::from_slice(&outcome.reply(&gateway.set).body).unwrap();
    assert_eq!(reply["error"]["data"]["approval"]["ticket"], ticket.encoded());

    let grant = gateway.grant(&ticket, "manager", "mia");
    for (other, why) in [
        (call("2", r#""_meta":{"progressToken":2},"#, "users"), "is for another body"),
        (call("2", "", "orders"), "is for another body"),
        (format!("[{}]", call("1", r#""_meta":{"progressToken":1},"#, "orders")), "is for another body"),
    ] {
        says(&mut gateway, &with(&sent(&other), &grant), "deny drop: approval_invalid", why);
    }
    let again = sent(&call(r#""two""#, r#""_meta":{"progressToken":2},"#, "orders"));
    gateway.check(&with(&again, &grant), "allow drop");
    says(&mut gateway, &with(&again, &grant), "deny drop: approval_invalid", "has been used");
}

/// Only the call's own name is left out: an `id` in its arguments counts.
#[test]
fn ids_in_arguments_count() {
    let mut gateway = gateway();
    let ticket = gateway.held(&sent(&call("1", "", "orders")));
    let grant = gateway.grant(&ticket, "manager", "mia");
    let other = call("1", "", "orders").replace(r#""id":"7""#, r#""id":"8""#);
    says(&mut gateway, &with(&sent(&other), &grant), "deny drop: approval_invalid", "is for another body");
}

/// Two calls of a batch are one request: their ids may change, their number and order may not.
#[test]
fn a_batch_is_approved_as_a_whole() {
    let mut gateway = gateway();
    let batch = |ids: [&str; 2], tables: [&str; 2]| {
        sent(&format!("[{},{}]", call(ids[0], "", tables[0]), call(ids[1], "", tables[1])))
    };
    let ticket = gateway.held(&batch(["1", "2"], ["a", "b"]));
    let grant = gateway.grant(&ticket, "manager", "mia");
    let swapped = with(&batch(["1", "2"], ["b", "a"]), &grant);
    says(&mut gateway, &swapped, "deny drop: approval_invalid", "is for another body");
    gateway.check(&with(&batch(["8", "9"], ["a", "b"]), &grant), "allow drop");
}
