//! What a refused client of JSON-RPC gets: an error for each of its requests, which carries the problem document.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::{Decision, PolicySet, Reply};
use serde_json::{Value, json as value};
use std::sync::Arc;
use support::pages::{permits, tools};
use support::{Request, json, judge, request};

fn set() -> Arc<PolicySet> {
    tools(
        r#"{ "apis": { "srv": { "loosen": { "jsonrpc_batch": "each" } } },
             "permit": [{ "id": "get", "tool": "srv:get_product" },
                        { "id": "price", "tool": "srv:update_price", "fields": "any", "approval": "manager" }] }"#,
    )
}

fn answer(set: &Arc<PolicySet>, request: &Request) -> Reply {
    let outcome = judge(set, request);
    assert_ne!(outcome.decision, Decision::Allow, "{request:?}");
    outcome.reply(set)
}

fn call(id: &str, tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
}

fn post(body: &str) -> Request {
    json("POST /mcp", body)
}

fn body(reply: &Reply) -> Value {
    assert_eq!(reply.content_type, Some("application/json"));
    serde_json::from_slice(&reply.body).expect("JSON")
}

/// B1: the client's library hands the error to the agent, which can correct itself.
#[test]
fn an_error_for_the_request() {
    let set = set();
    for (id, echoed) in [("7", value!(7)), (r#""a\n\"1""#, value!("a\n\"1")), ("-1", value!(-1))] {
        let reply = answer(&set, &post(&call(id, "delete_product")));
        assert_eq!(reply.status, 200);
        let body = body(&reply);
        assert_eq!((&body["jsonrpc"], &body["id"]), (&value!("2.0"), &echoed));
        assert_eq!(body["error"]["code"], -32010);
        let message =
            "no rule of this page permits the tool `delete_product`; permitted: `get_product`, `update_price`";
        assert_eq!(body["error"]["message"], message);
        let data = &body["error"]["data"];
        assert_eq!(data["type"], "urn:ambit:tool_not_allowed");
        assert_eq!((&data["status"], &data["decision"]), (&value!(403), &value!("deny")));
        assert_eq!(data["policy"], set.digest());
    }
}

#[test]
fn codes_tell_what_to_do() {
    let set = set();
    let held = body(&answer(&set, &post(&call("1", "update_price"))));
    assert_eq!(held["error"]["code"], -32011);
    assert_eq!(held["error"]["data"]["decision"], "approval_required");
    let shape = answer(&set, &post(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#));
    assert_eq!((shape.status, &body(&shape)["error"]["code"]), (200, &value!(-32600)));
}

/// The specification asks for 400 where headers contradict the body, and where a version is not served.
#[test]
fn headers_are_answered_as_the_specification_says() {
    let set = set();
    let mismatch = answer(&set, &post(&call("1", "get_product")).header("mcp-name", "delete_product"));
    assert_eq!((mismatch.status, &body(&mismatch)["error"]["code"]), (400, &value!(-32020)));
    let version = answer(&set, &post(&call("1", "get_product")).header("mcp-protocol-version", "2099-01-01"));
    assert_eq!(version.status, 400);
    let error = &body(&version)["error"];
    assert_eq!(error["code"], -32022);
    assert_eq!(error["data"]["requested"], "2099-01-01");
    assert_eq!(error["data"]["supported"], value!(["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]));
    assert_eq!(error["data"]["type"], "urn:ambit:header_not_allowed");
    let twice = post(&call("1", "get_product")).header("mcp-session-id", "a").header("mcp-session-id", "b");
    assert_eq!(body(&answer(&set, &twice))["error"]["code"], -32010);
}

/// Nothing of a refused batch is forwarded, and every request of it gets its error; the document stands once.
#[test]
fn a_batch_gets_an_error_for_each_request() {
    let set = set();
    let quiet = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let batch = format!("[{},{quiet},{}]", call("1", "get_product"), call(r#""b""#, "delete_product"));
    let reply = answer(&set, &post(&batch));
    assert_eq!(reply.status, 200);
    let errors = body(&reply);
    let ids: Vec<&Value> = errors.as_array().expect("an array").iter().map(|error| &error["id"]).collect();
    assert_eq!(ids, [&value!(1), &value!("b")]);
    assert_eq!(errors[1]["error"]["code"], -32010);
    assert!(errors[0]["error"]["data"].is_object() && errors[1]["error"].get("data").is_none());
    // Refused as a whole, where batches are not taken.
    let strict = tools(r#"{ "permit": [{ "id": "get", "tool": "srv:get_product" }] }"#);
    let reply = answer(&strict, &post(&batch));
    assert_eq!(body(&reply).as_array().map(Vec::len), Some(2));
    assert_eq!(body(&reply)[0]["error"]["code"], -32600);
}

/// Nobody waits for an answer to a notification, or to an answer.
#[test]
fn silence() {
    let set = set();
    for (body, status) in [
        (r#"{"jsonrpc":"2.0","method":"notifications/x"}"#, 403),
        (r#"[{"jsonrpc":"2.0","method":"notifications/x"}]"#, 403),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 403),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"get_product"}}"#, 400),
    ] {
        let reply = answer(&set, &post(body));
        assert_eq!(reply, Reply { status, content_type: None, body: Vec::new() }, "{body}");
    }
}

/// Where no id can be had, and on any other API: the problem document.
#[test]
fn problem_documents() {
    let set = set();
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    for body in [
        "{",
        "[]",
        "1",
        r#"{"a":1}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        &deep,
    ] {
        let reply = answer(&set, &post(body));
        assert_eq!((reply.status, reply.content_type), (400, Some("application/problem+json")), "{body}");
    }
    let long = call(&format!("\"{}\"", "x".repeat(300)), "delete_product");
    assert_eq!(answer(&set, &post(&long)).content_type, Some("application/problem+json"));
    let get = answer(&set, &request("GET /mcp"));
    assert_eq!((get.status, get.content_type), (403, Some("application/problem+json")));
    let shop = permits(r#"{ "id": "p", "scope": "shop:products.list" }"#);
    let update = answer(&shop, &json("PUT /v3/products/1", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#));
    assert_eq!(update.content_type, Some("application/problem+json"));
}
