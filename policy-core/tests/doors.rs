//! The present behind other doors: tools of MCP, rows of PostgREST, two spellings of one resource.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use support::present::{World, check_in, response, sources_on, tool_answer};
use support::{Request, json, policy};

const MCP: &str = r#"{
  "catalog": "mcp-v1",
  "decoder": "jsonrpc",
  "resources": {
    "endpoint": { "actions": { "post": { "endpoints": ["POST /mcp"], "effect": "door" } } },
    "products": {
      "key": "id",
      "current": { "try": [{ "tool": "get_product", "arguments": { "id": "id" } }], "same": { "id": "id" } },
      "lookups": {
        "shelf": { "vars": { "place": "shelf/name" }, "try": [{ "tool": "get_shelf", "arguments": { "name": "place" }, "pointer": "/shelf" }], "fields": { "left": { "at": "/left" } } }
      },
      "fields": {
        "id": { "at": "/id", "type": "integer" },
        "price": { "at": "/price", "type": "decimal" },
        "shelf": { "at": "/shelf" }
      },
      "actions": {
        "get": { "tool": "get_product", "effect": "read" },
        "update": { "tool": "update_price", "effect": "gate" }
      }
    }
  }
}"#;

fn tools(limit: &str) -> Arc<PolicySet> {
    let page = format!(
        r#"{{ "permit": [{{ "id": "p", "tool": "store:update_price", "fields": {{ "only": ["id", "price", "shelf/name"], "require": ["id"] }}, "limits": [{limit}] }}] }}"#
    );
    policy(&sources_on(MCP, &page))
}

fn call(arguments: &str) -> Request {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"update_price","arguments":{arguments}}}}}"#
    );
    json("POST /mcp", &body)
}

/// I: a tool's price is measured against what another tool says now.
#[test]
fn a_tool_answers_for_a_tool() {
    let set = tools(r#"{ "id": "step", "field": "price", "change": { "percent": "5", "absolute": "50.00" } }"#);
    let world = World::default()
        .with(r#"get_product {"id":42}"#, tool_answer(r#"{"id":42,"price":"100.00"}"#))
        .with(r#"get_product {"id":43}"#, tool_answer(r#"{"id":42,"price":"100.00"}"#))
        .with(
            r#"get_product {"id":44}"#,
            response(200, r#"{"jsonrpc":"2.0","id":"ambit-lookup","error":{"code":-32602,"message":"no"}}"#),
        );
    let at = "/params/arguments/price";
    for (arguments, expect) in [
        (r#"{"id":42,"price":"105.00"}"#, "allow p".to_string()),
        (r#"{"id":42,"price":105}"#, "allow p".into()),
        (r#"{"id":42,"price":"105.01"}"#, format!("deny p: envelope_exceeded {at}")),
        (r#"{"id":43,"price":"105"}"#, format!("deny p: unknown_state {at}")),
        (r#"{"id":44,"price":"105"}"#, format!("deny p: unknown_state {at}")),
        (r#"{"id":45,"price":"105"}"#, format!("deny p: unknown_state {at}")),
    ] {
        check_in(&set, &world, &call(arguments), &expect);
    }
}

/// A call of a lookup is one of its own: the protocol's revision is the agent's, nothing else of it is.
#[test]
fn what_a_tool_lookup_sends() {
    let set = tools(r#"{ "field": "price", "change": { "percent": "5" } }"#);
    let world = World::default().with(r#"get_product {"id":42}"#, tool_answer(r#"{"id":42,"price":"100"}"#));
    let request = call(r#"{"id":42,"price":"100"}"#)
        .header("mcp-protocol-version", "2025-06-18")
        .header("mcp-session-id", "of-the-agent")
        .header("authorization", "Bearer agent");
    check_in(&set, &world, &request, "allow p");
    let [fetch] = world.fetched().try_into().unwrap();
    assert_eq!(fetch.target, "/mcp");
    let mut headers: Vec<String> = fetch.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            "accept-encoding: identity",
            "accept: application/json, text/event-stream",
            "content-type: application/json",
            "mcp-method: tools/call",
            "mcp-name: get_product",
            "mcp-protocol-version: 2025-06-18",
        ]
    );
    assert_eq!(
        String::from_utf8(fetch.body.unwrap()).unwrap(),
        r#"{"jsonrpc":"2.0","id":"ambit-lookup","method":"tools/call","params":{"name":"get_product","arguments":{"id":42}}}"#
    );
}

/// Arguments of a tool come from the agent too.
#[test]
fn arguments_are_plain_values() {
    let set = tools(r#"{ "field": "shelf.left", "min": 1 }"#);
    let shelf = tool_answer(r#"{"shelf":{"left":3}}"#);
    let world =
        World::default().with(r#"get_shelf {"name":"a\"b"}"#, shelf.clone()).with(r#"get_shelf {"name":"a"}"#, shelf);
    for (name, expect) in [
        (r#""a""#, "allow p"),
        (r#""a\"b""#, "allow p"),
        (r#""../a""#, "deny p: unknown_state"),
        (r#""""#, "deny p: unknown_state"),
        ("true", "deny p: unknown_state"),
        (r#""b""#, "deny p: unknown_state"),
    ] {
        check_in(&set, &world, &call(&format!(r#"{{"id":42,"shelf":{{"name":{name}}}}}"#)), expect);
    }
}

const TABLES: &str = r#"{
  "catalog": "tables-v1",
  "base": "/rest/v1",
  "decoder": "postgrest",
  "vars": { "table": "token" },
  "resources": {
    "rows": {
      "key": "query.id",
      "filters": { "table": "path.table", "owner": "current.owner" },
      "current": {
        "try": [{ "get": "/{table}?id=eq.{id}&limit=2", "each": "", "list": "/{table}?id=in.({id})" }],
        "same": { "id": "id" }
      },
      "fields": { "*": { "at": "/*" } },
      "actions": {
        "read": { "endpoints": ["GET /{table}"], "effect": "read" },
        "insert": { "endpoints": ["POST /{table}"], "effect": "safe" },
        "update": { "endpoints": ["PATCH /{table}"], "effect": "gate" }
      }
    }
  }
}"#;

/// G: rows that a filter names, measured against the rows that are there.
#[test]
fn rows_of_a_table() {
    let page = r#"{ "permit": [{ "id": "p", "scope": "store:rows.update[table=products]", "query": { "only": ["id", "price"] }, "fields": { "only": ["price", "id"] },
        "limits": [{ "field": "price", "format": "decimal", "change": { "percent": "5", "absolute": "50.00" } }] }] }"#;
    let set = policy(&sources_on(TABLES, page));
    let one = "/rest/v1/products?id=eq.7&limit=2";
    let world = World::of(&[
        (one, r#"[{"id":7,"price":"80.00","stock":12}]"#),
        ("/rest/v1/products?id=eq.8&limit=2", "[]"),
        ("/rest/v1/products?id=eq.9&limit=2", r#"[{"id":9,"price":1},{"id":9,"price":80}]"#),
        ("/rest/v1/products?id=eq.10&limit=2", r#"{"id":10,"price":80}"#),
        ("/rest/v1/products?id=in.(7,8)", r#"[{"id":8,"price":80.0},{"id":7,"price":80}]"#),
    ]);
    let patch = |query: &str, price: &str| {
        json(&format!("PATCH /rest/v1/products?{query}"), &format!(r#"{{"price":{price}}}"#))
    };
    let unknown = "deny p: unknown_state /price";
    for (request, expect) in [
        (patch("id=eq.7", "84"), "allow p"),
        (patch("id=eq.7", "\"84.00\""), "allow p"),
        (patch("id=eq.7", "84.01"), "deny p: envelope_exceeded /price"),
        (patch("id=eq.8", "84"), unknown),
        (patch("id=eq.9", "84"), unknown),
        (patch("id=eq.10", "84"), unknown),
        (patch("id=in.(7,8)", "84"), "allow p"),
        (patch("id=in.(7,8)", "90"), "deny p: envelope_exceeded /price"),
        // Many rows, or none that a filter names: nothing says which.
        (patch("id=gt.7", "84"), unknown),
        (patch("price=gt.0", "84"), unknown),
        // A member of the body does not address a row.
        (json("PATCH /rest/v1/products?price=gt.0", r#"{"price":84,"id":7}"#), unknown),
        (patch("id=eq.abc", "84"), unknown),
    ] {
        check_in(&set, &world, &request, expect);
    }
    world.asked();
    check_in(&set, &world, &patch("price=gt.0", "84"), unknown);
    assert_eq!(world.asked(), [""; 0]);
}

/// An open field of the answer is read like any other.
#[test]
fn open_fields_filter_too() {
    let page = r#"{ "permit": [{ "id": "p", "scope": "store:rows.update[table=products,owner=me]", "query": { "only": ["id"] }, "fields": "any" }] }"#;
    let set = policy(&sources_on(TABLES, page));
    let world = World::of(&[
        ("/rest/v1/products?id=eq.7&limit=2", r#"[{"id":7,"owner":"me"}]"#),
        ("/rest/v1/products?id=eq.8&limit=2", r#"[{"id":8,"owner":"you"}]"#),
        ("/rest/v1/products?id=eq.9&limit=2", r#"[{"id":9}]"#),
    ]);
    let patch = |line: &str| json(&format!("PATCH /rest/v1/{line}"), r#"{"owner":"me"}"#);
    check_in(&set, &world, &patch("products?id=eq.7"), "allow p");
    check_in(&set, &world, &patch("products?id=eq.8"), "deny: scope_filter");
    check_in(&set, &world, &patch("products?id=eq.9"), "deny: unknown_state");
    world.asked();
    check_in(&set, &world, &patch("orders?id=eq.7"), "deny: scope_filter");
    assert_eq!(world.asked(), [""; 0], "a filter that does not match needs no lookup");
}

/// J: one variant behind two doors; a path may end in a suffix, a pointer leads to the resource.
#[test]
fn suffixes_and_pointers() {
    let catalog = r#"{
      "catalog": "variants-v1",
      "base": "/admin",
      "resources": {
        "variants": {
          "key": { "name": "path.id", "strip": "gid://shop/Variant/" },
          "current": { "try": [{ "get": "/variants/{id}.json", "pointer": "/variant" }], "same": { "id": "id" } },
          "fields": {
            "id": { "at": "/id", "type": "digits" },
            "price": { "at": ["/variant/price", "/price"], "type": "decimal", "decimals": 2 }
          },
          "actions": {
            "update": { "endpoints": ["PUT /variants/{id}"], "effect": "gate" },
            "bulk": { "endpoints": ["POST /variants"], "effect": "gate", "rows": { "/variants": { "action": "update", "key": "/id" } } }
          }
        }
      }
    }"#;
    let page = r#"{ "permit": [{ "id": "p", "scope": "store:variants.update", "fields": "any", "limits": [{ "id": "step", "field": "price", "change": { "percent": "5" } }] }] }"#;
    let set = policy(&sources_on(catalog, page));
    let world = World::of(&[
        ("/admin/variants/1.json", r#"{"variant":{"id":1,"price":"100.00"}}"#),
        ("/admin/variants/2.json", r#"{"variant":{"id":2,"price":"20.00"}}"#),
    ]);
    for (line, body, expect) in [
        ("PUT /admin/variants/1", r#"{"variant":{"price":"105.00"}}"#, "allow p"),
        ("PUT /admin/variants/1", r#"{"variant":{"price":"105.01"}}"#, "deny p: envelope_exceeded /variant/price"),
        (
            "POST /admin/variants",
            r#"{"variants":[{"id":"gid://shop/Variant/1","price":"105"},{"id":2,"price":"21"}]}"#,
            "allow p",
        ),
        (
            "POST /admin/variants",
            r#"{"variants":[{"id":"gid://shop/Variant/1","price":"105"},{"id":2,"price":"22"}]}"#,
            "deny p: envelope_exceeded /variants/1/price",
        ),
        (
            "POST /admin/variants",
            r#"{"variants":[{"id":"gid://shop/Variant/1","price":"105"},{"id":1,"price":"105"}]}"#,
            "deny: duplicate_target",
        ),
        (
            "POST /admin/variants",
            r#"{"variants":[{"id":"gid://shop/Product/1","price":"105"}]}"#,
            "deny: value_format /variants/0",
        ),
        (
            "POST /admin/variants",
            r#"{"variants":[{"id":"gid://shop/Variant/../1","price":"105"}]}"#,
            "deny: value_format /variants/0",
        ),
    ] {
        check_in(&set, &world, &json(line, body), expect);
    }
}
