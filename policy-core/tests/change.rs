//! Limits on a change: how far a value may move from what it is now.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::{Arc, LazyLock};

use policy_core::PolicySet;
use proptest::prelude::*;
use support::present::{World, check_in, judge_in, messages, store_permits};
use support::{Request, json, text_of};

fn limited(limit: &str) -> Arc<PolicySet> {
    store_permits(&format!(
        r#"{{ "id": "p", "scope": "store:products.update", "fields": "any", "limits": [{limit}] }}"#
    ))
}

fn put(body: &str) -> Request {
    json("PUT /v1/products/42", body)
}

fn now(members: &str) -> World {
    World::of(&[("/v1/products/42", &format!(r#"{{"id":42,{members}}}"#))])
}

const STEP: &str = r#"{ "id": "step", "field": "price", "change": { "percent": "5", "absolute": "50.00" } }"#;

/// The envelope of a price: 5 % and 50.00, both, inclusive.
#[test]
fn both_bounds_hold_inclusive() {
    let set = limited(STEP);
    let held = "deny p: envelope_exceeded /price";
    for (current, new, expect) in [
        ("19.99", "20.98", "allow p"),
        ("19.99", "20.99", held),
        ("19.99", "19.00", "allow p"),
        ("19.99", "18.99", held),
        ("100.00", "105", "allow p"),
        ("100.00", "95.00", "allow p"),
        ("100.00", "105.01", held),
        ("100.00", "94.99", held),
        ("1200.00", "1250.00", "allow p"),
        ("1200.00", "1250.01", held),
        ("1200.00", "1149.99", held),
        ("1000.00", "1050.00", "allow p"),
        ("20.00", "20.00", "allow p"),
        ("0.10", "0.10", "allow p"),
        ("0.10", "0.11", held),
        ("20.00", "0", held),
    ] {
        for current in [format!("\"{current}\""), current.to_string()] {
            check_in(&set, &now(&format!(r#""price":{current}"#)), &put(&format!(r#"{{"price":"{new}"}}"#)), expect);
        }
    }
}

/// A1: the message shows what was asked, what is now, and the nearest value that holds.
#[test]
fn messages_let_an_agent_correct_itself() {
    let said = |limit: &str, current: &str, new: &str| {
        let outcome = judge_in(
            &limited(limit),
            &put(&format!(r#"{{"price":"{new}"}}"#)),
            &now(&format!(r#""price":"{current}""#)),
        );
        messages(&outcome).join("; ")
    };
    let percent = r#"{ "id": "step", "field": "price", "change": { "percent": "5" } }"#;
    assert_eq!(
        said(percent, "20.00", "21.50"),
        "`price` 21.50 is 7.5 % above 20.00; at most 5 % (21.00) (limit `step`)"
    );
    assert_eq!(
        said(percent, "19.99", "20.99"),
        "`price` 20.99 is 5.01 % above 19.99; at most 5 % (20.98) (limit `step`)"
    );
    assert_eq!(
        said(percent, "19.99", "18.99"),
        "`price` 18.99 is 5.01 % below 19.99; at most 5 % (19.00) (limit `step`)"
    );
    assert_eq!(
        said(STEP, "1200.00", "1251"),
        "`price` 1251.00 is 4.25 % above 1200.00; at most 5 % and 50.00 (1250.00) (limit `step`)"
    );
    let absolute = r#"{ "field": "price", "change": { "absolute": "0.5" } }"#;
    assert_eq!(said(absolute, "3.00", "2"), "`price` 2.00 is 33.34 % below 3.00; at most 0.50 (2.50) (limit `0`)");
    assert_eq!(
        said(percent, "0.00", "1"),
        "`price` 1.00 is a change of 0, of which none is within bounds (limit `step`)"
    );
}

/// The nearest value that a message names does hold.
#[test]
fn the_named_bound_holds() {
    let set = limited(STEP);
    for (current, new) in [("19.99", "25"), ("19.99", "10"), ("0.33", "1"), ("1999.99", "3000"), ("1000000", "1")] {
        let world = now(&format!(r#""price":"{current}""#));
        let outcome = judge_in(&set, &put(&format!(r#"{{"price":"{new}"}}"#)), &world);
        let message = &outcome.reasons[0].message;
        let bound = message.rsplit_once(" (limit").unwrap().0.rsplit_once('(').unwrap().1.trim_end_matches(')');
        check_in(&set, &world, &put(&format!(r#"{{"price":"{bound}"}}"#)), "allow p");
    }
}

#[test]
fn one_direction() {
    let up = limited(r#"{ "field": "stock", "increase": { "percent": "10" } }"#);
    let down = limited(r#"{ "field": "stock", "decrease": { "absolute": 5 } }"#);
    let world = now(r#""stock":100"#);
    let held = "deny p: envelope_exceeded /stock";
    for (set, stock, expect) in [
        (&up, 110, "allow p"),
        (&up, 111, held),
        (&up, 0, "allow p"),
        (&down, 95, "allow p"),
        (&down, 94, held),
        (&down, 100_000, "allow p"),
    ] {
        check_in(set, &world, &put(&format!(r#"{{"stock":{stock}}}"#)), expect);
    }
}

/// Zero, null, absent and empty: each has one meaning.
#[test]
fn what_the_current_value_can_be() {
    let set = limited(STEP);
    let unknown = "deny p: unknown_state /price";
    let held = "deny p: envelope_exceeded /price";
    for (current, new, expect) in [
        (r#""price":"0.00""#, "0", "allow p"),
        (r#""price":0"#, "0.01", held),
        (r#""price":null"#, "1", unknown),
        (r#""price":"""#, "1", unknown),
        (r#""other":1"#, "1", unknown),
        (r#""price":"n/a""#, "1", unknown),
        (r#""price":"1e2""#, "100", unknown),
        (r#""price":1e2"#, "100", unknown),
        (r#""price":true"#, "1", unknown),
        (r#""price":["1"]"#, "1", unknown),
        (r#""price":{"amount":"1"}"#, "1", unknown),
        (r#""price":" 1""#, "1", unknown),
        // More digits than a request may have are exact all the same.
        (r#""price":"100.000000000000001""#, "105.00", "allow p"),
        (r#""price":"99.999999999999999""#, "105.00", held),
    ] {
        check_in(&set, &now(current), &put(&format!(r#"{{"price":"{new}"}}"#)), expect);
    }
    // A value that is not in the request: the limit holds.
    check_in(&set, &now(r#""price":"1""#), &put(r#"{"status":"x"}"#), "allow p");
    check_in(&set, &now(r#""price":"1""#), &put(r#"{"price":null}"#), "deny p: value_format /price");
}

#[test]
fn negative_values_are_measured_by_their_size() {
    let set = limited(r#"{ "field": "ratio", "change": { "percent": "10" } }"#);
    let held = "deny p: envelope_exceeded /ratio";
    for (current, new, expect) in [
        ("-10", "-11", "allow p"),
        ("-10", "-9", "allow p"),
        ("-10", "-11.01", held),
        ("-10", "10", held),
        ("10", "-10", held),
    ] {
        check_in(&set, &now(&format!(r#""ratio":"{current}""#)), &put(&format!(r#"{{"ratio":"{new}"}}"#)), expect);
    }
}

/// Eighteen digits on both sides are exact; what is longer is no number.
#[test]
fn eighteen_digits() {
    let set = limited(r#"{ "field": "ratio", "change": { "percent": "100", "absolute": "999999999999999999" } }"#);
    let held = "deny p: envelope_exceeded /ratio";
    for (current, new, expect) in [
        ("499999999999999999", "999999999999999998", "allow p"),
        ("499999999999999999", "999999999999999999", held),
        ("0.000000000000000001", "0.000000000000000002", "allow p"),
        ("0.000000000000000001", "0.000000000000000003", held),
        ("0.000000000000000001", "999999999999999999", held),
        ("999999999999999999", "0.000000000000000001", "allow p"),
        ("999999999999999999", "-0.000000000000000001", held),
    ] {
        check_in(&set, &now(&format!(r#""ratio":"{current}""#)), &put(&format!(r#"{{"ratio":"{new}"}}"#)), expect);
    }
    check_in(&set, &now(r#""ratio":"1000000000000000000""#), &put(r#"{"ratio":"1"}"#), "deny p: unknown_state /ratio");
    check_in(&set, &now(r#""ratio":"1""#), &put(r#"{"ratio":"1000000000000000000"}"#), "deny p: value_format /ratio");
}

/// `against`: the first that is there. One that is there and no number is not passed over.
#[test]
fn the_first_value_that_is_there() {
    let against = limited(r#"{ "field": "sale_price", "change": { "percent": "5", "against": ["price"] } }"#);
    let base = limited(r#"{ "field": "sale_price", "change": { "percent": "5" } }"#);
    let sale = put(r#"{"sale_price":"95.00"}"#);
    for (set, current, expect) in [
        (&against, r#""price":"100.00","sale_price":"10.00""#, "allow p"),
        (&against, r#""sale_price":"95.00""#, "deny p: unknown_state /sale_price"),
        (&base, r#""sale_price":"100.00","regular_price":"1""#, "allow p"),
        (&base, r#""sale_price":"","regular_price":"100.00""#, "allow p"),
        (&base, r#""sale_price":null,"item":{"regular_price":"100.00"}"#, "allow p"),
        (&base, r#""regular_price":"100.00""#, "allow p"),
        (&base, r#""sale_price":"0","regular_price":"100.00""#, "deny p: envelope_exceeded /sale_price"),
        (&base, r#""sale_price":"soon","regular_price":"100.00""#, "deny p: unknown_state /sale_price"),
        (&base, r#""price":"100.00""#, "deny p: unknown_state /sale_price"),
    ] {
        check_in(set, &now(current), &sale, expect);
    }
}

/// Where an answer has a field at several places, the first that is there counts.
#[test]
fn an_answer_spells_a_field_at_its_first_place() {
    let set = limited(r#"{ "field": "regular_price", "change": { "percent": "5" } }"#);
    let new = put(r#"{"regular_price":"100"}"#);
    check_in(&set, &now(r#""item":{"regular_price":"100"},"regular_price":"1""#), &new, "allow p");
    check_in(&set, &now(r#""item":{},"regular_price":"100""#), &new, "allow p");
    check_in(
        &set,
        &now(r#""item":{"regular_price":"1"},"regular_price":"100""#),
        &new,
        "deny p: envelope_exceeded /regular_price",
    );
    check_in(&set, &now(r#""item":[],"regular_price":"100""#), &new, "deny p: unknown_state /regular_price");
}

/// Money is compared in the page's currency, in major units: minor units are those of each currency.
#[test]
fn money_and_minor_units() {
    let page = |limit: &str| {
        support::present::store(&format!(
            r#"{{ "money": {{ "currency": "usd", "rates": {{ "jpy": "0.01", "kwd": "3" }} }},
                  "permit": [{{ "id": "p", "scope": "store:products.update", "fields": "any", "limits": [{limit}] }}] }}"#
        ))
    };
    let set = page(r#"{ "field": "cost", "change": { "percent": "10", "absolute": "2" } }"#);
    let held = "deny p: envelope_exceeded /cost";
    let unknown = "deny p: unknown_state /cost";
    for (current, new, expect) in [
        // Cents: 10.00 to 11.00.
        (r#""cost":1000,"currency":"usd""#, r#"{"cost":1100,"currency":"usd"}"#, "allow p"),
        (r#""cost":1000,"currency":"usd""#, r#"{"cost":1101,"currency":"usd"}"#, held),
        // Yen have no minor unit: 1000 JPY are 10 USD.
        (r#""cost":1000,"currency":"JPY""#, r#"{"cost":1100,"currency":"jpy"}"#, "allow p"),
        (r#""cost":1000,"currency":"jpy""#, r#"{"cost":1101,"currency":"jpy"}"#, held),
        // Fils: a thousandth.
        (r#""cost":4000,"currency":"kwd""#, r#"{"cost":4400,"currency":"kwd"}"#, "allow p"),
        (r#""cost":4000,"currency":"kwd""#, r#"{"cost":4401,"currency":"kwd"}"#, held),
        // Another currency now than then: by the page's rates.
        (r#""cost":1000,"currency":"jpy""#, r#"{"cost":1100,"currency":"usd"}"#, "allow p"),
        (r#""cost":1000,"currency":"jpy""#, r#"{"cost":1101,"currency":"usd"}"#, held),
        (r#""cost":1000,"currency":"eur""#, r#"{"cost":1000,"currency":"usd"}"#, unknown),
        (r#""cost":1000"#, r#"{"cost":1000,"currency":"usd"}"#, unknown),
        (r#""cost":1000,"currency":"usd""#, r#"{"cost":1000,"currency":"eur"}"#, "deny p: value_format /cost"),
    ] {
        check_in(&set, &now(current), &put(new), expect);
    }
}

#[test]
fn a_change_is_a_condition_too() {
    let set = limited(
        r#"{ "field": "status", "in": ["reviewed"], "when": [{ "field": "price", "present": true, "increase": { "percent": "0" } }] }"#,
    );
    let world = now(r#""price":"10""#);
    check_in(&set, &world, &put(r#"{"price":"9","status":"x"}"#), "deny p: value_format /status");
    check_in(&set, &world, &put(r#"{"price":"11","status":"x"}"#), "allow p");
    let forbid = support::present::store(
        r#"{ "permit": [{ "id": "p", "scope": "store:products.update", "fields": "any" }],
             "forbid": [{ "id": "no-cuts", "scope": "store:products.update", "when": [{ "field": "price", "present": true, "change": { "percent": "5" } }] }] }"#,
    );
    check_in(&forbid, &world, &put(r#"{"price":"10.10"}"#), "deny no-cuts: forbidden");
    check_in(&forbid, &world, &put(r#"{"price":"20"}"#), "allow p");
    check_in(&forbid, &World::default(), &put(r#"{"price":"20"}"#), "deny no-cuts: forbidden");
}

static PERCENT: LazyLock<Vec<(&'static str, Arc<PolicySet>)>> = LazyLock::new(|| {
    let limits = ["0", "5", "12.5", "100", "0.000000000000000001", "999999999999999999"];
    let page = |percent: &&'static str| {
        let limit = format!(r#"{{ "field": "ratio", "change": {{ "percent": "{percent}" }} }}"#);
        (*percent, limited(&limit))
    };
    limits.iter().map(page).collect()
});

/// A decimal as digits and a number of digits behind the point.
fn decimal() -> impl Strategy<Value = (i128, u32)> {
    let digits = prop_oneof![0i128..1000, 0i128..1_000_000_000, 0i128..1_000_000_000_000_000_000];
    (digits, any::<bool>(), 0u32..=18).prop_map(|(digits, negative, scale)| {
        let scale = if digits >= 1_000_000_000_000_000 { scale.min(2) } else { scale };
        (if negative { -digits } else { digits }, scale)
    })
}

fn text((digits, scale): (i128, u32)) -> String {
    let padded = format!("{:0>width$}", digits.unsigned_abs(), width = scale as usize + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
    let sign = if digits < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// An unsigned whole number of any size, in digits of 10⁹.
#[derive(Clone, PartialEq, Eq)]
struct Big(Vec<u64>);

const BASE: u64 = 1_000_000_000;

impl Big {
    fn new(mut number: u128) -> Self {
        let mut digits = Vec::new();
        while number > 0 {
            digits.push(u64::try_from(number % u128::from(BASE)).unwrap());
            number /= u128::from(BASE);
        }
        Self(digits)
    }

    fn times(&self, other: &Self) -> Self {
        let mut digits = vec![0u64; self.0.len() + other.0.len() + 1];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (j, b) in other.0.iter().chain(std::iter::repeat_n(&0, digits.len() - i - other.0.len())).enumerate() {
                let sum = digits[i + j] + a * b + carry;
                digits[i + j] = sum % BASE;
                carry = sum / BASE;
            }
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self(digits)
    }

    fn at_most(&self, other: &Self) -> bool {
        let reversed = |big: &Self| big.0.iter().rev().copied().collect::<Vec<_>>();
        (self.0.len(), reversed(self)) <= (other.0.len(), reversed(other))
    }

    fn ten_to(power: u32) -> Self {
        (0..power).fold(Self::new(1), |big, _| big.times(&Self::new(10)))
    }

    fn distance(a: &Self, b: &Self) -> Self {
        let (large, small) = if a.at_most(b) { (b, a) } else { (a, b) };
        let mut digits = Vec::new();
        let mut borrow = 0;
        for (i, digit) in large.0.iter().enumerate() {
            let taken = small.0.get(i).copied().unwrap_or(0) + borrow;
            borrow = u64::from(*digit < taken);
            digits.push(digit + borrow * BASE - taken);
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self(digits)
    }

    fn plus(&self, other: &Self) -> Self {
        let mut digits = Vec::new();
        let mut carry = 0;
        for i in 0..=self.0.len().max(other.0.len()) {
            let sum = self.0.get(i).unwrap_or(&0) + other.0.get(i).unwrap_or(&0) + carry;
            digits.push(sum % BASE);
            carry = sum / BASE;
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self(digits)
    }
}

/// The oracle: |new - current| × 100 ≤ percent × |current|, in whole numbers of any size.
fn holds(current: (i128, u32), new: (i128, u32), percent: (i128, u32)) -> bool {
    let scaled =
        |(digits, scale): (i128, u32), to: u32| Big::new(digits.unsigned_abs()).times(&Big::ten_to(to - scale));
    let scale = current.1.max(new.1);
    let (a, b) = (scaled(current, scale), scaled(new, scale));
    let moved = if (current.0 < 0) == (new.0 < 0) { Big::distance(&a, &b) } else { a.plus(&b) };
    let moved = moved.times(&Big::new(100)).times(&Big::ten_to(percent.1));
    moved.at_most(&a.times(&Big::new(percent.0.unsigned_abs())))
}

/// The same digits as written: `0.05` is (5, 2).
fn parts(text: &str) -> (i128, u32) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    (format!("{whole}{fraction}").parse().unwrap(), u32::try_from(fraction.len()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// For any value now, any new one and any bound the verdict is that of exact arithmetic.
    #[test]
    fn the_verdict_is_exact(current in decimal(), new in decimal(), which in 0usize..6) {
        let (percent, set) = &PERCENT[which];
        let world = now(&format!(r#""ratio":"{}""#, text(current)));
        let outcome = judge_in(set, &put(&format!(r#"{{"ratio":"{}"}}"#, text(new))), &world);
        let expect = if holds(current, new, parts(percent)) { "allow p" } else { "deny p: envelope_exceeded /ratio" };
        prop_assert_eq!(text_of(&outcome), expect, "{} -> {} at {} %", text(current), text(new), percent);
    }

    /// At the bound itself, and one unit of the last digit to both sides of it.
    #[test]
    fn the_boundary_is_exact(cents in 1i128..10_000_000_000, up in any::<bool>(), off in -1i128..=1) {
        let (percent, set) = &PERCENT[1];
        let share = cents * 5 / 100;
        let new = (if up { cents + share + off } else { cents - share - off }, 2);
        let world = now(&format!(r#""ratio":"{}""#, text((cents, 2))));
        let outcome = judge_in(set, &put(&format!(r#"{{"ratio":"{}"}}"#, text(new))), &world);
        let expect = if holds((cents, 2), new, parts(percent)) { "allow p" } else { "deny p: envelope_exceeded /ratio" };
        prop_assert_eq!(text_of(&outcome), expect, "{} -> {}", text((cents, 2)), text(new));
    }
}
