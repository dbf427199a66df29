//! Field scopes: what an operation may, must and must not hold (A5; common rule 8).

mod support;

use policy_core::compile::SourceKind;
use support::catalogs::SHOP;
use support::pages::{permits, shop_page, sources};
use support::{Request, check, check_all, json, policy, request, source};

fn put(body: &str) -> Request {
    json("PUT /v3/products/1", body)
}

/// A5: only listed fields, at their own place.
#[test]
fn only_listed_fields_are_written() {
    let set = permits(
        r#"{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["price", "sale", "meta/note", "tags/*"] } }"#,
    );
    check_all(
        &set,
        &[
            (put(r#"{"price":1}"#), "allow w"),
            (put("{}"), "allow w"),
            (put(r#"{"sale":1}"#), "allow w"),
            (put(r#"{"offer":{"sale":1}}"#), "allow w"),
            (put(r#"{"meta":{"note":"x"}}"#), "allow w"),
            (put(r#"{"tags":["a","b"]}"#), "allow w"),
            (put(r#"{"status":"x"}"#), "deny w: field_not_allowed /status"),
            (
                put(r#"{"price":1,"status":"x","id":2}"#),
                "deny w: field_not_allowed /status, field_not_allowed /id, param_shadow /id",
            ),
            (put(r#"{"price":1,"id":1}"#), "deny w: field_not_allowed /id"),
            (put(r#"{"Price":1}"#), "deny w: field_not_allowed /Price"),
            (put(r#"{"price\u0000":1}"#), "deny w: field_not_allowed /price\u{fffd}"),
            (put(r#"{"__proto__":{"price":1}}"#), "deny w: field_not_allowed /__proto__"),
            (put(r#"{"offer":{"price":1}}"#), "deny w: field_not_allowed /offer/price"),
            (put(r#"{"offer":{"sale":1,"x":2}}"#), "deny w: field_not_allowed /offer/x"),
            (put(r#"{"offer":[{"sale":1}]}"#), "deny w: field_not_allowed /offer/0"),
            (put(r#"{"offer":1}"#), "deny w: field_not_allowed /offer"),
            (put(r#"{"meta":{"note":"x","more":1}}"#), "deny w: field_not_allowed /meta/more"),
            (put(r#"{"meta":{"note":{"deep":1}}}"#), "deny w: field_not_allowed /meta/note"),
            (put(r#"{"tags":[["a"]]}"#), "deny w: field_not_allowed /tags/0"),
            (put(r#"{"tags":"a"}"#), "deny w: field_not_allowed /tags"),
            (put(r#"[{"price":1}]"#), "deny w: field_not_allowed "),
            (put(r#""price""#), "deny w: field_not_allowed "),
            (put("null"), "deny w: field_not_allowed "),
        ],
    );
}

/// A5: a listed field is what the catalog says it is; null is no value.
#[test]
fn listed_fields_have_their_types() {
    let set = permits(
        r#"{ "id": "w", "scope": "shop:products.update",
             "fields": { "only": ["price", "stock", "name", "contact", "visible", "id"] } }"#,
    );
    for body in [
        r#"{"price":19.99,"stock":3,"name":"","contact":"a@b.example","visible":false,"id":1}"#,
        r#"{"price":"0.5","id":"1"}"#,
        r#"{"price":1234567}"#,
        r#"{"stock":-3}"#,
    ] {
        check(&set, &put(body), "allow w");
    }
    check(&set, &put(r#"{"price":null}"#), "deny w: value_format /price");
    for (field, value) in [
        ("price", "\"\""),
        ("price", "true"),
        ("price", "{\"a\":1}"),
        ("price", "1e2"),
        ("price", "\"1e2\""),
        ("price", "\"1,000.00\""),
        ("price", "\" 1\""),
        ("price", "\"+1\""),
        ("price", "\"\u{ff11}9\""),
        ("price", "-1"),
        ("price", "1.001"),
        ("price", "\"1.100\""),
        ("price", "12345678"),
        ("price", "\"00000001\""),
        ("stock", "\"3\""),
        ("stock", "3.5"),
        ("stock", "3e0"),
        ("name", "1"),
        ("name", "[]"),
        ("contact", "\"a\""),
        ("contact", "\"A <a@b.example>\""),
        ("contact", "\"a@b.example, c@d.example\""),
        ("visible", "\"true\""),
        ("visible", "1"),
        ("id", "\"4 2\""),
        ("id", "-1"),
        ("id", "4.2"),
    ] {
        let outcome = support::judge(&set, &put(&format!("{{\"{field}\":{value}}}")));
        assert!(!outcome.forward, "{field}: {value}");
        assert_eq!(outcome.reasons[0].pointer.as_deref(), Some(format!("/{field}").as_str()), "{value}");
    }
}

/// A5: without a word on fields, a write holds none and a read any.
#[test]
fn the_default_is_any_for_reads_and_none_for_writes() {
    let set =
        permits(r#"{ "id": "p", "scope": "shop:products.*" }, { "id": "e", "endpoint": "shop:POST /elsewhere" }"#);
    check_all(
        &set,
        &[
            (json("POST /v3/products/search", r#"{"a":{"b":[1]}}"#), "allow p"),
            (put("{}"), "allow p"),
            (request("DELETE /v3/products/1"), "allow p"),
            (put(r#"{"price":1}"#), "deny p: field_not_allowed /price"),
            (json("DELETE /v3/products/1", r#"{"force":true}"#), "deny p: field_not_allowed /force"),
            (json("POST /v3/elsewhere", r#"{"a":1}"#), "deny e: field_not_allowed /a"),
        ],
    );
}

/// A5: `any` lets every document through; the strict reading of it stays.
#[test]
fn any_lets_every_document_through() {
    let set = permits(r#"{ "id": "p", "scope": "shop:products.update", "fields": "any" }"#);
    check(&set, &put(r#"{"a":[{"b":null}]}"#), "allow p");
    check(&set, &put(r#"{"a":1,"a":2}"#), "deny: body_duplicate_key");
}

/// A5: `never` holds on a read, whose default is any, at any depth that is named.
#[test]
fn never_lists_what_is_refused() {
    let set = permits(
        r#"{ "id": "s", "scope": "shop:products.search", "fields": { "never": ["status", "meta/*/secret", "tags/**"] } }"#,
    );
    let search = |body: &str| json("POST /v3/products/search", body);
    check_all(
        &set,
        &[
            (search(r#"{"name":"x","other":1,"meta":{"a":{"b":1}}}"#), "allow s"),
            (search(r#"{"status":null}"#), "deny s: field_not_allowed /status"),
            (search(r#"{"meta":[{},{"secret":1}]}"#), "deny s: field_not_allowed /meta/1/secret"),
            (search(r#"{"tags":[]}"#), "deny s: field_not_allowed /tags"),
        ],
    );
}

/// A5: `require`, of the document and of every element; null is no value.
#[test]
fn required_fields_are_there() {
    let set = permits(
        r#"{ "id": "w", "scope": "shop:orders.update",
             "fields": { "only": ["status", "lines/*/sku", "lines/*/quantity"], "require": ["status", "lines/*/sku"] } }"#,
    );
    let put = |body: &str| json("PUT /v3/orders/1", body);
    check_all(
        &set,
        &[
            (put(r#"{"status":"x","lines":[{"sku":"a"},{"sku":"b","quantity":1}]}"#), "allow w"),
            (put(r#"{"lines":[{"sku":"a"}]}"#), "deny w: missing_required"),
            (put(r#"{"status":"x","lines":[{"sku":"a"},{"quantity":1}]}"#), "deny w: missing_required /lines/1"),
            // `lines/*/sku` asks something of the lines there are; without any it asks nothing.
            (put(r#"{"status":"x"}"#), "allow w"),
            (put(r#"{"status":"x","lines":[]}"#), "allow w"),
            (put(r#"{"status":"x","lines":"a"}"#), "deny w: field_not_allowed /lines, missing_required /lines"),
            (put("{}"), "deny w: missing_required"),
            (request("PUT /v3/orders/1"), "deny w: missing_required, missing_required, missing_required"),
        ],
    );
    let null = support::judge(&set, &put(r#"{"status":null,"lines":[{"sku":"a"}]}"#));
    assert!(!null.forward);
}

/// A5: groups of which exactly one, or at least one, is there.
#[test]
fn groups_of_fields() {
    let set = permits(
        r#"{ "id": "w", "scope": "shop:products.update",
             "fields": { "only": ["price", "sale", "name", "status"], "exactly_one": [["price", "sale"]], "at_least_one": [["name", "status"]] } }"#,
    );
    check_all(
        &set,
        &[
            (put(r#"{"price":1,"name":"x"}"#), "allow w"),
            (put(r#"{"sale":1,"status":"x","name":"x"}"#), "allow w"),
            (put(r#"{"price":1,"sale":1,"name":"x"}"#), "deny w: missing_required"),
            (put(r#"{"name":"x"}"#), "deny w: missing_required"),
            (put(r#"{"price":1}"#), "deny w: missing_required"),
            (put("{}"), "deny w: missing_required, missing_required"),
        ],
    );
}

/// A place no catalog lists: fields are pointers there.
#[test]
fn pointers_name_fields_of_unlisted_endpoints() {
    let set = permits(
        r#"{ "id": "e", "endpoint": "shop:POST /elsewhere", "fields": { "only": ["/a/b", "/list/*/**"], "require": ["/a/b"] } }"#,
    );
    let post = |body: &str| json("POST /v3/elsewhere", body);
    check_all(
        &set,
        &[
            (post(r#"{"a":{"b":1},"list":[{"x":[1]},2]}"#), "allow e"),
            (post(r#"{"a":{"b":1,"c":1}}"#), "deny e: field_not_allowed /a/c"),
            (post(r#"{"list":[1]}"#), "deny e: missing_required"),
        ],
    );
}

/// A5: more breaches than a reply names are still a refusal, of bounded size.
#[test]
fn many_breaches_are_bounded() {
    let set = permits(r#"{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["price"] } }"#);
    let members: Vec<String> = (0..100).map(|n| format!("\"{n}\":1")).collect();
    let outcome = support::judge(&set, &put(&format!("{{{}}}", members.join(","))));
    assert!(!outcome.forward);
    assert!((1..=16).contains(&outcome.reasons.len()));
}

/// A rule that speaks of a body is never satisfied by a missing one.
#[test]
fn a_missing_body_meets_no_rule_on_a_body() {
    for rule in [
        r#""fields": { "only": ["price"] }"#,
        r#""fields": { "only": [] }"#,
        r#""fields": "any", "limits": [{ "field": "price", "max": 10 }]"#,
        r#""fields": "any", "limits": [{ "field": "/price", "max": 10 }]"#,
        r#""fields": "any", "limits": [{ "count": "tags", "max": 10 }]"#,
        r#""fields": "any", "limits": [{ "sum": "stock", "max": 10 }]"#,
    ] {
        let set = permits(&format!(r#"{{ "id": "w", "scope": "shop:products.write", {rule} }}"#));
        for request in
            [request("PUT /v3/products/1"), request("PUT /v3/products/1").body(""), request("DELETE /v3/products/1")]
        {
            check(&set, &request, "deny w: missing_required");
        }
        check(&set, &put("{}"), "allow w");
    }
    for rule in [r#""fields": "any""#, r#""fields": "any", "limits": [{ "field": "path.id", "in": ["1"] }]"#] {
        let set = permits(&format!(r#"{{ "id": "w", "scope": "shop:products.write", {rule} }}"#));
        check(&set, &request("PUT /v3/products/1"), "allow w");
        check(&set, &request("DELETE /v3/products/1"), "allow w");
    }
    let read = permits(r#"{ "id": "r", "scope": "shop:products.get", "fields": { "only": ["price"] } }"#);
    check(&read, &request("GET /v3/products/1"), "allow r");
}

/// Common rule 6: PHP reads a member of the body before the path variable of that name; the two must agree.
#[test]
fn a_member_does_not_replace_a_path_variable() {
    let rule = r#"{ "id": "p", "scope": ["shop:products.update", "shop:orders.update"], "fields": "any", "limits": [{ "field": "path.id", "in": ["1"] }] }"#;
    let set = permits(rule);
    check_all(
        &set,
        &[
            (put(r#"{"id":1,"price":1}"#), "allow p"),
            (put(r#"{"id":"1","price":1}"#), "allow p"),
            (put(r#"{"meta":{"id":2}}"#), "allow p"),
            (put(r#"{"id":2,"price":1}"#), "deny p: param_shadow /id"),
            (put(r#"{"id":"2"}"#), "deny p: param_shadow /id"),
            (put(r#"{"id":null}"#), "deny p: param_shadow /id"),
            (put(r#"{"id":[1]}"#), "deny p: param_shadow /id"),
            (put(r#"{"id":{"a":1}}"#), "deny p: param_shadow /id"),
            (json("PUT /v3/orders/1", r#"{"id":2}"#), "deny p: param_shadow /id"),
            // A row names its own resource.
            (json("POST /v3/products/batch", r#"{"update":[{"id":1,"price":1}]}"#), "allow p"),
        ],
    );
    // Without PHP's habit a body says nothing of the path.
    let mut all = sources(&[shop_page(&format!(r#"{{ "permit": [{rule}] }}"#))]);
    all[1] = source(SourceKind::Catalog, SHOP.replace(r#""php_names": true"#, r#""php_names": false"#));
    check(&policy(&all), &put(r#"{"id":2,"price":1}"#), "allow p");
}

/// A5: a document of another shape might hold what must not be written.
#[test]
fn never_is_not_passed_by_another_shape() {
    let set = permits(
        r#"{ "id": "p", "scope": "shop:products.update", "fields": { "only": ["meta/**"], "never": ["meta/secret"] } }"#,
    );
    check(&set, &put(r#"{"meta":{"open":1}}"#), "allow p");
    for (body, expect) in [
        (r#"{"meta":{"secret":1}}"#, "deny p: field_not_allowed /meta/secret"),
        (r#"{"meta":[{"secret":1}]}"#, "deny p: field_not_allowed"),
        (r#"{"meta":"secret=1"}"#, "deny p: field_not_allowed"),
    ] {
        check(&set, &put(body), expect);
    }
}

/// A5: null is no value, so it satisfies no group.
#[test]
fn null_satisfies_no_group() {
    for group in ["at_least_one", "exactly_one"] {
        let set = permits(&format!(
            r#"{{ "id": "p", "scope": "shop:products.search", "fields": {{ "{group}": [["name", "status"]] }} }}"#
        ));
        let search = |body: &str| json("POST /v3/products/search", body);
        check(&set, &search(r#"{"name":"x"}"#), "allow p");
        check(&set, &search(r#"{"name":"x","status":null}"#), "allow p");
        for body in [r#"{"name":null}"#, r#"{"name":null,"status":null}"#, "{}"] {
            check(&set, &search(body), "deny p: missing_required");
        }
    }
}

/// H1: for a field that stands at another place than the listed one, the refusal names both.
#[test]
fn a_field_at_another_place() {
    let mut all = support::pages::sources(&[support::pages::shop_page(
        r#"{ "permit": [{ "id": "p", "scope": "shop:products.update", "fields": { "only": ["title"] } }] }"#,
    )]);
    let catalog = r#"{ "catalog": "shop-v3", "base": "/v3", "resources": { "products": {
        "fields": { "title": { "at": "/product/title", "type": "string" }, "id": { "at": "/product/id", "type": "integer" } },
        "actions": { "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" } } } } }"#;
    all[1] = support::source(policy_core::compile::SourceKind::Catalog, catalog);
    let set = support::policy(&all);
    check(&set, &put(r#"{"product":{"title":"x"}}"#), "allow p");
    let message = |body: &str| {
        check(
            &set,
            &put(body),
            &format!("deny p: field_not_allowed {}", if body.contains("id") { "/product/id" } else { "/title" }),
        );
        support::judge(&set, &put(body)).reasons[0].message.clone()
    };
    assert_eq!(
        message(r#"{"title":"x"}"#),
        "`/title` is not a place this rule lets through; listed: `title` (`/product/title`)"
    );
    assert_eq!(message(r#"{"product":{"id":1}}"#), "`id` is not a field this rule lets through; listed: `title`");
}
