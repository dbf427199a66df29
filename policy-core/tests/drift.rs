//! Counters of changes: a value may be near to what it is now, and drift all the same (A10).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::counters::{Signals, record};
use support::counting::{DONE, Gateway, SENT, UNSENT};
use support::present::{World, put, store, store_permits};
use support::{json, text_of};

const PATH: &str = "/v1/products?include=42&per_page=100";

fn gateway(counters: &str) -> Gateway {
    let rule = r#"{ "id": "p", "scope": "store:products.update", "fields": { "only": ["price", "regular_price", "sale_price", "stock"] }, "counters": "#;
    Gateway::new(store_permits(&format!("{rule}[{counters}] }}")))
}

/// What the product is now.
fn product(gateway: &mut Gateway, members: &str) {
    let one = format!(r#"{{"id":42,{members}}}"#);
    gateway.world = World::of(&[("/v1/products/42", &one), (PATH, &format!("[{one}]"))]);
}

/// Sets the price from what it is now, and says what became of it.
#[track_caller]
fn reprice(gateway: &mut Gateway, old: &str, new: &str, expect: &str) {
    product(gateway, &format!(r#""price":"{old}""#));
    gateway.check(&put(&format!(r#"{{"price":"{new}"}}"#)), expect);
}

/// A10: every change counts, up and down, in parts of what the price was when the window began.
#[test]
fn gross_drift_adds_up() {
    let mut gateway = gateway(
        r#"{ "id": "d", "drift": "gross", "field": "price", "per": ["resource"], "max": { "percent": 20 }, "window": "7d" }"#,
    );
    reprice(&mut gateway, "100.00", "105.00", "allow p");
    reprice(&mut gateway, "105.00", "100.00", "allow p");
    reprice(&mut gateway, "100.00", "110.00", "allow p");
    // 5 + 5 + 10 of 100 are used: not one cent more.
    reprice(&mut gateway, "110.00", "110.01", "deny p: drift_exceeded");
    reprice(&mut gateway, "110.00", "110.00", "allow p");
    let refused = {
        product(&mut gateway, r#""price":"110.00""#);
        gateway.judge(&put(r#"{"price":"109.99"}"#))
    };
    assert_eq!(refused.reasons[0].message, "`price` would change in all by more than 20 % within 7d (counter `d`)");
    gateway.pass(8 * 86_400);
    reprice(&mut gateway, "110.00", "132.00", "allow p");
    reprice(&mut gateway, "132.00", "132.01", "deny p: drift_exceeded");
}

/// Net: only how far it is from the base; what others have changed counts as well.
#[test]
fn net_drift_is_the_distance_from_the_base() {
    let mut gateway = gateway(
        r#"{ "id": "d", "drift": "net", "field": "price", "per": ["resource"], "max": { "percent": "10" }, "window": "24h" }"#,
    );
    reprice(&mut gateway, "100.00", "110.00", "allow p");
    reprice(&mut gateway, "110.00", "90.00", "allow p");
    reprice(&mut gateway, "90.00", "89.99", "deny p: drift_exceeded");
    reprice(&mut gateway, "90.00", "100.00", "allow p");
    // Somebody else has lowered it: the base is still where the window began.
    reprice(&mut gateway, "85.00", "86.00", "deny p: drift_exceeded");
    reprice(&mut gateway, "85.00", "95.00", "allow p");
    gateway.pass(25 * 3_600);
    reprice(&mut gateway, "85.00", "78.00", "allow p");
}

/// Both bounds hold where both are given, and bounds in units of the value are exact.
#[test]
fn drift_in_units_of_the_value() {
    let mut gateway = gateway(
        r#"{ "id": "d", "drift": "gross", "field": "price", "per": ["resource"], "max": { "percent": 50, "absolute": "0.30" }, "window": "24h" }"#,
    );
    reprice(&mut gateway, "10.00", "10.10", "allow p");
    reprice(&mut gateway, "10.10", "10.30", "allow p");
    reprice(&mut gateway, "10.30", "10.31", "deny p: drift_exceeded");
    let mut small = self::gateway(
        r#"{ "id": "d", "drift": "gross", "field": "price", "per": ["resource"], "max": { "percent": 50, "absolute": "0.30" }, "window": "24h" }"#,
    );
    reprice(&mut small, "0.10", "0.15", "allow p");
    reprice(&mut small, "0.15", "0.16", "deny p: drift_exceeded");
}

/// The shares of several fields add up, each of its own base.
#[test]
fn shares_of_several_fields_add_up() {
    let mut gateway = gateway(
        r#"{ "id": "d", "drift": "gross", "field": ["regular_price", "sale_price"], "per": ["resource"], "max": { "percent": 10 }, "window": "24h" }"#,
    );
    product(&mut gateway, r#""regular_price":"300","sale_price":"30""#);
    // 10 of 300 and 2 of 30 are exactly a tenth.
    gateway.check(&put(r#"{"regular_price":"310","sale_price":"32.01"}"#), "deny p: drift_exceeded");
    gateway.check(&put(r#"{"regular_price":"310","sale_price":"32"}"#), "allow p");
    product(&mut gateway, r#""regular_price":"310","sale_price":"32""#);
    gateway.check(&put(r#"{"regular_price":"310.01"}"#), "deny p: drift_exceeded");
    gateway.check(&put(r#"{"regular_price":"310"}"#), "allow p");
}

/// What is not there now, or not known, is not changed; of nothing, every change is too much.
#[test]
fn what_it_is_now_must_be_known() {
    let mut gateway = gateway(
        r#"{ "id": "d", "drift": "gross", "field": "price", "per": ["resource"], "max": { "percent": 20 }, "window": "7d" }"#,
    );
    product(&mut gateway, r#""price":"""#);
    gateway.check(&put(r#"{"price":"1.00"}"#), "deny p: unknown_state");
    product(&mut gateway, r#""price":"0""#);
    gateway.check(&put(r#"{"price":"1.00"}"#), "deny p: drift_exceeded");
    gateway.check(&put(r#"{"price":"0.00"}"#), "allow p");
    // What changes no price needs none.
    gateway.world = World::default();
    gateway.check(&put(r#"{"stock":1}"#), "allow p");
    gateway.check(&put(r#"{"price":"1.00"}"#), "deny p: unknown_state");
}

/// Each resource drifts by itself, also as a row.
#[test]
fn resources_drift_apart() {
    let mut gateway = gateway(
        r#"{ "id": "d", "drift": "gross", "field": "price", "per": ["resource"], "max": { "percent": 10 }, "window": "7d" }"#,
    );
    let products = r#"[{"id":42,"price":"100"},{"id":43,"price":"100"}]"#;
    gateway.world = World::of(&[
        ("/v1/products/42", r#"{"id":42,"price":"100"}"#),
        ("/v1/products/43", r#"{"id":43,"price":"100"}"#),
        ("/v1/products?include=42,43&per_page=100", products),
        ("/v1/products?include=42%2C43&per_page=100", products),
    ]);
    let batch = |a: u32, b: u32| {
        let rows = format!(r#"{{"update":[{{"id":42,"price":{a}}},{{"id":43,"price":{b}}}]}}"#);
        json("POST /v1/products/batch", &rows)
    };
    gateway.check(&batch(110, 111), "deny p: drift_exceeded");
    gateway.check(&batch(110, 105), "allow p");
    gateway.check(&json("PUT /v1/products/43", r#"{"price":105}"#), "allow p");
    gateway.check(&json("PUT /v1/products/43", r#"{"price":101}"#), "deny p: drift_exceeded");
    gateway.check(&json("PUT /v1/products/42", r#"{"price":101}"#), "deny p: drift_exceeded");
}

/// A change that was certainly not made is none.
#[test]
fn changes_are_given_back() {
    for (signals, expect) in [
        (UNSENT, "allow p"),
        (Signals { status: Some(404), ..SENT }, "allow p"),
        (SENT, "deny p: drift_exceeded"),
        (DONE, "deny p: drift_exceeded"),
    ] {
        let mut gateway = gateway(
            r#"{ "id": "d", "drift": "gross", "field": "price", "per": ["resource"], "max": { "percent": 10 }, "window": "7d" }"#,
        );
        product(&mut gateway, r#""price":"100""#);
        assert_eq!(text_of(&gateway.send(&put(r#"{"price":"105"}"#), DONE)), "allow p");
        assert_eq!(text_of(&gateway.send(&put(r#"{"price":"103"}"#), signals)), "allow p");
        gateway.check(&put(r#"{"price":"103"}"#), expect);
    }
}

/// A host can begin where another state left off.
#[test]
fn what_was_changed_before() {
    let mut gateway = gateway(
        r#"{ "id": "d", "drift": "gross", "field": "price", "per": ["resource"], "max": { "percent": 10 }, "window": "24h" }"#,
    );
    let mut before = Gateway::new(gateway.set.clone());
    product(&mut before, r#""price":"100""#);
    let done = before.judge(&put(r#"{"price":"108"}"#));
    let plan = done.charged.as_ref().expect("it is counted");
    assert_eq!(record(plan, true, &gateway.table, &mut gateway.memory, gateway.now), vec![]);
    reprice(&mut gateway, "108.00", "105.99", "deny p: drift_exceeded");
    reprice(&mut gateway, "108.00", "106.00", "allow p");
}

/// A page in shadow looks nothing up: what it would count is not known.
#[test]
fn in_shadow_it_is_undecidable() {
    let set = store(
        r#"{ "mode": "shadow", "permit": [{ "id": "p", "scope": "store:products.update", "fields": "any", "counters": [{ "id": "d", "drift": "net", "field": "price", "per": ["resource"], "max": { "percent": 10 }, "window": "7d" }] }] }"#,
    );
    let mut gateway = Gateway::new(set);
    let outcome = gateway.judge(&put(r#"{"price":"105"}"#));
    assert_eq!((outcome.forward, outcome.undecidable.is_some()), (true, true));
}
