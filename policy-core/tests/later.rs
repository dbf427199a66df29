//! What the language has and this version cannot evaluate is refused when it is compiled, never ignored.

mod support;

use policy_core::compile::{SourceKind, compile};
use support::catalogs::SHOP;
use support::pages::{shop_page, sources};
use support::{diagnosed, source};

#[track_caller]
fn not_yet(members: &str) {
    let found = diagnosed(&sources(&[shop_page(members)]));
    assert!(found.iter().any(|text| text.contains("not supported yet")), "{members}: {found:?}");
    assert!(compile(&sources(&[shop_page(members)])).set.is_none());
}

fn permit(members: &str) -> String {
    format!(r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.update", "fields": "any", {members} }}] }}"#)
}

fn limit(test: &str) -> String {
    permit(&format!(r#""limits": [{test}]"#))
}

macro_rules! refused {
    ($($name:ident: $page:expr;)*) => {
        $(#[test] fn $name() { not_yet(&$page); })*
    };
}

refused! {
    request_facts: limit(r#"{ "field": "request.parts", "in": ["a"] }"#);
    request_counts: limit(r#"{ "count": "request.statements", "max": 1 }"#);
    lists_in_files: r#"{ "lists": { "l": { "file": "l.txt", "sha256": "00" } }, "permit": [{ "id": "p", "scope": "shop:products.update", "limits": [{ "field": "status", "in": "list:l" }] }] }"#;
}

#[track_caller]
fn catalog_not_yet(piece: &str, by: &str, permit: &str) {
    assert!(SHOP.contains(piece), "{piece}");
    let mut all = sources(&[shop_page(&format!(r#"{{ "permit": [{permit}] }}"#))]);
    all[1] = source(SourceKind::Catalog, SHOP.replacen(piece, by, 1));
    let found = diagnosed(&all);
    assert!(found.iter().any(|text| text.contains("not supported yet")), "{by}: {found:?}");
}

const READ: &str = r#"{ "id": "r", "scope": "shop:orders.get" }"#;

#[test]
fn decoders() {
    catalog_not_yet(r#""base": "/v3","#, r#""base": "/v3", "decoder": "sql","#, READ);
}

/// A text that holds requests of its own: no permit grants it, by scope, exact or wide.
#[test]
fn inner_requests() {
    let action = r#""create": { "endpoints": ["POST /products"], "effect": "gate" }"#;
    let inner = r#""create": { "endpoints": ["POST /products"], "effect": "gate", "inner": { "name": "http_batch" } }"#;
    for permit in [
        r#"{ "id": "p", "scope": "shop:products.create" }"#,
        r#"{ "id": "p", "scope": "shop:products.*" }"#,
        r#"{ "id": "p", "endpoint": "shop:POST /products", "fields": "any" }"#,
        r#"{ "id": "p", "endpoint": "shop:PUT|POST /products", "body": { "opaque": true } }"#,
    ] {
        catalog_not_yet(action, inner, permit);
    }
    for rule in [r#""fields": "any""#, r#""body": { "opaque": true }"#] {
        let permit = format!(r#"{{ "id": "p", "endpoint": "shop:POST /{{any:path}}", {rule} }}"#);
        let mut all = sources(&[shop_page(&format!(r#"{{ "permit": [{permit}] }}"#))]);
        all[1] = source(SourceKind::Catalog, SHOP.replacen(action, inner, 1));
        let set = support::policy(&all);
        support::check(&set, &support::json("POST /v3/products", r#"{"name":"x"}"#), "deny: endpoint_not_allowed");
        support::check(&set, &support::json("POST /v3/products/search", "{}"), "allow p");
    }
}

#[test]
fn decoders_of_actions() {
    let action = r#""create": { "endpoints": ["POST /products"], "effect": "gate" }"#;
    let by = r#""create": { "endpoints": ["POST /products"], "effect": "gate", "decoder": "sql" }"#;
    catalog_not_yet(action, by, READ);
}
