//! What a value can be now, and what that means: a test for each row of the table in `docs/language.md`, "The present".
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use support::json;
use support::present::{World, check_in, limited, now, put, store, store_permits};

/// Judges `new` for `ratio` where `current` (JSON) is there now.
#[track_caller]
fn ratio(set: &Arc<PolicySet>, current: &str, new: &str, expect: &str) {
    check_in(set, &now(&format!(r#""ratio":{current}"#)), &put(&format!(r#"{{"ratio":"{new}"}}"#)), expect);
}

const HELD: &str = "deny p: envelope_exceeded /ratio";
const UNKNOWN: &str = "deny p: unknown_state /ratio";

#[test]
fn zero() {
    for bound in [r#"{ "percent": "1000" }"#, r#"{ "absolute": "1000" }"#, r#"{ "percent": 1000, "absolute": 1000 }"#] {
        let limit = |word: &str| limited(&format!(r#"{{ "field": "ratio", "{word}": {bound} }}"#));
        let (change, up, down) = (limit("change"), limit("increase"), limit("decrease"));
        for zero in ["0", "\"0\"", "\"0.00\"", "\"-0\"", "0.000"] {
            for same in ["0", "0.0", "-0"] {
                for set in [&change, &up, &down] {
                    ratio(set, zero, same, "allow p");
                }
            }
            for (set, new, expect) in [
                (&change, "0.000000000000000001", HELD),
                (&change, "-1", HELD),
                (&up, "1", HELD),
                (&up, "-999999999999999999", "allow p"),
                (&down, "-0.01", HELD),
                (&down, "999999999999999999", "allow p"),
            ] {
                ratio(set, zero, new, expect);
            }
        }
    }
}

#[test]
fn negative() {
    let ten = limited(r#"{ "field": "ratio", "change": { "percent": 10 } }"#);
    let up = limited(r#"{ "field": "ratio", "increase": { "percent": 10 } }"#);
    let down = limited(r#"{ "field": "ratio", "decrease": { "absolute": 1 } }"#);
    for (set, new, expect) in [
        (&ten, "-11", "allow p"),
        (&ten, "-9", "allow p"),
        (&ten, "-11.000000000000001", HELD),
        (&ten, "-8.999999999999999", HELD),
        (&ten, "10", HELD),
        // Towards zero is up.
        (&up, "-9", "allow p"),
        (&up, "-8.99", HELD),
        (&up, "-1000", "allow p"),
        (&down, "-11", "allow p"),
        (&down, "-11.01", HELD),
        (&down, "10", "allow p"),
    ] {
        ratio(set, "-10", new, expect);
    }
}

#[test]
fn missing_null_or_empty() {
    let bare = limited(r#"{ "field": "ratio", "change": { "percent": 5 } }"#);
    let next = limited(r#"{ "field": "ratio", "change": { "percent": 5, "against": ["ratio", "stock", "price"] } }"#);
    for gap in ["", r#""ratio":null,"#, r#""ratio":"","#] {
        for (set, rest, expect) in [
            (&bare, r#""stock":100"#, UNKNOWN),
            (&next, r#""stock":100"#, "allow p"),
            (&next, r#""stock":null,"price":"100""#, "allow p"),
            (&next, r#""stock":"","price":"50""#, HELD),
            (&next, r#""price":null"#, UNKNOWN),
            (&next, r#""other":1"#, UNKNOWN),
        ] {
            check_in(set, &now(&format!("{gap}{rest}")), &put(r#"{"ratio":"105"}"#), expect);
        }
        // Zero is a value.
        check_in(&next, &now(&format!(r#"{gap}"stock":0,"price":"100""#)), &put(r#"{"ratio":"105"}"#), HELD);
    }
}

/// A list that is empty is known; one of which an element lacks it is not.
#[test]
fn lists() {
    let test = limited(r#"{ "field": "current.categories", "in": ["toys"] }"#);
    let filter = store_permits(
        r#"{ "id": "p", "scope": "store:products.update[category=toys]", "fields": { "only": ["ratio"] } }"#,
    );
    let forbid = store(
        r#"{ "permit": [{ "id": "p", "scope": "store:products.update", "fields": "any" }],
             "forbid": [{ "id": "f", "scope": "store:products.update[category=toys]" }] }"#,
    );
    for (categories, of_test, of_filter, of_forbid) in [
        ("[]", "allow p", "deny: scope_filter", "allow p"),
        (r#"[{"slug":"toys"}]"#, "allow p", "allow p", "deny f: forbidden"),
        (r#"[{"slug":"books"}]"#, "deny p: value_format", "deny: scope_filter", "allow p"),
        (r#"[{"slug":"toys"},{}]"#, "deny p: unknown_state", "deny: unknown_state", "deny f: forbidden"),
        (r#"[{"slug":"toys"},{"slug":""}]"#, "deny p: unknown_state", "deny: unknown_state", "deny f: forbidden"),
        (r#"[{"slug":"toys"},null]"#, "deny p: unknown_state", "deny: unknown_state", "deny f: forbidden"),
        ("null", "deny p: unknown_state", "deny: unknown_state", "deny f: forbidden"),
        (r#""toys""#, "deny p: unknown_state", "deny: unknown_state", "deny f: forbidden"),
    ] {
        let world = now(&format!(r#""categories":{categories}"#));
        for (set, expect) in [(&test, of_test), (&filter, of_filter), (&forbid, of_forbid)] {
            check_in(set, &world, &put(r#"{"ratio":"1"}"#), expect);
        }
    }
}

/// Each element of the present counts, and an empty list is a count of 0.
#[test]
fn counts() {
    for name in ["current.tags", "current.categories"] {
        for (list, one_or_more, one_at_most) in [
            ("[]", "deny p: batch_limit", "allow p"),
            (r#"[{"slug":"a"}]"#, "allow p", "allow p"),
            (r#"[{"slug":"a"},{"slug":"b"}]"#, "allow p", "deny p: batch_limit"),
            ("null", "deny p: unknown_state", "deny p: unknown_state"),
        ] {
            let world = now(&format!(r#""tags":{list},"categories":{list}"#));
            for (bound, expect) in [("min", one_or_more), ("max", one_at_most)] {
                let set = limited(&format!(r#"{{ "count": "{name}", "{bound}": 1 }}"#));
                check_in(&set, &world, &put(r#"{"ratio":"1"}"#), expect);
            }
        }
    }
}

/// Of a request too; a list that is not there is for `require`.
#[test]
fn counts_of_elements_of_a_request() {
    for name in ["tags", "/tags/*"] {
        for (body, one_or_more, one_at_most) in [
            (r#"{"tags":[]}"#, "deny p: batch_limit /tags", "allow p"),
            (r#"{"tags":["a"]}"#, "allow p", "allow p"),
            (r#"{"tags":["a","b"]}"#, "allow p", "deny p: batch_limit /tags"),
            (r#"{"ratio":"1"}"#, "allow p", "allow p"),
        ] {
            for (bound, expect) in [("min", one_or_more), ("max", one_at_most)] {
                let set = limited(&format!(r#"{{ "count": "{name}", "{bound}": 1 }}"#));
                check_in(&set, &now(""), &put(body), expect);
            }
        }
    }
}

/// A page that is shorter than asked for is not the whole list where the answer says that there is more; and of a lookup
/// without `same` the only element is not known, its totals are.
#[test]
fn a_short_page_of_several() {
    let total = limited(r#"{ "field": "open.quantity_sum", "max": 5 }"#);
    let only = limited(r#"{ "field": "open.quantity", "max": 5 }"#);
    for (beside, expect) in [
        ("", "allow p"),
        (r#","total":1,"limit":3"#, "allow p"),
        (r#","next_page_token":"b""#, "deny p: unknown_state"),
        (r#","meta":{"pagination":{"total_pages":2}}"#, "deny p: unknown_state"),
        (r#","total":2"#, "deny p: unknown_state"),
        (r#","limit":1"#, "deny p: unknown_state"),
    ] {
        let orders = format!(r#"{{"orders":[{{"id":1,"quantity":2}}]{beside}}}"#);
        let world = World::of(&[("/v1/orders?product=42&per_page=3", &orders)]);
        check_in(&total, &world, &put(r#"{"ratio":"1"}"#), expect);
        check_in(&only, &world, &put(r#"{"ratio":"1"}"#), "deny p: unknown_state");
    }
}

/// What is there and no number is not passed over for the next name.
#[test]
fn no_number() {
    let next = limited(r#"{ "field": "ratio", "change": { "percent": 5, "against": ["ratio", "price"] } }"#);
    for current in [
        "1e2",
        "\"1e2\"",
        "\" 100\"",
        "\"100 \"",
        "\"+100\"",
        "\"100.\"",
        "\".5\"",
        "\"1,000\"",
        "\"0x64\"",
        "\"NaN\"",
        "\"１００\"",
        "true",
        "false",
        "[100]",
        "[]",
        "{}",
        r#"{"amount":100}"#,
    ] {
        check_in(&next, &now(&format!(r#""ratio":{current},"price":"100""#)), &put(r#"{"ratio":"100"}"#), UNKNOWN);
    }
}

/// Answers are read by the type, not by the spellings and sizes that requests are held to.
#[test]
fn other_spellings() {
    // A whole number: requests write it as a JSON number.
    let stock = limited(r#"{ "field": "stock", "change": { "percent": 10 } }"#);
    for current in ["100", "\"100\"", "\"100.0\"", "100.0", "\"0100\""] {
        check_in(&stock, &now(&format!(r#""stock":{current}"#)), &put(r#"{"stock":110}"#), "allow p");
        check_in(
            &stock,
            &now(&format!(r#""stock":{current}"#)),
            &put(r#"{"stock":111}"#),
            "deny p: envelope_exceeded /stock",
        );
    }
    check_in(&stock, &now(r#""stock":100"#), &put(r#"{"stock":"110"}"#), "deny p: value_format /stock");
    // At most seven digits and two decimals in requests.
    let price = limited(r#"{ "field": "price", "decrease": { "percent": 100 }, "max": 9999999 }"#);
    for current in ["\"123456789.123456789\"", "123456789", "\"0.005\"", "-5"] {
        check_in(&price, &now(&format!(r#""price":{current}"#)), &put(r#"{"price":"0.01"}"#), "allow p");
    }
    check_in(&price, &now(r#""price":1"#), &put(r#"{"price":"12345678"}"#), "deny p: value_format /price");
    check_in(&price, &now(r#""price":1"#), &put(r#"{"price":"0.001"}"#), "deny p: value_format /price");
}

/// Eighteen significant digits are exact, wherever the point is. More are unknown, and in a JSON number nothing of the
/// answer is read.
#[test]
fn eighteen_digits_and_more() {
    let one = limited(r#"{ "field": "ratio", "change": { "absolute": "0.000000000000000001" } }"#);
    ratio(&one, "0.999999999999999999", "0.999999999999999998", "allow p");
    ratio(&one, "\"0.999999999999999999\"", "1", "allow p");
    ratio(&one, "0.999999999999999999", "0.999999999999999997", HELD);
    ratio(&one, "999999999999999999", "999999999999999998", HELD);
    ratio(&one, "\"100.00000000000000000000000000000\"", "100", "allow p");
    for current in ["\"1000000000000000000\"", "\"0.0000000000000000001\"", "\"1.234567890123456789\""] {
        ratio(&one, current, "1", UNKNOWN);
    }
    let other = limited(r#"{ "field": "price", "change": { "percent": 5 } }"#);
    check_in(&other, &now(r#""price":"100","ratio":"1.234567890123456789""#), &put(r#"{"price":"100"}"#), "allow p");
    check_in(
        &other,
        &now(r#""price":"100","ratio":1.234567890123456789"#),
        &put(r#"{"price":"100"}"#),
        "deny p: unknown_state /price",
    );
}

/// Major units of the page's currency; minor units by currency; each amount in its own.
#[test]
fn money() {
    let page = |limit: &str| {
        store(&format!(
            r#"{{ "money": {{ "currency": "usd", "rates": {{ "jpy": "0.01", "kwd": "3", "clf": "40", "eur": "1.1" }} }},
                  "permit": [{{ "id": "p", "scope": "store:products.update", "fields": "any", "limits": [{limit}] }}] }}"#
        ))
    };
    let cost = page(r#"{ "field": "cost", "change": { "absolute": "10.00" } }"#);
    let held = "deny p: envelope_exceeded /cost";
    for (current, new, expect) in [
        // Cents; yen have none; fils are thousandths; the unidad de fomento has four digits.
        (r#"100,"currency":"usd""#, r#"1100,"currency":"usd""#, "allow p"),
        (r#"100,"currency":"usd""#, r#"1101,"currency":"usd""#, held),
        (r#"100,"currency":"jpy""#, r#"1100,"currency":"jpy""#, "allow p"),
        (r#"100,"currency":"jpy""#, r#"1101,"currency":"jpy""#, held),
        (r#"3000,"currency":"kwd""#, r#"6333,"currency":"kwd""#, "allow p"),
        (r#"3000,"currency":"kwd""#, r#"6334,"currency":"kwd""#, held),
        (r#"10000,"currency":"clf""#, r#"12500,"currency":"clf""#, "allow p"),
        (r#"10000,"currency":"clf""#, r#"12501,"currency":"clf""#, held),
        // 10.00 USD now; 18.18 EUR are 19.998, 18.19 are 20.009.
        (r#"1000,"currency":"usd""#, r#"1818,"currency":"eur""#, "allow p"),
        (r#"1000,"currency":"usd""#, r#"1819,"currency":"eur""#, held),
        (r#""1000","currency":"USD""#, r#"-0,"currency":"usd""#, "allow p"),
        (r#"-1000,"currency":"usd""#, r#"0,"currency":"usd""#, "allow p"),
        (r#"0,"currency":"usd""#, r#"1,"currency":"usd""#, held),
    ] {
        check_in(&cost, &now(&format!(r#""cost":{current}"#)), &put(&format!(r#"{{"cost":{new}}}"#)), expect);
    }
    let unknown = "deny p: unknown_state /cost";
    for current in [
        r#""cost":1000"#,
        r#""cost":1000,"currency":null"#,
        r#""cost":1000,"currency":"gbp""#,
        r#""cost":1000,"currency":["usd"]"#,
        r#""cost":"ten","currency":"usd""#,
        r#""cost":1e3,"currency":"usd""#,
        r#""currency":"usd""#,
    ] {
        check_in(&cost, &now(current), &put(r#"{"cost":1000,"currency":"usd"}"#), unknown);
    }
    // Of the request it is malformed.
    for new in [r#"{"cost":1000}"#, r#"{"cost":1000,"currency":"gbp"}"#, r#"{"cost":"ten","currency":"usd"}"#] {
        check_in(&cost, &now(r#""cost":1000,"currency":"usd""#), &put(new), "deny p: value_format /cost");
    }
}

#[test]
fn a_value_that_the_request_does_not_have() {
    let set = limited(r#"{ "field": "ratio", "change": { "percent": 0 } }"#);
    for world in [now(r#""ratio":"1""#), now(r#""ratio":null"#), World::default()] {
        check_in(&set, &world, &put(r#"{"status":"x"}"#), "allow p");
        assert!(world.asked().is_empty(), "nothing is looked up for it");
    }
    check_in(&set, &now(r#""ratio":"1""#), &put(r#"{"ratio":null}"#), "deny p: value_format /ratio");
}

/// What cannot be held exactly never holds, and no approval softens it.
#[test]
fn overflow() {
    let soft = r#""beyond": { "approval": "manager" }"#;
    let order = |lines: &str| json("POST /v1/orders", &format!(r#"{{"lines":{lines}}}"#));
    let worth = store_permits(&format!(
        r#"{{ "id": "p", "scope": "store:orders.create", "fields": "any", "limits": [{{ "sum": "line_value", "max": "500", {soft} }}] }}"#
    ));
    let world = World::of(&[
        ("/v1/products/1", r#"{"price":"999999999999999999"}"#),
        ("/v1/products/2", r#"{"price":"0.000000000000000001"}"#),
    ]);
    let line = |product: u32, quantity: &str| format!(r#"{{"product_id":{product},"quantity":"{quantity}"}}"#);
    let large = "999999999999999999";
    let held = "approval_required p: approval_required";
    // 36 digits can be held; with 36 behind the point beside them they cannot.
    check_in(&worth, &world, &order(&format!("[{}]", line(1, large))), held);
    let wide = format!("[{},{}]", line(1, large), line(2, "0.000000000000000001"));
    check_in(&worth, &world, &order(&wide), "deny p: unknown_state");
    check_in(&worth, &world, &order(&format!("[{}]", line(2, "1"))), "allow p");
    // A change over the whole range is exact.
    let whole = limited(&format!(r#"{{ "field": "ratio", "change": {{ "absolute": 999999999999999999 }}, {soft} }}"#));
    ratio(&whole, "\"-999999999999999999\"", "0", "allow p");
    ratio(&whole, "\"-999999999999999999\"", large, "approval_required p: approval_required /ratio");
}
