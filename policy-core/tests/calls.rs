//! Calls: one endpoint that carries many operations, each named in the body. Rules name them by tool, method or scope;
//! the request that carries them is none itself.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use support::catalogs::MCP;
use support::pages::{tools, tools_sources};
use support::{Request, check, check_all, diagnose, diagnosed, json, request, source};

use policy_core::compile::SourceKind;

fn call(tool: &str, arguments: &str) -> Request {
    rpc("tools/call", &format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#))
}

fn rpc(method: &str, params: &str) -> Request {
    json("POST /mcp", &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
}

fn permits(rules: &str) -> std::sync::Arc<policy_core::PolicySet> {
    tools(&format!(r#"{{ "permit": [{rules}] }}"#))
}

/// B1: a tool is its own operation, with the effect that the catalog gives it.
#[test]
fn tools_and_methods_by_name() {
    let set = permits(
        r#"{ "id": "look", "tool": "srv:get_product" },
           { "id": "price", "tool": "srv:update_price", "fields": { "only": ["id", "price"], "require": ["id"] },
             "limits": [{ "field": "price", "max": 100 }] },
           { "id": "hello", "rpc": ["srv:initialize", "srv:ping"] }"#,
    );
    check_all(
        &set,
        &[
            (call("get_product", r#"{"id":42,"any":{"x":[1]}}"#), "allow look"),
            (call("update_price", r#"{"id":42,"price":99.5}"#), "allow price"),
            (
                call("update_price", r#"{"id":42,"price":100.5}"#),
                "deny price: envelope_exceeded /params/arguments/price",
            ),
            (call("update_price", r#"{"id":42,"name":"x"}"#), "deny price: field_not_allowed /params/arguments/name"),
            (call("update_price", "{}"), "deny price: missing_required"),
            (call("delete_product", r#"{"id":42}"#), "deny: tool_not_allowed"),
            (call("make_coffee", "{}"), "deny: tool_not_allowed"),
            (rpc("initialize", r#"{"protocolVersion":"2025-11-25"}"#), "allow hello"),
            (rpc("ping", "{}"), "allow hello"),
            (rpc("tools/list", "{}"), "deny: tool_not_allowed"),
            (rpc("get_product", "{}"), "deny: tool_not_allowed"),
        ],
    );
}

/// B1: names are compared byte for byte, after JSON's escapes.
#[test]
fn names_byte_for_byte() {
    let set = permits(r#"{ "id": "look", "tool": "srv:get_product" }"#);
    check_all(
        &set,
        &[
            (call(r"get\u005fproduct", "{}"), "allow look"),
            (call("Get_Product", "{}"), "deny: tool_not_allowed"),
            (call("get_product ", "{}"), "deny: tool_not_allowed"),
            (call("get_pr\u{43e}duct", "{}"), "deny: tool_not_allowed"),
            (call("srv:get_product", "{}"), "deny: tool_not_allowed"),
            (call("", "{}"), "deny: tool_not_allowed"),
        ],
    );
}

#[test]
fn scopes_reach_calls() {
    let set = permits(
        r#"{ "id": "reads", "scope": "srv:*.read" },
           { "id": "prices", "scope": "srv:products.update[shelf=a|b]", "fields": "any" }"#,
    );
    check_all(
        &set,
        &[
            (call("get_product", "{}"), "allow reads"),
            (rpc("tools/list", "{}"), "allow reads"),
            (request("GET /mcp"), "allow reads"),
            (call("update_price", r#"{"shelf":"a"}"#), "allow prices"),
            (call("set price", r#"{"shelf":"b"}"#), "allow prices"),
            (call("set price", r#"{"shelf":"c"}"#), "deny: scope_filter"),
            (call("set price", "{}"), "deny: scope_filter"),
            (call("delete_product", "{}"), "deny: tool_not_allowed"),
            (request("DELETE /mcp"), "deny: endpoint_not_allowed"),
        ],
    );
    let writes = permits(r#"{ "id": "writes", "scope": "srv:products.write", "fields": "any" }"#);
    check(&writes, &call("delete_product", "{}"), "allow writes");
    check(&writes, &call("get_product", "{}"), "deny: tool_not_allowed");
}

/// A name that no catalog lists counts as a write: no field without a rule for it.
#[test]
fn unlisted_names() {
    let set = permits(
        r#"{ "id": "coffee", "tool": "srv:make_coffee" },
           { "id": "tea", "tool": "srv:make_tea", "fields": { "only": ["/cups"] }, "limits": [{ "field": "/cups", "max": 3 }] }"#,
    );
    check_all(
        &set,
        &[
            (call("make_coffee", "{}"), "allow coffee"),
            (call("make_coffee", r#"{"strength":11}"#), "deny coffee: field_not_allowed /params/arguments/strength"),
            (call("make_tea", r#"{"cups":3}"#), "allow tea"),
            (call("make_tea", r#"{"cups":4}"#), "deny tea: envelope_exceeded /params/arguments/cups"),
        ],
    );
}

/// A forbid reaches a call by its name, by its action, and by the endpoint that carries it.
#[test]
fn forbids() {
    let all = r#"{ "id": "all", "scope": "srv:products.*", "fields": "any" }"#;
    let with = |forbid: &str| tools(&format!(r#"{{ "permit": [{all}], "forbid": [{forbid}] }}"#));
    let expect = |forbid: &str, delete: &str, get: &str| {
        let set = with(forbid);
        check(&set, &call("delete_product", r#"{"id":1}"#), delete);
        check(&set, &call("get_product", r#"{"id":1}"#), get);
    };
    let denied = "deny f: forbidden";
    expect(r#"{ "id": "f", "tool": "srv:delete_product" }"#, denied, "allow all");
    expect(r#"{ "id": "f", "scope": "srv:products.delete" }"#, denied, "allow all");
    expect(r#"{ "id": "f", "endpoint": "srv:POST /mcp" }"#, denied, denied);
    expect(r#"{ "id": "f", "endpoint": "srv:POST /{any:path}" }"#, denied, denied);
    expect(r#"{ "id": "f", "scope": "srv:protocol.post" }"#, denied, denied);
    expect(r#"{ "id": "f", "scope": "srv:*.write" }"#, denied, "allow all");
    expect(r#"{ "id": "f", "scope": "srv:protocol.*" }"#, "allow all", "allow all");
    // A condition looks at what the rule names: the whole body at the endpoint, the arguments at the call.
    let at_endpoint = r#"{ "id": "f", "endpoint": "srv:POST /mcp", "when": [{ "field": "/params/name", "present": true, "in": ["delete_product"] }] }"#;
    expect(at_endpoint, denied, "allow all");
    let at_call = r#"{ "id": "f", "tool": ["srv:delete_product", "srv:get_product"], "when": [{ "field": "id", "present": true, "in": [1] }] }"#;
    expect(at_call, denied, denied);
    expect(&at_call.replace("[1]", "[2]"), "allow all", "allow all");
}

/// Nothing but a permit on what is called lets a call pass: the endpoint that carries it says nothing of it.
#[test]
fn a_carrier_grants_nothing() {
    let wide = permits(
        r#"{ "id": "wide", "endpoint": "srv:POST /{any:path}", "fields": "any" },
           { "id": "get", "tool": "srv:get_product" }"#,
    );
    check(&wide, &call("get_product", "{}"), "allow get");
    check(&wide, &call("delete_product", "{}"), "deny: tool_not_allowed");
    check(&wide, &json("POST /other", r#"{"a":1}"#), "allow wide");
    let all = permits(r#"{ "id": "all", "scope": "srv:protocol.*" }"#);
    check(&all, &call("get_product", "{}"), "deny: tool_not_allowed");
    check(&all, &rpc("ping", "{}"), "allow all");
    // Without a permit on any call the body is not waited for.
    let none = permits(r#"{ "id": "wide", "endpoint": "srv:POST /{any:path}", "body": { "opaque": true } }"#);
    check(&none, &request("POST /mcp").body("not json"), "deny: endpoint_not_allowed");
    let opaque = permits(
        r#"{ "id": "wide", "endpoint": "srv:POST /{any:path}", "body": { "opaque": true } },
           { "id": "get", "scope": "srv:products.get", "body": { "opaque": true } }"#,
    );
    check(&opaque, &json("POST /mcp", "not json"), "deny: body_unparsable");
    check(&opaque, &request("POST /mcp").header("content-type", "text/plain").body("x"), "deny: content_type");
}

#[test]
fn query_and_headers_of_the_request() {
    let set = permits(
        r#"{ "id": "get", "tool": "srv:get_product" },
           { "id": "price", "tool": "srv:update_price", "fields": "any", "headers": { "require": ["x-tenant"] }, "query": { "only": ["v"] } }"#,
    );
    let to = |target: &str, tool: &str| Request { ..call(tool, "{}").set(":path", Some(target)) };
    check_all(
        &set,
        &[
            (to("/mcp?v=1", "get_product"), "allow get"),
            (to("/mcp?token=1", "get_product"), "deny get: param_shadow"),
            (call("get_product", "{}").header("x-tenant", "a"), "deny get: header_not_allowed"),
            (call("update_price", "{}").header("x-tenant", "a"), "allow price"),
            (call("update_price", "{}"), "deny price: missing_required"),
            (to("/mcp?w=1", "update_price").header("x-tenant", "a"), "deny price: param_shadow"),
        ],
    );
}

/// A text of SQL is what its statement does (`sql_requests.rs`). What forbids the tool forbids it.
#[test]
fn inner_texts() {
    let sql = |text: &str| call("run_sql", &format!(r#"{{"query":"{text}"}}"#));
    let set = permits(
        r#"{ "id": "select", "scope": "srv:sql.select" },
           { "id": "write", "scope": "srv:sql.write", "fields": { "only": ["query"] }, "approval": "manager" }"#,
    );
    check(&set, &sql("DROP TABLE customers"), "approval_required write: approval_required");
    check(
        &set,
        &call("run_sql", r#"{"query":["x"]}"#),
        "deny write: field_not_allowed /params/arguments/query, value_format /params/arguments/query",
    );
    let reads = permits(r#"{ "id": "select", "scope": "srv:sql.select" }"#);
    check(&reads, &sql("DROP TABLE customers"), "deny: endpoint_not_allowed");
    let forbid = |forbid: &str| {
        let permit = r#"{ "id": "sql", "scope": "srv:sql.*", "fields": "any" }"#;
        let set = tools(&format!(r#"{{ "permit": [{permit}], "forbid": [{forbid}] }}"#));
        check(&set, &sql("UPDATE a SET b = 1"), "deny f: forbidden");
    };
    forbid(r#"{ "id": "f", "tool": "srv:run_sql" }"#);
    forbid(r#"{ "id": "f", "scope": "srv:database.run" }"#);
    forbid(r#"{ "id": "f", "scope": "srv:sql.write" }"#);
    forbid(r#"{ "id": "f", "endpoint": "srv:POST /mcp" }"#);
    forbid(r#"{ "id": "f", "tool": "srv:run_sql", "when": [{ "field": "query", "prefix": ["UPDATE"] }] }"#);
}

/// A call that holds lists of rows is its rows: what is permitted of one is permitted in a list, and no more.
#[test]
fn rows_of_a_call() {
    let catalog = MCP.replacen(
        r#""delete": { "tool": "delete_product", "effect": "door" }"#,
        r#""delete": { "tool": "delete_product", "effect": "door" },
           "many": { "tool": "bulk", "effect": "door", "rows": { "/update": { "action": "update", "key": "/id", "parent": "/shop" },
                                                                 "/delete": { "action": "delete", "key": "" } } }"#,
        1,
    );
    let set = |members: &str| {
        let mut all = tools_sources(members);
        all[1] = source(SourceKind::Catalog, catalog.clone());
        support::policy(&all)
    };
    let prices = r#"{ "id": "prices", "scope": "srv:products.update", "fields": { "only": ["price"] },
                      "limits": [{ "field": "price", "max": 10 }, { "count": "rows", "max": 2 }] }"#;
    let page = set(&format!(r#"{{ "permit": [{prices}] }}"#));
    let bulk = |arguments: &str| call("bulk", arguments);
    check_all(
        &page,
        &[
            (bulk(r#"{"update":[{"id":1,"price":9},{"id":2,"price":10}]}"#), "allow prices"),
            (bulk(r#"{"shop":7,"update":[{"id":1,"price":9}]}"#), "allow prices"),
            (
                bulk(r#"{"update":[{"id":1,"price":11}]}"#),
                "deny prices: envelope_exceeded /params/arguments/update/0/price",
            ),
            (
                bulk(r#"{"update":[{"id":1,"price":1},{"id":2,"price":1},{"id":3,"price":1}]}"#),
                "deny prices: batch_limit",
            ),
            (bulk(r#"{"update":[{"id":1,"price":1}],"delete":[2]}"#), "deny: endpoint_not_allowed"),
            (bulk(r#"{"update":[{"id":1,"price":1},{"id":1,"price":2}]}"#), "deny: duplicate_target"),
            (bulk(r#"{"update":[{"id":1,"price":1}],"force":true}"#), "deny: batch_shape"),
            (bulk(r#"{"update":{"id":1}}"#), "deny: batch_shape"),
            (bulk("{}"), "deny: batch_shape"),
            (rpc("tools/call", r#"{"name":"bulk"}"#), "deny: batch_shape"),
        ],
    );
    // A wide permit grants the rows, not what holds them; a forbid on what holds them holds for each.
    let all = r#"{ "id": "all", "scope": "srv:products.*", "fields": "any" }"#;
    check(&set(&format!(r#"{{ "permit": [{all}] }}"#)), &bulk(r#"{"delete":[2]}"#), "allow all");
    let forbid = r#""forbid": [{ "id": "f", "tool": "srv:bulk" }]"#;
    check(&set(&format!(r#"{{ "permit": [{all}], {forbid} }}"#)), &bulk(r#"{"delete":[2]}"#), "deny f: forbidden");
    let only = tools_sources(r#"{ "permit": [{ "id": "p", "tool": "srv:bulk", "fields": "any" }] }"#);
    let found = diagnosed(&[only[0].clone(), source(SourceKind::Catalog, catalog.clone()), only[2].clone()]);
    assert!(found.iter().any(|text| text.starts_with("`p` names only batches")), "{found:?}");
}

/// A carrier's path may say for whom its calls are.
#[test]
fn path_variables_of_a_carrier() {
    let mut all = tools_sources(
        r#"{ "permit": [{ "id": "get", "tool": "srv:get_product", "limits": [{ "field": "path.tenant", "in": ["acme"] }] }] }"#,
    );
    let catalog = MCP.replacen(r#""POST /mcp""#, r#""POST /{tenant}/mcp""#, 1).replacen(
        r#""guarded""#,
        r#""vars": { "tenant": "token" }, "guarded""#,
        1,
    );
    all[1] = source(SourceKind::Catalog, catalog);
    let set = support::policy(&all);
    let to = |tenant: &str| call("get_product", "{}").set(":path", Some(&format!("/{tenant}/mcp")));
    check(&set, &to("acme"), "allow get");
    check(&set, &to("other"), "deny get: value_format");
    let found = diagnosed(&tools_sources(
        r#"{ "permit": [{ "id": "get", "tool": "srv:get_product", "limits": [{ "field": "path.tenant", "in": ["acme"] }] }] }"#,
    ));
    assert!(found.iter().any(|text| text.starts_with("unknown path variable `tenant`")), "{found:?}");
}

/// What is recorded of a call: its name where the policy knows it, and nothing else of the request.
#[test]
fn events() {
    let set = permits(r#"{ "id": "a", "tool": ["srv:get_product", "srv:make_tea"] }"#);
    let event = |request: &Request| {
        let outcome = support::judge(&set, request);
        let event: serde_json::Value = serde_json::from_slice(&outcome.decision_json(&set)).expect("JSON");
        event["operations"][0].to_string()
    };
    assert_eq!(
        event(&call("get_product", "{}")),
        r#"{"action":"srv:products.get","call":"tool get_product","effect":"read"}"#
    );
    assert_eq!(event(&call("make_tea", "{}")), r#"{"call":"tool make_tea"}"#);
    assert_eq!(event(&call("4111-secret", "{}")), "{}");
}

#[test]
fn facts() {
    let set = permits(
        r#"{ "id": "get", "tool": "srv:get_product",
             "limits": [{ "field": "request.protocol_version", "in": ["2025-11-25"] }, { "count": "request.calls", "max": 1 },
                        { "field": "request.calls", "max": 1 }] }"#,
    );
    let version = |text: &str| call("get_product", "{}").header("mcp-protocol-version", text);
    check(&set, &version("2025-11-25"), "allow get");
    check(&set, &version("2025-06-18"), "deny get: value_format");
    check(&set, &call("get_product", "{}"), "allow get");
}

#[test]
fn diagnostics_of_targets() {
    let of = |rules: &str| tools_sources(&format!(r#"{{ "permit": [{rules}] }}"#));
    diagnose(
        &of(r#"{ "id": "p", "tool": "srv:get_prodct" }"#),
        &[
            "warning: the catalog `tools-v1` does not list the tool `get_prodct`: what it does is not known, so it counts as a \
           write | did you mean `get_product`? | \"srv:get_prodct\"",
        ],
    );
    diagnose(
        &of(r#"{ "id": "p", "rpc": "srv:tools/call" }"#),
        &["`tools/call` is named by its tools: write `tool` | \"srv:tools/call\""],
    );
    diagnose(
        &of(r#"{ "id": "p", "graphql": "srv:query products" }"#),
        &[
            "no endpoint of `srv` carries a query | its catalog `tools-v1` has no `\"decoder\": \"graphql\"` | \"srv:query products\"",
        ],
    );
    diagnose(
        &of(r#"{ "id": "p", "endpoint": "srv:POST /mcp", "fields": "any" }"#),
        &[
            "`protocol.post` carries calls: each of them is judged as the action it is | name the calls by `tool`, `rpc`, \
           `graphql` or `scope` | \"srv:POST /mcp\"",
        ],
    );
    diagnose(
        &of(r#"{ "id": "p", "scope": "srv:protocol.post" }"#),
        &[
            "`p` names only what carries calls, and each call is judged as the action it is | name the calls by `tool`, `rpc`, \
           `graphql` or `scope` | \"p\"",
        ],
    );
    diagnose(
        &of(r#"{ "id": "p", "tool": "srv:run_sql" }"#),
        &[
            "`p` names only what holds SQL, and its statements are judged | name `sql.select` or `sql.write` by `scope` | \"p\"",
        ],
    );
    diagnose(
        &of(r#"{ "id": "p", "tool": "srv:get_product", "body": { "opaque": true } }"#),
        &["a call is known by its body: it cannot pass unread | take `\"opaque\": true` out | true"],
    );
    // A catalog name would mean nothing for the tool that is not listed, and a limit on it would hold.
    let mixed =
        r#"{ "id": "p", "tool": ["srv:update_price", "srv:reprice"], "limits": [{ "field": "price", "max": 5 }] }"#;
    let found = diagnosed(&of(mixed));
    assert!(
        found.iter().any(|text| text.starts_with("`price` is a catalog name, and no catalog lists this")),
        "{found:?}"
    );
    let twice =
        r#"{ "id": "a", "tool": "srv:update_price", "approval": "manager" }, { "id": "b", "scope": "srv:products.*" }"#;
    let found = diagnosed(&of(twice));
    assert!(found.iter().any(|text| text.contains("can match the same operation")), "{found:?}");
    let unreachable = r#"{ "permit": [{ "id": "a", "tool": "srv:update_price" }], "forbid": [{ "id": "b", "scope": "srv:products.update" }] }"#;
    let found = diagnosed(&tools_sources(unreachable));
    assert!(found.iter().any(|text| text.starts_with("`a` can never allow anything")), "{found:?}");
    let one_of_two = r#"{ "permit": [{ "id": "a", "tool": "srv:get_product" }], "forbid": [{ "id": "b", "tool": "srv:update_price" }] }"#;
    diagnose(
        &tools_sources(one_of_two),
        &[
            "warning: the tool `set price` does `products.update` too, and this rule does not reach it | add a forbid with the \
           scope `srv:products.update` | \"b\"",
        ],
    );
}

#[test]
fn diagnostics_of_catalogs() {
    let page = r#"{ "permit": [{ "id": "p", "tool": "srv:get_product" }] }"#;
    let expect = |piece: &str, by: &str, message: &str| {
        assert!(MCP.contains(piece), "{piece}");
        let mut all = tools_sources(page);
        all[1] = source(SourceKind::Catalog, MCP.replacen(piece, by, 1));
        let found = diagnosed(&all);
        assert!(found.iter().any(|text| text.starts_with(message)), "{by}: {found:?}");
    };
    expect(
        r#""tool": "delete_product""#,
        r#""tool": "get_product""#,
        "one tool is listed by `products.delete` and `products.get`",
    );
    expect(r#""tool": "delete_product""#, r#""rpc": "tools/call""#, "`tools/call` is named by its tools");
    expect(
        r#""tool": "delete_product""#,
        r#""graphql": ["mutation x"]"#,
        "no endpoint of this catalog carries a mutation",
    );
    expect(r#""tool": "delete_product""#, r#""graphql": ["x"]"#, "`x` is not `query FIELD`");
    expect(r#"["POST /mcp"]"#, r#"["POST|PUT /mcp"]"#, "JSON-RPC comes by POST");
    expect(r#""decoder": "jsonrpc","#, "", "no endpoint of this catalog carries a tool");
    expect(
        r#""tool": "delete_product""#,
        r#""tool": "delete_product", "decoder": "jsonrpc""#,
        "`decoder` says how endpoints are read",
    );
    expect(r#""select": { "effect": "read" }, "#, "", "a text of SQL needs the actions `sql.select` and `sql.write`");
    expect(r#""inner": { "query": "sql" }"#, r#""inner": { "text": "sql" }"#, "`text` is not a field of this resource");
    expect(
        r#""catalog": "tools-v1","#,
        r#""catalog": "tools-v1", "types": ["text/json"],"#,
        "the decoder `jsonrpc` reads `application/json` alone",
    );
}

/// One action of an API may carry calls, beside endpoints that are what they are.
#[test]
fn one_carrier_beside_rest() {
    let catalog = MCP
        .replacen(r#""decoder": "jsonrpc","#, "", 1)
        .replacen(r#""endpoints": ["POST /mcp"]"#, r#""endpoints": ["POST /mcp"], "decoder": "jsonrpc""#, 1)
        .replacen(r#""endpoints": ["DELETE /mcp"]"#, r#""endpoints": ["DELETE /mcp", "POST /end"]"#, 1);
    let mut all = tools_sources(
        r#"{ "permit": [{ "id": "get", "tool": "srv:get_product" }, { "id": "end", "scope": "srv:protocol.end", "fields": "any" }] }"#,
    );
    all[1] = source(SourceKind::Catalog, catalog);
    let set = support::policy(&all);
    check(&set, &call("get_product", "{}"), "allow get");
    check(&set, &json("POST /end", r#"{"jsonrpc":"2.0"}"#), "allow end");
    check(&set, &json("POST /mcp", r#"{"why":1}"#), "deny: jsonrpc_shape /jsonrpc");
}

/// An extension takes no tool out of its place.
#[test]
fn extensions_keep_calls() {
    let expect = |action: &str, message: &str| {
        let more = format!(
            r#"{{ "catalog": "more", "extends": "tools-v1", "resources": {{ "products": {{ "actions": {{ {action} }} }} }} }}"#
        );
        let mut all = tools_sources(r#"{ "permit": [{ "id": "p", "tool": "srv:get_product" }] }"#);
        all.push(source(SourceKind::Catalog, more));
        let found = diagnosed(&all);
        assert!(found.iter().any(|text| text.starts_with(message)), "{action}: {found:?}");
    };
    let kept = "an extension keeps the tool `delete_product` with the action of its base";
    expect(r#""remove": { "effect": "read", "tool": "delete_product" }"#, kept);
    expect(r#""delete": { "effect": "door" }"#, kept);
    let how = |extension: &str, message: &str| {
        let mut all = tools_sources(r#"{ "permit": [{ "id": "p", "tool": "srv:get_product" }] }"#);
        all.push(source(
            SourceKind::Catalog,
            format!(r#"{{ "catalog": "more", "extends": "tools-v1", {extension} }}"#),
        ));
        let found = diagnosed(&all);
        assert!(found.iter().any(|text| text.starts_with(message)), "{extension}: {found:?}");
    };
    how(r#""decoder": "json""#, "an extension keeps the decoder of its base");
    how(
        r#""resources": { "database": { "actions": { "run": { "tool": "run_sql", "effect": "door" } } } }"#,
        "an extension keeps the `decoder`, the `rows` and the `inner` texts",
    );
    how(
        r#""resources": { "protocol": { "actions": { "post": { "endpoints": ["POST /mcp"], "effect": "door", "decoder": "json" } } } }"#,
        "an extension keeps the `decoder`, the `rows` and the `inner` texts",
    );
}
