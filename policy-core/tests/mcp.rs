//! JSON-RPC messages: what one is, batches, answers of the client. MCP's headers: `mcp_headers.rs`; what a refused
//! client gets: `mcp_replies.rs`.

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use support::pages::tools;
use support::{Request, check, check_all, json, judge, request};

/// Everything is permitted but what has no reading.
fn all() -> Arc<PolicySet> {
    tools(r#"{ "permit": [{ "id": "all", "scope": ["srv:products.*", "srv:protocol.*"], "fields": "any" }] }"#)
}

fn batches(rules: &str) -> Arc<PolicySet> {
    tools(&format!(r#"{{ "apis": {{ "srv": {{ "loosen": {{ "jsonrpc_batch": "each" }} }} }}, "permit": [{rules}] }}"#))
}

fn post(body: &str) -> Request {
    json("POST /mcp", body)
}

/// A message with these members beside `jsonrpc`.
fn message(members: &str) -> Request {
    post(&format!(r#"{{"jsonrpc":"2.0",{members}}}"#))
}

#[track_caller]
fn shape(set: &Arc<PolicySet>, request: &Request, pointer: &str) {
    let space = if pointer.is_empty() { "" } else { " " };
    check(set, request, &format!("deny: jsonrpc_shape{space}{pointer}"));
}

/// B1: one JSON-RPC 2.0 object, and nothing in it that no rule would look at.
#[test]
fn one_message() {
    let set = all();
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        r#"{"method":"ping","id":"a-1","params":{},"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":-7,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":0,"method":"p\u0069ng"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_product"}}"#,
        // Some servers take `null` for what is not there, the others for nothing else.
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_product","arguments":null,"_meta":null,"task":null}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"get_product","arguments":{},"_meta":{"progressToken":1},"task":{"ttl":60}}}"#,
    ] {
        check(&set, &post(body), "allow all");
    }
    for (body, pointer) in [
        ("1", ""),
        ("\"ping\"", ""),
        ("null", ""),
        ("{}", "/jsonrpc"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, "/jsonrpc"),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, "/jsonrpc"),
        (r#"{"id":1,"method":"ping"}"#, "/jsonrpc"),
        (r#"{"jsonrpc":"2.0","id":1}"#, ""),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, "/method"),
        (r#"{"jsonrpc":"2.0","id":1,"method":""}"#, "/method"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"rpc.response"}"#, "/method"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, "/params"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#, "/Method"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, "/result"),
    ] {
        shape(&set, &post(body), pointer);
    }
    shape(&set, &request("POST /mcp"), "");
}

#[test]
fn ids() {
    let set = all();
    let long = |length: usize| format!("\"{}\"", "i".repeat(length));
    let with = |id: &str| message(&format!(r#""id":{id},"method":"ping""#));
    check(&set, &with(&long(254)), "allow all");
    for id in ["null", "1.5", "1.0", "-0", "true", "[1]", "{}", &long(255)] {
        shape(&set, &with(id), "/id");
    }
    // A request that is not to be answered leaves no result to look at; only notifications are sent so.
    for method in ["tools/call", "tools/list", "resources/read", "ping", "delete"] {
        shape(&set, &message(&format!(r#""method":"{method}","params":{{"name":"get_product"}}"#)), "/id");
    }
    shape(&set, &message(r#""id":1,"method":"notifications/initialized""#), "/id");
}

#[test]
fn calls_of_tools() {
    let set = all();
    let with = |params: &str| message(&format!(r#""id":1,"method":"tools/call","params":{params}"#));
    shape(&set, &message(r#""id":1,"method":"tools/call""#), "/params");
    for (params, pointer) in [
        ("{}", "/params/name"),
        (r#"{"name":null}"#, "/params/name"),
        (r#"{"name":["get_product"]}"#, "/params/name"),
        (r#"{"name":"get_product","arguments":[]}"#, "/params/arguments"),
        (r#"{"name":"get_product","arguments":"{}"}"#, "/params/arguments"),
        (r#"{"name":"get_product","_meta":1}"#, "/params/_meta"),
        (r#"{"name":"get_product","Arguments":{}}"#, "/params/Arguments"),
        (r#"{"name":"get_product","tool":"delete_product"}"#, "/params/tool"),
        (r#"{"name":"get_product","inputResponses":{}}"#, "/params/inputResponses"),
    ] {
        shape(&set, &with(params), pointer);
    }
    let twice = r#"{"name":"get_product","name":"delete_product"}"#;
    check(&set, &with(twice), "deny: body_duplicate_key");
    check(&set, &with(r#"{"name":"get_product","na\u006de":"delete_product"}"#), "deny: body_duplicate_key");
}

/// MCP 2026-07-28: a call that is made again with answers to what the server asked for. No rule reads these, so the page
/// says that they may be there.
#[test]
fn answers_within_a_call() {
    let tool = |members: &str| {
        let params = format!(r#"{{"name":"get_product","arguments":{{"id":1}},{members}}}"#);
        message(&format!(r#""id":1,"method":"tools/call","params":{params}"#))
    };
    let permit = r#""permit": [{ "id": "look", "tool": "srv:get_product", "fields": { "only": ["id"] } }]"#;
    let closed = tools(&format!("{{ {permit} }}"));
    let open = tools(&format!(r#"{{ "apis": {{ "srv": {{ "loosen": {{ "mcp_input": "unread" }} }} }}, {permit} }}"#));
    let answers = r#""inputResponses":{"k":{"action":"accept","content":{"confirm":true}}}"#;
    let state = r#""requestState":"s""#;
    for (members, pointer) in [
        (answers.to_string(), "/params/inputResponses"),
        (state.to_string(), "/params/requestState"),
        (format!("{state},{answers}"), "/params/inputResponses"),
    ] {
        check(&closed, &tool(&members), &format!("deny: jsonrpc_shape {pointer}"));
        check(&open, &tool(&members), "allow look");
    }
    for (members, pointer) in [
        (r#""inputResponses":[]"#, "/params/inputResponses"),
        (r#""requestState":{}"#, "/params/requestState"),
        (r#""inputResponse":{}"#, "/params/inputResponse"),
    ] {
        check(&open, &tool(members), &format!("deny: jsonrpc_shape {pointer}"));
    }
    check(&open, &tool(r#""inputResponses":{},"requestState":null"#), "allow look");
    let key = format!("sk_live_{}", "4eC39HqLyjWDarjtT1zdp7dc");
    check(&open, &tool(&format!(r#""requestState":"{key}""#)), "deny: secret_found /params/requestState");
    assert_eq!(
        judge(&closed, &tool(state)).reasons[0].message,
        "`requestState` continues a call that asked for input, and no rule reads it: a page takes it unread by \
         `\"mcp_input\": \"unread\"`"
    );
}

#[test]
fn one_media_type() {
    let set = all();
    let typed = |text: &str| message(r#""id":1,"method":"ping""#).set("content-type", Some(text));
    check(&set, &typed("application/json; charset=utf-8"), "allow all");
    for text in ["text/plain", "text/plain; a=application/json", "application/json-rpc", "application/vnd.api+json"] {
        check(&set, &typed(text), "deny: content_type");
    }
    check(&set, &typed("application/json; charset=utf-16"), "deny: charset");
    check(&set, &message(r#""id":1,"method":"ping""#).set("content-type", None), "deny: content_type");
}

/// An array is refused, of one too, unless the page takes batches.
#[test]
fn batches_are_refused() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for body in [format!("[{ping}]"), format!("[{ping},{ping}]"), "[]".to_string()] {
        shape(&all(), &post(&body), "");
    }
}

/// B1: of a batch that is taken every element is an operation, and the strictest verdict counts.
#[test]
fn batches_are_taken_apart() {
    let set = batches(
        r#"{ "id": "look", "scope": ["srv:products.get", "srv:protocol.look"] },
           { "id": "price", "tool": "srv:update_price", "fields": "any", "approval": "manager",
             "limits": [{ "count": "rows", "max": 2 }, { "sum": "price", "max": 100 }] }"#,
    );
    let call = |id: &str, tool: &str, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        )
    };
    let batch = |elements: &[String]| post(&format!("[{}]", elements.join(",")));
    let get = |id: &str| call(id, "get_product", "{}");
    let price =
        |id: &str, key: &str, price: &str| call(id, "update_price", &format!(r#"{{"id":{key},"price":{price}}}"#));
    let delete = call("9", "delete_product", "{}");
    let quiet = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_string();
    let held = "approval_required price: approval_required";
    check_all(
        &set,
        &[
            (batch(&[get("1")]), "allow look"),
            (batch(&[get("1"), get("2"), quiet]), "allow look"),
            (batch(&[get("1"), delete.clone()]), "deny: tool_not_allowed"),
            (batch(&[delete]), "deny: tool_not_allowed"),
            (batch(&[get("1"), price("2", "7", "1")]), held),
            (batch(&[price("1", "7", "50"), price("2", "8", "50")]), held),
            (
                batch(&[price("1", "7", "50"), price("2", "8", "51")]),
                "deny price: envelope_exceeded /0/params/arguments/price",
            ),
            (batch(&[price("1", "1", "1"), price("2", "2", "1"), price("3", "3", "1")]), "deny price: batch_limit"),
            (batch(&[price("1", "7", "1"), price("2", "7", "2")]), "deny: duplicate_target"),
            (batch(&[price("1", "7", "1"), price("2", "\"7\"", "2")]), "deny: duplicate_target"),
            (batch(&[get("1"), get("1")]), "deny: jsonrpc_shape /1/id"),
            (batch(&[get("1"), get("\"1\"")]), "deny: jsonrpc_shape /1/id"),
            (batch(&[get("1"), "[]".into()]), "deny: jsonrpc_shape /1"),
            (batch(&[get("1"), get("null")]), "deny: jsonrpc_shape /1/id"),
            (batch(&[]), "deny: jsonrpc_shape"),
        ],
    );
    let pings = |count: usize| {
        let ping = |id: usize| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        batch(&(0..count).map(ping).collect::<Vec<_>>())
    };
    let wide = tools(
        r#"{ "apis": { "srv": { "loosen": { "jsonrpc_batch": "each", "body_kib": 256 } } },
             "permit": [{ "id": "p", "rpc": "srv:ping" }] }"#,
    );
    check(&wide, &pings(1_000), "allow p");
    check(&wide, &pings(1_001), "deny: batch_limit");
}

/// A key in more than one spelling: a write is refused, a read need not be.
#[test]
fn keys_in_one_spelling() {
    let set = all();
    let with = |tool: &str, key: &str| {
        let call = format!(r#""id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"id":{key}}}}}"#);
        message(&call)
    };
    check(&set, &with("update_price", "42"), "allow all");
    for key in ["42.0", "\"042\"", "\" 42\"", "null", "[42]"] {
        check(&set, &with("update_price", key), "deny: value_format");
        check(&set, &with("get_product", key), "allow all");
    }
}

/// What a client answers to a request of the server leaves the house like a write, and has a name for rules of its own.
#[test]
fn answers_of_the_client() {
    let result = message(r#""id":3,"result":{"content":{"text":"x"}}"#);
    let error = message(r#""id":"s","error":{"code":-1,"message":"no"}"#);
    let ping = tools(r#"{ "permit": [{ "id": "ping", "rpc": "srv:ping" }] }"#);
    check(&ping, &result, "deny: tool_not_allowed");
    check(&ping, &error, "deny: tool_not_allowed");
    let set = tools(
        r#"{ "permit": [{ "id": "answers", "rpc": "srv:rpc.response", "fields": { "only": ["/jsonrpc", "/id", "/result/content/text"] } }] }"#,
    );
    check(&set, &result, "allow answers");
    check(&set, &error, "deny answers: field_not_allowed /error");
    for members in [
        r#""result":{}"#,
        r#""id":null,"result":{}"#,
        r#""id":1,"result":{},"error":{}"#,
        r#""id":1,"result":{},"x":1"#,
    ] {
        let outcome = judge(&set, &message(members));
        assert_eq!(outcome.reasons[0].code.text(), "jsonrpc_shape", "{members}");
    }
}

#[test]
fn a_refused_name_comes_with_those_that_are_permitted() {
    let set = tools(
        r#"{ "permit": [{ "id": "a", "tool": ["srv:get_product", "srv:update_price"] }, { "id": "b", "rpc": "srv:ping" }] }"#,
    );
    let of = |members: &str| judge(&set, &message(members)).reasons[0].message.clone();
    assert_eq!(
        of(r#""id":1,"method":"tools/call","params":{"name":"get\u001b[31m"}"#),
        r"no rule of this page permits the tool `get\u{1b}[31m`; permitted: `get_product`, `update_price`"
    );
    assert_eq!(
        of(r#""id":1,"method":"tools/list""#),
        "no rule of this page permits the method `tools/list`; permitted: `ping`"
    );
}

/// Secrets are found in a call as in any body.
#[test]
fn secrets_in_arguments() {
    let key = format!("sk_live_{}", "4eC39HqLyjWDarjtT1zdp7dc");
    let call = format!(r#""id":1,"method":"tools/call","params":{{"name":"get_product","arguments":{{"q":"{key}"}}}}"#);
    check(&all(), &message(&call), "deny: secret_found /params/arguments/q");
}
