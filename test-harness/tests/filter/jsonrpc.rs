//! A19: what a client of MCP gets under the pages of the library: errors of its own
//! protocol for what is refused, the upstream's answer piece by piece for what is not.

use serde_json::{Value, json};
use test_harness::host::{Clock, Flow, HeaderMap, LocalReply, Plugin, PluginOptions, Vm, VmOptions};

use crate::library;
use crate::shipped::{MODULE, NOON};

fn plugin() -> Plugin {
    let (bundle, _) = library::bundle();
    let options = VmOptions { clock: Clock::at(NOON), ..VmOptions::default() };
    Vm::new(&MODULE, options).unwrap().start(PluginOptions::new(bundle)).unwrap()
}

fn head(more: &[(&str, &str)]) -> HeaderMap {
    let fixed = [
        (":method", "POST"),
        (":path", "/mcp"),
        (":scheme", "https"),
        (":authority", "mcp.example.com"),
        ("x-agent-name", "mcp-shop-agent"),
        ("content-type", "application/json"),
    ];
    HeaderMap::from_iter(fixed.iter().chain(more).copied())
}

#[track_caller]
fn refusal(plugin: &Plugin, more: &[(&str, &str)], body: &str) -> LocalReply {
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(more), false).unwrap(), Flow::Pause);
    let flow = stream.request_body(body.as_bytes(), true).unwrap();
    assert!(stream.upstream().headers.is_none(), "nothing reaches the server");
    match flow {
        Flow::LocalReply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn content_type(reply: &LocalReply) -> Option<String> {
    reply.headers.value("content-type").map(|value| String::from_utf8_lossy(value).into_owned())
}

#[test]
fn a_refused_call_is_answered_by_an_error() {
    let plugin = plugin();
    let call = r#"{"jsonrpc":"2.0","id":"q\u00e9-1","method":"tools/call","params":{"name":"delete_product","arguments":{"id":42}}}"#;
    let reply = refusal(&plugin, &[], call);
    assert_eq!((reply.status, content_type(&reply).as_deref()), (200, Some("application/json")));
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &json!("q\u{e9}-1")));
    assert_eq!((&body["error"]["code"], &body["error"]["data"]["rule"]), (&json!(-32010), &json!("no-deletes")));

    let held = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"create_order","arguments":{}}}"#;
    let body: Value = serde_json::from_slice(&refusal(&plugin, &[], held).body).unwrap();
    assert_eq!((&body["id"], &body["error"]["code"]), (&json!(2), &json!(-32011)));

    let ping = r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#;
    let reply = refusal(&plugin, &[("mcp-method", "tools/list")], ping);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((reply.status, &body["error"]["code"]), (400, &json!(-32020)));
}

#[test]
fn a_refused_notification_is_answered_by_a_status() {
    let reply = refusal(&plugin(), &[], r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#);
    assert_eq!((reply.status, content_type(&reply), reply.body.len()), (403, None, 0));
}

#[test]
fn an_unreadable_body_is_answered_by_a_problem_document() {
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#;
    let reply = refusal(&plugin(), &[], twice);
    assert_eq!((reply.status, content_type(&reply).as_deref()), (400, Some("application/problem+json")));
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["type"], "urn:ambit:body_duplicate_key");
}

/// An event stream reaches the client as it comes: nothing is held back, nothing gathered.
#[test]
fn an_event_stream_passes_piece_by_piece() {
    let plugin = plugin();
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(&[]), false).unwrap(), Flow::Pause);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_product"}}"#;
    assert_eq!(stream.request_body(call.as_bytes(), true).unwrap(), Flow::Continue);
    let answer = HeaderMap::from_iter([(":status", "200"), ("content-type", "text/event-stream")]);
    assert_eq!(stream.response_headers(answer, false).unwrap(), Flow::Continue);
    let mut sent = 0;
    for event in ["data: {\"progress\":1}\n\n", "data: {\"progress\":2}\n\n", ": still here\n\n"] {
        assert_eq!(stream.response_body(event.as_bytes(), false).unwrap(), Flow::Continue);
        sent += event.len();
        assert_eq!(stream.client().body.len(), sent, "what has come has been passed on");
    }
}
