//! What a number means: the scale of a field, and the digits of minor units. In requests and in answers, exactly.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::SourceKind;
use support::present::{World, check_in, judge_in, messages, sources_on};
use support::{Request, diagnosed, json, policy, source};

/// Prices in hundredths, weights in quarters, amounts in a millionth of the unit, forints without a minor unit.
const SCALES: &str = r#"{
  "catalog": "scales-v1",
  "base": "/v1",
  "minor_digits": { "huf": 0, "UGX": 2, "xbt": 8 },
  "resources": {
    "items": {
      "key": "path.id",
      "current": { "try": [{ "get": "/items/{id}" }], "same": { "id": "id" } },
      "lookups": {
        "all": { "try": [{ "get": "/items?per_page=9", "each": "/items" }], "total": { "prices": { "sum": "price" } } }
      },
      "fields": {
        "id": { "at": "/id", "type": "digits" },
        "price": { "at": "/price", "type": "integer", "as": ["number", "string"], "scale": "0.01" },
        "list_price": { "at": "/list_price", "type": "decimal", "base": ["price"] },
        "weight": { "at": "/weight", "type": "decimal", "decimals": 1, "scale": 0.25 },
        "tiny": { "at": "/tiny", "type": "decimal", "scale": "0.000000000000000001" },
        "huge": { "at": "/huge", "type": "decimal", "scale": "999999999999999999" },
        "bid": { "at": "/bid_micros", "type": "money", "unit": "major", "currency": "usd", "scale": "0.000001" },
        "fund": { "at": "/fund", "type": "money", "unit": "major", "currency": "eur", "scale": "999999999999999999" },
        "cost": { "at": "/cost", "type": "money", "unit": "minor", "currency": "/currency" },
        "quantity": { "at": "/quantity", "type": "integer" }
      },
      "values": { "worth": { "add": [["price", "quantity"]] } },
      "actions": {
        "update": { "endpoints": ["PUT /items/{id}"], "effect": "gate" },
        "get": { "endpoints": ["GET /items/{id}"], "effect": "read" }
      }
    }
  }
}"#;

fn set(limits: &str) -> Arc<PolicySet> {
    policy(&sources_on(
        SCALES,
        &format!(
            r#"{{ "approvers": {{ "owner": {{}} }}, "money": {{ "currency": "usd", "rates": {{ "huf": "0.01", "ugx": "0.01", "xbt": "10000", "jpy": "0.01", "eur": "999999999999999999" }} }},
                  "permit": [{{ "id": "p", "scope": "store:items.update", "fields": "any", "limits": [{limits}] }}] }}"#
        ),
    ))
}

fn put(body: &str) -> Request {
    json("PUT /v1/items/42", body)
}

fn now(members: &str) -> World {
    World::of(&[("/v1/items/42", &format!(r#"{{"id":42,{members}}}"#))])
}

/// Bounds speak of the value: what is written, times the scale.
#[test]
fn a_bound_is_on_the_scaled_value() {
    let exceeded = |at: &str| format!("deny p: envelope_exceeded {at}");
    let price = set(r#"{ "field": "price", "max": "19.99", "over": 0 }"#);
    for (body, expect) in [
        (r#"{"price":1999}"#, "allow p".into()),
        (r#"{"price":"1999"}"#, "allow p".into()),
        (r#"{"price":2000}"#, exceeded("/price")),
        (r#"{"price":0}"#, exceeded("/price")),
        // The type is that of the number that is written.
        (r#"{"price":19.99}"#, "deny p: value_format /price".into()),
        (r#"{"price":"1e3"}"#, "deny p: value_format /price".into()),
    ] {
        check_in(&price, &World::default(), &put(body), &expect);
    }
    let weight = set(r#"{ "field": "weight", "max": "1.125" }"#);
    check_in(&weight, &World::default(), &put(r#"{"weight":4.5}"#), "allow p");
    check_in(&weight, &World::default(), &put(r#"{"weight":4.6}"#), &exceeded("/weight"));
    check_in(&weight, &World::default(), &put(r#"{"weight":4.55}"#), "deny p: value_format /weight");
    let outcome = judge_in(&price, &put(r#"{"price":2000}"#), &World::default());
    assert_eq!(messages(&outcome), ["`price` must be at most 19.99, is 20 (limit `0`)"]);
}

/// Eighteen digits and a scale of eighteen are exact; a number that cannot be held is malformed, and never softens.
#[test]
fn the_smallest_and_the_largest() {
    let tiny = set(r#"{ "field": "tiny", "max": "0.999999999999999999", "over": 0 }"#);
    for (tiny_value, expect) in [
        ("999999999999999999", "allow p"),
        ("1", "allow p"),
        ("0.000000000000000001", "allow p"),
        ("0", "deny p: envelope_exceeded /tiny"),
    ] {
        check_in(&tiny, &World::default(), &put(&format!(r#"{{"tiny":"{tiny_value}"}}"#)), expect);
    }
    let change = set(r#"{ "field": "tiny", "change": { "percent": "0.000000000000000001" } }"#);
    let world = now(r#""tiny":"999999999999999999""#);
    check_in(&change, &world, &put(r#"{"tiny":"999999999999999999"}"#), "allow p");
    check_in(&change, &world, &put(r#"{"tiny":"999999999999999998"}"#), "deny p: envelope_exceeded /tiny");
    let huge = set(r#"{ "field": "huge", "max": "1" }, { "sum": "huge", "max": 1 }"#);
    let exceeded = "deny p: envelope_exceeded /huge, envelope_exceeded /huge";
    check_in(&huge, &World::default(), &put(r#"{"huge":"999999999999999999"}"#), exceeded);
    check_in(&huge, &World::default(), &put(r#"{"huge":"-999999999999999999"}"#), "allow p");
    // At a rate that takes it out of what can be held.
    let fund = r#"{ "field": "fund", "max": 1, "beyond": { "approval": "owner" } }"#;
    check_in(&set(fund), &World::default(), &put(r#"{"fund":999999999999999999}"#), "deny p: value_format /fund");
    let kept = set(r#"{ "field": "fund", "change": { "percent": 5 }, "beyond": { "approval": "owner" } }"#);
    let world = now(r#""fund":999999999999999999"#);
    check_in(&kept, &world, &put(r#"{"fund":1}"#), "deny p: unknown_state /fund");
}

/// `in`, `not_in`, `equals`, sums and sums of products compare the value, too.
#[test]
fn every_test_is_of_the_scaled_value() {
    let format = "deny p: value_format /price";
    for (limit, body, expect) in [
        (r#"{ "field": "price", "in": ["19.99", 19.99] }"#, r#"{"price":1999}"#, "allow p"),
        (r#"{ "field": "price", "in": [1999] }"#, r#"{"price":1999}"#, format),
        (r#"{ "field": "price", "not_in": [0.5] }"#, r#"{"price":50}"#, format),
        (r#"{ "field": "price", "not_in": [50] }"#, r#"{"price":50}"#, "allow p"),
        (r#"{ "field": "price", "not_in": [50] }"#, r#"{"price":[50]}"#, format),
        (r#"{ "field": "list_price", "equals": "price" }"#, r#"{"price":1999,"list_price":"19.990"}"#, "allow p"),
        (
            r#"{ "field": "list_price", "equals": "price" }"#,
            r#"{"price":1999,"list_price":"1999"}"#,
            "deny p: value_format /list_price",
        ),
        (r#"{ "sum": "price", "max": "19.99" }"#, r#"{"price":1999}"#, "allow p"),
        (r#"{ "sum": "price", "max": "19.98" }"#, r#"{"price":1999}"#, "deny p: envelope_exceeded /price"),
        (r#"{ "field": "worth", "max": "59.97" }"#, r#"{"price":1999,"quantity":3}"#, "allow p"),
        (r#"{ "field": "worth", "max": "59.96" }"#, r#"{"price":1999,"quantity":3}"#, "deny p: envelope_exceeded"),
    ] {
        check_in(&set(limit), &World::default(), &put(body), expect);
    }
}

/// What is now is read with the same scale; a base without one is what it is.
#[test]
fn answers_are_scaled() {
    let step = set(r#"{ "id": "step", "field": "price", "change": { "percent": "5" } }"#);
    for (current, new, expect) in [
        ("1999", "2098", "allow p"),
        ("1999", "2099", "deny p: envelope_exceeded /price"),
        ("\"1999\"", "1900", "allow p"),
        ("0", "1", "deny p: envelope_exceeded /price"),
    ] {
        check_in(&step, &now(&format!(r#""price":{current}"#)), &put(&format!(r#"{{"price":{new}}}"#)), expect);
    }
    let outcome = judge_in(&step, &put(r#"{"price":2099}"#), &now(r#""price":1999"#));
    assert_eq!(messages(&outcome), ["`price` 20.99 is 5.01 % above 19.99; at most 5 % (20.98) (limit `step`)"]);
    // Measured against a field of another scale: both are values.
    let list = set(r#"{ "field": "list_price", "change": { "absolute": "1" } }"#);
    check_in(&list, &now(r#""price":1999"#), &put(r#"{"list_price":"20.99"}"#), "allow p");
    check_in(
        &list,
        &now(r#""price":1999"#),
        &put(r#"{"list_price":"21.00"}"#),
        "deny p: envelope_exceeded /list_price",
    );
    let total = set(r#"{ "field": "all.prices", "max": "30" }"#);
    let prices = |list: &str| World::of(&[("/v1/items?per_page=9", list)]);
    let body = put(r#"{"quantity":1}"#);
    check_in(&total, &prices(r#"{"items":[{"price":1999},{"price":1001}]}"#), &body, "allow p");
    check_in(&total, &prices(r#"{"items":[{"price":1999},{"price":1002}]}"#), &body, "deny p: envelope_exceeded");
}

/// Money may have both: micros of a unit, then the page's currency.
#[test]
fn money_with_a_scale() {
    let bid = set(r#"{ "field": "bid", "max": "2.50", "change": { "absolute": "0.50" } }"#);
    let at = "deny p: envelope_exceeded /bid_micros";
    for (current, new, expect) in [
        ("2000000", "2500000", "allow p"),
        ("2000000", "2500001", at),
        ("2000001", "2500001", at),
        ("1900000", "2400001", at),
    ] {
        check_in(
            &bid,
            &now(&format!(r#""bid_micros":{current}"#)),
            &put(&format!(r#"{{"bid_micros":{new}}}"#)),
            expect,
        );
    }
    let one = set(r#"{ "field": "bid", "in": [2.5] }"#);
    check_in(&one, &World::default(), &put(r#"{"bid_micros":2500000}"#), "allow p");
    check_in(&one, &World::default(), &put(r#"{"bid_micros":"2500001"}"#), "deny p: value_format /bid_micros");
}

/// ISO 4217 says two digits for the forint, the Ugandan shilling has none, and bitcoin is not in it.
#[test]
fn minor_digits_of_the_api() {
    let most = set(r#"{ "field": "cost", "max": "10" }"#);
    let exceeded = "deny p: envelope_exceeded /cost";
    for (cost, currency, expect) in [
        (1000, "huf", "allow p"),
        (1001, "HUF", exceeded),
        (100_000, "ugx", "allow p"),
        (100_001, "ugx", exceeded),
        (100_000, "xbt", "allow p"),
        (100_001, "xbt", exceeded),
        // As ISO 4217 says, where the catalog says nothing.
        (1000, "jpy", "allow p"),
        (1001, "jpy", exceeded),
        (1000, "usd", "allow p"),
        (1001, "usd", exceeded),
    ] {
        let body = put(&format!(r#"{{"cost":{cost},"currency":"{currency}"}}"#));
        check_in(&most, &World::default(), &body, expect);
    }
    // What is now is in the same units.
    let step = set(r#"{ "field": "cost", "change": { "percent": "10" } }"#);
    let world = now(r#""cost":1000,"currency":"huf""#);
    check_in(&step, &world, &put(r#"{"cost":1100,"currency":"huf"}"#), "allow p");
    check_in(&step, &world, &put(r#"{"cost":1100,"currency":"usd"}"#), "allow p");
    check_in(&step, &world, &put(r#"{"cost":1101,"currency":"usd"}"#), exceeded);
}

/// An extension adds currencies, and its own digits stay.
#[test]
fn minor_digits_of_an_extended_catalog() {
    let mut all = sources_on(
        r#"{ "catalog": "own-v1", "extends": "scales-v1", "minor_digits": { "HUF": 2, "isk": 2 } }"#,
        r#"{ "money": { "currency": "usd", "rates": { "huf": "1", "isk": "1", "ugx": "1" } },
             "permit": [{ "id": "p", "scope": "store:items.update", "fields": "any", "limits": [{ "field": "cost", "max": 10 }] }] }"#,
    );
    all.push(source(SourceKind::Catalog, SCALES));
    let own = policy(&all);
    for currency in ["huf", "isk", "ugx"] {
        let body = |cost: u32| put(&format!(r#"{{"cost":{cost},"currency":"{currency}"}}"#));
        check_in(&own, &World::default(), &body(1000), "allow p");
        check_in(&own, &World::default(), &body(1001), "deny p: envelope_exceeded /cost");
    }
}

/// Slips are said where they stand, with what to write instead.
#[test]
fn slips() {
    let said = |piece: &str, by: &str| {
        assert!(SCALES.contains(piece), "{piece}");
        let page = r#"{ "permit": [{ "id": "p", "scope": "store:items.get" }] }"#;
        diagnosed(&sources_on(&SCALES.replacen(piece, by, 1), page)).join("\n")
    };
    let weight = r#""decimals": 1, "scale": 0.25"#;
    for (piece, by, expect) in [
        (weight, r#""scale": 0"#, "a scale is more than 0"),
        (weight, r#""scale": "-1""#, "a scale is more than 0"),
        (weight, r#""scale": "1e2""#, "`1e2` is not a decimal number of at most 18 significant digits"),
        (
            r#""type": "digits" }"#,
            r#""type": "digits", "scale": 2 }"#,
            "`scale` belongs to numbers: give the field the type `decimal`, `integer` or `money`",
        ),
        (r#""type": "integer" }"#, r#""scale": 2 }"#, "`scale` belongs to numbers"),
        (r#""huf": 0"#, r#""forint": 0"#, "`forint` is not an ISO 4217 currency code"),
        (r#""huf": 0"#, r#""huf": 19"#, "a minor unit has at most 18 digits: write 2"),
        (r#""huf": 0"#, r#""huf": 0, "HUF": 2"#, "the currency `huf` is listed twice"),
    ] {
        let said = said(piece, by);
        assert!(said.contains(expect), "{by}: {said}");
    }
    assert_eq!(said("\"huf\"", "\"huf\""), "");
}
