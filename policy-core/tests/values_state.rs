//! Values of the present in limits: directly, in sums of products, and as totals over lists.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::Unavailable;
use policy_core::state::Answer;
use support::present::{World, check_in, judge_in, limited, messages, now, put, response, store_permits};
use support::{Request, json, text_of};

#[test]
fn names_of_the_present_in_tests() {
    let set = limited(
        r#"{ "id": "draft", "field": "current.status", "in": ["draft"] },
           { "id": "dear", "field": "price", "max": "10", "when": [{ "field": "current.price", "over": "100" }] },
           { "id": "kept", "field": "stock", "equals": "current.stock" }"#,
    );
    for (current, body, expect) in [
        (r#""status":"draft","price":"5","stock":3"#, r#"{"price":"50"}"#, "allow p"),
        (r#""status":"live","price":"5","stock":3"#, r#"{"price":"50"}"#, "deny p: value_format"),
        (r#""status":"draft","price":"500","stock":3"#, r#"{"price":"50"}"#, "deny p: envelope_exceeded /price"),
        (r#""status":"draft","price":"500","stock":3"#, r#"{"price":"5"}"#, "allow p"),
        (r#""status":"draft","price":"5","stock":"3""#, r#"{"stock":3}"#, "allow p"),
        (r#""status":"draft","price":"5","stock":4"#, r#"{"stock":3}"#, "deny p: value_format /stock"),
        // Unknown, in a limit as in its `when`.
        (r#""status":"","price":"5","stock":3"#, r#"{"price":"50"}"#, "deny p: unknown_state"),
        (r#""status":"draft","price":null,"stock":3"#, r#"{"price":"50"}"#, "deny p: unknown_state"),
        (r#""status":"draft","price":"5""#, r#"{"stock":3}"#, "deny p: unknown_state /stock"),
    ] {
        check_in(&set, &now(current), &put(body), expect);
    }
}

/// A list that is empty now is known, and has no values.
#[test]
fn an_empty_list_is_known() {
    let set = limited(r#"{ "field": "current.tags", "in": ["a", "b"] }"#);
    for (tags, expect) in [
        (r#"["a","b"]"#, "allow p"),
        ("[]", "allow p"),
        (r#"["a","c"]"#, "deny p: value_format"),
        (r#"["a",""]"#, "deny p: unknown_state"),
        (r#""a""#, "deny p: unknown_state"),
        ("null", "deny p: unknown_state"),
    ] {
        check_in(&set, &now(&format!(r#""tags":{tags}"#)), &put(r#"{"price":"1"}"#), expect);
    }
}

/// What was expected and what is counted must agree: checksums of a stock take.
#[test]
fn a_checksum_over_request_and_present() {
    let set = limited(r#"{ "id": "sum", "field": "final_count", "equals": "counted" }"#);
    for (body, expect) in [
        (r#"{"delta":-3,"final_count":7}"#, "allow p"),
        (r#"{"delta":-3,"final_count":8}"#, "deny p: value_format /final_count"),
        (r#"{"final_count":10}"#, "deny p: unknown_state /final_count"),
        (r#"{"delta":"x","final_count":10}"#, "deny p: unknown_state /final_count"),
    ] {
        check_in(&set, &now(r#""stock":10"#), &put(body), expect);
    }
    check_in(
        &set,
        &now(r#""stock":"""#),
        &put(r#"{"delta":-3,"final_count":7}"#),
        "deny p: unknown_state /final_count",
    );
    let product = limited(r#"{ "field": "worth", "max": "100" }"#);
    check_in(&product, &now(r#""price":"19.99""#), &put(r#"{"stock":5}"#), "allow p");
    check_in(&product, &now(r#""price":"20.01""#), &put(r#"{"stock":5}"#), "deny p: envelope_exceeded");
    let huge = now(r#""price":"999999999999999999""#);
    check_in(&product, &huge, &put(r#"{"stock":999999999999999999}"#), "deny p: envelope_exceeded");
    check_in(&product, &now(r#""price":"-1000""#), &put(r#"{"stock":5}"#), "allow p");
}

fn order(lines: &str) -> Request {
    json("POST /v1/orders", &format!(r#"{{"lines":{lines}}}"#))
}

/// The worth of an order: quantity by current price over its lines, never what the agent says.
#[test]
fn the_worth_of_an_order() {
    let set = store_permits(
        r#"{ "id": "p", "scope": "store:orders.create", "fields": "any", "limits": [{ "id": "worth", "sum": "line_value", "max": "500.00" }] }"#,
    );
    let world = World::of(&[
        ("/v1/products/42", r#"{"price":"100.00"}"#),
        ("/v1/products/43", r#"{"price":"19.99"}"#),
        ("/v1/products/43/variations/1", r#"{"price":"50"}"#),
        ("/v1/products/44", r#"{"price":""}"#),
    ]);
    for (lines, expect) in [
        (r#"[{"product_id":42,"quantity":4},{"product_id":43,"quantity":5}]"#, "allow p"),
        (r#"[{"product_id":42,"quantity":4},{"product_id":43,"quantity":6}]"#, "deny p: envelope_exceeded"),
        (r#"[{"product_id":42,"quantity":5}]"#, "allow p"),
        (r#"[{"product_id":43,"variation_id":1,"quantity":10}]"#, "allow p"),
        (r#"[{"product_id":43,"variation_id":1,"quantity":11}]"#, "deny p: envelope_exceeded"),
        (r#"[{"product_id":42,"quantity":1,"price":"0.01","total":"0.01"}]"#, "allow p"),
        (r#"[{"product_id":42,"quantity":6,"price":"0.01","total":"0.01"}]"#, "deny p: envelope_exceeded"),
        // Any part that is not known: denied.
        (r#"[{"product_id":42}]"#, "deny p: unknown_state"),
        (r#"[{"product_id":42,"quantity":null}]"#, "deny p: unknown_state"),
        (r#"[{"product_id":42,"quantity":"1e1"}]"#, "deny p: unknown_state"),
        (r#"[{"product_id":44,"quantity":1}]"#, "deny p: unknown_state"),
        (r#"[{"product_id":45,"quantity":1}]"#, "deny p: unknown_state"),
        (r#"[{"quantity":1}]"#, "deny p: unknown_state"),
        (r#"[{"product_id":42,"variation_id":0,"quantity":1}]"#, "deny p: unknown_state"),
        (r#"[{"product_id":"042","quantity":1}]"#, "deny p: unknown_state"),
        (r#"[{"product_id":4.2e1,"quantity":1}]"#, "deny p: unknown_state"),
        (r#"[5]"#, "deny p: unknown_state"),
        (r#"{"0":{"product_id":42,"quantity":1}}"#, "deny p: param_shadow"),
        ("[]", "allow p"),
    ] {
        check_in(&set, &world, &order(lines), expect);
    }
    // One product on two lines is asked for once.
    world.asked();
    check_in(&set, &world, &order(r#"[{"product_id":42,"quantity":1},{"product_id":42,"quantity":1}]"#), "allow p");
    assert_eq!(world.asked(), ["/v1/products/42"]);
    // All lines are looked up in one round.
    check_in(
        &set,
        &world,
        &order(r#"[{"product_id":45,"quantity":1},{"product_id":42,"quantity":1}]"#),
        "deny p: unknown_state",
    );
    assert_eq!(world.asked(), ["/v1/products/45", "/v1/products/42"]);
}

/// A value once per element is judged for each element.
#[test]
fn a_value_per_element() {
    let set = store_permits(
        r#"{ "id": "p", "scope": "store:orders.create", "fields": "any", "limits": [{ "id": "stock", "field": "over", "max": 0 }, { "id": "sold", "field": "product.status", "in": ["live"] }] }"#,
    );
    let world = World::of(&[
        ("/v1/shelves/a1", r#"{"left":5}"#),
        ("/v1/shelves/b2", r#"{"left":"1"}"#),
        ("/v1/products/1", r#"{"status":"live"}"#),
        ("/v1/products/2", r#"{"status":"gone"}"#),
    ]);
    let line = |product: u32, sku: &str, quantity: u32| {
        format!(r#"{{"product_id":{product},"shelf":{{"sku":"{sku}"}},"quantity":{quantity}}}"#)
    };
    for (lines, expect) in [
        ([line(1, "a1", 5), line(1, "b2", 1)], "allow p"),
        ([line(1, "a1", 5), line(1, "b2", 2)], "deny p: envelope_exceeded"),
        ([line(1, "a1", 5), line(2, "b2", 1)], "deny p: value_format"),
        ([line(1, "a1", 5), line(1, "c3", 1)], "deny p: unknown_state"),
    ] {
        check_in(&set, &world, &order(&format!("[{}]", lines.join(","))), expect);
    }
}

/// With `for`, the variable that is the resource's key is the member of the element.
#[test]
fn elements_have_keys_of_their_own() {
    let set = store_permits(
        r#"{ "id": "p", "scope": "store:orders.create", "fields": "any", "limits": [{ "field": "gift.kind", "in": ["card"] }] }"#,
    );
    let world = World::of(&[("/v1/gifts/1", r#"{"kind":"card"}"#), ("/v1/gifts/2", r#"{"kind":"cash"}"#)]);
    check_in(&set, &world, &order(r#"[{"id":1},{"id":"1"}]"#), "allow p");
    check_in(&set, &world, &order(r#"[{"id":1},{"id":2}]"#), "deny p: value_format");
    check_in(&set, &world, &order(r#"[{"id":1},{}]"#), "deny p: unknown_state");
}

/// Totals over a list: open orders against the stock left.
#[test]
fn totals_need_the_whole_list() {
    let set = limited(r#"{ "id": "left", "field": "left", "min": 2 }"#);
    let product = r#"{"id":42,"stock":10}"#;
    let open = "/v1/orders?product=42&per_page=3";
    let list = |quantities: &[&str]| {
        let orders: Vec<String> = quantities.iter().map(|q| format!(r#"{{"id":1,"quantity":{q}}}"#)).collect();
        format!(r#"{{"orders":[{}]}}"#, orders.join(","))
    };
    let world = |orders: &str| World::of(&[("/v1/products/42", product), (open, orders)]);
    let body = put(r#"{"price":"1"}"#);
    for (orders, expect) in [
        (list(&["3", "5"]), "allow p"),
        (list(&["3", "\"5.0\""]), "allow p"),
        (list(&["4", "5"]), "deny p: envelope_exceeded"),
        (list(&[]), "allow p"),
        // As long as a page: there may be more.
        (list(&["1", "1", "1"]), "deny p: unknown_state"),
        (list(&["1", "null"]), "deny p: unknown_state"),
        (list(&["1", "\"\""]), "deny p: unknown_state"),
        (r#"{"orders":[{"id":1}]}"#.into(), "deny p: unknown_state"),
        (r#"{"orders":{}}"#.into(), "deny p: unknown_state"),
        (r#"{"orders":null}"#.into(), "deny p: unknown_state"),
        ("[]".into(), "deny p: unknown_state"),
    ] {
        check_in(&set, &world(&orders), &body, expect);
    }
    let paged = |name: &str, value: &str, orders: &str| {
        let json = (b"content-type".to_vec(), b"application/json".to_vec());
        let headers = vec![json, (name.as_bytes().to_vec(), value.as_bytes().to_vec())];
        let answer = Answer::Response { status: 200, headers, body: orders.as_bytes().to_vec() };
        World::of(&[("/v1/products/42", product)]).with(open, answer)
    };
    let full = list(&["1", "1", "1"]);
    for (name, value, orders, expect) in [
        ("X-WP-TotalPages", "1", &full, "allow p"),
        ("X-WP-TotalPages", "2", &full, "deny p: unknown_state"),
        ("X-WP-Total", "3", &full, "allow p"),
        ("X-WP-Total", "4", &full, "deny p: unknown_state"),
        ("Content-Range", "0-2/3", &full, "allow p"),
        ("Content-Range", "0-2/30", &full, "deny p: unknown_state"),
        ("Link", r#"<https://shop.example.com/v1/orders?page=2>; rel="next""#, &list(&["1"]), "deny p: unknown_state"),
        ("X-WP-TotalPages", "3", &list(&["1"]), "deny p: unknown_state"),
    ] {
        check_in(&set, &paged(name, value, orders), &body, expect);
    }
    // Each of the two lookups may fail.
    let away = World::of(&[("/v1/products/42", product)]).unavailable(open, Unavailable::Timeout);
    check_in(&set, &away, &body, "deny p: unknown_state");
}

#[test]
fn counts_and_sums_of_nested_lists() {
    let open = "/v1/orders?product=42&per_page=3";
    let body = put(r#"{"price":"1"}"#);
    let count = limited(r#"{ "field": "open.orders", "max": 1 }"#);
    let nested = limited(r#"{ "field": "open.in_lines", "max": 6 }"#);
    for (set, orders, expect) in [
        (&count, r#"{"orders":[{"id":1},{"quantity":5}]}"#, "allow p"),
        (&count, r#"{"orders":[{"id":1},{"id":2}]}"#, "deny p: envelope_exceeded"),
        (&nested, r#"{"orders":[{"lines":[{"quantity":1},{"quantity":2}]},{"lines":[]}]}"#, "allow p"),
        (&nested, r#"{"orders":[{"lines":[{"quantity":5},{"quantity":2}]}]}"#, "deny p: envelope_exceeded"),
        (&nested, r#"{"orders":[{"lines":[{"quantity":5},{}]}]}"#, "deny p: unknown_state"),
        (&nested, r#"{"orders":[{}]}"#, "deny p: unknown_state"),
    ] {
        check_in(set, &World::default().with(open, response(200, orders)), &body, expect);
    }
}

/// Messages of values of the present name what is now.
#[test]
fn messages_show_the_value() {
    let set = limited(r#"{ "id": "stocked", "field": "current.stock", "min": 5 }"#);
    let outcome = judge_in(&set, &put(r#"{"price":"1"}"#), &now(r#""stock":3"#));
    assert_eq!(text_of(&outcome), "deny p: envelope_exceeded");
    assert_eq!(messages(&outcome), ["`current.stock` must be at least 5, is 3 (limit `stocked`)"]);
}
