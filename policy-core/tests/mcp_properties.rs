//! Statements that hold for every JSON-RPC body.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::{Arc, LazyLock};

use policy_core::{Decision, PolicySet};
use proptest::prelude::*;
use serde_json::Value;
use support::pages::tools;
use support::{json, judge};

static SET: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    tools(
        r#"{ "apis": { "srv": { "loosen": { "jsonrpc_batch": "each" } } },
             "permit": [{ "id": "get", "tool": "srv:get_product", "fields": "any" }, { "id": "ping", "rpc": "srv:ping", "fields": "any" }] }"#,
    )
});

/// A member of a message, mostly one that means something.
fn member() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#""jsonrpc":"2.0""#,
        r#""id":7"#,
        r#""id":"a\u0062\"""#,
        r#""id":null"#,
        r#""id":1.5"#,
        r#""method":"ping""#,
        r#""method":"tools/call""#,
        r#""method":"delete_product""#,
        r#""method":"notifications/x""#,
        r#""params":{}"#,
        r#""params":{"name":"get_product","arguments":{"id":42}}"#,
        r#""params":{"name":"delete_product"}"#,
        r#""params":{"name":"get_product","name2":"delete_product"}"#,
        r#""params":[1]"#,
        r#""result":{}"#,
        r#""x":1"#,
    ])
    .prop_map(String::from)
}

fn message() -> impl Strategy<Value = String> {
    let head = prop_oneof![4 => Just(Some(r#""jsonrpc":"2.0""#.to_string())), 1 => Just(None)];
    (head, prop::collection::vec(member(), 0..5))
        .prop_map(|(head, members)| head.into_iter().chain(members).collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => message(),
        1 => prop::collection::vec(message(), 0..4).prop_map(|messages| format!("[{}]", messages.join(","))),
    ]
}

/// The messages of a body, as a reader that takes anything sees them.
fn messages(body: &str) -> Vec<Value> {
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Array(messages)) => messages,
        Ok(message) => vec![message],
        Err(_) => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// B1: what passes calls nothing but what is permitted, to a reader that keeps the last of two equal names as well.
    #[test]
    fn nothing_else_passes(body in body()) {
        if judge(&SET, &json("POST /mcp", &body)).decision != Decision::Allow {
            return Ok(());
        }
        let messages = messages(&body);
        prop_assert!(!messages.is_empty());
        for message in messages {
            match message["method"].as_str() {
                Some("ping") => {}
                Some("tools/call") => prop_assert_eq!(&message["params"]["name"], "get_product"),
                other => prop_assert!(false, "{:?} in {}", other, body),
            }
            prop_assert!(message["id"].is_string() || message["id"].is_i64());
        }
    }

    /// A reply is for nobody, or for the requests of the body in their order, or a problem document.
    #[test]
    fn replies_belong_to_requests(body in body()) {
        let outcome = judge(&SET, &json("POST /mcp", &body));
        let reply = outcome.reply(&SET);
        let Some(kind) = reply.content_type else {
            prop_assert!(reply.body.is_empty() && reply.status >= 400);
            return Ok(());
        };
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        if kind == "application/problem+json" {
            prop_assert_eq!(&answer["status"], reply.status);
            return Ok(());
        }
        let errors = match answer {
            Value::Array(errors) => { prop_assert!(body.starts_with('[')); errors }
            error => vec![error],
        };
        let asked: Vec<Value> = messages(&body)
            .into_iter()
            .filter(|message| message.get("method").is_some())
            .filter_map(|message| message.get("id").filter(|id| id.is_string() || id.is_i64()).cloned())
            .collect();
        let answered: Vec<Value> = errors.iter().map(|error| error["id"].clone()).collect();
        prop_assert_eq!(asked, answered);
        for error in &errors {
            prop_assert!(error["error"]["code"].is_i64() && error["error"]["message"].is_string());
        }
    }
}
