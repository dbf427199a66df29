//! The headers of MCP over Streamable HTTP: sessions, versions, and those that mirror the body.

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use support::pages::tools;
use support::{Request, check, json, request};

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn all() -> Arc<PolicySet> {
    tools(r#"{ "permit": [{ "id": "all", "scope": ["srv:products.*", "srv:protocol.*"], "fields": "any" }] }"#)
}

fn message(method: &str, params: &str) -> Request {
    json("POST /mcp", &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#))
}

fn call(arguments: &str) -> Request {
    message("tools/call", &format!(r#""name":"get_product","arguments":{{{arguments}}}"#))
}

/// A call as a client of 2026-07-28 sends it.
fn modern() -> Request {
    message("tools/call", &format!(r#""name":"get_product","arguments":{{"id":42}},{META}"#))
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "get_product")
}

const MISMATCH: &str = "deny: header_body_mismatch";
const HEADER: &str = "deny: header_not_allowed";
const ALLOW: &str = "allow all";

#[test]
fn versions() {
    let set = all();
    let with = |text: &str| call("").header("mcp-protocol-version", text);
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        check(&set, &with(version), ALLOW);
        check(&set, &request("GET /mcp").header("mcp-protocol-version", version), ALLOW);
    }
    check(&set, &call(""), ALLOW);
    for version in ["2024-11-05", "2027-01-01", "2025-06-18, 2025-11-25", "", "draft"] {
        check(&set, &with(version), HEADER);
        check(&set, &request("GET /mcp").header("mcp-protocol-version", version), HEADER);
    }
    check(&set, &with("2025-06-18").header("mcp-protocol-version", "2025-06-18"), HEADER);
    check(&set, &call("").header("mcp_protocol_version", "2025-06-18"), HEADER);
}

#[test]
fn sessions() {
    let set = all();
    let long = "s".repeat(1024);
    for id in ["872a6baca1a14118beb0feeb77a721fc", "a.b~c!", &long] {
        check(&set, &call("").header("mcp-session-id", id), ALLOW);
        check(&set, &request("DELETE /mcp").header("mcp-session-id", id), ALLOW);
    }
    for id in ["", "a b", "a\tb", "\u{e9}", &format!("{long}s")] {
        check(&set, &call("").header("mcp-session-id", id), HEADER);
        check(&set, &request("GET /mcp").header("mcp-session-id", id), HEADER);
    }
    check(&set, &call("").header("mcp-session-id", "a").header("Mcp-Session-Id", "b"), HEADER);
}

/// 2026-07-28 demands the mirror headers, and the version in the body.
#[test]
fn mirror_headers_are_demanded() {
    let set = all();
    check(&set, &modern(), ALLOW);
    check(&set, &modern().set("mcp-method", None), MISMATCH);
    check(&set, &modern().set("mcp-name", None), MISMATCH);
    check(&set, &modern().set("mcp-protocol-version", None), MISMATCH);
    check(&set, &modern().set("mcp-protocol-version", Some("2025-11-25")), MISMATCH);
    let modern_of = |method: &str, params: &str| {
        message(method, params).header("mcp-protocol-version", "2026-07-28").header("mcp-method", method)
    };
    check(&set, &modern_of("tools/list", META), ALLOW);
    check(&set, &modern_of("tools/list", ""), MISMATCH);
    let meta = |version: &str| format!(r#""_meta":{{"io.modelcontextprotocol/protocolVersion":{version}}}"#);
    for version in [r#""2025-11-25""#, "20260728", "null"] {
        check(&set, &modern_of("tools/list", &meta(version)), MISMATCH);
    }
    let read = modern_of("resources/read", &format!(r#""uri":"catalog://a",{META}"#));
    check(&set, &read, MISMATCH);
    check(&set, &read.header("mcp-name", "catalog://a"), ALLOW);
    // What the version says of requests it does not say of notifications.
    let quiet = json("POST /mcp", r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    check(&set, &quiet.header("mcp-protocol-version", "2026-07-28"), ALLOW);
    let answer = json("POST /mcp", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    check(&set, &answer, ALLOW);
    check(&set, &answer.header("mcp-protocol-version", "2026-07-28"), "deny: jsonrpc_shape");
    // An older version has no such member: a body that states another one has two readings.
    check(&set, &message("ping", &meta(r#""2026-07-28""#)).header("mcp-protocol-version", "2025-11-25"), MISMATCH);
}

/// Whatever the version: a mirror header that is there says what the body says.
#[test]
fn mirror_headers_say_what_the_body_says() {
    let set = all();
    let with = |name: &str, value: &str| call("").header(name, value);
    for (name, value) in [
        ("mcp-method", "tools/call"),
        ("mcp-name", "get_product"),
        ("mcp-name", "=?base64?Z2V0X3Byb2R1Y3Q=?="),
        ("mcp-method", "=?base64?dG9vbHMvY2FsbA==?="),
    ] {
        check(&set, &with(name, value), ALLOW);
    }
    for (name, value) in [
        ("mcp-method", "tools/list"),
        ("mcp-method", "Tools/Call"),
        ("mcp-name", "delete_product"),
        ("mcp-name", "GET_PRODUCT"),
        ("mcp-name", ""),
        ("mcp-name", "=?base64?ZGVsZXRlX3Byb2R1Y3Q=?="),
        // No padding, bits behind the end, the other alphabet, another spelling of the markers, bytes that are no text.
        ("mcp-name", "=?base64?Z2V0X3Byb2R1Y3Q?="),
        ("mcp-name", "=?base64?Z2V0X3Byb2R1Y3R=?="),
        ("mcp-name", "=?base64?Z2V0X3Byb2R1Y3Q=\t?="),
        ("mcp-name", "=?BASE64?Z2V0X3Byb2R1Y3Q=?="),
        ("mcp-name", "=?base64?//8=?="),
    ] {
        check(&set, &with(name, value), MISMATCH);
    }
    check(&set, &with("mcp-name", "get_product").header("mcp-name", "get_product"), HEADER);
    check(&set, &with("mcp_name", "delete_product"), HEADER);
    check(&set, &message("ping", "").header("mcp-name", "get_product"), MISMATCH);
    check(&set, &message("resources/read", r#""uri":"a:b","name":"c""#).header("mcp-name", "c"), MISMATCH);
}

/// `Mcp-Param-X` says what the argument `x` says; of a name that no argument has, nothing is known.
#[test]
fn parameters_say_what_the_arguments_say() {
    let set = all();
    let arguments = r#""id":42,"region":"us-west1","dry_run":true,"note":"Hello, \u4e16\u754c","list":[1],"none":null"#;
    let with = |name: &str, value: &str| call(arguments).header(name, value);
    for (name, value) in [
        ("mcp-param-id", "42"),
        ("Mcp-Param-ID", "42.0"),
        ("Mcp-Param-Region", "us-west1"),
        ("Mcp-Param-Region", "=?base64?dXMtd2VzdDE=?="),
        ("mcp-param-dry_run", "true"),
        ("mcp-param-dry-run", "true"),
        ("mcp-param-note", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        ("mcp-param-tenant", "a"),
        ("mcp-param-tenant", "=?base64?x?="),
    ] {
        check(&set, &with(name, value), ALLOW);
    }
    for (name, value) in [
        ("mcp-param-id", "43"),
        ("mcp-param-id", "forty-two"),
        ("mcp-param-region", "US-WEST1"),
        ("mcp_param_region", "eu"),
        ("mcp-param-dry_run", "TRUE"),
        ("mcp-param-note", "Hello"),
        ("mcp-param-note", "=?base64?x?="),
        ("mcp-param-list", "1"),
        ("mcp-param-none", ""),
    ] {
        check(&set, &with(name, value), MISMATCH);
    }
    check(&set, &with("mcp-param-id", "42").header("mcp-param-id", "43"), HEADER);
    check(&set, &message("resources/read", r#""uri":"a:b""#).header("mcp-param-uri", "c"), ALLOW);
}

/// In a batch each message is held to the headers.
#[test]
fn headers_of_a_batch() {
    let set = tools(
        r#"{ "apis": { "srv": { "loosen": { "jsonrpc_batch": "each" } } }, "permit": [{ "id": "all", "scope": "srv:protocol.*" }] }"#,
    );
    let batch = json(
        "POST /mcp",
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/list"}]"#,
    );
    check(&set, &batch, ALLOW);
    check(&set, &batch.header("mcp-method", "ping"), MISMATCH);
}
