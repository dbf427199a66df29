//! How what the rules say becomes one decision: the six steps of the language's COMBINATION.

mod support;

use support::pages::{permits, shop};
use support::{check, check_all, json, judge, request};

/// 1: a request that is unreadable, or of nobody, is denied whatever is permitted.
#[test]
fn step_1_unreadable_requests_are_denied() {
    let set = permits(r#"{ "id": "all", "scope": "shop:*.*", "fields": "any" }"#);
    check_all(
        &set,
        &[
            (request("GET /v3/products"), "allow all"),
            (request("GET /v3//products"), "deny: path_ambiguous"),
            (request("GET /v3/products").set("x-agent", None), "deny: unknown_agent"),
            (json("PUT /v3/products/1", "{"), "deny: body_unparsable"),
        ],
    );
}

/// 2: a forbid outweighs every permit, wherever it stands and however it names the place.
#[test]
fn step_2_forbids_outweigh_permits() {
    for forbid in [
        r#""scope": "shop:products.get""#,
        r#""scope": "shop:*.read""#,
        r#""endpoint": "shop:GET /products/{id}""#,
        r#""endpoint": "shop:GET /products/{any:text}""#,
        r#""endpoint": "shop:GET /{rest:path}""#,
    ] {
        let set = shop(&format!(
            r#"{{ "permit": [{{ "id": "a", "scope": ["shop:products.get", "shop:products.update"] }}, {{ "id": "b", "endpoint": "shop:GET /{{rest:path}}" }}],
                 "forbid": [{{ "id": "f", {forbid} }}] }}"#
        ));
        check(&set, &request("GET /v3/products/1"), "deny f: forbidden");
        check(&set, &request("HEAD /v3/products/1"), "deny f: forbidden");
        check(&set, &json("PUT /v3/products/1", "{}"), "allow a");
    }
}

/// 2: a forbid's `when` that holds, or cannot be known, denies.
#[test]
fn step_2_an_unknown_condition_forbids() {
    let set = shop(
        r#"{ "permit": [{ "id": "p", "scope": "shop:products.update", "fields": "any" }],
             "forbid": [{ "id": "f", "scope": "shop:products.update", "when": [{ "field": "status", "in": ["gone"] }, { "field": "stock", "max": 0 }] }] }"#,
    );
    let put = |body: &str| json("PUT /v3/products/1", body);
    check_all(
        &set,
        &[
            (put(r#"{"status":"gone","stock":0}"#), "deny f: forbidden"),
            (put(r#"{"status":"live","stock":0}"#), "allow p"),
            (put(r#"{"status":"gone","stock":1}"#), "allow p"),
            (put(r#"{"status":"gone","stock":"x"}"#), "deny f: forbidden"),
            (put(r#"{"status":["gone"],"stock":0}"#), "deny f: forbidden"),
            (put(r#"{"status":null,"stock":0}"#), "deny f: forbidden"),
            // Nothing there: the test holds.
            (put(r#"{"status":"gone"}"#), "deny f: forbidden"),
            (put("{}"), "deny f: forbidden"),
        ],
    );
}

/// 2: a forbid's filter that matches, or is unknown, denies.
#[test]
fn step_2_an_unknown_filter_forbids() {
    let set = shop(
        r#"{ "permit": [{ "id": "p", "scope": "shop:products.update", "fields": "any" }],
             "forbid": [{ "id": "f", "scope": "shop:products.update[category=weapons|drugs]" }] }"#,
    );
    let put = |body: &str| json("PUT /v3/products/1", body);
    check(&set, &put(r#"{"category":"weapons"}"#), "deny f: forbidden");
    check(&set, &put(r#"{"category":"drugs"}"#), "deny f: forbidden");
    check(&set, &put("{}"), "deny f: forbidden");
    check(&set, &put(r#"{"category":"toys"}"#), "allow p");
    let message = |body: &str| support::judge(&set, &put(body)).reasons[0].message.clone();
    assert_eq!(message(r#"{"category":"drugs"}"#), "the rule `f` forbids this");
    let any = "the rule `f` forbids this: `category` could be any:";
    assert_eq!(message("{}"), format!("{any} it is missing"));
    assert_eq!(message(r#"{"category":["toys"]}"#), format!("{any} it is no plain value"));
}

/// 3: a permit matches by its target and filter; an unknown filter does not match; no match denies (A3, A4).
#[test]
fn step_3_without_a_match_nothing_is_allowed() {
    let set = permits(
        r#"{ "id": "p", "scope": "shop:products.update[category=electronics|toys, shelf=a]", "fields": "any", "query": { "only": ["shelf"] } }"#,
    );
    let put = |query: &str, body: &str| json(&format!("PUT /v3/products/1{query}"), body);
    check_all(
        &set,
        &[
            (put("?shelf=a", r#"{"category":"electronics"}"#), "allow p"),
            (put("?shelf=a", r#"{"category":"toys"}"#), "allow p"),
            (put("?shelf=b", r#"{"category":"toys"}"#), "deny: scope_filter"),
            (put("", r#"{"category":"toys"}"#), "deny: scope_filter"),
            (put("?shelf=a", "{}"), "deny: scope_filter"),
            (put("?shelf=a", r#"{"category":"Toys"}"#), "deny: scope_filter"),
            (put("?shelf=a", r#"{"category":["toys"]}"#), "deny: scope_filter"),
            (put("?shelf=a", r#"{"category":null}"#), "deny: scope_filter"),
            (put("?shelf=a&shelf=b", r#"{"category":"toys"}"#), "deny: scope_filter"),
            (request("DELETE /v3/products/1"), "deny: endpoint_not_allowed"),
        ],
    );
}

/// 4: within a permit the strictest finding decides.
#[test]
fn step_4_the_strictest_finding_of_a_permit_decides() {
    let set = permits(
        r#"{ "id": "p", "scope": "shop:products.update", "fields": { "only": ["price"] }, "approval": "owner",
             "limits": [{ "field": "price", "max": 10, "beyond": { "approval": "manager" } }, { "field": "price", "max": 20 }] }"#,
    );
    let put = |body: &str| json("PUT /v3/products/1", body);
    check_all(
        &set,
        &[
            (put(r#"{"price":1}"#), "approval_required p: approval_required"),
            (put(r#"{"price":11}"#), "approval_required p: approval_required /price, approval_required"),
            (put(r#"{"price":21}"#), "deny p: envelope_exceeded /price"),
            (put(r#"{"price":11,"x":1}"#), "deny p: field_not_allowed /x"),
        ],
    );
    let outcome = judge(&set, &put(r#"{"price":11}"#));
    assert!(!outcome.forward);
    assert!(outcome.reasons.iter().any(|r| r.message.contains("`manager`")));
    assert!(outcome.reasons.iter().any(|r| r.message.contains("`owner`")));
}

/// 5: across permits the most permissive verdict decides.
#[test]
fn step_5_the_most_permissive_permit_decides() {
    let narrow = r#"{ "id": "narrow", "scope": "shop:products.update", "fields": { "only": ["price"] } }"#;
    let wide = r#"{ "id": "wide", "endpoint": "shop:PUT /products/{id}", "fields": { "only": ["price", "name"] }, "limits": [{ "field": "/price", "max": 5 }] }"#;
    for rules in [format!("{narrow}, {wide}"), format!("{wide}, {narrow}")] {
        let set = permits(&rules);
        let put = |body: &str| json("PUT /v3/products/1", body);
        check(&set, &put(r#"{"price":99}"#), "allow narrow");
        check(&set, &put(r#"{"name":"x"}"#), "allow wide");
        let both = judge(&set, &put(r#"{"name":"x","price":99}"#));
        assert!(!both.forward, "the two are not added up");
    }
}

/// 6: across operations the strictest decides, and the request is forwarded whole or not at all.
#[test]
fn step_6_the_strictest_operation_decides() {
    let set = permits(r#"{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["price"] } }"#);
    let batch = |body: &str| json("POST /v3/products/batch", body);
    check(&set, &batch(r#"{"update":[{"id":1,"price":1}]}"#), "allow u");
    let mixed = judge(&set, &batch(r#"{"update":[{"id":1,"price":1},{"id":2,"x":1},{"id":3,"price":1}]}"#));
    assert!(!mixed.forward);
    assert_eq!(mixed.operations.len(), 3);
    check(&set, &batch(r#"{"update":[{"id":1,"price":1},{"id":1,"price":1}]}"#), "deny: duplicate_target");
}

/// A page that permits nothing refuses everything, without being an error.
#[test]
fn an_empty_page_refuses_everything() {
    let set = shop("{}");
    check(&set, &request("GET /v3/products"), "deny: endpoint_not_allowed");
    check(&set, &json("POST /v3/products/batch", r#"{"delete":[1]}"#), "deny: endpoint_not_allowed");
}

/// A16: draft, label and search pass; send and delete do not.
#[test]
fn draft_only() {
    let set = shop(
        r#"{ "permit": [{ "id": "draft", "scope": "shop:products.update", "fields": { "only": ["status", "name"], "require": ["status"] }, "limits": [{ "field": "status", "in": ["draft"] }] },
                        { "id": "find", "scope": "shop:products.read" }],
             "forbid": [{ "id": "no-sending", "scope": ["shop:products.notify", "shop:products.delete"] }] }"#,
    );
    let put = |body: &str| json("PUT /v3/products/1", body);
    check_all(
        &set,
        &[
            (put(r#"{"status":"draft","name":"x"}"#), "allow draft"),
            (put(r#"{"status":"publish"}"#), "deny draft: value_format /status"),
            (put(r#"{"name":"x"}"#), "deny draft: missing_required"),
            (request("GET /v3/products/1"), "allow find"),
            (request("GET /v3/products/1/notify"), "deny no-sending: forbidden"),
            (request("DELETE /v3/products/1"), "deny no-sending: forbidden"),
        ],
    );
}

/// 2: a forbid's filter is set off by one value inside; what is no plain value is unknown and sets it off too.
#[test]
fn step_2_one_value_inside_sets_a_forbid_off() {
    let page = |filter: &str| {
        shop(&format!(
            r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.update", "fields": "any" }}],
                 "forbid": [{{ "id": "f", "scope": "shop:products.update[category={filter}]" }}] }}"#
        ))
    };
    let put = |body: &str| json("PUT /v3/products/1", &format!("{{\"category\":{body}}}"));
    let set = page("weapons");
    for value in ["\"weapons\"", "null", "[\"weapons\"]", "[\"toys\"]", "[]", "{\"id\":\"weapons\"}", "{}"] {
        check(&set, &put(value), "deny f: forbidden");
    }
    for value in ["\"toys\"", "\"Weapons\"", "15", "true"] {
        check(&set, &put(value), "allow p");
    }
    // Numbers by value, whichever way they are spelled.
    let set = page("15");
    for value in ["15", "\"15\"", "15.0", "\"15.0\"", "1.5e1"] {
        check(&set, &put(value), "deny f: forbidden");
    }
    check(&set, &put("16"), "allow p");
    check(&set, &put("150"), "allow p");
    let set = page("true");
    check(&set, &put("true"), "deny f: forbidden");
    check(&set, &put("false"), "allow p");
}

/// 2, 3: with several values at a filter's name, a forbid needs one inside and a permit all of them.
#[test]
fn filters_over_several_values() {
    let of = |rules: &str| {
        let mut all = support::pages::sources(&[support::pages::shop_page(rules)]);
        let catalog = support::catalogs::SHOP.replace(r#""category": "category""#, r#""category": "tags/*""#);
        all[1] = support::source(policy_core::compile::SourceKind::Catalog, catalog);
        support::policy(&all)
    };
    let put = |body: &str| json("PUT /v3/products/1", body);
    let forbid = of(r#"{ "permit": [{ "id": "p", "scope": "shop:products.update", "fields": "any" }],
             "forbid": [{ "id": "f", "scope": "shop:products.update[category=weapons]" }] }"#);
    check(&forbid, &put(r#"{"tags":["toys","books"]}"#), "allow p");
    for body in [
        r#"{"tags":["weapons"]}"#,
        r#"{"tags":["toys","weapons"]}"#,
        r#"{"tags":["toys",null]}"#,
        r#"{"tags":"toys"}"#,
        r#"{"tags":[]}"#,
        "{}",
    ] {
        check(&forbid, &put(body), "deny f: forbidden");
    }
    let permit =
        of(r#"{ "permit": [{ "id": "p", "scope": "shop:products.update[category=toys|books]", "fields": "any" }] }"#);
    check(&permit, &put(r#"{"tags":["toys"]}"#), "allow p");
    check(&permit, &put(r#"{"tags":["toys","books"]}"#), "allow p");
    for body in [
        r#"{"tags":["toys","weapons"]}"#,
        r#"{"tags":["toys",null]}"#,
        r#"{"tags":["toys",["x"]]}"#,
        r#"{"tags":[]}"#,
        r#"{"tags":"toys"}"#,
    ] {
        check(&permit, &put(body), "deny: scope_filter");
    }
}

/// 2, 3: a permit's filter is met by the text it says; a forbid's also by a number of the same value.
#[test]
fn filters_compare_numbers_as_the_rule_needs() {
    let permit = permits(r#"{ "id": "p", "scope": "shop:products.update[category=10]", "fields": "any" }"#);
    let put = |value: &str| json("PUT /v3/products/1", &format!("{{\"category\":{value}}}"));
    check(&permit, &put("\"10\""), "allow p");
    check(&permit, &put("10"), "allow p");
    for value in ["\"1e1\"", "\"10.0\"", "\"010\"", "\" 10\"", "11"] {
        check(&permit, &put(value), "deny: scope_filter");
    }
    let forbid = shop(
        r#"{ "permit": [{ "id": "p", "scope": "shop:products.update", "fields": "any" }],
             "forbid": [{ "id": "f", "scope": "shop:products.update[category=10]" }] }"#,
    );
    for value in ["10", "\"10\"", "10.0", "\"10.0\"", "\"010\"", "1e1"] {
        check(&forbid, &put(value), "deny f: forbidden");
    }
    check(&forbid, &put("11"), "allow p");
}

/// 2, 3: so in the path: a forbid takes every spelling that a lenient upstream reads as the same number.
#[test]
fn forbids_read_numbers_as_lenient_upstreams_do() {
    let of = |rules: &str| {
        let mut all = support::pages::sources(&[support::pages::shop_page(rules)]);
        let files = r#"{ "catalog": "shop-v3", "base": "/v3", "resources": { "things": { "filters": { "id": "path.id" },
            "actions": { "get": { "endpoints": ["GET /things/{id:text}"], "effect": "read" } } } } }"#;
        all[1] = support::source(policy_core::compile::SourceKind::Catalog, files);
        support::policy(&all)
    };
    let forbid = of(r#"{ "permit": [{ "id": "p", "scope": "shop:things.get" }],
                         "forbid": [{ "id": "f", "scope": "shop:things.get[id=42|0]" }] }"#);
    let permit = of(r#"{ "permit": [{ "id": "p", "scope": "shop:things.get[id=42]" }] }"#);
    let get = |id: &str| support::request(&format!("GET /v3/things/{id}"));
    for id in [
        "042",
        "42%20",
        "+42",
        "%2B42",
        "42.0",
        "42.",
        "%2042",
        "%0942",
        "%C2%A042",
        "0042.00",
        "%20+042.%20",
        "4.2e1",
        "+%2042",
        "42%0A",
    ] {
        let outcome = support::judge(&forbid, &get(id));
        assert!(!outcome.forward, "{id}");
        assert!(!support::judge(&permit, &get(id)).forward, "{id}");
    }
    for id in ["42", "00", "-0", "+0.0"] {
        check(&forbid, &get(id), "deny f: forbidden");
    }
    for id in ["420", "-42", "42.5", "42a", "4", "a42", "4 2".replace(' ', "%20").as_str()] {
        check(&forbid, &get(id), "allow p");
    }
    check(&permit, &get("42"), "allow p");
}

/// 2, 3: where the API ignores ASCII case, a forbid's filter does too, and a permit's does not.
#[test]
fn case_is_ignored_by_forbids_alone() {
    let of = |quirks: &str, rules: &str| {
        let mut all = support::pages::sources(&[support::pages::shop_page(rules)]);
        let catalog = support::catalogs::SHOP.replace(r#"{ "php_names": true }"#, quirks);
        all[1] = support::source(policy_core::compile::SourceKind::Catalog, catalog);
        support::policy(&all)
    };
    let permit = r#"{ "permit": [{ "id": "p", "scope": "shop:products.update[category=Toys]", "fields": "any" }] }"#;
    let forbid = r#"{ "permit": [{ "id": "p", "scope": "shop:products.update", "fields": "any" }],
                      "forbid": [{ "id": "f", "scope": "shop:products.update[category=Toys]" }] }"#;
    let put = |value: &str| json("PUT /v3/products/1", &format!("{{\"category\":\"{value}\"}}"));
    let blind = r#"{ "case_insensitive": true }"#;
    check(&of("{}", forbid), &put("TOYS"), "allow p");
    for value in ["Toys", "toys", "TOYS"] {
        check(&of(blind, forbid), &put(value), "deny f: forbidden");
    }
    check(&of(blind, forbid), &put("books"), "allow p");
    check(&of(blind, permit), &put("Toys"), "allow p");
    check(&of(blind, permit), &put("toys"), "deny: scope_filter");
}

/// 2: adding a value to a request does not take a forbid's condition out of force.
#[test]
fn step_2_one_value_that_meets_a_condition_forbids() {
    let set = shop(
        r#"{ "permit": [{ "id": "p", "scope": "shop:products.update", "fields": "any" }],
             "forbid": [{ "id": "f", "scope": "shop:products.update", "when": [{ "field": ["tags/*", "status"], "in": ["weapons"] }] }] }"#,
    );
    let put = |body: &str| json("PUT /v3/products/1", body);
    for body in [
        r#"{"tags":["weapons"]}"#,
        r#"{"tags":["weapons","toys"]}"#,
        r#"{"tags":["toys","weapons"]}"#,
        r#"{"tags":["toys"],"status":"weapons"}"#,
        r#"{"tags":["toys",null]}"#,
        r#"{"tags":"weapons"}"#,
        r#"{"tags":[]}"#,
    ] {
        check(&set, &put(body), "deny f: forbidden");
    }
    check(&set, &put(r#"{"tags":["toys","books"]}"#), "allow p");
    check(&set, &put(r#"{"status":"toys"}"#), "allow p");
}
