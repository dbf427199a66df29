//! Limits on a change: how far a value may move from what it is now.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use proptest::prelude::*;
use support::exact::{Bound, Written, text};
use support::present::{World, check_in, judge_in, limited, messages, now, put};
use support::text_of;

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
        "`price` is 0 now, and no change from 0 is within bounds; 1.00 was asked for (limit `step`)"
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

/// The first number with more.
const EIGHTEEN_DIGITS: i128 = 1_000_000_000_000_000_000;

/// A decimal of at most eighteen digits.
fn decimal() -> impl Strategy<Value = Written> {
    let digits = prop_oneof![0i128..1000, 0i128..1_000_000_000, 0i128..1_000_000_000_000_000_000];
    (digits, any::<bool>(), 0u32..=18).prop_map(|(digits, negative, scale)| {
        let scale = if digits >= 1_000_000_000_000_000 { scale.min(2) } else { scale };
        (if negative { -digits } else { digits }, scale)
    })
}

/// A limit: percent, an absolute bound or both, in one direction or both.
fn bound() -> impl Strategy<Value = Bound> {
    let size = || prop_oneof![Just(None), decimal().prop_map(|(digits, scale)| Some((digits.abs(), scale)))];
    let percent = prop_oneof![size(), (0i128..20_000, 0u32..=2).prop_map(Some)];
    (prop_oneof![Just("change"), Just("increase"), Just("decrease")], percent, size()).prop_map(
        |(word, percent, absolute)| {
            let percent = percent.or(absolute.is_none().then_some((5, 0)));
            Bound { word, percent, absolute }
        },
    )
}

fn set_of(bound: &Bound) -> Arc<PolicySet> {
    let member = |name: &str, given: Option<Written>| given.map(|given| format!(r#""{name}": "{}""#, text(given)));
    let members = [member("percent", bound.percent), member("absolute", bound.absolute)];
    let members: Vec<String> = members.into_iter().flatten().collect();
    limited(&format!(r#"{{ "field": "ratio", "{}": {{ {} }} }}"#, bound.word, members.join(", ")))
}

/// What the product says is what the exact arithmetic of the test says.
fn agree(set: &Arc<PolicySet>, bound: &Bound, current: Written, new: Written) -> Result<(), TestCaseError> {
    let world = now(&format!(r#""ratio":"{}""#, text(current)));
    let outcome = judge_in(set, &put(&format!(r#"{{"ratio":"{}"}}"#, text(new))), &world);
    let expect = if bound.holds(current, new) { "allow p" } else { "deny p: envelope_exceeded /ratio" };
    prop_assert_eq!(text_of(&outcome), expect, "{} -> {} under {:?}", text(current), text(new), bound);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    /// For any limit, any value now and any new one the verdict is that of exact arithmetic: 4,000 changes.
    #[test]
    fn the_verdict_is_exact(bound in bound(), changes in prop::collection::vec((decimal(), decimal()), 16)) {
        let set = set_of(&bound);
        for (current, new) in changes {
            agree(&set, &bound, current, new)?;
            // Near the value of now, where most bounds lie.
            let near = (current.0 + new.0 % 1000).clamp(1 - EIGHTEEN_DIGITS, EIGHTEEN_DIGITS - 1);
            agree(&set, &bound, current, (near, current.1))?;
        }
    }

    /// At the bound itself, and one unit of the last digit to both sides of it.
    #[test]
    fn the_boundary_is_exact(
        hundredths in 0i128..30_000,
        absolute in prop_oneof![Just(None), (0i128..1_000_000).prop_map(Some)],
        prices in prop::collection::vec(1i128..10_000_000_000, 4),
    ) {
        let bound = Bound { word: "change", percent: Some((hundredths, 2)), absolute: absolute.map(|cents| (cents, 2)) };
        let set = set_of(&bound);
        for cents in prices {
            let share = (cents * hundredths / 10_000).min(absolute.unwrap_or(i128::MAX));
            for (new, expect) in [
                (cents + share, true), (cents + share + 1, false), (cents - share, true), (cents - share - 1, false),
            ] {
                prop_assert_eq!(bound.holds((cents, 2), (new, 2)), expect, "{} -> {} under {:?}", cents, new, bound);
                agree(&set, &bound, (cents, 2), (new, 2))?;
            }
        }
    }
}

/// The boundary of a price at 5 %, by the product and by the arithmetic that it is held to.
#[test]
fn nineteen_ninety_nine() {
    let bound = Bound { word: "change", percent: Some((5, 0)), absolute: None };
    let set = set_of(&bound);
    for (new, expect) in [(2098, true), (2099, false), (1900, true), (1899, false), (1999, true)] {
        assert_eq!(bound.holds((1999, 2), (new, 2)), expect, "{new}");
        agree(&set, &bound, (1999, 2), (new, 2)).expect("they agree");
    }
}
