//! Conditions of a limit: when a `when` brings it into force (A4).

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use support::pages::permits;
use support::{check, json};

/// A permit for any product write with these limits.
fn limited(limits: &str) -> Arc<PolicySet> {
    permits(&format!(r#"{{ "id": "w", "scope": "shop:products.update", "fields": "any", "limits": [{limits}] }}"#))
}

#[track_caller]
fn holds(set: &Arc<PolicySet>, bodies: &[&str]) {
    for body in bodies {
        check(set, &json("PUT /v3/products/1", body), "allow w");
    }
}

#[track_caller]
fn breaks(set: &Arc<PolicySet>, bodies: &[(&str, &str)]) {
    for (body, expect) in bodies {
        check(set, &json("PUT /v3/products/1", body), &format!("deny w: {expect}"));
    }
}

/// `when`: a limit applies only if all of it holds; what cannot be known denies.
#[test]
fn a_limit_applies_when() {
    let set = limited(
        r#"{ "field": "price", "max": 10, "when": [{ "field": "status", "in": ["live"] }, { "field": "stock", "over": 5 }] }"#,
    );
    holds(
        &set,
        &[
            r#"{"price":99,"status":"draft","stock":9}"#,
            r#"{"price":99,"status":"live","stock":5}"#,
            r#"{"price":9,"status":"live","stock":6}"#,
        ],
    );
    breaks(
        &set,
        &[
            (r#"{"price":99,"status":"live","stock":6}"#, "envelope_exceeded /price"),
            // Nothing there: holds, so the limit applies.
            (r#"{"price":99}"#, "envelope_exceeded /price"),
            (r#"{"price":9,"status":"live","stock":null}"#, "unknown_state"),
            (r#"{"price":9,"status":["live"]}"#, "unknown_state"),
        ],
    );
}

/// `when`: one value that holds is enough, so that adding a value never takes a limit out of force.
#[test]
fn one_value_brings_a_limit_into_force() {
    let set = limited(r#"{ "field": "price", "max": 1, "when": [{ "field": "tags/*", "in": ["cheap"] }] }"#);
    holds(&set, &[r#"{"price":9,"tags":["x"]}"#, r#"{"price":9,"tags":["x","y"]}"#, r#"{"price":1,"tags":["cheap"]}"#]);
    for tags in [r#"["cheap"]"#, r#"["cheap","x"]"#, r#"["x","cheap"]"#, r#"["cheap",null]"#, "[]"] {
        breaks(&set, &[(&format!("{{\"price\":9,\"tags\":{tags}}}"), "envelope_exceeded /price")]);
    }
    breaks(
        &set,
        &[(r#"{"price":1,"tags":["x",null]}"#, "unknown_state"), (r#"{"price":1,"tags":"cheap"}"#, "unknown_state")],
    );
}

/// `when`: a test that fails says no, whatever else is unknown and in whichever order they stand.
#[test]
fn a_failing_test_beats_an_unknown_one() {
    let stock = r#"{ "field": "stock", "max": 5 }"#;
    let name = r#"{ "field": "name", "in": ["x"] }"#;
    for when in [format!("{stock}, {name}"), format!("{name}, {stock}")] {
        let set = limited(&format!(r#"{{ "field": "price", "max": 1, "when": [{when}] }}"#));
        holds(&set, &[r#"{"price":9,"stock":null,"name":"y"}"#, r#"{"price":9,"stock":9,"name":null}"#]);
        breaks(
            &set,
            &[
                (r#"{"price":1,"stock":null,"name":"x"}"#, "unknown_state"),
                (r#"{"price":1,"stock":1,"name":null}"#, "unknown_state"),
                (r#"{"price":9,"stock":1,"name":"x"}"#, "envelope_exceeded /price"),
            ],
        );
    }
}
