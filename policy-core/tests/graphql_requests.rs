//! GraphQL over HTTP: a POST carries a document, and each root field of its operation is judged as the action it is (A1,
//! A6). REST and GraphQL reach the same actions, and their resources have the same keys.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::{Source, SourceKind};
use support::{Request, check, check_all, diagnosed, json, judge, policy, request, source};

const GATEWAY: &str = r#"{ "ambit": "gateway-v1", "identity": [{ "header": "x-agent" }], "unknown_agent": "deny" }"#;

const CATALOG: &str = r#"{
  "catalog": "shop",
  "base": "/api/7",
  "write_query": ["locale"],
  "directives": ["idempotent"],
  "guarded": { "headers": ["x-token"] },
  "resources": {
    "graphql": {
      "actions": { "post": { "endpoints": ["POST /graphql.json"], "decoder": "graphql", "effect": "door" } }
    },
    "products": {
      "key": { "name": "path.id", "strip": "gid://shop/Product/" },
      "filters": { "id": "path.id", "status": "status" },
      "fields": {
        "id": {
          "at": "/product/id",
          "type": "digits",
          "by_call": { "at": "/product/id", "type": "string" },
          "by_action": {
            "get": { "at": "/product/id", "by_call": { "at": "/id", "type": "string" } },
            "delete": { "at": "/product/id", "by_call": { "at": "/input/id", "type": "string" } }
          }
        },
        "title": { "at": "/product/title", "type": "string" },
        "status": { "at": "/product/status", "type": "string" },
        "first": { "at": "/first", "type": "integer" }
      },
      "actions": {
        "list": { "endpoints": ["GET /products.json"], "graphql": ["query products"], "effect": "read" },
        "get": { "endpoints": ["GET /products/{id}.json"], "graphql": ["query product"], "effect": "read" },
        "update": { "endpoints": ["PUT /products/{id}.json"], "graphql": ["mutation productUpdate"], "effect": "gate" },
        "delete": { "endpoints": ["DELETE /products/{id}.json"], "graphql": ["mutation productDelete"], "effect": "door" }
      }
    },
    "variants": {
      "key": { "name": "path.id", "strip": "gid://shop/Variant/" },
      "fields": {
        "id": { "at": "/variant/id", "type": "digits" },
        "price": { "at": "/variant/price", "type": "decimal", "decimals": 2, "by_call": { "at": "/price" } }
      },
      "actions": {
        "update": { "endpoints": ["PUT /variants/{id}.json"], "effect": "gate" },
        "bulk_update": {
          "graphql": ["mutation variantsBulkUpdate"],
          "effect": "gate",
          "rows": { "/variants": { "action": "update", "key": "/id", "parent": "/productId" } }
        }
      }
    }
  }
}"#;

fn sources(members: &str) -> Vec<Source> {
    let page = format!(
        r#"{{ "ambit": "v1", "agent": {{ "name": "agent", "purpose": "a test", "impact": "low" }}, "version": "1",
             "valid": {{ "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" }}, "mode": "enforce",
             "apis": {{ "shop": {{ "catalog": "shop", "hosts": ["shop.example.com"] }} }},
             "approvers": {{ "lead": {{}} }}, "owners": {{ "product": "a team" }}, {members} }}"#
    );
    vec![source(SourceKind::Gateway, GATEWAY), source(SourceKind::Catalog, CATALOG), source(SourceKind::Template, page)]
}

fn page(members: &str) -> Arc<PolicySet> {
    policy(&sources(members))
}

fn permits(rules: &str) -> Arc<PolicySet> {
    page(&format!(r#""permit": [{rules}]"#))
}

fn post(body: &str) -> Request {
    json("POST /api/7/graphql.json", body)
}

fn document(query: &str) -> Request {
    post(&serde_json::json!({ "query": query }).to_string())
}

fn with(query: &str, variables: serde_json::Value) -> Request {
    post(&serde_json::json!({ "query": query, "variables": variables }).to_string())
}

const READS: &str =
    r#"{ "id": "look", "scope": "shop:*.read", "limits": [{ "field": "request.root_fields", "max": 2 }] }"#;

/// A1: a page of reads lets queries pass, and no mutation however it is written.
#[test]
fn a1_reads_alone() {
    let set = permits(READS);
    check_all(
        &set,
        &[
            (document("{products(first:10){nodes{id}}}"), "allow look"),
            (document("query Q{a:products{id} product(id:\"gid://shop/Product/9\"){id}}"), "allow look"),
            (document("{a:products{id} b:products{id}}"), "allow look"),
            (document("{a:product(id:1){id} b:product(id:1){id}}"), "allow look"),
            (document("{__typename products{id}}"), "allow look"),
            (request("GET /api/7/products.json"), "allow look"),
            (document("{a:products{id} b:products{id} c:products{id}}"), "deny look: envelope_exceeded"),
            (document("mutation{productDelete(input:{id:1}){id}}"), "deny: endpoint_not_allowed"),
            (document("mutation{products:productDelete(input:{id:1}){id}}"), "deny: endpoint_not_allowed"),
            (document("mutation{...F}fragment F on M{productDelete(input:{id:1}){id}}"), "deny: endpoint_not_allowed"),
            (document("mutation{productDelete(input:{id:1})@skip(if:true){id}}"), "deny: endpoint_not_allowed"),
            (document("mutation{products{id}}"), "deny: endpoint_not_allowed"),
            (document("subscription{products{id}}"), "deny: endpoint_not_allowed"),
            (document("{orders{id}}"), "deny: endpoint_not_allowed"),
            (document("{__schema{types{name}}}"), "deny: endpoint_not_allowed"),
            (document("{products{id} orders{id}}"), "deny: endpoint_not_allowed"),
            (document("query Q{products{id}} mutation M{productDelete{id}}"), "deny: graphql_shape /query"),
        ],
    );
}

/// A1: one body, one document, nothing that the server keeps or reads elsewhere.
#[test]
fn a1_requests_of_other_shapes() {
    let set = permits(READS);
    let ok = r#"{"query":"{products{id}}"}"#;
    let extended = |extensions: &str| post(&format!(r#"{{"query":"{{products{{id}}}}","extensions":{extensions}}}"#));
    let said = |request: &Request| judge(&set, request).reasons[0].message.clone();
    assert_eq!(
        said(&extended(r#"{"persistedQuery":{}}"#)),
        "`extensions` holds `persistedQuery`: a server may take its document from there; `clientLibrary` alone passes"
    );
    let list = post(r#"{"query":"{products{id}}","variables":[]}"#);
    assert_eq!(said(&list), "`variables` is an array; write a JSON object");
    check_all(
        &set,
        &[
            (post(ok), "allow look"),
            (post(r#"{"query":"query Q{products{id}}","variables":{},"operationName":"Q"}"#), "allow look"),
            (post(r#"{"query":"{products{id}}","variables":null,"operationName":null}"#), "allow look"),
            (post(r#"{"query":"query Q{products{id}}","operationName":"M"}"#), "deny: graphql_shape /operationName"),
            (post(r#"{"query":"{products{id}}","operationName":1}"#), "deny: graphql_shape /operationName"),
            (post(r#"{"query":"{products{id}}","variables":"{}"}"#), "deny: graphql_shape /variables"),
            (post(r#"{"query":"{products{id}}","variables":[]}"#), "deny: graphql_shape /variables"),
            (post(&format!("[{ok}]")), "deny: graphql_shape"),
            (post(&format!("[{ok},{ok}]")), "deny: graphql_shape"),
            (post("\"{products{id}}\""), "deny: graphql_shape"),
            (post("null"), "deny: graphql_shape"),
            (post("{}"), "deny: graphql_shape /query"),
            (post(r#"{"query":null}"#), "deny: graphql_shape /query"),
            (post(r#"{"query":["{products{id}}"]}"#), "deny: graphql_shape /query"),
            (post(r#"{"query":"{products{id}}","query":"mutation{x}"}"#), "deny: body_duplicate_key"),
            (
                post(r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#),
                "deny: field_not_allowed /extensions",
            ),
            (extended("null"), "allow look"),
            (extended("{}"), "allow look"),
            (extended(r#"{"clientLibrary":{"name":"@apollo/client","version":"4.0.0"}}"#), "allow look"),
            (extended(r#"{"clientLibrary":{},"persistedQuery":{"version":1}}"#), "deny: field_not_allowed /extensions"),
            (extended(r#"{"clientlibrary":{}}"#), "deny: field_not_allowed /extensions"),
            (extended("[]"), "deny: field_not_allowed /extensions"),
            (extended("\"{}\""), "deny: field_not_allowed /extensions"),
            (post(r#"{"query":"{products{id}}","Extensions":{}}"#), "deny: field_not_allowed /Extensions"),
            (post(r#"{"query":"{products{id}}","id":"x"}"#), "deny: field_not_allowed /id"),
            (post(r#"{"query":"{products{id}}","Query":"mutation{x}"}"#), "deny: field_not_allowed /Query"),
            (request("POST /api/7/graphql.json"), "deny: graphql_shape"),
            (request("GET /api/7/graphql.json?query=%7Bproducts%7Bid%7D%7D"), "deny: endpoint_not_allowed"),
            (json("POST /api/7/graphql.json?query=mutation%7Bx%7D", ok), "deny: param_shadow"),
            (json("POST /api/7/graphql.json?operationName=M", ok), "deny: param_shadow"),
            (json("POST /api/7/graphql.json?x=1", ok), "deny: param_shadow"),
            (json("POST /api/7/graphql.json?locale=de", ok), "allow look"),
            (post(ok).set("content-type", Some("application/graphql")), "deny: content_type"),
            (post(ok).set("content-type", Some("multipart/form-data; boundary=x")), "deny: content_type"),
            (post(ok).set("content-type", Some("application/json; charset=utf-16")), "deny: charset"),
            (json("PUT /api/7/graphql.json", ok), "deny: endpoint_not_allowed"),
            (json("POST /api/7/graphql", ok), "deny: endpoint_not_allowed"),
        ],
    );
}

/// Rules see the arguments as the server will: variables and defaults put in.
#[test]
fn arguments_are_judged() {
    let set = permits(
        r#"{ "id": "few", "graphql": "shop:query products", "fields": { "only": ["first"], "require": ["first"] },
             "limits": [{ "field": "first", "max": 50 }] },
           { "id": "draft", "graphql": "shop:mutation productUpdate",
             "fields": { "only": ["id", "title", "status"], "require": ["id"] },
             "limits": [{ "field": "status", "in": ["DRAFT"] }, { "field": "title", "length": { "max": 10 } }] }"#,
    );
    check_all(
        &set,
        &[
            (document("{products(first:50){id}}"), "allow few"),
            (document("{products(first:51){id}}"), "deny few: envelope_exceeded"),
            (document("{products{id}}"), "deny few: missing_required"),
            (document("{products(first:\"5\"){id}}"), "deny few: value_format, value_format"),
            (document("{products(first:5 query:\"x\"){id}}"), "deny few: field_not_allowed"),
            (document("query($n:Int=51){products(first:$n){id}}"), "deny few: envelope_exceeded"),
            (document("query($n:Int=50){products(first:$n){id}}"), "allow few"),
            (
                with("query($n:Int=50){products(first:$n){id}}", serde_json::json!({"n": 51})),
                "deny few: envelope_exceeded",
            ),
            (with("query($n:Int){products(first:$n){id}}", serde_json::json!({})), "deny few: missing_required"),
            (
                with("query($n:Int){products(first:$n){id}}", serde_json::json!({"n": null})),
                "deny few: value_format, missing_required, value_format",
            ),
            (
                document("mutation{productUpdate(product:{id:\"gid://shop/Product/9\" status:DRAFT}){id}}"),
                "allow draft",
            ),
            (document("mutation{productUpdate(product:{id:\"9\" status:\"DRAFT\"}){id}}"), "allow draft"),
            (document("mutation{productUpdate(product:{id:\"9\" status:ACTIVE}){id}}"), "deny draft: value_format"),
            (
                document("mutation{productUpdate(product:{id:\"9\" title:\"\\u0061bcdefghijk\"}){id}}"),
                "deny draft: value_format",
            ),
            (document("mutation{productUpdate(product:{id:\"9\" vendor:\"x\"}){id}}"), "deny draft: field_not_allowed"),
            (document("mutation($p:P!){productUpdate(product:$p){id}}"), "deny: graphql_shape /variables/p"),
            (
                with(
                    "mutation($p:P!){productUpdate(product:$p){id}}",
                    serde_json::json!({"p": {"id": "9", "title": "x"}}),
                ),
                "allow draft",
            ),
        ],
    );
}

const REPRICE: &str = r#"{ "id": "reprice", "scope": "shop:variants.update",
  "fields": { "only": ["price"], "require": ["price"] },
  "limits": [
    { "field": "price", "max": 100 },
    { "id": "batch", "count": "rows", "max": 3 },
    { "id": "one", "field": "request.root_fields", "max": 1 }
  ] }"#;

fn bulk(variants: &str) -> Request {
    document(&format!("mutation{{variantsBulkUpdate(productId:\"gid://shop/Product/1\" variants:{variants}){{id}}}}"))
}

/// A6: a mutation over a list is its elements, each judged as if it came alone.
#[test]
fn a6_rows_of_a_mutation() {
    let set = permits(REPRICE);
    let row = |n: usize, price: &str| format!("{{id:\"gid://shop/Variant/{n}\" price:\"{price}\"}}");
    let rows = |n: usize| format!("[{}]", (1..=n).map(|n| row(n, "5.00")).collect::<String>());
    check_all(
        &set,
        &[
            (bulk(&rows(3)), "allow reprice"),
            (bulk(&rows(4)), "deny reprice: batch_limit"),
            (bulk(&format!("[{} {}]", row(1, "5"), row(2, "100.01"))), "deny reprice: envelope_exceeded"),
            (bulk(&format!("[{} {}]", row(1, "5"), row(1, "6"))), "deny: duplicate_target"),
            (bulk("[{id:\"1\" price:\"5\"} {id:\"gid://shop/Variant/1\" price:\"6\"}]"), "deny: duplicate_target"),
            (bulk("[{id:1 price:5.00}]"), "allow reprice"),
            (bulk("[{id:1 price:\"5.001\"}]"), "deny reprice: value_format, value_format"),
            (bulk("[{id:\"gid://shop/Product/1\" price:\"5\"}]"), "deny: value_format"),
            (bulk("[{id:\"gid://shop/Variant/01\" price:\"5\"}]"), "deny: value_format"),
            (bulk("[{id:\"gid://shop/Variant/1?x=1\" price:\"5\"}]"), "deny: value_format"),
            (bulk("[{price:\"5\"}]"), "deny: missing_required"),
            (bulk("[{id:\"1\"}]"), "deny reprice: missing_required"),
            (bulk("[{id:\"1\" price:\"5\" barcode:\"x\"}]"), "deny reprice: field_not_allowed"),
            (bulk("[{id:\"1\" price:\"5\" compareAtPrice:null}]"), "deny reprice: field_not_allowed"),
            (bulk("[]"), "deny: batch_shape"),
            // GraphQL takes a single value for a list of it.
            (bulk("{id:\"1\" price:\"5\"}"), "allow reprice"),
            (bulk("{id:\"1\" price:\"101\"}"), "deny reprice: envelope_exceeded"),
            (bulk("{id:\"1\" price:\"5\" barcode:\"x\"}"), "deny reprice: field_not_allowed"),
            (bulk("{\"0\":{id:\"1\" price:\"5\"}}"), "deny: graphql_shape /query"),
            (bulk("\"1\""), "deny: batch_shape"),
            (bulk("null"), "deny: batch_shape"),
            (document("mutation{variantsBulkUpdate(productId:1){id}}"), "deny: batch_shape"),
            (
                document("mutation{variantsBulkUpdate(productId:1 variants:[{id:1 price:\"5\"}] strategy:X){id}}"),
                "deny: batch_shape",
            ),
            (
                with(
                    "mutation($v:[V!]!){variantsBulkUpdate(productId:\"1\" variants:$v){id}}",
                    serde_json::json!({"v": [{"id": "gid://shop/Variant/7", "price": "99.99"}]}),
                ),
                "allow reprice",
            ),
            (
                with(
                    "mutation($p:Money=\"101\"){variantsBulkUpdate(variants:[{id:\"7\" price:$p}]){id}}",
                    serde_json::json!({}),
                ),
                "deny reprice: envelope_exceeded",
            ),
            (
                document(
                    "mutation{a:variantsBulkUpdate(variants:[{id:1 price:5}]){id} b:variantsBulkUpdate(variants:[{id:2 price:5}]){id}}",
                ),
                "deny reprice: envelope_exceeded",
            ),
            (
                document(
                    "mutation{a:variantsBulkUpdate(variants:[{id:1 price:5}]){id} b:variantsBulkUpdate(variants:[{id:1 price:5}]){id}}",
                ),
                "deny: duplicate_target",
            ),
            (json("PUT /api/7/variants/1.json", r#"{"variant":{"price":"5.00"}}"#), "allow reprice"),
            // A place of one door is none of the other's.
            (
                json("PUT /api/7/variants/1.json", r#"{"price":"5.00"}"#),
                "deny reprice: field_not_allowed /price, missing_required",
            ),
            (bulk("[{id:1 variant:{price:\"5\"}}]"), "deny reprice: field_not_allowed, missing_required"),
            (
                json("PUT /api/7/variants/1.json", r#"{"variant":{"price":"500"}}"#),
                "deny reprice: envelope_exceeded /variant/price",
            ),
        ],
    );
}

/// One resource under two aliases: the second is judged against what the first has changed.
#[test]
fn one_resource_twice() {
    let set = permits(r#"{ "id": "title", "scope": "shop:products.update", "fields": { "only": ["id", "title"] } }"#);
    let update = |id: &str| format!("productUpdate(product:{{id:\"{id}\" title:\"x\"}}){{id}}");
    let both = |a: &str, b: &str| document(&format!("mutation{{a:{} b:{}}}", update(a), update(b)));
    check_all(
        &set,
        &[
            (both("gid://shop/Product/1", "gid://shop/Product/2"), "allow title"),
            (both("gid://shop/Product/1", "gid://shop/Product/1"), "deny: duplicate_target"),
            (both("gid://shop/Product/1", "1"), "deny: duplicate_target"),
            (both("1", "01"), "deny: value_format"),
        ],
    );
}

/// `path.id` of a REST rule is the resource's key in GraphQL, and never merely absent there.
#[test]
fn names_of_the_path() {
    let set = permits(
        r#"{ "id": "own", "scope": "shop:products.update[id=1|2]", "fields": { "only": ["id", "title"] } },
           { "id": "gone", "scope": "shop:products.delete", "fields": { "only": ["id", "/input/more"] },
             "limits": [{ "field": "path.id", "in": ["7"] }] }"#,
    );
    check_all(
        &set,
        &[
            (document("mutation{productUpdate(product:{id:\"gid://shop/Product/1\" title:\"x\"}){id}}"), "allow own"),
            (
                document("mutation{productUpdate(product:{id:\"gid://shop/Product/3\" title:\"x\"}){id}}"),
                "deny: scope_filter",
            ),
            (document("mutation{productUpdate(product:{title:\"x\"}){id}}"), "deny: scope_filter"),
            (json("PUT /api/7/products/2.json", r#"{"product":{"title":"x"}}"#), "allow own"),
            (document("mutation{productDelete(input:{id:\"gid://shop/Product/7\"}){id}}"), "allow gone"),
            (document("mutation{productDelete(input:{id:\"gid://shop/Product/8\"}){id}}"), "deny gone: value_format"),
            (document("mutation{productDelete(input:{more:1}){id}}"), "deny gone: unknown_state"),
        ],
    );
}

/// A forbid reaches a root field by its name, by its action, and by the endpoint that carries it.
#[test]
fn forbids() {
    let all = r#"{ "id": "all", "scope": ["shop:products.*", "shop:variants.update"], "fields": "any" }"#;
    let with = |forbid: &str| page(&format!(r#""permit": [{all}], "forbid": [{forbid}]"#));
    let delete = document("mutation{x:productDelete(input:{id:1}){id}}");
    let rows = bulk("[{id:1 price:\"5\"}]");
    check(&with(r#"{ "id": "no", "scope": "shop:*.delete" }"#), &delete, "deny no: forbidden");
    check(&with(r#"{ "id": "no", "graphql": "shop:mutation productDelete" }"#), &delete, "deny no: forbidden");
    check(&with(r#"{ "id": "no", "graphql": "shop:query productDelete" }"#), &delete, "allow all");
    check(&with(r#"{ "id": "no", "endpoint": "shop:POST /graphql.json" }"#), &delete, "deny no: forbidden");
    check(&with(r#"{ "id": "no", "graphql": "shop:mutation variantsBulkUpdate" }"#), &rows, "deny no: forbidden");
    check(&with(r#"{ "id": "no", "graphql": "shop:mutation productDelete" }"#), &rows, "allow all");
}

/// A name that no catalog lists: a query reads, a mutation writes, and neither is granted by a scope.
#[test]
fn unlisted_names() {
    let set = permits(
        r#"{ "id": "q", "graphql": "shop:query shop" }, { "id": "m", "graphql": "shop:mutation tagsAdd", "fields": { "only": ["/id"] } },
           { "id": "all", "scope": "shop:*.*", "fields": "any" }"#,
    );
    check_all(
        &set,
        &[
            (document("{shop(any:1){name}}"), "allow q"),
            (document("mutation{tagsAdd(id:\"1\"){id}}"), "allow m"),
            (document("mutation{tagsAdd(id:\"1\" tags:[]){id}}"), "deny m: field_not_allowed"),
            (document("mutation{tagsRemove(id:\"1\"){id}}"), "deny: endpoint_not_allowed"),
            (document("mutation{shop{id}}"), "deny: endpoint_not_allowed"),
        ],
    );
}

/// Directives that the catalog lists do not change what a field does; others are refused.
#[test]
fn directives() {
    let set = permits(r#"{ "id": "all", "scope": "shop:products.*", "fields": "any" }"#);
    let with = |directive: &str| document(&format!("mutation{{productDelete(input:{{id:1}}) @{directive} {{id}}}}"));
    check(&set, &with("idempotent(key:\"k\")"), "allow all");
    check(&set, &with("later"), "deny: graphql_shape /query");
}

/// A21: a secret is found however the document spells it.
#[test]
fn a21_secrets_in_documents() {
    let set = permits(r#"{ "id": "all", "scope": "shop:products.*", "fields": "any" }"#);
    let secret = "sk_live_51HxAbCdEfGhIjKlMnOpQrStUv";
    let title = |text: &str| document(&format!("mutation{{productUpdate(product:{{id:1 title:{text}}}){{id}}}}"));
    check_all(
        &set,
        &[
            (title("\"fine\""), "allow all"),
            (title(&format!("\"{secret}\"")), "deny: secret_found /query"),
            (title(&format!("\"{}\"", secret.replacen('s', "\\u0073", 1))), "deny: secret_found"),
            (title(&format!("\"{}\"", secret.replacen('_', "\\u{5f}", 1))), "deny: secret_found"),
            (
                document(&format!("{{products{{a(x:\"{}\")}}}}", secret.replacen('s', "\\u0073", 1))),
                "deny: secret_found",
            ),
            (
                with(
                    "mutation($t:String){productUpdate(product:{id:1 title:$t}){id}}",
                    serde_json::json!({ "t": secret }),
                ),
                "deny: secret_found /variables/t",
            ),
        ],
    );
}

/// D1: an event names the root fields, and those of a page alone.
#[test]
fn d1_events_name_root_fields() {
    let set = permits(READS);
    let outcome = judge(&set, &document("{alias:products{id} orders{id}}"));
    let calls: Vec<_> = outcome.operations.iter().map(|operation| operation.call.as_deref()).collect();
    assert_eq!(calls, [Some("query products"), None]);
    assert_eq!(outcome.operations[0].action.as_deref(), Some("shop:products.list"));
}

#[test]
fn refusals_say_what_is_permitted() {
    let set = permits(READS);
    let outcome = judge(&set, &document("{orders{id}}"));
    let wanted = "no rule of this page permits the query `orders`; permitted: `product`, `products`";
    assert_eq!(outcome.reasons[0].message, wanted);
}

#[test]
fn diagnostics() {
    let expect = |piece: &str, by: &str, message: &str| {
        assert!(CATALOG.contains(piece), "{piece}");
        let mut all = sources(&format!(r#""permit": [{READS}]"#));
        all[1] = source(SourceKind::Catalog, CATALOG.replacen(piece, by, 1));
        let found = diagnosed(&all);
        assert!(found.iter().any(|text| text.starts_with(message)), "{by}: {found:?}");
    };
    expect(
        r#"["POST /graphql.json"]"#,
        r#"["POST|GET /graphql.json"]"#,
        "GraphQL comes by POST: list its other methods",
    );
    expect(r#"["POST /graphql.json"]"#, r#"["GET /graphql.json"]"#, "GraphQL comes by POST alone");
    expect(r#""decoder": "graphql", "#, "", "no endpoint of this catalog carries a query");
    expect(r#"["idempotent"]"#, r#"["@idempotent"]"#, "`@idempotent` is not the name of a directive");
    expect(
        r#""by_call": { "at": "/price" }"#,
        r#""by_call": { "type": "decimal" }"#,
        "a field needs `at`: the pointer where it stands",
    );
    expect(
        r#""by_call": { "at": "/price" }"#,
        r#""by_call": { "at": "/price", "by_call": { "at": "/p" } }"#,
        "`by_call` holds neither `by_call` nor `by_action`: write it within `by_action`",
    );
    expect(r#""strip": "gid://shop/Product/""#, r#""strip": """#, "`strip` is the prefix to take off");
    let rules = [
        (
            r#"{ "id": "p", "endpoint": "shop:POST /graphql.json", "fields": "any" }"#,
            "`graphql.post` carries calls: each of them is judged as the action it is",
        ),
        (r#"{ "id": "p", "graphql": "shop:products" }"#, "`products` is not `query FIELD`"),
        (
            r#"{ "id": "p", "scope": "shop:products.list", "limits": [{ "field": "request.fields", "max": 1 }] }"#,
            "the fact `request.fields`",
        ),
    ];
    for (rule, message) in rules {
        let found = diagnosed(&sources(&format!(r#""permit": [{rule}]"#)));
        assert!(found.iter().any(|text| text.starts_with(message)), "{rule}: {found:?}");
    }
}

/// A permit on the mutation that holds the rows grants none of them: the rows are what is permitted.
#[test]
fn rows_are_permitted_as_what_they_are() {
    let rule = r#"{ "id": "p", "graphql": "shop:mutation variantsBulkUpdate", "fields": "any" }"#;
    let found = diagnosed(&sources(&format!(r#""permit": [{rule}]"#)));
    assert!(!found.is_empty(), "the page does not validate");
}
