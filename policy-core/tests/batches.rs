//! Many operations in one request: each is judged as if it came alone (A6).

mod support;

use policy_core::compile::SourceKind;
use support::catalogs::SHOP;
use support::pages::{permits, shop, shop_page, sources};
use support::{Request, check, check_all, json, policy, source};

const UPDATE: &str = r#"{ "id": "u", "scope": "shop:products.update",
    "fields": { "only": ["price", "name"], "at_least_one": [["price", "name"]] },
    "limits": [{ "field": "price", "max": 10 }, { "count": "rows", "max": 3 }] }"#;

fn batch(body: &str) -> Request {
    json("POST /v3/products/batch", body)
}

/// A6: rows are operations of their action; the row's key is no written field.
#[test]
fn rows_are_operations_of_their_action() {
    let set = permits(UPDATE);
    check_all(
        &set,
        &[
            (batch(r#"{"update":[{"id":1,"price":10}]}"#), "allow u"),
            (batch(r#"{"update":[{"id":"1","price":10},{"id":2,"name":"x"}]}"#), "allow u"),
            (
                batch(r#"{"update":[{"id":1,"price":10},{"id":2,"price":11}]}"#),
                "deny u: envelope_exceeded /update/1/price",
            ),
            (batch(r#"{"update":[{"id":1,"price":1,"status":"x"}]}"#), "deny u: field_not_allowed /update/0/status"),
            (batch(r#"{"update":[{"id":1}]}"#), "deny u: missing_required"),
            (batch(r#"{"update":[{"price":1}]}"#), "deny: missing_required /update"),
            (batch(r#"{"delete":[2]}"#), "deny: endpoint_not_allowed"),
            (batch(r#"{"create":[{"name":"x"}]}"#), "deny: endpoint_not_allowed"),
        ],
    );
    let mixed = support::judge(&set, &batch(r#"{"update":[{"id":1,"price":1}],"delete":[2]}"#));
    assert!(!mixed.forward);
    assert_eq!(mixed.reasons[0].code.text(), "endpoint_not_allowed");
}

/// A6: rows are counted over the request, at most as many as the page says.
#[test]
fn rows_are_counted() {
    let set = permits(UPDATE);
    let rows = |n: usize| {
        let rows: Vec<String> = (1..=n).map(|id| format!(r#"{{"id":{id},"name":"x"}}"#)).collect();
        batch(&format!(r#"{{"update":[{}]}}"#, rows.join(",")))
    };
    check(&set, &rows(3), "allow u");
    check(&set, &rows(4), "deny u: batch_limit");
}

/// A6: a batch is shaped as the API's; what PHP would read as a list, or not at all, is refused.
#[test]
fn a_batch_has_one_shape() {
    let set = permits(r#"{ "id": "all", "scope": "shop:products.write", "fields": "any" }"#);
    check_all(
        &set,
        &[
            (batch(r#"{"update":[{"id":1}],"create":[{}],"delete":[2,"3"]}"#), "allow all"),
            (batch(r#"{"update":{"0":{"id":1}}}"#), "deny: batch_shape /update"),
            (batch(r#"{"update":null}"#), "deny: batch_shape /update"),
            (batch(r#"{"update":[{"id":1},[{"id":2}]]}"#), "deny: batch_shape /update/1"),
            (batch(r#"{"update":[1]}"#), "deny: batch_shape /update/0"),
            (batch(r#"{"update":[{"name":"x"}]}"#), "deny: missing_required /update"),
            (batch(r#"{"update":[]}"#), "deny: batch_shape /update"),
            (batch(r#"{"update":[{"id":1}],"delete":[]}"#), "deny: batch_shape /delete"),
            (batch(r#"{"update":[{"id":1}],"upsert":[{"id":2}]}"#), "deny: batch_shape /upsert"),
            (batch(r#"{"update":[{"id":1}],"price":1}"#), "deny: batch_shape /price"),
            (batch("{}"), "deny: batch_shape"),
            (batch("[]"), "deny: batch_shape"),
            (batch(r#"[{"id":1}]"#), "deny: batch_shape"),
            (batch("1"), "deny: batch_shape"),
            (support::request("POST /v3/products/batch"), "deny: batch_shape"),
        ],
    );
}

/// A6: one resource once, whichever list and spelling names it.
#[test]
fn a_resource_occurs_once() {
    let rules = r#""permit": [{ "id": "all", "scope": "shop:products.write", "fields": "any" }]"#;
    let set = shop(&format!("{{ {rules} }}"));
    let loose =
        shop(&format!(r#"{{ "apis": {{ "shop": {{ "loosen": {{ "duplicate_rows": "allow" }} }} }}, {rules} }}"#));
    for body in [
        r#"{"update":[{"id":42},{"id":42}]}"#,
        r#"{"update":[{"id":42},{"id":"42"}]}"#,
        r#"{"update":[{"id":42}],"delete":["42"]}"#,
        r#"{"delete":[7,8,7]}"#,
    ] {
        check(&set, &batch(body), "deny: duplicate_target");
        check(&loose, &batch(body), "allow all");
    }
    // A number has one spelling as a key.
    for key in ["42.0", "4.2e1", "\"042\"", "null", "true", "[42]", "{}", "\"\"", "-1"] {
        check(&set, &batch(&format!(r#"{{"update":[{{"id":{key}}}]}}"#)), "deny: value_format /update/0");
    }
    let outcome = support::judge(&set, &batch(r#"{"update":[{"id":null,"price":5}]}"#));
    assert_eq!(outcome.reasons[0].message, "null is not an id");
}

/// A1, A6: a batch is judged by its rows' actions, not by its own name.
#[test]
fn a_batch_is_no_way_around_a_forbid() {
    let set = shop(
        r#"{ "permit": [{ "id": "all", "scope": "shop:products.write", "fields": "any" }],
             "forbid": [{ "id": "no-delete", "scope": "shop:products.delete" },
                        { "id": "no-cheap", "scope": "shop:products.update", "when": [{ "field": "price", "under": 1 }, { "field": "price", "present": true }] }] }"#,
    );
    check_all(
        &set,
        &[
            (batch(r#"{"update":[{"id":1,"price":5}]}"#), "allow all"),
            (batch(r#"{"update":[{"id":1,"price":5}],"delete":[2]}"#), "deny no-delete: forbidden"),
            (batch(r#"{"update":[{"id":1,"price":5},{"id":2,"price":"0.99"}]}"#), "deny no-cheap: forbidden"),
            (batch(r#"{"update":[{"id":1,"price":5},{"id":2,"price":"x"}]}"#), "deny no-cheap: forbidden"),
        ],
    );
}

/// A6: sums, counts and uniqueness go over the rows of the request.
#[test]
fn measures_go_over_all_rows() {
    let set = permits(
        r#"{ "id": "u", "scope": "shop:products.update", "fields": "any",
             "limits": [{ "sum": "stock", "max": 10 }, { "count": "tags", "max": 3 }, { "field": "name", "unique": true }] }"#,
    );
    check_all(
        &set,
        &[
            (
                batch(
                    r#"{"update":[{"id":1,"stock":5,"tags":[1,2],"name":"a"},{"id":2,"stock":5,"tags":[3],"name":"b"}]}"#,
                ),
                "allow u",
            ),
            (
                batch(r#"{"update":[{"id":1,"stock":5},{"id":2,"stock":6}]}"#),
                "deny u: envelope_exceeded /update/0/stock",
            ),
            (
                batch(r#"{"update":[{"id":1,"tags":[1,2]},{"id":2,"tags":[3,4]}]}"#),
                "deny u: batch_limit /update/0/tags",
            ),
            (
                batch(r#"{"update":[{"id":1,"name":"a"},{"id":2,"name":"a"}]}"#),
                "deny u: duplicate_target /update/1/name",
            ),
        ],
    );
}

/// A6: an approval for one row holds the whole request.
#[test]
fn the_strictest_row_decides() {
    let set = permits(
        r#"{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["price"] },
             "limits": [{ "field": "price", "max": 10, "beyond": { "approval": "manager" } }] },
           { "id": "d", "scope": "shop:products.delete", "approval": "owner" }"#,
    );
    check_all(
        &set,
        &[
            (batch(r#"{"update":[{"id":1,"price":1}]}"#), "allow u"),
            (
                batch(r#"{"update":[{"id":1,"price":1},{"id":2,"price":11}]}"#),
                "approval_required u: approval_required /update/1/price",
            ),
            (batch(r#"{"update":[{"id":1,"price":1}],"delete":[2]}"#), "approval_required d: approval_required"),
            (
                batch(r#"{"update":[{"id":1,"price":"x"}],"delete":[2]}"#),
                "deny u: value_format /update/0/price, value_format /update/0/price",
            ),
        ],
    );
}

/// More rows than are ever judged are refused, not cut.
#[test]
fn rows_are_bounded() {
    let set = shop(
        r#"{ "apis": { "shop": { "loosen": { "body_kib": 64 } } },
             "permit": [{ "id": "d", "scope": "shop:products.delete" }] }"#,
    );
    let rows = |n: usize| {
        let rows: Vec<String> = (1..=n).map(|id| id.to_string()).collect();
        batch(&format!(r#"{{"delete":[{}]}}"#, rows.join(",")))
    };
    check(&set, &rows(1000), "allow d");
    check(&set, &rows(1001), "deny: batch_limit /delete");
}

/// A row has no path of its own: its key is what its resource's path would say, anything else is unknown.
#[test]
fn the_key_of_a_row_is_its_path() {
    let set = permits(
        r#"{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["price"] }, "limits": [{ "field": "path.id", "in": ["42"] }] }"#,
    );
    check_all(
        &set,
        &[
            (json("PUT /v3/products/42", r#"{"price":1}"#), "allow u"),
            (json("PUT /v3/products/99", r#"{"price":1}"#), "deny u: value_format"),
            (batch(r#"{"update":[{"id":42,"price":1}]}"#), "allow u"),
            (batch(r#"{"update":[{"id":"42","price":1}]}"#), "allow u"),
            (batch(r#"{"update":[{"id":99,"price":1}]}"#), "deny u: value_format"),
            (batch(r#"{"update":[{"id":42,"price":1},{"id":99,"price":1}]}"#), "deny u: value_format"),
        ],
    );
    // A row that is created has no key: which resource it will be cannot be known.
    let created = permits(
        r#"{ "id": "w", "scope": "shop:products.write", "fields": "any", "limits": [{ "field": "path.id", "in": ["42"] }] }"#,
    );
    check(&created, &batch(r#"{"delete":[42]}"#), "allow w");
    check(&created, &batch(r#"{"delete":[43]}"#), "deny w: value_format");
    check(&created, &batch(r#"{"create":[{"name":"x"}]}"#), "deny w: unknown_state");
}

/// The limits of an API on path variables hold for rows too.
#[test]
fn path_limits_of_an_api_hold_for_rows() {
    let set = shop(
        r#"{ "apis": { "shop": { "limits": [{ "field": "path.id", "not_in": ["7"] }] } },
             "permit": [{ "id": "w", "scope": "shop:products.write", "fields": "any" }] }"#,
    );
    check(&set, &batch(r#"{"update":[{"id":8}],"delete":[9]}"#), "allow w");
    check(&set, &batch(r#"{"update":[{"id":8}],"delete":[7]}"#), "deny w: value_format");
    check(&set, &batch(r#"{"create":[{}]}"#), "deny w: unknown_state");
}

/// A1: an endpoint says nothing of what its rows are, so no endpoint permit, however wide, grants one.
#[test]
fn an_endpoint_permit_grants_no_row() {
    let refused = "deny: endpoint_not_allowed";
    // A variable of one segment stands for no literal of another endpoint either; a path does.
    for (endpoint, search) in [
        ("POST /{any:path}", "allow p"),
        ("POST /products/{what:token}", refused),
        ("POST|PUT /products/{what:text}", refused),
    ] {
        let set = permits(&format!(r#"{{ "id": "p", "endpoint": "shop:{endpoint}", "fields": "any" }}"#));
        for body in [r#"{"delete":[1]}"#, r#"{"update":[{"id":1}]}"#, r#"{"create":[{}]}"#] {
            check(&set, &batch(body), refused);
        }
        check(&set, &json("POST /v3/products/search", "{}"), search);
        check(&set, &json("POST /v3/products/7", "{}"), "allow p");
    }
    // Beside a scope for one kind of row, the others stay closed.
    let set = permits(
        r#"{ "id": "p", "endpoint": "shop:POST /{any:path}", "fields": "any" }, { "id": "u", "scope": "shop:products.update", "fields": { "only": ["price"] } }"#,
    );
    check(&set, &batch(r#"{"update":[{"id":1,"price":1}]}"#), "allow u");
    check(&set, &batch(r#"{"update":[{"id":1,"name":"x"}]}"#), "deny u: field_not_allowed /update/0/name");
    check(&set, &batch(r#"{"update":[{"id":1,"price":1}],"delete":[2]}"#), "deny: endpoint_not_allowed");
}

/// A1: a forbid on the batch, by its action or its endpoint, holds for each of its rows.
#[test]
fn a_forbid_on_a_batch_holds_for_its_rows() {
    for forbid in [
        r#""scope": "shop:products.batch""#,
        r#""endpoint": "shop:POST /products/batch""#,
        r#""endpoint": "shop:POST /products/{any:text}""#,
        r#""endpoint": "shop:POST /{any:path}""#,
    ] {
        let set = shop(&format!(
            r#"{{ "permit": [{{ "id": "w", "scope": ["shop:products.update", "shop:products.delete"], "fields": "any" }}],
                 "forbid": [{{ "id": "f", {forbid} }}] }}"#
        ));
        check(&set, &batch(r#"{"update":[{"id":1}]}"#), "deny f: forbidden");
        check(&set, &batch(r#"{"delete":[1]}"#), "deny f: forbidden");
        check(&set, &json("PUT /v3/products/1", "{}"), "allow w");
    }
    // With a condition, it holds for the rows that meet it.
    let set = shop(
        r#"{ "permit": [{ "id": "w", "scope": "shop:products.write", "fields": "any" }],
             "forbid": [{ "id": "f", "endpoint": "shop:POST /{any:path}", "when": [{ "field": "/price", "over": 5 }, { "field": "/price", "present": true }] }] }"#,
    );
    check(&set, &batch(r#"{"update":[{"id":1,"price":5},{"id":2}]}"#), "allow w");
    check(&set, &batch(r#"{"update":[{"id":1,"price":5},{"id":2,"price":6}]}"#), "deny f: forbidden");
}

/// A body that passes unread cannot be taken apart into rows.
#[test]
fn an_unread_body_has_no_rows() {
    let set = permits(r#"{ "id": "o", "endpoint": "shop:POST /{any:path}", "body": { "opaque": true } }"#);
    let unread = support::request("POST /v3/products/batch").header("content-type", "text/plain").body("delete 1");
    check(&set, &unread, "deny: body_not_seen");
    check(&set, &batch(r#"{"delete":[1]}"#), "deny: body_not_seen");
    check(
        &set,
        &support::request("POST /v3/products/search").header("content-type", "text/plain").body("x"),
        "allow o",
    );
}

/// A key that the catalog types as digits has one spelling; another is refused, not compared.
#[test]
fn typed_keys_have_one_spelling() {
    let set = permits(r#"{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["price"] } }"#);
    let second = |key: &str| batch(&format!(r#"{{"update":[{{"id":42,"price":1}},{{"id":{key},"price":2}}]}}"#));
    check(&set, &second("\"43\""), "allow u");
    check(&set, &second("\"42\""), "deny: duplicate_target");
    for key in [
        "\"42 \"",
        "\" 42\"",
        "\"42abc\"",
        "\"42.0\"",
        "\"4.2e1\"",
        "\"+42\"",
        "\"-1\"",
        "\"a\"",
        "\"\u{664}\u{662}\"",
        "\"042\"",
    ] {
        check(&set, &second(key), "deny: value_format /update/1");
    }
}

/// `when` of a limit over several rows: it applies if it applies to any.
#[test]
fn a_limit_over_rows_applies_if_it_applies_to_one() {
    let set = permits(
        r#"{ "id": "u", "scope": "shop:products.update", "fields": "any",
             "limits": [{ "sum": "stock", "max": 10, "when": [{ "field": "status", "in": ["live"] }] }] }"#,
    );
    check_all(
        &set,
        &[
            (
                batch(r#"{"update":[{"id":1,"stock":99,"status":"draft"},{"id":2,"stock":99,"status":"draft"}]}"#),
                "allow u",
            ),
            (
                batch(r#"{"update":[{"id":1,"stock":5,"status":"live"},{"id":2,"stock":5,"status":"draft"}]}"#),
                "allow u",
            ),
            (
                batch(r#"{"update":[{"id":1,"stock":99,"status":"live"},{"id":2,"status":"draft"}]}"#),
                "deny u: envelope_exceeded /update/0/stock",
            ),
            (
                batch(r#"{"update":[{"id":1,"stock":9,"status":"draft"},{"id":2,"stock":9,"status":"live"}]}"#),
                "deny u: envelope_exceeded /update/0/stock",
            ),
            (
                batch(r#"{"update":[{"id":1,"stock":1,"status":null},{"id":2,"stock":1,"status":"draft"}]}"#),
                "deny u: unknown_state",
            ),
            // One row that says yes outweighs one that cannot be known.
            (batch(r#"{"update":[{"id":1,"stock":1,"status":null},{"id":2,"stock":1,"status":"live"}]}"#), "allow u"),
        ],
    );
}

/// One write among the rows makes the query that of a write, in whichever order the rows stand.
#[test]
fn one_write_among_the_rows_closes_the_query() {
    let mut all =
        sources(&[shop_page(r#"{ "permit": [{ "id": "p", "scope": "shop:products.*", "fields": "any" }] }"#)]);
    let create = r#""/create": { "action": "create" },"#;
    all[1] =
        source(SourceKind::Catalog, SHOP.replace(create, &format!(r#"{create} "/all": {{ "action": "search" }},"#)));
    let set = policy(&all);
    let forced = |body: &str| json("POST /v3/products/batch?force=true", body);
    check(&set, &forced(r#"{"all":[{}]}"#), "allow p");
    for body in [r#"{"delete":[1]}"#, r#"{"all":[{}],"delete":[1]}"#, r#"{"delete":[1],"all":[{}]}"#] {
        check(&set, &forced(body), "deny p: param_shadow");
        check(&set, &batch(body), "allow p");
    }
}
