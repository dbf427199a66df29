//! Bands: what is fine, what a person must approve, what is refused. What is unknown or malformed never softens.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::{PolicySet, Unavailable};
use support::json;
use support::present::{World, check_in, judge_in, messages, now, put, response, store};

fn page(unavailable: &str, limits: &str) -> Arc<PolicySet> {
    store(&format!(
        r#"{{ {unavailable} "permit": [{{ "id": "p", "scope": "store:products.update", "fields": "any", "limits": [{limits}] }}] }}"#
    ))
}

const STEPS: &str = r#"
  { "id": "usual", "field": "price", "change": { "percent": "5" }, "beyond": { "approval": "manager" } },
  { "id": "most", "field": "price", "change": { "percent": "20" } }"#;

/// Two limits on one value: within both it is allowed, within the outer one it is held, past that it is denied.
#[test]
fn bands_of_a_change() {
    let set = page("", STEPS);
    let world = now(r#""price":"100.00""#);
    for (price, expect) in [
        ("105.00", "allow p"),
        ("105.01", "approval_required p: approval_required /price"),
        ("120.00", "approval_required p: approval_required /price"),
        ("120.01", "deny p: envelope_exceeded /price"),
        ("79.99", "deny p: envelope_exceeded /price"),
        ("80.00", "approval_required p: approval_required /price"),
    ] {
        check_in(&set, &world, &put(&format!(r#"{{"price":"{price}"}}"#)), expect);
    }
    let outcome = judge_in(&set, &put(r#"{"price":"107.50"}"#), &world);
    let said =
        "`price` 107.50 is 7.5 % above 100.00; at most 5 % (105.00); past that, `manager` must approve (limit `usual`)";
    assert_eq!(messages(&outcome), [said]);
}

/// A band needs its lookup even where the best it could say is "ask".
#[test]
fn a_band_is_judged_before_anyone_is_asked() {
    let set =
        page("", &format!(r#"{STEPS}, {{ "field": "price", "max": "50", "beyond": {{ "approval": "manager" }} }}"#));
    let world = now(r#""price":"100.00""#);
    check_in(&set, &world, &put(r#"{"price":"104"}"#), "approval_required p: approval_required /price");
    assert_eq!(world.asked(), ["/v1/products/42"]);
    check_in(&set, &world, &put(r#"{"price":"150"}"#), "deny p: envelope_exceeded /price");
}

#[test]
fn what_is_unknown_or_malformed_never_softens() {
    let soft = r#"{ "field": "price", "change": { "percent": "5" }, "beyond": { "approval": "manager" } }"#;
    for unavailable in ["", r#""on_unavailable": "deny","#, r#""on_unavailable": { "approval": "owner" },"#] {
        let set = page(unavailable, soft);
        for world in [now(r#""price":null"#), now(r#""price":"x""#), now(r#""other":1"#), now(r#""price":["1"]"#)] {
            check_in(&set, &world, &put(r#"{"price":"1"}"#), "deny p: unknown_state /price");
        }
        let malformed = put(r#"{"price":"1e0"}"#);
        check_in(&set, &now(r#""price":"1""#), &malformed, "deny p: value_format /price");
        // Answers that an agent could bring about.
        for answer in
            [response(404, "{}"), response(200, r#"{"id":43,"price":"1"}"#), response(200, "[]"), response(302, "")]
        {
            let world = World::default().with("/v1/products/42", answer);
            check_in(&set, &world, &put(r#"{"price":"1"}"#), "deny p: unknown_state /price");
        }
    }
}

/// `on_unavailable` lets a person decide where a lookup was not answered, and nothing else.
#[test]
fn what_cannot_be_looked_up_can_be_asked() {
    let ask = r#""on_unavailable": { "approval": "owner" },"#;
    let away = || World::default().unavailable("/v1/products/42", Unavailable::Timeout);
    let body = put(r#"{"price":"1"}"#);
    let held = "approval_required p: approval_required /price";
    for limit in [
        r#"{ "field": "price", "change": { "percent": "5" } }"#,
        r#"{ "field": "price", "change": { "percent": "5" }, "beyond": { "approval": "manager" } }"#,
    ] {
        check_in(&page("", limit), &away(), &body, "deny p: unknown_state /price");
        check_in(&page(ask, limit), &away(), &body, held);
        for status in [500, 503, 429, 408] {
            let world = World::default().with("/v1/products/42", response(status, "{}"));
            check_in(&page(ask, limit), &world, &body, held);
        }
    }
    let set = page(ask, r#"{ "id": "step", "field": "price", "change": { "percent": "5" } }"#);
    let outcome = judge_in(&set, &body, &away());
    let said = "the current value of `price` is not known: its lookup was not answered in time; without it, `owner` must \
                approve (limit `step`)";
    assert_eq!(messages(&outcome), [said]);
    // In a `when`, too; a limit that is broken for another reason stays broken.
    let when = r#"{ "field": "price", "max": 5, "when": [{ "field": "current.status", "in": ["live"] }] }"#;
    check_in(&page(ask, when), &away(), &body, "approval_required p: approval_required");
    check_in(&page("", when), &away(), &body, "deny p: unknown_state");
    let both = r#"{ "field": "price", "max": "0.5", "change": { "percent": "5" } }"#;
    check_in(&page(ask, both), &away(), &body, "deny p: envelope_exceeded /price");
    // Softened past a bound, and denied where it is not known.
    let band =
        r#"{ "field": "price", "max": "0.5", "change": { "percent": "5" }, "beyond": { "approval": "manager" } }"#;
    check_in(&page("", band), &away(), &body, "deny p: unknown_state /price");
    check_in(
        &page(ask, band),
        &away(),
        &body,
        "approval_required p: approval_required /price, approval_required /price",
    );
    // A filter that cannot be known matches no permit, and a forbid that cannot be known matches.
    let filter = store(&format!(
        r#"{{ {ask} "permit": [{{ "id": "p", "scope": "store:products.update[status=live]", "fields": "any" }}] }}"#
    ));
    check_in(&filter, &away(), &body, "deny: unknown_state");
    let forbid = store(&format!(
        r#"{{ {ask} "permit": [{{ "id": "p", "scope": "store:products.update", "fields": "any" }}],
              "forbid": [{{ "id": "f", "scope": "store:products.update", "when": [{{ "field": "current.status", "in": ["live"] }}] }}] }}"#
    ));
    check_in(&forbid, &away(), &body, "deny f: forbidden");
}

/// Sums and values with a part that could not be had.
#[test]
fn a_sum_with_a_part_that_is_away() {
    let limits = r#"{ "sum": "line_value", "max": "500" }"#;
    let page = |unavailable: &str| {
        store(&format!(
            r#"{{ {unavailable} "permit": [{{ "id": "p", "scope": "store:orders.create", "fields": "any", "limits": [{limits}] }}] }}"#
        ))
    };
    let ask = page(r#""on_unavailable": { "approval": "owner" },"#);
    let order = json("POST /v1/orders", r#"{"lines":[{"product_id":1,"quantity":1},{"product_id":2,"quantity":1}]}"#);
    let world = || World::of(&[("/v1/products/1", r#"{"price":"5"}"#)]);
    let away = world().unavailable("/v1/products/2", Unavailable::Unreachable);
    check_in(&ask, &away, &order, "approval_required p: approval_required");
    check_in(&page(""), &away, &order, "deny p: unknown_state");
    // One part away, one unknown: unknown.
    let worse = away.with("/v1/products/1", response(404, "{}"));
    check_in(&ask, &worse, &order, "deny p: unknown_state");
}

/// Of every limit that softens: past its bound a person is asked, malformed is refused.
#[test]
fn malformed_values_are_refused_by_every_band() {
    let soft = r#""beyond": { "approval": "manager" }"#;
    let held = |at: &str| format!("approval_required p: approval_required{at}");
    let world = || now(r#""price":"10","stock":10,"status":"live""#);
    for (test, past, malformed, at) in [
        (r#""field": "price", "max": 5"#, r#""price":"6""#, r#""price":"6e0""#, " /price"),
        (r#""field": "price", "min": 5"#, r#""price":4"#, r#""price":[4]"#, " /price"),
        (r#""field": "price", "in": [5, "5"]"#, r#""price":4"#, r#""price":null"#, " /price"),
        (r#""field": "price", "not_in": [4]"#, r#""price":4"#, r#""price":{}"#, " /price"),
        (r#""field": "price", "change": { "percent": 5 }"#, r#""price":"11""#, r#""price":"0x0b""#, " /price"),
        (r#""field": "price", "increase": { "absolute": "0.5" }"#, r#""price":"11""#, r#""price":true"#, " /price"),
        (r#""field": "stock", "decrease": { "absolute": 5 }"#, r#""stock":4"#, r#""stock":4.5"#, " /stock"),
        (r#""field": "stock", "equals": "current.stock""#, r#""stock":4"#, r#""stock":"10""#, " /stock"),
        (r#""field": "status", "pattern": "[a-z]+""#, r#""status":"A""#, r#""status":7"#, " /status"),
        (r#""field": "status", "prefix": ["a"]"#, r#""status":"b""#, r#""status":["a"]"#, " /status"),
        (r#""field": "status", "length": { "max": 2 }"#, r#""status":"abc""#, r#""status":1"#, " /status"),
        (r#""sum": "price", "max": 5"#, r#""price":"6""#, r#""price":"six""#, " /price"),
        (r#""count": "/tags", "max": 1"#, r#""tags":["a","b"]"#, r#""tags":"a,b""#, " /tags"),
    ] {
        let set = page("", &format!("{{ {test}, {soft} }}"));
        check_in(&set, &world(), &put(&format!("{{{past}}}")), &held(at));
        let outcome = judge_in(&set, &put(&format!("{{{malformed}}}")), &world());
        let text = support::text_of(&outcome);
        assert!(text.starts_with("deny p: value_format") && text.ends_with(at), "{test}: {malformed}: {text}");
    }
}

/// The strictest of several bands counts, in whatever order they stand; a value that is fine for one is judged by all.
#[test]
fn three_bands() {
    let bands = [
        r#"{ "id": "usual", "field": "price", "change": { "percent": "5" }, "beyond": { "approval": "manager" } }"#,
        r#"{ "id": "large", "field": "price", "change": { "percent": "10" }, "beyond": { "approval": "owner" } }"#,
        r#"{ "id": "most", "field": "price", "change": { "absolute": "20.00" } }"#,
    ];
    let world = now(r#""price":"100.00""#);
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let set = page("", &order.map(|band| bands[band]).join(","));
        for (price, expect, roles) in [
            ("105.00", "allow p", &[][..]),
            ("105.01", "approval_required p: approval_required /price", &["manager"]),
            ("110.00", "approval_required p: approval_required /price", &["manager"]),
            (
                "110.01",
                "approval_required p: approval_required /price, approval_required /price",
                &["manager", "owner"],
            ),
            ("80.00", "approval_required p: approval_required /price, approval_required /price", &["manager", "owner"]),
            ("79.99", "deny p: envelope_exceeded /price", &[]),
            ("120.01", "deny p: envelope_exceeded /price", &[]),
        ] {
            let body = put(&format!(r#"{{"price":"{price}"}}"#));
            check_in(&set, &world, &body, expect);
            let outcome = judge_in(&set, &body, &world);
            let said = messages(&outcome).join("\n");
            assert!(roles.iter().all(|role| said.contains(&format!("`{role}` must approve"))), "{price}: {said}");
        }
    }
}

/// A checksum over request and present: what is known and wrong softens, what is not known does not.
#[test]
fn a_checksum_with_a_band() {
    let set = page(
        r#""on_unavailable": { "approval": "owner" },"#,
        r#"{ "id": "sum", "field": "final_count", "equals": "counted", "beyond": { "approval": "manager" } }"#,
    );
    let held = "approval_required p: approval_required /final_count";
    let unknown = "deny p: unknown_state /final_count";
    for (current, body, expect) in [
        (r#""stock":10"#, r#"{"delta":-3,"final_count":7}"#, "allow p"),
        (r#""stock":10"#, r#"{"delta":-3,"final_count":8}"#, held),
        (r#""stock":0"#, r#"{"delta":0,"final_count":0}"#, "allow p"),
        (r#""stock":-2"#, r#"{"delta":2,"final_count":0}"#, "allow p"),
        (r#""stock":10"#, r#"{"delta":-3}"#, "allow p"),
        (r#""stock":10"#, r#"{"final_count":10}"#, unknown),
        (r#""stock":10"#, r#"{"delta":null,"final_count":10}"#, unknown),
        (r#""stock":null"#, r#"{"delta":-3,"final_count":7}"#, unknown),
        (r#""stock":"1e1""#, r#"{"delta":-3,"final_count":7}"#, unknown),
        (r#""stock":10"#, r#"{"delta":-3,"final_count":"7"}"#, "deny p: value_format /final_count"),
    ] {
        check_in(&set, &now(current), &put(body), expect);
    }
    let away = World::default().unavailable("/v1/products/42", Unavailable::Timeout);
    check_in(&set, &away, &put(r#"{"delta":-3,"final_count":7}"#), held);
}
