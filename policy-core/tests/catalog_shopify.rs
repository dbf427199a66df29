//! The catalog of Shopify's Admin REST API: every endpoint of its table is one action, by one spelling (A2, A3).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::SourceKind;
use serde_json::Value;
use support::pages::{GATEWAY, shop_page};
use support::{Request, check, diagnosed, json, judge, policy, request, source, text_of};

const BASE: &str = "/admin/api/2026-07";

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/catalogs").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn documents(members: &str) -> Vec<policy_core::compile::Source> {
    let page = shop_page(members).replace(r#""catalog":"shop-v3""#, r#""catalog":"shopify-admin-2026-07""#);
    vec![
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, text("shopify-admin-2026-07.json")),
        source(SourceKind::Template, page),
    ]
}

fn page(members: &str) -> Arc<PolicySet> {
    policy(&documents(members))
}

/// Every action, with any document.
fn everything() -> Arc<PolicySet> {
    page(r#"{ "permit": [{ "id": "all", "scope": "shop:*.*", "fields": "any" }] }"#)
}

/// The lines of the table: endpoint, action, effect.
fn table() -> Vec<(String, String, String)> {
    let lines = text("endpoints/shopify-admin-2026-07.txt");
    let read = |line: &str| match line.split('\t').collect::<Vec<_>>().as_slice() {
        [endpoint, action, effect] => (endpoint.to_string(), action.to_string(), effect.to_string()),
        _ => panic!("three columns: {line}"),
    };
    lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(read).collect()
}

/// A request to an endpoint, with 7 for every variable.
fn to(endpoint: &str) -> Request {
    let (method, path) = endpoint.split_once(' ').expect("a method and a path");
    let mut target = match path.strip_prefix("//") {
        Some(rest) => format!("/{rest}"),
        None => format!("{BASE}{path}"),
    };
    while let (Some(start), Some(end)) = (target.find('{'), target.find('}')) {
        target.replace_range(start..=end, "7");
    }
    let line = format!("{method} {target}");
    if matches!(method, "POST" | "PUT") { json(&line, "{}") } else { request(&line) }
}

/// What a request is to the catalog.
fn operation(set: &Arc<PolicySet>, request: &Request) -> (String, String) {
    let outcome = judge(set, request);
    assert_eq!(text_of(&outcome), "allow all", "{request:?}");
    match outcome.operations.as_slice() {
        [one] => (
            one.action.clone().expect("an action").replacen("shop:", "", 1),
            one.effect.expect("an effect").to_string(),
        ),
        several => panic!("one operation: {several:?}"),
    }
}

/// Each line of the table is matched by the one action that it names.
#[test]
fn every_endpoint_of_the_table_is_its_action() {
    let set = everything();
    let table = table();
    assert_eq!(table.len(), 376);
    // What carries calls is no operation itself: `catalog_shopify_graphql.rs`.
    for (endpoint, action, effect) in table.iter().filter(|(_, action, _)| action != "graphql.post") {
        assert_eq!(operation(&set, &to(endpoint)), (action.clone(), effect.clone()), "{endpoint}");
    }
}

/// The catalog lists what the table lists, with the same effects, and nothing else.
#[test]
fn the_catalog_is_its_table() {
    let catalog: Value = serde_json::from_str(&text("shopify-admin-2026-07.json")).unwrap();
    let mut listed = BTreeMap::new();
    for (resource, entry) in catalog["resources"].as_object().unwrap() {
        for (action, entry) in entry["actions"].as_object().unwrap() {
            for endpoint in entry["endpoints"].as_array().into_iter().flatten() {
                let effect = entry["effect"].as_str().unwrap().to_string();
                let known =
                    listed.insert(endpoint.as_str().unwrap().to_string(), (format!("{resource}.{action}"), effect));
                assert_eq!(known, None, "{endpoint} is listed once");
            }
        }
    }
    let table: BTreeMap<_, _> =
        table().into_iter().map(|(endpoint, action, effect)| (endpoint, (action, effect))).collect();
    assert_eq!(listed, table);
}

/// The suffix is part of every endpoint, in one spelling; another version, and none, is another API.
#[test]
fn an_endpoint_has_one_spelling() {
    let set = everything();
    for (endpoint, ..) in table() {
        let line = |change: &dyn Fn(&str) -> String| {
            let mut request = to(&endpoint);
            let path = request.fields.iter_mut().find(|(name, _)| name == b":path").expect("a path");
            path.1 = change(std::str::from_utf8(&path.1).unwrap()).into_bytes();
            request
        };
        for (change, expect) in [
            (&(|path: &str| path.replace(".json", "")) as &dyn Fn(&str) -> String, "deny: endpoint_not_allowed"),
            (&|path: &str| path.replace(".json", ".xml"), "deny: endpoint_not_allowed"),
            (&|path: &str| path.replace(".json", ".JSON"), "deny: path_ambiguous"),
            (&|path: &str| path.replace(".json", "%2Ejson"), "deny: path_ambiguous"),
        ] {
            check(&set, &line(change), expect);
        }
        if !endpoint.contains("//") {
            for base in ["/admin", "/admin/api", "/admin/api/2026-04", "/admin/api/unstable", "/api/2026-07"] {
                check(&set, &line(&|path| path.replace(BASE, base)), "deny: endpoint_not_allowed");
            }
        }
    }
}

/// A5, A7: one variant and its price; the id of the body is the path's, and the suffix no part of it.
#[test]
fn a_variant_is_repriced_by_its_own_path() {
    let set = page(
        r#"{ "permit": [{ "id": "reprice", "endpoint": "shop:PUT /variants/{id}.json", "fields": { "only": ["id", "price"], "require": ["price"] },
             "limits": [{ "id": "own", "field": "id", "equals": "path.id" }, { "id": "price", "field": "price", "over": 0, "max": 500 }] },
             { "id": "look", "scope": ["shop:products.read", "shop:variants.get"] }] }"#,
    );
    let put = |body: &str| json(&format!("PUT {BASE}/variants/42.json"), body);
    check(&set, &put(r#"{"variant":{"id":42,"price":"19.99"}}"#), "allow reprice");
    check(&set, &put(r#"{"variant":{"price":19.99}}"#), "allow reprice");
    check(&set, &put(r#"{"variant":{"id":43,"price":"19.99"}}"#), "deny reprice: value_format /variant/id");
    check(
        &set,
        &put(r#"{"variant":{"price":"1e2"}}"#),
        "deny reprice: value_format /variant/price, value_format /variant/price",
    );
    check(&set, &put(r#"{"variant":{"price":"501"}}"#), "deny reprice: envelope_exceeded /variant/price");
    check(&set, &put(r#"{"variant":{"price":"1","sku":"x"}}"#), "deny reprice: field_not_allowed /variant/sku");
    // There GraphQL writes a price.
    check(&set, &put(r#"{"price":"1"}"#), "deny reprice: field_not_allowed /price, missing_required");
    // An upstream may read the query of a write as its body.
    let query = json(&format!("PUT {BASE}/variants/42.json?variant%5Bprice%5D=1"), r#"{"variant":{"price":"19.99"}}"#);
    check(&set, &query, "deny reprice: param_shadow");
    for (line, expect) in [
        ("GET /variants/42.json", "allow look"),
        ("GET /products.json?limit=5", "allow look"),
        ("GET /products/42.json", "allow look"),
        ("GET /products/42", "deny: endpoint_not_allowed"),
        ("GET /orders.json", "deny: endpoint_not_allowed"),
        ("DELETE /products/42.json", "deny: endpoint_not_allowed"),
    ] {
        check(&set, &request(&line.replacen(' ', &format!(" {BASE}"), 1)), expect);
    }
}

/// A11: refunds are money in major units of the currency that the body names; without one their amount is not known.
#[test]
fn refunds_add_up_in_their_currency() {
    let set = page(
        r#"{ "money": { "currency": "usd", "rates": { "eur": "1.10" } },
             "permit": [{ "id": "refund", "scope": "shop:refunds.create",
               "fields": { "only": ["currency", "amount", "kinds", "parent_ids", "note"], "require": ["amount"] },
               "limits": [{ "id": "cap", "sum": "amount", "max": 50 }, { "field": "kinds", "in": ["refund"] }] }] }"#,
    );
    let refund = |body: &str| json(&format!("POST {BASE}/orders/7/refunds.json"), &format!(r#"{{"refund":{body}}}"#));
    let of = |currency: &str, amounts: &[&str]| {
        let transactions: Vec<String> =
            amounts.iter().map(|amount| format!(r#"{{"parent_id":1,"kind":"refund","amount":{amount}}}"#)).collect();
        refund(&format!(r#"{{{currency}"transactions":[{}]}}"#, transactions.join(",")))
    };
    let usd = r#""currency":"USD","#;
    check(&set, &of(usd, &["41.94"]), "allow refund");
    check(&set, &of(usd, &["\"30.00\"", "20"]), "allow refund");
    check(&set, &of(usd, &["\"30.00\"", "20.01"]), "deny refund: envelope_exceeded /refund/transactions/0/amount");
    check(&set, &of(r#""currency":"EUR","#, &["45"]), "allow refund");
    check(&set, &of(r#""currency":"EUR","#, &["46"]), "deny refund: envelope_exceeded /refund/transactions/0/amount");
    for unknown in ["", r#""currency":"JPY","#] {
        assert_eq!(judge(&set, &of(unknown, &["1"])).decision.name(), "deny", "{unknown}");
    }
}

/// The token that acts for a shop passes where a page says so.
#[test]
fn the_token_of_a_shop_is_guarded() {
    let read =
        |extra: &str| page(&format!(r#"{{ {extra} "permit": [{{ "id": "look", "scope": "shop:products.read" }}] }}"#));
    let products = request(&format!("GET {BASE}/products.json"));
    let with_token = products.clone().header("x-shopify-access-token", "a-token");
    check(&read(""), &products, "allow look");
    check(&read(""), &with_token, "deny look: header_not_allowed");
    let allowed = read(r#""apis": { "shop": { "headers": { "allow": ["x-shopify-access-token"] } } },"#);
    check(&allowed, &with_token, "allow look");
    let in_query = request(&format!("GET {BASE}/products.json?access_token=a-token"));
    check(&allowed, &in_query, "deny look: param_shadow");
}

/// E1: what the upstream does with what a write leaves out is said where a page is written.
#[test]
fn risky_absences_are_warnings() {
    let found = diagnosed(&documents(
        r#"{ "permit": [{ "id": "add", "scope": "shop:products.create", "fields": { "only": ["title", "status"] } }] }"#,
    ));
    assert_eq!(
        found,
        [
            "warning: `add` may leave out `status`: the upstream then publishes the product at once | add `status` to `fields.require` | \"add\""
        ]
    );
}
